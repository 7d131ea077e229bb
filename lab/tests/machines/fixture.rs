//! Sensors of real machines, as their BMCs gave them.

/// A machine, its sensors that give a number, and those that have states.
pub(crate) struct Machine {
    pub(crate) name: String,
    pub(crate) sensors: Vec<Sensor>,
    pub(crate) discrete: Vec<Sensor>,
}

/// A sensor, in the BMC's own bytes.
#[derive(Clone)]
pub(crate) struct Sensor {
    pub(crate) number: u8,
    pub(crate) reading: u8,
    /// The answer to Get Sensor Thresholds: what is readable, then lower ones and upper ones, each from
    /// non-critical to non-recoverable but that critical comes before.
    pub(crate) thresholds: Option<[u8; 7]>,
    /// Bit n for state n of one that has states; `None` while the BMC does not scan it.
    pub(crate) states: Option<u16>,
    /// The type of its record: 1 full, 2 compact.
    record: u8,
    /// The record behind its header.
    body: Vec<u8>,
}

/// The types of records.
const FULL: u8 = 1;
const COMPACT: u8 = 2;

impl Sensor {
    /// The whole record.
    pub(crate) fn record(&self, id: u16) -> Vec<u8> {
        let mut record = id.to_le_bytes().to_vec();
        record.extend([0x51, self.record, u8::try_from(self.body.len()).unwrap()]);
        record.extend(&self.body);
        record
    }

    /// What it senses (table 42-3).
    pub(crate) fn kind(&self) -> u8 {
        self.body[7]
    }

    /// How it says so: 1 by a number and thresholds, else by states (table 42-1).
    pub(crate) fn reading_kind(&self) -> u8 {
        self.body[8]
    }
}

/// All of them.
pub(crate) fn machines() -> Vec<Machine> {
    let mut machines: Vec<Machine> = Vec::new();
    for line in include_str!("sensors.txt").lines().filter(|line| !line.starts_with('#')) {
        match line.split_once(' ').unwrap() {
            ("machine", name) => {
                let (sensors, discrete) = (Vec::new(), Vec::new());
                machines.push(Machine { name: name.into(), sensors, discrete });
            }
            ("sensor", rest) => machines.last_mut().unwrap().sensors.push(sensor(rest)),
            ("discrete", rest) => machines.last_mut().unwrap().discrete.push(discrete(rest)),
            _ => panic!("{line}"),
        }
    }
    machines
}

fn sensor(line: &str) -> Sensor {
    let (answers, body) = line.split_once(" : ").unwrap();
    let mut words = answers.split(' ').skip(1);
    let (number, reading) = (byte(words.next().unwrap()), byte(words.next().unwrap()));
    let limits: Vec<_> = words.filter(|word| *word != "-").map(byte).collect();
    let (thresholds, body) = (limits.try_into().ok(), bytes(body));
    Sensor { number, reading, thresholds, states: None, record: FULL, body }
}

fn discrete(line: &str) -> Sensor {
    let (answers, body) = line.split_once(" : ").unwrap();
    let mut words = answers.split(' ').skip(1);
    let number = byte(words.next().unwrap());
    let states = Some(words.next().unwrap()).filter(|word| *word != "-");
    let states = states.map(|word| u16::from_str_radix(word, 16).unwrap());
    let body = bytes(body);
    Sensor { number, reading: 0, thresholds: None, states, record: COMPACT, body }
}

fn byte(text: &str) -> u8 {
    u8::from_str_radix(text, 16).unwrap()
}

fn bytes(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|pair| byte(str::from_utf8(pair).unwrap())).collect()
}
