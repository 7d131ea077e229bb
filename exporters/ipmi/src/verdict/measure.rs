//! What a number is a number of. No I/O, no clock.

use serde::{Deserialize, Serialize};

/// What a number is a number of, as far as verdicts care.
#[derive(Clone, Copy, Debug, Deserialize, Hash, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Measure {
    /// Degrees Celsius.
    Temperature,
    /// A fan's revolutions per minute.
    Rpm,
    /// A fan's share of full speed.
    Ratio,
    /// Watts.
    Watts,
    /// Amperes into a power supply, where a machine has no meter of watts.
    Amperes,
    /// A number that is judged by the BMC's own limits alone.
    Other,
    /// No number at all: it is there, or it is lost.
    None,
}

impl Measure {
    pub(super) fn is_fan(self) -> bool {
        matches!(self, Self::Rpm | Self::Ratio)
    }
}

/// A number that may not be known, in the room of one that is: not a number stands for none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Maybe(f64);

impl Maybe {
    pub(super) fn get(self) -> Option<f64> {
        (!self.0.is_nan()).then_some(self.0)
    }
}

impl From<Option<f64>> for Maybe {
    fn from(number: Option<f64>) -> Self {
        Self(number.unwrap_or(f64::NAN))
    }
}

impl Default for Maybe {
    fn default() -> Self {
        None.into()
    }
}

impl PartialEq for Maybe {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

/// The same with seven digits, in half the room.
#[derive(Clone, Copy, Debug)]
pub(super) struct Short(f32);

impl Short {
    pub(super) fn get(self) -> Option<f64> {
        (!self.0.is_nan()).then_some(f64::from(self.0))
    }
}

impl From<Option<f64>> for Short {
    fn from(number: Option<f64>) -> Self {
        Self(number.map_or(f32::NAN, small))
    }
}

impl Default for Short {
    fn default() -> Self {
        None.into()
    }
}

impl PartialEq for Short {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

/// A number that is kept by the dozen for each sensor: seven digits are enough.
pub(super) fn small(number: f64) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "seven digits are enough")]
    let small = number as f32;
    small
}
