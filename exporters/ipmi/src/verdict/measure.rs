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

/// A number that is kept by the dozen for each sensor: seven digits are enough.
pub(super) fn small(number: f64) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "seven digits are enough")]
    let small = number as f32;
    small
}
