//! Thresholds of real machines, and each way in which some cannot be meant.

use super::*;
use Quantity::{Current, FanRatio, FanSpeed, Other, Power, Temperature, Voltage};

const LEVELS: [Level; 6] = [
    Level::LowerNonRecoverable,
    Level::LowerCritical,
    Level::LowerNonCritical,
    Level::UpperNonCritical,
    Level::UpperCritical,
    Level::UpperNonRecoverable,
];

/// Thresholds from the lower non-recoverable one to the upper non-recoverable one.
type Six = [Option<f64>; 6];

fn limits(quantity: Quantity, kind: Kind, thresholds: Six) -> Limits {
    let thresholds = LEVELS.into_iter().zip(thresholds);
    let thresholds: Vec<_> = thresholds.filter_map(|(at, value)| Some((at, value?))).collect();
    Limits::of(quantity, kind, &thresholds)
}

/// The upper limits of a measured temperature that are believed, and whether all are.
fn heat(thresholds: Six) -> ([Option<f32>; 3], bool) {
    let limits = limits(Temperature, Kind::Measured, thresholds);
    ([limits.warning(), limits.critical(), limits.fatal()], !limits.are_implausible())
}

/// The lower limit of a fan that is believed, and whether all are.
fn fan(thresholds: Six) -> (Option<f32>, bool) {
    let limits = limits(FanSpeed, Kind::Measured, thresholds);
    (limits.lower(), !limits.are_implausible())
}

fn is_plausible(quantity: Quantity, thresholds: Six) -> bool {
    !limits(quantity, Kind::Measured, thresholds).are_implausible()
}

#[test]
fn what_real_machines_have_set_is_plausible() {
    for (quantity, thresholds) in [
        (Temperature, [None; 6]),
        (Temperature, [None, None, None, Some(42.0), Some(46.0), None]),
        (Temperature, [None, Some(-7.0), Some(3.0), Some(42.0), Some(47.0), None]),
        (Temperature, [None, None, None, None, Some(70.0), Some(70.0)]),
        (FanSpeed, [Some(300.0), Some(500.0), Some(700.0), None, None, None]),
        (Voltage, [None, Some(-13.1), None, None, Some(-10.8), None]),
        (Voltage, [None, Some(10.8), Some(10.8), Some(13.2), Some(13.2), None]),
        (Current, [None, None, None, Some(8.0), None, None]),
        (Other("x"), [None, None, None, Some(100.0), Some(131.0), None]),
    ] {
        assert!(is_plausible(quantity, thresholds), "{quantity:?} {thresholds:?}");
    }
}

#[test]
fn a_value_is_beyond_the_believed_limits_of_its_severity() {
    use Severity::{Critical, Nominal, Warning};
    let twelve = [Some(10.2), Some(10.8), Some(11.2), Some(12.8), Some(13.2), Some(13.8)];
    let limits = |at: usize, other| {
        let mut of = twelve;
        of[at] = other;
        limits(Voltage, Kind::Measured, of)
    };
    let well = limits(0, None);
    for (value, warning, critical) in [
        (12.0, None, None),
        (11.2, Some(11.2), None),
        (10.8, Some(11.2), Some(10.8)),
        (12.8, Some(12.8), None),
        (13.2, Some(12.8), Some(13.2)),
    ] {
        let beyond = [Warning, Critical].map(|it| well.beyond(it, value));
        assert_eq!(beyond, [warning, critical], "{value}");
        assert_eq!(well.beyond(Nominal, value), None);
        // All can be meant: what the BMC says is what holds.
        assert_eq!(well.bear_out(Critical, value), Critical);
    }
    // The only lower one that is critical, and one of the two upper ones.
    let mut of = twelve;
    (of[1], of[4]) = (None, None);
    let worst = self::limits(Voltage, Kind::Measured, of);
    assert_eq!([10.2, 13.8].map(|it| worst.beyond(Critical, it)), [Some(10.2), Some(13.8)]);
    // The upper non-recoverable one is none: it would always be exceeded.
    let doubtful = limits(5, Some(0.0));
    for (said, value, holds) in [
        (Critical, 12.0, Nominal),
        (Critical, 11.0, Warning),
        (Critical, 9.0, Critical),
        (Critical, 13.5, Critical),
        (Warning, 9.0, Warning),
        (Nominal, 9.0, Nominal),
    ] {
        assert_eq!(doubtful.bear_out(said, value), holds, "{said:?} {value}");
    }
    // Of two lower ones that contradict each other neither bears anything out, but the third does.
    let two = limits(1, Some(11.5));
    assert_eq!([9.0, 11.0].map(|it| two.bear_out(Critical, it)), [Critical, Nominal]);
    // One that is at odds with two others takes nothing from them.
    for (at, odd) in [(0, 255.0), (1, 255.0), (2, 255.0), (2, 1.0), (0, 12.8)] {
        let odd = limits(at, Some(odd));
        assert!(odd.are_implausible(), "{at}");
        let said = [9.0, 12.0, 13.5].map(|it| odd.bear_out(Critical, it));
        assert_eq!(said, [Critical, Nominal, Critical], "{at} {odd:?}");
    }
    // Which of these are meant, nobody knows: the upper ones would always be exceeded.
    let crossed = [None, Some(10.8), None, Some(1.0), Some(2.0), None];
    let crossed = self::limits(Voltage, Kind::Measured, crossed);
    assert_eq!([9.0, 12.0].map(|it| crossed.bear_out(Critical, it)), [Critical, Nominal]);
    // One that is 0 bears nothing out.
    let zero =
        self::limits(Voltage, Kind::Measured, [None, Some(0.0), None, None, Some(0.0), None]);
    assert_eq!((zero.are_implausible(), zero.bear_out(Critical, 0.0)), (true, Nominal));
    // A cold part is in no danger.
    let cold = [None, Some(5.0), Some(10.0), Some(70.0), Some(80.0), Some(0.0)];
    assert_eq!(self::limits(Temperature, Kind::Measured, cold).bear_out(Critical, 4.0), Nominal);
}

