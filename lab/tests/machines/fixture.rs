//! Sensors of real machines, as their BMCs gave them.

/// A machine and its sensors that give a number.
pub(crate) struct Machine {
    pub(crate) name: String,
    pub(crate) sensors: Vec<Sensor>,
}

/// A sensor, in the BMC's own bytes.
#[derive(Clone)]
pub(crate) struct Sensor {
    pub(crate) number: u8,
    pub(crate) reading: u8,
    /// The answer to Get Sensor Thresholds: what is readable, then lower ones and upper ones, each from
    /// non-critical to non-recoverable but that critical comes before.
    pub(crate) thresholds: Option<[u8; 7]>,
    /// The record behind its header.
    body: Vec<u8>,
}

impl Sensor {
    /// The whole record.
    pub(crate) fn record(&self, id: u16) -> Vec<u8> {
        let mut record = id.to_le_bytes().to_vec();
        record.extend([0x51, 0x01, u8::try_from(self.body.len()).unwrap()]);
        record.extend(&self.body);
        record
    }

    /// What it senses (table 42-3).
    pub(crate) fn kind(&self) -> u8 {
        self.body[7]
    }
}

/// All of them.
pub(crate) fn machines() -> Vec<Machine> {
    let mut machines: Vec<Machine> = Vec::new();
    for line in include_str!("sensors.txt").lines().filter(|line| !line.starts_with('#')) {
        match line.split_once(' ').unwrap() {
            ("machine", name) => {
                machines.push(Machine { name: name.into(), sensors: Vec::new() });
            }
            ("sensor", rest) => machines.last_mut().unwrap().sensors.push(sensor(rest)),
            _ => panic!("{line}"),
        }
    }
    machines
}

fn sensor(line: &str) -> Sensor {
    let (answers, body) = line.split_once(" : ").unwrap();
    let hex = |text: &str| u8::from_str_radix(text, 16).unwrap();
    let mut words = answers.split(' ').skip(1);
    let (number, reading) = (hex(words.next().unwrap()), hex(words.next().unwrap()));
    let limits: Vec<_> = words.filter(|word| *word != "-").map(hex).collect();
    let body = body.as_bytes().chunks(2).map(|pair| hex(str::from_utf8(pair).unwrap()));
    Sensor { number, reading, thresholds: limits.try_into().ok(), body: body.collect() }
}
