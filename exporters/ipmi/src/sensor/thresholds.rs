//! Whether thresholds can be meant as what they are. No I/O, no clock.
//!
//! Much firmware calls thresholds readable that nobody has set: they read as raw 0, or as what was in the
//! memory. An alarm that believes them pages for a machine that is well.

use super::{Level, Quantity};

/// Whether the thresholds of one sensor, in the unit of its metric, can be meant:
/// 1. three or more are not all the same value, as those that nobody has set;
/// 2. no upper limit is 0, or less where the quantity cannot be;
/// 3. every upper limit is above every lower one;
/// 4. the upper critical limit is above the non-critical one, and the non-recoverable one not below it;
///    a lower one that is worse is not above one that is less so.
///
/// No thresholds at all say nothing, and that is plausible.
pub(crate) fn plausible(quantity: Quantity, thresholds: &[(Level, f64)]) -> bool {
    let of = |level: Level| thresholds.iter().find(|(it, _)| *it == level).map(|(_, value)| *value);
    let some = |levels: [Level; 3]| levels.map(of).into_iter().flatten();
    let lower =
        || some([Level::LowerNonRecoverable, Level::LowerCritical, Level::LowerNonCritical]);
    let upper =
        || some([Level::UpperNonCritical, Level::UpperCritical, Level::UpperNonRecoverable]);

    let all = || lower().chain(upper());
    let is_one_value =
        all().count() > 2 && all().zip(all().skip(1)).all(|(one, next)| is_same(one, next));
    let is_unset = |limit: f64| is_same(limit, 0.0) || (limit < 0.0 && never_negative(quantity));
    let is_crossed = lower().any(|lower| upper().any(|upper| upper <= lower));
    let ascends = |limits: Vec<f64>| limits.is_sorted();
    let critical_is_below = match (of(Level::UpperNonCritical), of(Level::UpperCritical)) {
        (Some(warning), Some(critical)) => critical <= warning,
        _ => false,
    };

    !is_one_value
        && !upper().any(is_unset)
        && !is_crossed
        && !critical_is_below
        && ascends(lower().collect())
        && ascends(upper().collect())
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

#[cfg(test)]
mod tests {
    use super::*;

    const LEVELS: [Level; 6] = [
        Level::LowerNonRecoverable,
        Level::LowerCritical,
        Level::LowerNonCritical,
        Level::UpperNonCritical,
        Level::UpperCritical,
        Level::UpperNonRecoverable,
    ];

    /// From the lower non-recoverable one to the upper non-recoverable one.
    fn is_plausible(quantity: Quantity, thresholds: [Option<f64>; 6]) -> bool {
        let thresholds = LEVELS.into_iter().zip(thresholds);
        let thresholds: Vec<_> = thresholds.filter_map(|(at, value)| Some((at, value?))).collect();
        plausible(quantity, &thresholds)
    }

    #[test]
    fn what_real_machines_have_set_is_plausible() {
        for (quantity, thresholds) in [
            (Quantity::Temperature, [None; 6]),
            (Quantity::Temperature, [None, None, None, Some(42.0), Some(46.0), None]),
            (Quantity::Temperature, [None, Some(-7.0), Some(3.0), Some(42.0), Some(47.0), None]),
            (Quantity::Temperature, [None, None, None, None, Some(70.0), Some(70.0)]),
            (Quantity::Temperature, [None, None, None, Some(-10.0), Some(-5.0), None]),
            (Quantity::FanSpeed, [Some(300.0), Some(500.0), Some(700.0), None, None, None]),
            (Quantity::Voltage, [None, Some(-13.1), None, None, Some(-10.8), None]),
            (Quantity::Other("x"), [None, None, None, Some(100.0), Some(131.0), None]),
        ] {
            assert!(is_plausible(quantity, thresholds), "{quantity:?} {thresholds:?}");
        }
    }

    #[test]
    fn what_nobody_has_set_is_not() {
        let zero = Some(0.0);
        for (quantity, thresholds) in [
            (Quantity::Temperature, [None, zero, zero, zero, zero, None]),
            // Raw 0 of a sensor whose scale begins at -128.
            (Quantity::Temperature, [Some(-128.0); 6]),
            (Quantity::Temperature, [None, None, None, None, zero, None]),
            (Quantity::Temperature, [None, None, Some(10.0), Some(10.0), Some(20.0), None]),
            (Quantity::Temperature, [None, None, None, Some(75.0), Some(75.0), None]),
            (Quantity::Temperature, [None, None, None, Some(80.0), Some(75.0), None]),
            (Quantity::Temperature, [None, None, None, None, Some(75.0), Some(70.0)]),
            (Quantity::Voltage, [None, Some(12.0), Some(11.0), Some(13.0), Some(14.0), None]),
            (Quantity::Power, [None, None, None, Some(-4.0), None, None]),
        ] {
            assert!(!is_plausible(quantity, thresholds), "{quantity:?} {thresholds:?}");
        }
    }
}