#[test]
fn of_a_temperature_its_upper_limits_are_believed() {
    let all = [None, Some(-7.0), Some(3.0), Some(42.0), Some(47.0), Some(50.0)];
    assert_eq!(heat(all), ([Some(42.0), Some(47.0), Some(50.0)], true));
    assert_eq!(heat([None; 6]), ([None; 3], true));
}

#[test]
fn what_nobody_has_set_is_believed_of_nothing() {
    let zero = Some(0.0);
    for unset in [
        [None, zero, zero, zero, zero, None],
        // Raw 0 of a sensor whose scale begins at -128.
        [Some(-128.0); 6],
        [None, None, None, Some(100.0), Some(100.0), Some(100.0)],
        [None, None, None, zero, zero, None],
    ] {
        assert_eq!(heat(unset), ([None; 3], false), "{unset:?}");
        assert_eq!(fan(unset), (None, false), "{unset:?}");
        assert!(!is_plausible(Voltage, unset), "{unset:?}");
    }
    assert_eq!(fan([None, zero, None, None, None, None]), (None, true));
}

#[test]
fn an_upper_limit_of_nothing_or_below_where_nothing_is_does_not_count() {
    let zero = Some(0.0);
    assert_eq!(heat([None, None, None, None, zero, None]), ([None; 3], false));
    assert_eq!(heat([None, None, None, zero, Some(85.0), None]), ([None, Some(85.0), None], false));
    for quantity in [Voltage, Current, Power, Other("x")] {
        let first = [None, None, None, zero, Some(131.0), None];
        assert!(!is_plausible(quantity, first), "{quantity:?}");
    }
    for quantity in [FanSpeed, FanRatio, Power] {
        let below = [None, None, None, Some(-4.0), None, None];
        assert!(!is_plausible(quantity, below), "{quantity:?}");
    }
}

#[test]
fn a_temperature_that_no_part_has_is_no_limit() {
    let warning = |limit| heat([None, None, None, Some(limit), Some(85.0), None]);
    assert_eq!(warning(200.0), ([None, Some(85.0), None], false));
    assert_eq!(warning(10.0), ([None, Some(85.0), None], false));
    assert_eq!(warning(75.0), ([Some(75.0), Some(85.0), None], true));
}

#[test]
fn limits_that_cross_are_not_believed_but_the_lower_one_of_a_fan() {
    let crossed = [None, None, Some(50.0), Some(45.0), Some(80.0), None];
    assert_eq!(heat(crossed), ([None, Some(80.0), None], false));
    assert!(!is_plausible(Voltage, [None, Some(12.0), None, None, Some(11.0), None]));
    // Its upper one says nothing, and is asked for nothing.
    assert_eq!(fan([None, Some(600.0), None, None, Some(500.0), None]), (Some(600.0), false));
    assert_eq!(fan([None, Some(600.0), None, None, Some(9000.0), None]), (Some(600.0), true));
}

#[test]
fn a_critical_limit_before_the_warning_makes_both_doubtful() {
    for critical in [75.0, 70.0] {
        let told = [None, None, None, Some(75.0), Some(critical), Some(95.0)];
        assert_eq!(heat(told), ([None, None, Some(95.0)], false), "{critical}");
    }
    assert!(!is_plausible(Voltage, [None, None, None, Some(13.2), Some(12.9), None]));
}

#[test]
fn a_non_recoverable_limit_below_another_is_none() {
    let told = [None, None, None, None, Some(75.0), Some(70.0)];
    assert_eq!(heat(told), ([None, Some(75.0), None], false));
    let told = [None, None, None, Some(75.0), None, Some(70.0)];
    assert_eq!(heat(told), ([Some(75.0), None, None], false));
    // Below one that is itself none, it may be meant.
    let told = [None, None, None, Some(200.0), Some(75.0), Some(80.0)];
    assert_eq!(heat(told), ([None, Some(75.0), Some(80.0)], false));
}

#[test]
fn lower_limits_out_of_order_are_not_believed() {
    assert_eq!(fan([None, Some(800.0), Some(600.0), None, None, None]), (None, false));
    assert_eq!(fan([Some(700.0), Some(600.0), None, None, None, None]), (None, false));
    assert!(!is_plausible(Voltage, [None, Some(12.0), Some(11.0), Some(13.0), Some(14.0), None]));
}

#[test]
fn a_fan_is_judged_by_its_critical_limit_alone() {
    assert_eq!(fan([Some(300.0), None, Some(700.0), None, None, None]), (None, true));
    assert_eq!(fan([Some(300.0), Some(500.0), Some(700.0), None, None, None]), (Some(500.0), true));
}
