//! A BMC: Debian's `ipmi_sim` with a server's sensors, whose values are files.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use peers::ipmi_sim::{ADMIN, ADMIN_PASSWORD, IpmiSim};

/// A sensor and its record: full (IPMI 2.0 table 43-1), thresholds raw, readable where given.
struct Sensor {
    number: u8,
    name: &'static str,
    kind: u8,
    entity: u8,
    percent: bool,
    base_unit: u8,
    m: u16,
    exponent: i8,
    upper_non_critical: Option<u8>,
    value: u8,
}

const INLET: Sensor = temperature(1, "01-Inlet Ambient", 0x40, 21);
const CPU: Sensor = temperature(2, "02-CPU", 0x41, 40);
const HD_MAX: Sensor =
    Sensor { upper_non_critical: Some(60), ..temperature(5, "05-HD Max", 0x04, 24) };
const SECOND_INLET: Sensor = temperature(6, "01-Inlet Ambient", 0x40, 22);
const ABSENT: Sensor = temperature(61, "61-AHCI HD Max", 0x04, 0);
const FAN: Sensor = Sensor {
    kind: 4,
    percent: true,
    base_unit: 0,
    m: 392,
    exponent: -3,
    ..temperature(16, "Fan 1 DutyCycle", 0x1D, 49)
};
const POWER: Sensor =
    Sensor { kind: 0x0B, base_unit: 6, m: 2, ..temperature(32, "Power Meter", 0x13, 35) };
const AMPERES: Sensor =
    Sensor { kind: 3, base_unit: 5, exponent: -1, ..temperature(33, "PS 1 Input", 0x0A, 3) };

const BAY: u8 = 64;

const ALL: [Sensor; 7] = [INLET, CPU, HD_MAX, SECOND_INLET, FAN, POWER, AMPERES];

const fn temperature(number: u8, name: &'static str, entity: u8, value: u8) -> Sensor {
    Sensor {
        number,
        name,
        kind: 1,
        entity,
        percent: false,
        base_unit: 1,
        m: 1,
        exponent: 0,
        upper_non_critical: None,
        value,
    }
}

impl Sensor {
    fn record(&self, id: u16) -> Vec<u8> {
        let readable = if self.upper_non_critical.is_some() { 0x08 } else { 0 };
        let [m, m_high] = self.m.to_le_bytes();
        let [id_low, id_high] = id.to_le_bytes();
        let mut body = vec![0x20, 0, self.number, self.entity, 1, 0x7F];
        body.extend([if readable == 0 { 0x40 } else { 0x44 }, self.kind, 0x01]);
        body.extend([0, 0, 0, 0, readable, 0]);
        body.extend([u8::from(self.percent), self.base_unit, 0, 0]);
        body.extend([m, m_high << 6, 0, 0, 0, self.exponent.cast_unsigned() << 4]);
        body.extend([0, 0, 0, 0, 0xFF, 0]);
        body.extend([0, 0, self.upper_non_critical.unwrap_or(0), 0, 0, 0, 0, 0, 0, 0, 0]);
        body.push(0xC0 | u8::try_from(self.name.len()).unwrap());
        body.extend(self.name.bytes());
        let mut record = vec![id_low, id_high, 0x51, 0x01, u8::try_from(body.len()).unwrap()];
        record.extend(body);
        record
    }

    /// The lines of `ipmi_sim`'s emulator file.
    fn emulation(&self, id: u16, values: &Path) -> String {
        let number = self.number;
        let file = values.join(number.to_string());
        let mut text = format!(
            "sensor_add 0x20 0 {number} {} 1 poll 100 file \"{}\"\n",
            self.kind,
            file.display()
        );
        if let Some(threshold) = self.upper_non_critical {
            writeln!(
                text,
                "sensor_set_threshold 0x20 0 {number} readable 001000 0 0 {threshold} 0 0 0"
            )
            .unwrap();
        }
        // Without this line the sensor says that it is not scanned.
        let states = "000000000000000 ".repeat(4);
        writeln!(
            text,
            "sensor_set_event_support 0x20 0 {number} enable scanning per-state {states}"
        )
        .unwrap();
        let record: Vec<_> = self.record(id).iter().map(|byte| format!("{byte:#04x}")).collect();
        writeln!(text, "main_sdr_add 0x20 {}", record.join(" ")).unwrap();
        text
    }
}

/// A running `ipmi_sim`.
pub(crate) struct Sim(IpmiSim);

