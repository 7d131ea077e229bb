//! Which of a sensor's thresholds can be meant as what they are. No I/O, no clock.
//!
//! Much firmware calls thresholds readable that nobody has set: they read as raw 0, or as what was in the
//! memory; some gives a critical limit below the warning. An alarm that believes them pages for a machine
//! that is well. What is judged here is counted, and is what the verdicts go by.

use super::{Kind, Level, Quantity};

/// A measured temperature's upper limit outside these is none, degrees Celsius.
const TEMPERATURES: std::ops::RangeInclusive<f64> = 15.0..=130.0;

/// The limits that are believed, in the unit of the sensor's metric.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Limits {
    warning: Limit,
    critical: Limit,
    fatal: Limit,
    lower: Limit,
    implausible: bool,
}

/// A limit or none, in the room of one: the bits of a number, or of what is none. It is kept for each
/// sensor of thousands of machines, where seven digits are enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limit(u32);

impl Limit {
    fn get(self) -> Option<f32> {
        let limit = f32::from_bits(self.0);
        (!limit.is_nan()).then_some(limit)
    }
}

impl From<Option<f64>> for Limit {
    fn from(limit: Option<f64>) -> Self {
        limit.map_or(Self::default(), |limit| Self(small(limit).to_bits()))
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(f32::NAN.to_bits())
    }
}

impl Limits {
    /// Upper non-critical, of measured temperatures.
    pub(crate) fn warning(&self) -> Option<f32> {
        self.warning.get()
    }

    /// Upper critical, of measured temperatures.
    pub(crate) fn critical(&self) -> Option<f32> {
        self.critical.get()
    }

    /// Upper non-recoverable, of measured temperatures.
    pub(crate) fn fatal(&self) -> Option<f32> {
        self.fatal.get()
    }

    /// Lower critical, of fans.
    pub(crate) fn lower(&self) -> Option<f32> {
        self.lower.get()
    }

    /// Whether some that the BMC gives are not believed.
    pub(crate) fn are_implausible(&self) -> bool {
        self.implausible
    }

    /// Those of a sensor's thresholds that can be meant:
    /// 1. several that are all 0, or three and more that are all the same, are those that nobody has set:
    ///    none of them is believed;
    /// 2. an upper one is not believed that is 0, that is below where the quantity cannot be, or that no
    ///    part has: of a measured temperature, outside 15 to 130 degrees;
    /// 3. nor one that is not above every lower one;
    /// 4. the critical limit is not below the non-critical one, and of a measured temperature above it:
    ///    else neither is believed. A non-recoverable one below either of them is not;
    /// 5. a lower one that is worse is not above one that is less so: else none of the lower ones is
    ///    believed.
    ///
    /// No thresholds at all say nothing, and that is plausible.
    pub(crate) fn of(quantity: Quantity, kind: Kind, thresholds: &[(Level, f64)]) -> Self {
        let at = |level| thresholds.iter().find(|(it, _)| *it == level).map(|(_, value)| *value);
        let lower =
            [Level::LowerNonRecoverable, Level::LowerCritical, Level::LowerNonCritical].map(at);
        let upper =
            [Level::UpperNonCritical, Level::UpperCritical, Level::UpperNonRecoverable].map(at);
        if is_unset(lower.iter().chain(&upper).flatten().copied()) {
            return Self { implausible: true, ..Self::default() };
        }
        let is_temperature = quantity == Quantity::Temperature && kind == Kind::Measured;
        let is_fan = matches!(quantity, Quantity::FanSpeed | Quantity::FanRatio);

        let is_limit = |limit: f64| {
            !is_same(limit, 0.0)
                && (limit > 0.0 || !never_negative(quantity))
                && (!is_temperature || TEMPERATURES.contains(&limit))
                && lower.iter().flatten().all(|lower| limit > *lower)
        };
        let [mut warning, mut critical, fatal] = upper.map(|it| it.filter(|it| is_limit(*it)));
        let highest = warning.into_iter().chain(critical).fold(f64::NEG_INFINITY, f64::max);
        let fatal = fatal.filter(|fatal| *fatal >= highest);
        let contradicts = |(warning, critical): (f64, f64)| {
            critical < warning || is_temperature && critical <= warning
        };
        if warning.zip(critical).is_some_and(contradicts) {
            (warning, critical) = (None, None);
        }
        let lower_ascends = lower.iter().flatten().is_sorted();

        let believed = [warning, critical, fatal].iter().flatten().count();
        let implausible = believed < upper.iter().flatten().count() || !lower_ascends;
        let of_heat = |limit: Option<f64>| Limit::from(limit.filter(|_| is_temperature));
        let lower = lower[1].filter(|lower| is_fan && lower_ascends && *lower > 0.0);
        Self {
            warning: of_heat(warning),
            critical: of_heat(critical),
            fatal: of_heat(fatal),
            lower: lower.into(),
            implausible,
        }
    }
}

/// Whether nobody has set these.
fn is_unset(mut all: impl Iterator<Item = f64>) -> bool {
    let Some(first) = all.next() else { return false };
    let (mut others, mut is_one_value) = (0, true);
    for limit in all {
        others += 1;
        is_one_value &= is_same(limit, first);
    }
    is_one_value && others >= if is_same(first, 0.0) { 1 } else { 2 }
}

/// The same value, less what conversions do to the last digits.
fn is_same(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-9 * one.abs().max(other.abs()).max(1.0)
}

/// Whether an upper limit below 0 would always be exceeded. Some temperatures are distances to a limit,
/// and some rails of power supplies are negative.
fn never_negative(quantity: Quantity) -> bool {
    matches!(quantity, Quantity::FanSpeed | Quantity::FanRatio | Quantity::Power)
}

fn small(limit: f64) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "seven digits are enough")]
    let small = limit as f32;
    small
}

#[cfg(test)]
mod tests;
