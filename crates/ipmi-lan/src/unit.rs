//! The unit of a sensor's value. No I/O, no clock.

use std::fmt;

/// A unit code of the specification's table 43-15.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnitCode(pub u8);

impl UnitCode {
    /// No unit given; with the percentage flag a plain percentage.
    pub const UNSPECIFIED: UnitCode = UnitCode(0);
    /// Degrees Celsius.
    pub const CELSIUS: UnitCode = UnitCode(1);
    /// Degrees Fahrenheit.
    pub const FAHRENHEIT: UnitCode = UnitCode(2);
    /// Kelvin.
    pub const KELVIN: UnitCode = UnitCode(3);
    /// Volts.
    pub const VOLTS: UnitCode = UnitCode(4);
    /// Amperes.
    pub const AMPERES: UnitCode = UnitCode(5);
    /// Watts.
    pub const WATTS: UnitCode = UnitCode(6);
    /// Revolutions per minute.
    pub const RPM: UnitCode = UnitCode(18);

    /// The unit's name; `unknown` for a code the specification does not define.
    pub fn name(self) -> &'static str {
        UNIT_NAMES.get(usize::from(self.0)).copied().unwrap_or("unknown")
    }
}

/// Names by code, specification table 43-15.
const UNIT_NAMES: [&str; 93] = [
    "unspecified",
    "degrees C",
    "degrees F",
    "degrees K",
    "Volts",
    "Amps",
    "Watts",
    "Joules",
    "Coulombs",
    "VA",
    "Nits",
    "lumen",
    "lux",
    "Candela",
    "kPa",
    "PSI",
    "Newton",
    "CFM",
    "RPM",
    "Hz",
    "microsecond",
    "millisecond",
    "second",
    "minute",
    "hour",
    "day",
    "week",
    "mil",
    "inches",
    "feet",
    "cu in",
    "cu feet",
    "mm",
    "cm",
    "m",
    "cu cm",
    "cu m",
    "liters",
    "fluid ounce",
    "radians",
    "steradians",
    "revolutions",
    "cycles",
    "gravities",
    "ounce",
    "pound",
    "ft-lb",
    "oz-in",
    "gauss",
    "gilberts",
    "henry",
    "millihenry",
    "farad",
    "microfarad",
    "ohms",
    "siemens",
    "mole",
    "becquerel",
    "PPM",
    "reserved",
    "Decibels",
    "DbA",
    "DbC",
    "gray",
    "sievert",
    "color temp deg K",
    "bit",
    "kilobit",
    "megabit",
    "gigabit",
    "byte",
    "kilobyte",
    "megabyte",
    "gigabyte",
    "word",
    "dword",
    "qword",
    "line",
    "hit",
    "miss",
    "retry",
    "reset",
    "overflow",
    "underrun",
    "collision",
    "packets",
    "messages",
    "characters",
    "error",
    "correctable error",
    "uncorrectable error",
    "fatal error",
    "grams",
];

/// Per what time a value is given (table 43-1, byte 21, bits 5:3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rate {
    /// Per microsecond.
    PerMicrosecond,
    /// Per millisecond.
    PerMillisecond,
    /// Per second.
    PerSecond,
    /// Per minute.
    PerMinute,
    /// Per hour.
    PerHour,
    /// Per day.
    PerDay,
}

impl Rate {
    /// How the rate is written after the unit.
    pub fn as_str(self) -> &'static str {
        match self {
            Rate::PerMicrosecond => "per microsecond",
            Rate::PerMillisecond => "per millisecond",
            Rate::PerSecond => "per second",
            Rate::PerMinute => "per minute",
            Rate::PerHour => "per hour",
            Rate::PerDay => "per day",
        }
    }
}

/// How the modifier unit joins the base unit (table 43-1, byte 21, bits 2:1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Modifier {
    /// Base unit divided by this one.
    DividedBy(UnitCode),
    /// Base unit multiplied by this one.
    Times(UnitCode),
}

/// The unit of a sensor's value: the three unit bytes of an SDR (tables 43-1 and 43-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Unit {
    /// The value is a percentage (of the base unit, where one is given).
    pub percentage: bool,
    /// Base unit.
    pub base: UnitCode,
    /// Modifier unit.
    pub modifier: Option<Modifier>,
    /// Rate.
    pub rate: Option<Rate>,
}

impl Unit {
    /// Decodes the bytes "sensor units 1", "base unit" and "modifier unit".
    pub fn parse(units_1: u8, base: u8, modifier: u8) -> Unit {
        Unit {
            percentage: units_1 & 0x01 != 0,
            base: UnitCode(base),
            modifier: match (units_1 >> 1) & 0x03 {
                1 => Some(Modifier::DividedBy(UnitCode(modifier))),
                2 => Some(Modifier::Times(UnitCode(modifier))),
                _ => None,
            },
            rate: match (units_1 >> 3) & 0x07 {
                1 => Some(Rate::PerMicrosecond),
                2 => Some(Rate::PerMillisecond),
                3 => Some(Rate::PerSecond),
                4 => Some(Rate::PerMinute),
                5 => Some(Rate::PerHour),
                6 => Some(Rate::PerDay),
                _ => None,
            },
        }
    }

    /// Whether this is `code` alone: no percentage, no modifier, no rate.
    pub fn is_plain(&self, code: UnitCode) -> bool {
        *self == Unit { percentage: false, base: code, modifier: None, rate: None }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.percentage, self.base) {
            (true, UnitCode::UNSPECIFIED) => f.write_str("percent")?,
            (true, base) => write!(f, "% {}", base.name())?,
            (false, base) => f.write_str(base.name())?,
        }
        match self.modifier {
            Some(Modifier::DividedBy(unit)) => write!(f, "/{}", unit.name())?,
            Some(Modifier::Times(unit)) => write!(f, " * {}", unit.name())?,
            None => {}
        }
        match self.rate {
            Some(rate) => write!(f, " {}", rate.as_str()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_and_percentage_units_are_told_apart() {
        assert!(Unit::parse(0x80, 1, 0).is_plain(UnitCode::CELSIUS));
        let duty = Unit::parse(0x01, 0, 0);
        assert!(duty.percentage && !duty.is_plain(UnitCode::UNSPECIFIED));
        assert_eq!(duty.to_string(), "percent");
        assert_eq!(Unit::parse(0x01, 18, 0).to_string(), "% RPM");
    }

    #[test]
    fn modifier_and_rate_are_written_out() {
        assert_eq!(Unit::parse(0b0001_1010, 6, 22).to_string(), "Watts/second per second");
        assert_eq!(Unit::parse(0b0000_0100, 5, 24).to_string(), "Amps * hour");
        assert_eq!(Unit::parse(0, 200, 0).to_string(), "unknown");
    }

    #[test]
    fn the_table_ends_where_the_specification_does() {
        assert_eq!(UnitCode(88).name(), "error");
        assert_eq!(UnitCode(92).name(), "grams");
    }
}