impl Sim {
    /// A BMC with all its sensors.
    pub(crate) fn start() -> Self {
        Self(IpmiSim::start(|folder| {
            fs::create_dir(folder.join("values")).unwrap();
            for sensor in &ALL {
                write_value(folder, sensor.number, sensor.value);
            }
            emulation(folder, &[])
        }))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> String {
        self.0.address().to_string()
    }

    /// Sets a sensor's raw value; the simulator takes it within 100 ms.
    pub(crate) fn set(&self, number: u8, raw: u8) {
        write_value(self.0.folder(), number, raw);
    }

    /// How many sessions are open, the one that asks not counted.
    pub(crate) fn sessions(&self) -> u32 {
        let address = self.0.address();
        let output = Command::new("ipmitool")
            .args(["-I", "lanplus", "-C", "3", "-H", &address.ip().to_string()])
            .args(["-p", &address.port().to_string(), "-U", ADMIN, "-P", ADMIN_PASSWORD])
            .args(["session", "info", "active"])
            .output()
            .expect("ipmitool is there");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let sessions = said.lines().find(|line| line.starts_with("active sessions"));
        let sessions = sessions.and_then(|line| line.rsplit(' ').next()?.parse::<u32>().ok());
        sessions.unwrap_or_else(|| panic!("no count in {output:?}")) - 1
    }

    pub(crate) fn kill(&mut self) {
        self.0.kill();
    }

    /// As after the reset of a BMC: a new process, no sessions, some sensors gone.
    pub(crate) fn start_again_without(&mut self, gone: &[u8]) {
        let commands = emulation(self.0.folder(), gone);
        self.0.start_again(&commands);
    }

    /// `STOP` and `CONT`: a BMC that hangs, and then answers what was asked meanwhile.
    pub(crate) fn signal(&self, name: &str) {
        self.0.signal(name);
    }
}

fn emulation(folder: &Path, gone: &[u8]) -> String {
    let mut emulation = String::from(
        "mc_setbmc 0x20\n\
         mc_add 0x20 0x13 no-device-sdrs 0x01 0x02 0x70 0x8f 0x00000b 0x2000\n\
         sel_enable 0x20 512 0x0a\n\
         sel_add 0x20 0x02 0x10 0x20 0x30 0x60 0x20 0 4 1 5 0x01 0x59 61 60\n",
    );
    emulation.push_str(&bay());
    let there = ALL.iter().filter(|sensor| !gone.contains(&sensor.number));
    for (id, sensor) in (1..).zip(there) {
        emulation.push_str(&sensor.emulation(id, &folder.join("values")));
    }
    // A record that is there twice, and one of a sensor that is not there.
    for record in [INLET.record(98), ABSENT.record(99)] {
        let record: Vec<_> = record.iter().map(|byte| format!("{byte:#04x}")).collect();
        writeln!(emulation, "main_sdr_add 0x20 {}", record.join(" ")).unwrap();
    }
    emulation + "mc_enable 0x20\n"
}

/// A drive slot with a fault: a compact record (IPMI 2.0 table 43-2), its event type
/// sensor-specific, its states "drive presence" and "drive fault".
fn bay() -> String {
    let mut body = vec![0x20, 0, BAY, 0x04, 1, 0x7F, 0x40, 0x0D, 0x6F];
    body.extend([0, 0, 0, 0, 3, 0, 0xC0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    body.push(0xC0 | 5);
    body.extend(b"Bay 1");
    let mut record = vec![97, 0, 0x51, 0x02, u8::try_from(body.len()).unwrap()];
    record.extend(body);
    let record: Vec<_> = record.iter().map(|byte| format!("{byte:#04x}")).collect();
    let states = "000000000000011 ".repeat(4);
    format!(
        "sensor_add 0x20 0 {BAY} 0x0d 0x6f\n\
         sensor_set_event_support 0x20 0 {BAY} enable scanning per-state {states}\n\
         sensor_set_bit 0x20 0 {BAY} 0 1 0\n\
         sensor_set_bit 0x20 0 {BAY} 1 1 0\n\
         main_sdr_add 0x20 {}\n",
        record.join(" ")
    )
}

fn write_value(folder: &Path, number: u8, raw: u8) {
    let file = folder.join("values").join(number.to_string());
    let fresh = file.with_extension("new");
    fs::write(&fresh, format!("{raw}\n")).unwrap();
    fs::rename(fresh, file).unwrap();
}
