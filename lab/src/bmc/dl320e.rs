//! The sensors of an HP `DL320e` Gen8 with iLO 4, as its BMC describes them. No I/O, no clock.

use super::sdr::{Compact, Full, Thresholds};

/// A sensor whose value can be set. The numbers and names are those of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sensor {
    /// `01-Inlet Ambient`, °C.
    Inlet,
    /// `02-CPU`, °C.
    Cpu,
    /// `03-P1 DIMM 1-2`, °C.
    Dimm1,
    /// `04-P1 DIMM 3-4`, °C.
    Dimm2,
    /// `05-HD Max`, °C: computed by the BMC, no physical part.
    HdMax,
    /// `06-Chipset`, °C.
    Chipset,
    /// `07-VR P1`, °C.
    Vr,
    /// `Fan 1 DutyCycle`, percent.
    Fan1Duty,
    /// `Fan 2 DutyCycle`, percent.
    Fan2Duty,
    /// `Fan 1`, RPM.
    Fan1Rpm,
    /// `Fan 2`, RPM.
    Fan2Rpm,
    /// `Power Meter`, W.
    Power,
    /// `PS 1 Input`, A.
    Current,
    /// `12V`, V.
    Volts12,
}

const TEMPERATURE: u8 = 0x01;
const VOLTAGE: u8 = 0x02;
const CURRENT: u8 = 0x03;
const FAN: u8 = 0x04;
const POWER_SUPPLY: u8 = 0x08;
const OTHER_UNITS: u8 = 0x0B;
const DRIVE_SLOT: u8 = 0x0D;

const CELSIUS: u8 = 1;

impl Sensor {
    /// All of them, in the order of the BMC's list.
    pub const ALL: [Self; 14] = [
        Self::Inlet,
        Self::Cpu,
        Self::Dimm1,
        Self::Dimm2,
        Self::HdMax,
        Self::Chipset,
        Self::Vr,
        Self::Fan1Duty,
        Self::Fan2Duty,
        Self::Fan1Rpm,
        Self::Fan2Rpm,
        Self::Power,
        Self::Current,
        Self::Volts12,
    ];

    /// The sensor's number.
    pub fn number(self) -> u8 {
        self.record().number
    }

    /// The name in the BMC's list.
    pub fn name(self) -> &'static str {
        self.record().name
    }

    /// The raw byte of a value; the nearest one where the sensor cannot show it.
    pub fn raw(self, value: f64) -> u8 {
        let record = self.record();
        let count = value / f64::from(record.factor) / 10_f64.powi(record.exponent.into());
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the value lies between the two limits, and `as` makes NaN 0"
        )]
        if record.units & 0xC0 == 0 {
            count.round().clamp(0.0, 255.0) as u8
        } else {
            (count.round().clamp(-128.0, 127.0) as i8).cast_unsigned()
        }
    }

    /// The full record.
    pub fn record(self) -> Full {
        let none = Thresholds::default();
        let slow = |low, lowest| Thresholds {
            lower_non_critical: Some(low),
            lower_critical: Some(lowest),
            ..none
        };
        let hot = |critical| Thresholds { upper_critical: Some(critical), ..none };
        let hottest = |critical, shutdown| Thresholds {
            upper_critical: Some(critical),
            upper_non_recoverable: Some(shutdown),
            ..none
        };
        match self {
            Self::Inlet => temperature(0x01, "01-Inlet Ambient", (0x40, 1), hottest(42, 46)),
            Self::Cpu => temperature(0x02, "02-CPU", (0x41, 1), hot(70)),
            Self::Dimm1 => temperature(0x03, "03-P1 DIMM 1-2", (0x20, 1), hot(87)),
            Self::Dimm2 => temperature(0x04, "04-P1 DIMM 3-4", (0x20, 2), hot(87)),
            Self::HdMax => {
                // Fixed, and above all that the false reading reached: 58 °C never alarmed.
                let warning = Thresholds { upper_non_critical: Some(60), ..none };
                temperature(0x05, "05-HD Max", (0x04, 1), warning)
            }
            Self::Chipset => temperature(0x06, "06-Chipset", (0x07, 1), hot(105)),
            Self::Vr => {
                Full { units: 0x80, ..temperature(0x07, "07-VR P1", (0x13, 1), hottest(115, 120)) }
            }
            Self::Fan1Duty => duty(0x10, "Fan 1 DutyCycle", 1),
            Self::Fan2Duty => duty(0x11, "Fan 2 DutyCycle", 2),
            Self::Fan1Rpm => rpm(0x12, "Fan 1", 1, slow(8, 5)),
            Self::Fan2Rpm => rpm(0x13, "Fan 2", 2, slow(8, 5)),
            Self::Power => analog(0x20, "Power Meter", OTHER_UNITS, (0x13, 1), (6, 2, 0), none),
            Self::Current => analog(0x21, "PS 1 Input", CURRENT, (0x0A, 1), (5, 1, -1), none),
            Self::Volts12 => analog(0x22, "12V", VOLTAGE, (0x07, 1), (4, 6, -2), slow(190, 180)),
        }
    }
}

