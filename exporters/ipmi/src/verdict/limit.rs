//! Which of a sensor's thresholds are believed. No I/O, no clock.
//!
//! That a threshold can be read does not make it one: BMCs give 0 for those that nobody set, and some
//! give a critical limit below the warning.

use super::measure::{Measure, small};
use crate::sensor::Level;

/// A temperature's upper limit outside these is none, degrees Celsius.
const TEMPERATURES: std::ops::RangeInclusive<f64> = 15.0..=130.0;

/// The limits that are believed, in the sensor's unit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Limits {
    /// Upper non-critical.
    pub(crate) warning: Option<f32>,
    /// Upper critical.
    pub(crate) critical: Option<f32>,
    /// Upper non-recoverable.
    pub(crate) fatal: Option<f32>,
    /// Lower critical, of fans.
    pub(crate) lower: Option<f32>,
    /// Some that the BMC gives are not believed.
    pub(crate) implausible: bool,
}

impl Limits {
    /// Those of the BMC's thresholds that can be meant.
    pub(crate) fn of(measure: Measure, thresholds: &[(Level, f64)]) -> Self {
        let at = |level| thresholds.iter().find(|(it, _)| *it == level).map(|(_, value)| *value);
        let (warning, critical) = (at(Level::UpperNonCritical), at(Level::UpperCritical));
        let fatal = at(Level::UpperNonRecoverable);
        let lower =
            [at(Level::LowerNonCritical), at(Level::LowerCritical), at(Level::LowerNonRecoverable)];
        let uppers = [warning, critical, fatal];
        // Those that nobody set.
        let is_unset = thresholds.len() >= 2 && thresholds.iter().all(|(_, value)| *value == 0.0);
        let crosses =
            uppers.iter().flatten().any(|upper| lower.iter().flatten().any(|lower| upper <= lower));
        if measure == Measure::Temperature {
            return Self::of_temperature(uppers);
        }
        let implausible = is_unset || crosses && !measure.is_fan();
        let lower = at(Level::LowerCritical).filter(|lower| *lower > 0.0 && measure.is_fan());
        Self { lower: lower.map(small), implausible, ..Self::default() }
    }

    fn of_temperature(told: [Option<f64>; 3]) -> Self {
        let believed = |limit: Option<f64>| limit.filter(|it| TEMPERATURES.contains(it)).map(small);
        let [mut warning, mut critical, fatal] = told.map(believed);
        if warning.zip(critical).is_some_and(|(warning, critical)| critical <= warning) {
            (warning, critical) = (None, None);
        }
        let count = [warning, critical, fatal].iter().flatten().count();
        let implausible = count < told.iter().flatten().count();
        Self { warning, critical, fatal, lower: None, implausible }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Level::*;

    fn temperature(thresholds: &[(Level, f64)]) -> (Option<f32>, Option<f32>, bool) {
        let limits = Limits::of(Measure::Temperature, thresholds);
        (limits.warning, limits.critical, limits.implausible)
    }

    #[test]
    fn limits_that_nobody_set_and_limits_that_contradict_each_other_are_not_believed() {
        let unset = [
            (LowerCritical, 0.0),
            (LowerNonCritical, 0.0),
            (UpperNonCritical, 0.0),
            (UpperCritical, 0.0),
        ];
        assert_eq!(temperature(&unset), (None, None, true));
        assert_eq!(
            temperature(&[(UpperNonCritical, 80.0), (UpperCritical, 70.0)]),
            (None, None, true)
        );
        assert_eq!(
            temperature(&[(UpperNonCritical, 200.0), (UpperCritical, 85.0)]),
            (None, Some(85.0), true)
        );
        assert_eq!(temperature(&[(UpperNonCritical, 60.0)]), (Some(60.0), None, false));
        assert_eq!(temperature(&[]), (None, None, false));
    }

    #[test]
    fn a_fan_has_a_lower_limit_and_a_voltage_none_that_crosses() {
        assert_eq!(Limits::of(Measure::Rpm, &[(LowerCritical, 500.0)]).lower, Some(500.0));
        assert_eq!(Limits::of(Measure::Rpm, &[(LowerCritical, 0.0)]).lower, None);
        assert!(
            Limits::of(Measure::Other, &[(LowerCritical, 12.0), (UpperCritical, 11.0)]).implausible
        );
        assert!(
            !Limits::of(Measure::Other, &[(LowerCritical, 11.0), (UpperCritical, 13.0)])
                .implausible
        );
        assert!(
            Limits::of(Measure::Other, &[(LowerCritical, 0.0), (UpperCritical, 0.0)]).implausible
        );
    }
}
