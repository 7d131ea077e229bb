//! What a test BMC is the BMC of: accounts, sensors, records, logs, all written down in a script. No I/O, no clock.

use std::collections::BTreeMap;
use std::time::Duration;

use super::crypto::Suite;

/// A privilege level (IPMI 2.0 section 6.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are the specification's")]
pub enum Privilege {
    User = 2,
    Operator = 3,
    Administrator = 4,
}

impl Privilege {
    /// The level of a number in a request.
    pub(super) fn from_number(number: u8) -> Option<Self> {
        match number {
            2 => Some(Self::User),
            3 => Some(Self::Operator),
            4 => Some(Self::Administrator),
            _ => None,
        }
    }
}

/// An account.
#[derive(Clone, Debug)]
pub struct User {
    /// At most 16 bytes.
    pub name: String,
    /// At most 20 bytes.
    pub password: String,
    /// The highest level it may have.
    pub limit: Privilege,
}

/// A reading over time, as the raw byte.
#[derive(Clone, Debug)]
pub enum Value {
    /// Always the same.
    Fixed(u8),
    /// From each moment since the BMC's start on, the byte after it; the first from the beginning.
    Steps(Vec<(Duration, u8)>),
}

impl Value {
    /// The byte at a moment since the BMC's start.
    pub fn at(&self, now: Duration) -> u8 {
        match self {
            Self::Fixed(raw) => *raw,
            Self::Steps(steps) => {
                let past = steps.iter().take_while(|(from, _)| *from <= now).last();
                past.or(steps.first()).map_or(0, |(_, raw)| *raw)
            }
        }
    }
}

/// A sensor: what the BMC answers when asked for it.
#[derive(Clone, Debug)]
pub struct Sensor {
    /// The LUN under which it is found.
    pub lun: u8,
    /// Its number.
    pub number: u8,
    /// Sensor type (table 42-3) and event/reading type (table 42-1; 1 threshold).
    pub kind: (u8, u8),
    /// The reading.
    pub value: Value,
    /// The states of a discrete sensor: bit n for state n.
    pub states: u16,
    /// What its raw bytes mean when they are compared with thresholds.
    pub format: Format,
    /// Lower non-critical, critical, non-recoverable; upper non-critical, critical, non-recoverable.
    pub thresholds: [Option<u8>; 6],
    /// Positive-going and negative-going hysteresis in counts; none: not readable.
    pub hysteresis: Option<(u8, u8)>,
    /// M, B, exponent of the result, exponent of B, for raw values up to each limit; empty for a
    /// linear sensor, which does not know this command.
    pub factors: Vec<(u8, Factors)>,
}

/// The number that a raw byte stands for (table 43-1, byte 21).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the specification's")]
pub enum Format {
    #[default]
    Unsigned,
    OnesComplement,
    TwosComplement,
}

impl Format {
    /// That of a record, by its byte "sensor units 1"; what has no analog reading counts as unsigned.
    pub(super) fn of(units: u8) -> Self {
        match units >> 6 {
            1 => Self::OnesComplement,
            2 => Self::TwosComplement,
            _ => Self::Unsigned,
        }
    }

    /// The number of a raw byte.
    pub(super) fn number(self, raw: u8) -> i16 {
        match self {
            Self::OnesComplement if raw >= 0x80 => -i16::from(!raw),
            Self::TwosComplement => i16::from(raw.cast_signed()),
            Self::Unsigned | Self::OnesComplement => i16::from(raw),
        }
    }
}

/// The factors of `y = (M * x + B * 10^b_exponent) * 10^exponent` near a reading.
#[derive(Clone, Copy, Debug, Default)]
#[expect(missing_docs, reason = "the names are the formula's")]
pub struct Factors {
    pub m: i16,
    pub b: i16,
    pub exponent: i8,
    pub b_exponent: i8,
}

/// What Get Device ID tells (table 20-2).
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names are the specification's")]
pub struct Device {
    pub id: u8,
    pub revision: u8,
    /// Major, and minor as it is printed (12 for ".12").
    pub firmware: (u8, u8),
    /// IANA enterprise number.
    pub manufacturer: u32,
    pub product: u16,
}

/// Get Power Reading of DCMI, in watts: now, least, most, average.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Power {
    pub now: u16,
    pub least: u16,
    pub most: u16,
    pub average: u16,
    /// Whether the measurement is active.
    pub active: bool,
}

/// What a BMC is asked seldom, and many do not know.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seldom {
    /// Get System Restart Cause (table 28-11).
    pub restart_cause: Option<u8>,
    /// Get Watchdog Timer (table 27-7).
    pub watchdog: Option<[u8; 8]>,
    /// Get Power Limit of DCMI: watts.
    pub power_limit: Option<u16>,
    /// Which port a Supermicro's BMC uses: 0 its own, 1 shared, 2 either.
    pub lan_mode: Option<u8>,
}

/// The slave address of the BMC.
pub const BMC: u8 = 0x20;