/// The sensors that have states instead of a value.
pub const DISCRETE: [Compact; 3] = [
    Compact {
        number: 0x30,
        name: "Fan 1 Status",
        kind: FAN,
        reading: 0x0A,
        entity: (0x1D, 1),
        state: 0,
    },
    Compact {
        number: 0x31,
        name: "Power Supply 1",
        kind: POWER_SUPPLY,
        reading: 0x6F,
        entity: (0x0A, 1),
        state: 0,
    },
    Compact {
        number: 0x32,
        name: "Drive 1",
        kind: DRIVE_SLOT,
        reading: 0x6F,
        entity: (0x04, 1),
        state: 0,
    },
];

fn temperature(number: u8, name: &'static str, entity: (u8, u8), thresholds: Thresholds) -> Full {
    analog(number, name, TEMPERATURE, entity, (CELSIUS, 1, 0), thresholds)
}

/// As iLO gives a fan: percent of an unspecified unit, 0.392 a count.
fn duty(number: u8, name: &'static str, instance: u8) -> Full {
    let fan = analog(number, name, FAN, (0x1D, instance), (0, 392, -3), Thresholds::default());
    Full { units: 0x01, ..fan }
}

fn rpm(number: u8, name: &'static str, instance: u8, thresholds: Thresholds) -> Full {
    analog(number, name, FAN, (0x1D, instance), (18, 100, 0), thresholds)
}

/// `scale`: base unit, factor, decimal exponent.
fn analog(
    number: u8,
    name: &'static str,
    kind: u8,
    entity: (u8, u8),
    scale: (u8, i16, i8),
    thresholds: Thresholds,
) -> Full {
    let (base, factor, exponent) = scale;
    Full { number, name, kind, entity, units: 0, base, factor, exponent, thresholds }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_becomes_the_nearest_raw_byte() {
        assert_eq!(Sensor::HdMax.raw(58.0), 58);
        assert_eq!(Sensor::Fan1Duty.raw(19.2), 49);
        assert_eq!(Sensor::Fan1Duty.raw(100.0), 255);
        assert_eq!(Sensor::Fan1Rpm.raw(4_530.0), 45);
        assert_eq!(Sensor::Power.raw(70.0), 35);
        assert_eq!(Sensor::Current.raw(0.3), 3);
        assert_eq!(Sensor::Volts12.raw(12.0), 200);
    }

    #[test]
    fn a_value_out_of_range_stays_at_the_limit() {
        assert_eq!(Sensor::Inlet.raw(-5.0), 0);
        assert_eq!(Sensor::Inlet.raw(300.0), 255);
        assert_eq!(Sensor::Vr.raw(-1.0), 0xFF, "two's complement");
        assert_eq!(Sensor::Vr.raw(200.0), 127);
    }

    #[test]
    fn numbers_and_names_are_unique() {
        let mut numbers: Vec<u8> = Sensor::ALL.iter().map(|sensor| sensor.number()).collect();
        numbers.extend(DISCRETE.iter().map(|sensor| sensor.number));
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), Sensor::ALL.len() + DISCRETE.len());
    }
}
