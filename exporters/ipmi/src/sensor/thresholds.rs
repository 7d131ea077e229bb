//! Which of a sensor's thresholds can be meant as what they are. No I/O, no clock.
//!
//! Much firmware calls thresholds readable that nobody has set: they read as raw 0, or as what was in the
//! memory; some gives a critical limit below the warning. An alarm that believes them pages for a machine
//! that is well. What is judged here is counted, and is what the verdicts go by.

use super::{Kind, Level, Quantity, Severity};

/// A measured temperature's upper limit outside these is none, degrees Celsius.
const TEMPERATURES: std::ops::RangeInclusive<f64> = 15.0..=130.0;

/// The limits that are believed, in the unit of the sensor's metric: those that something is judged by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Limits {
    /// Of a measured temperature, the upper ones: what is cold is not in danger, but rests, or is not there and
    /// reads 0.
    Heat { warning: Limit, critical: Limit, fatal: Limit, implausible: bool },
    /// Of all else, the one that is a warning and the one that is critical, on both sides; that is the
    /// non-recoverable one where there is no other.
    Other { upper: [Limit; 2], lower: [Limit; 2], lower_is_fatal: bool, implausible: bool },
}

/// A limit or none, in the room of one: the bits of a number, or of what is none. It is kept for each
/// sensor of thousands of machines, where seven digits are enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit(u32);

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

impl Default for Limits {
    fn default() -> Self {
        let (upper, lower) = Default::default();
        Self::Other { upper, lower, lower_is_fatal: false, implausible: false }
    }
}

impl Limits {
    /// Upper non-critical, of measured temperatures.
    pub(crate) fn warning(&self) -> Option<f32> {
        let Self::Heat { warning, .. } = self else { return None };
        warning.get()
    }

    /// Upper critical, of measured temperatures.
    pub(crate) fn critical(&self) -> Option<f32> {
        let Self::Heat { critical, .. } = self else { return None };
        critical.get()
    }

    /// Upper non-recoverable, of measured temperatures.
    pub(crate) fn fatal(&self) -> Option<f32> {
        let Self::Heat { fatal, .. } = self else { return None };
        fatal.get()
    }

    /// Lower critical, of all else.
    pub(crate) fn lower(&self) -> Option<f32> {
        let Self::Other { lower: [_, lower], lower_is_fatal: false, .. } = self else {
            return None;
        };
        lower.get()
    }

    /// Whether some that the BMC gives are not believed.
    pub(crate) fn are_implausible(&self) -> bool {
        let (Self::Heat { implausible, .. } | Self::Other { implausible, .. }) = self;
        *implausible
    }

    /// The limit of that severity that a value is beyond.
    pub(crate) fn beyond(&self, severity: Severity, value: f64) -> Option<f32> {
        let (upper, lower) = match *self {
            Self::Heat { warning, critical, .. } => ([warning, critical], Default::default()),
            Self::Other { upper, lower, .. } => (upper, lower),
        };
        let of = |[warning, critical]: [Limit; 2]| match severity {
            Severity::Nominal => None,
            Severity::Warning => warning.get(),
            Severity::Critical => critical.get(),
        };
        let value = small(value);
        let upper = of(upper).filter(|limit| value >= *limit);
        upper.or_else(|| of(lower).filter(|limit| value <= *limit))
    }

    /// What the BMC's own word of a value is worth: all of it, but where some of the limits that it goes by
    /// are none, as much as the others bear out.
    pub(crate) fn bear_out(&self, said: Severity, value: f64) -> Severity {
        if !self.are_implausible() {
            return said;
        }
        let is_beyond = |it: &Severity| self.beyond(*it, value).is_some();
        let worst = [Severity::Critical, Severity::Warning].into_iter().find(is_beyond);
        worst.unwrap_or(Severity::Nominal).min(said)
    }

