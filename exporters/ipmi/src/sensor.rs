//! A sensor, in words that hold for every source. No I/O, no clock.

use std::sync::Arc;

use serde::Deserialize;

use crate::inventory::Known;

pub(crate) mod list;
mod reading;
pub(crate) mod thresholds;

pub(crate) use reading::{Reading, Slot};

/// A sensor that is read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sensor {
    /// Its identity and labels.
    pub(crate) known: Arc<Known>,
    /// What its number is a number of; decides the metric.
    pub(crate) quantity: Quantity,
    /// Whether its number is a measurement at all; decides whether it is judged.
    pub(crate) kind: Kind,
    /// Its thresholds, in the metric's unit.
    pub(crate) thresholds: Vec<(Level, f64)>,
    /// For a temperature that was measured: the fastest that its part can rise, degrees Celsius per
    /// second, where the config says so.
    pub(crate) rise_limit: Option<f64>,
}

/// What a sensor's number is a number of, and so the metric and the unit that its value has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quantity {
    /// Degrees Celsius.
    Temperature,
    /// Revolutions per minute.
    FanSpeed,
    /// A share of a fan's full speed, 0 to 1.
    FanRatio,
    /// Volts.
    Voltage,
    /// Amperes.
    Current,
    /// Watts.
    Power,
    /// A number in the sensor's own unit, with the name of the sensor's type.
    Other(&'static str),
}

impl Quantity {
    /// Whether it is of a fan.
    pub(crate) fn is_fan(self) -> bool {
        matches!(self, Self::FanSpeed | Self::FanRatio)
    }
}

/// Whether a sensor's number is a measurement. Only what was measured is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It was measured.
    Measured,
    /// The distance to a limit: it falls when the part gets warmer.
    Margin,
    /// What somebody has set, such as a power limit.
    #[cfg_attr(not(test), expect(dead_code, reason = "no source of today tells a setting apart"))]
    Setting,
    /// A state that is given as a number.
    #[cfg_attr(not(test), expect(dead_code, reason = "IPMI's states come apart from its numbers"))]
    Discrete,
}

impl Kind {
    /// The kind of a sensor that its source calls a temperature or the like, by its name.
    pub(crate) fn by_name(quantity: Quantity, name: &str) -> Self {
        const MARGINS: [&str; 5] = ["MARGIN", "MRGN", "MGN", "TLIMIT", "DTS"];
        let name = name.to_ascii_uppercase();
        let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
        match quantity {
            Quantity::Temperature if words.any(|word| MARGINS.contains(&word)) => Self::Margin,
            _ => Self::Measured,
        }
    }
}

/// A threshold's level: how far from normal, and on which side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Lower non-recoverable.
    LowerNonRecoverable,
    /// Lower critical.
    LowerCritical,
    /// Lower non-critical.
    LowerNonCritical,
    /// Upper non-critical.
    UpperNonCritical,
    /// Upper critical.
    UpperCritical,
    /// Upper non-recoverable.
    UpperNonRecoverable,
}

impl Level {
    /// The level that a label names.
    pub(crate) fn of(label: &str) -> Option<Self> {
        let all = [
            Self::LowerNonRecoverable,
            Self::LowerCritical,
            Self::LowerNonCritical,
            Self::UpperNonCritical,
            Self::UpperCritical,
            Self::UpperNonRecoverable,
        ];
        all.into_iter().find(|it| it.as_str() == label)
    }

    /// The label value.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::LowerNonRecoverable => "lower_non_recoverable",
            Self::LowerCritical => "lower_critical",
            Self::LowerNonCritical => "lower_non_critical",
            Self::UpperNonCritical => "upper_non_critical",
            Self::UpperCritical => "upper_critical",
            Self::UpperNonRecoverable => "upper_non_recoverable",
        }
    }
}

/// What the BMC holds of a reading; the discriminants are the values of the `ipmi_*_state` metrics.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub(crate) enum Severity {
    /// Within all thresholds.
    Nominal = 0,
    /// Beyond a non-critical threshold, or in a state that is somebody's business.
    Warning = 1,
    /// Beyond a critical or non-recoverable threshold, or in a state that is a failure.
    Critical = 2,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_margin_is_told_by_its_name() {
        for name in ["P1 Therm Margin", "DIMM Thrm Mrgn 1", "Agg Therm Mgn 1", "CPU 1 DTS"] {
            assert_eq!(Kind::by_name(Quantity::Temperature, name), Kind::Margin, "{name}");
        }
        for name in ["05-HD Max", "Marginal", "VTDTS2"] {
            assert_eq!(Kind::by_name(Quantity::Temperature, name), Kind::Measured, "{name}");
        }
        assert_eq!(Kind::by_name(Quantity::Power, "Power Margin"), Kind::Measured);
    }
}