/// Another controller, behind the BMC: a management engine, a power supply, a blade.
#[derive(Clone, Debug)]
pub struct Controller {
    /// The channel of the BMC that it is on: 0 is the primary IPMB.
    pub channel: u8,
    /// Its slave address, an even number.
    pub address: u8,
    /// Get Device ID.
    pub device: Device,
    /// Its sensors; their numbers are its own, whatever the BMC's are.
    pub sensors: Vec<Sensor>,
    /// Its device SDRs by LUN; record IDs are given by their order.
    pub records: BTreeMap<u8, Vec<Vec<u8>>>,
}

/// A machine with its BMC, as a script describes it. Many BMCs may share one.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The accounts.
    pub users: Vec<User>,
    /// The BMC's own key for two-key log-in, at most 20 bytes.
    pub k_g: Option<Vec<u8>>,
    /// The cipher suites it speaks.
    pub suites: Vec<Suite>,
    /// How many sessions there may be, log-ins included.
    pub session_limit: usize,
    /// A session without any request for that long is closed.
    pub session_timeout: Duration,
    /// The system's GUID.
    pub guid: [u8; 16],
    /// Get Device ID.
    pub device: Device,
    /// Both bytes of Get Self Test Results: 55h 00h is "passed".
    pub self_test: [u8; 2],
    /// Current power state, last power event, miscellaneous state (table 28-3).
    pub chassis: [u8; 3],
    /// The sensor data records; record IDs are given by their order.
    pub records: Vec<Vec<u8>>,
    /// The BMC's device SDRs by LUN; empty: it has none, and does not know the commands.
    pub device_records: BTreeMap<u8, Vec<Vec<u8>>>,
    /// Other controllers.
    pub controllers: Vec<Controller>,
    /// Unix time at which the repository was last added to and erased.
    pub repository_times: (u32, u32),
    /// The sensors.
    pub sensors: Vec<Sensor>,
    /// The system event log; record IDs are given by their order.
    pub events: Vec<[u8; 16]>,
    /// The FRU inventories by FRU device ID.
    pub inventories: BTreeMap<u8, Vec<u8>>,
    /// DCMI's power reading; none: no DCMI.
    pub power: Option<Power>,
    /// The level that DCMI's readings need.
    pub dcmi_privilege: Privilege,
    /// What is asked seldom.
    pub seldom: Seldom,
    /// DCMI's temperatures: entity ID, instance, degrees Celsius.
    pub temperatures: Vec<(u8, u8, i8)>,
}

impl Machine {
    /// Adds a sensor to the controller `owner`, with the record that controller holds of it if it is
    /// not the BMC.
    pub(super) fn add_sensor(&mut self, owner: u8, sensor: Sensor, record: Vec<u8>) -> &mut Sensor {
        let sensors = match self.controllers.iter_mut().find(|one| one.address == owner) {
            None => &mut self.sensors,
            Some(controller) => {
                controller.records.entry(sensor.lun).or_default().push(record);
                &mut controller.sensors
            }
        };
        sensors.push(sensor);
        sensors.last_mut().expect("one was added")
    }

    /// The sensor that a request to the controller `owner` means.
    pub(super) fn sensor(&self, owner: u8, lun: u8, number: u8) -> Option<&Sensor> {
        self.sensors_of(owner).iter().find(|one| one.lun == lun && one.number == number)
    }

    /// All sensors of the controller `owner`.
    pub(super) fn sensors_of(&self, owner: u8) -> &[Sensor] {
        if owner == BMC {
            return &self.sensors;
        }
        self.controller(owner).map_or(&[], |one| &one.sensors)
    }

    /// The device SDRs of the controller `owner`.
    pub(super) fn device_records(&self, owner: u8) -> Option<&BTreeMap<u8, Vec<Vec<u8>>>> {
        let records =
            if owner == BMC { &self.device_records } else { &self.controller(owner)?.records };
        (!records.is_empty()).then_some(records)
    }

    /// Another controller by its address.
    pub(super) fn controller(&self, address: u8) -> Option<&Controller> {
        self.controllers.iter().find(|one| one.address == address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_a_number_in_its_format() {
        let numbers = |format: Format| [0, 25, 0x80, 0xE6, 0xFF].map(|raw| format.number(raw));
        assert_eq!(numbers(Format::Unsigned), [0, 25, 128, 230, 255]);
        assert_eq!(numbers(Format::OnesComplement), [0, 25, -127, -25, 0]);
        assert_eq!(numbers(Format::TwosComplement), [0, 25, -128, -26, -1]);
    }

    #[test]
    fn a_step_holds_until_the_next() {
        let seconds = Duration::from_secs;
        let value = Value::Steps(vec![(seconds(5), 24), (seconds(10), 58)]);
        assert_eq!([0, 5, 9, 10, 99].map(|now| value.at(seconds(now))), [24, 24, 24, 58, 58]);
    }
}