    /// Those of a sensor's thresholds that can be meant:
    /// 1. several that are all 0, or three and more that are all the same, are those that nobody has set:
    ///    none of them is believed;
    /// 2. an upper one is not believed that is 0, that is below where the quantity cannot be, or that no
    ///    part has: of a measured temperature, outside 15 to 130 degrees;
    /// 3. nor one that is not above every lower one;
    /// 4. the critical limit is not below the non-critical one, and of a measured temperature above it:
    ///    else neither is believed. A non-recoverable one below either of them is not;
    /// 5. a lower one that is worse is not above one that is less so: else neither is believed. Nor is one
    ///    that is 0, which contradicts nothing;
    /// 6. but a lower one that contradicts two others and more, while another lower one contradicts none of
    ///    them, is not believed by itself, and takes nothing from those.
    ///
    /// No thresholds at all say nothing, and that is plausible.
    pub(crate) fn of(quantity: Quantity, kind: Kind, thresholds: &[(Level, f64)]) -> Self {
        let at = |level| thresholds.iter().find(|(it, _)| *it == level).map(|(_, value)| *value);
        let all_lower =
            [Level::LowerNonRecoverable, Level::LowerCritical, Level::LowerNonCritical].map(at);
        let upper =
            [Level::UpperNonCritical, Level::UpperCritical, Level::UpperNonRecoverable].map(at);
        let is_temperature = quantity == Quantity::Temperature && kind == Kind::Measured;
        let is_fan = quantity.is_fan();
        let is_unset = is_unset(all_lower.iter().chain(&upper).flatten().copied());

        let may_be = |limit: &f64| {
            !is_unset
                && !is_same(*limit, 0.0)
                && (*limit > 0.0 || !never_negative(quantity))
                && (!is_temperature || TEMPERATURES.contains(limit))
        };
        let possible = upper.map(|it| it.filter(may_be));
        let lower = without_the_odd_one(all_lower, possible);
        let is_limit = |limit: &f64| lower.iter().flatten().all(|lower| limit > lower);
        let [mut warning, mut critical, fatal] = possible.map(|it| it.filter(is_limit));
        let highest = warning.into_iter().chain(critical).fold(f64::NEG_INFINITY, f64::max);
        let fatal = fatal.filter(|fatal| *fatal >= highest);
        let contradicts = |(warning, critical): (f64, f64)| {
            critical < warning || is_temperature && critical <= warning
        };
        if warning.zip(critical).is_some_and(contradicts) {
            (warning, critical) = (None, None);
        }
        let lower = in_order(lower);

        let believed = [warning, critical, fatal].iter().flatten().count();
        let implausible =
            is_unset || believed < upper.iter().flatten().count() || lower != all_lower;
        if is_temperature {
            let (warning, critical, fatal) = (warning.into(), critical.into(), fatal.into());
            return Self::Heat { warning, critical, fatal, implausible };
        }
        let is_set = |limit: &f64| !is_unset && !is_same(*limit, 0.0) && (!is_fan || *limit > 0.0);
        let [lower_fatal, lower_critical, lower_warning] = lower.map(|it| it.filter(is_set));
        Self::Other {
            upper: [warning.into(), critical.or(fatal).into()],
            lower: [lower_warning.into(), lower_critical.or(lower_fatal).into()],
            lower_is_fatal: lower_critical.is_none() && lower_fatal.is_some(),
            implausible,
        }
    }
}

/// Three limits of one side, as they ascend.
type Three = [Option<f64>; 3];

/// Whether one of the lower limits contradicts another: what is worse is not above what is less so.
fn contradict(lower: &Three, one: usize, other: usize) -> bool {
    let (worse, less) = (lower[one.min(other)], lower[one.max(other)]);
    one != other && worse.zip(less).is_some_and(|(worse, less)| worse > less)
}

/// The lower limits without the one that alone is at odds with the rest, lower and upper.
fn without_the_odd_one(mut lower: Three, upper: Three) -> Three {
    let among = |it: usize| (0..3).filter(|other| contradict(&lower, it, *other)).count();
    let above = |it: usize| {
        upper.iter().flatten().filter(|upper| lower[it].is_some_and(|it| it >= **upper)).count()
    };
    let at_odds = [0, 1, 2].map(|it| among(it) + above(it));
    let odd = (0..3).find(|it| {
        let is_at_odds_with_it = |other| usize::from(contradict(&lower, *it, other));
        let mut others = (0..3).filter(|other| other != it && lower[*other].is_some()).peekable();
        at_odds[*it] >= 2
            && others.peek().is_some()
            && others.all(|other| at_odds[other] == is_at_odds_with_it(other))
    });
    if let Some(odd) = odd {
        lower[odd] = None;
    }
    lower
}

/// The lower limits that contradict no other.
fn in_order(lower: Three) -> Three {
    let mut at = 0..3;
    lower.map(|it| {
        let place = at.next()?;
        it.filter(|_| !(0..3).any(|other| contradict(&lower, place, other)))
    })
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
