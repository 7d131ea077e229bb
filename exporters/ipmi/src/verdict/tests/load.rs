//! Loads that warm some parts and not others.

use super::*;

/// Processors that rest, and drives that begin to work, each on its own.
fn box_of_drives(processors: usize, drives: usize) -> Vec<Told> {
    use Measure::{Ratio, Temperature};
    let mut all = Vec::new();
    for number in 1..=processors {
        let name = format!("CPU{number} Temp");
        all.push(told(&name, &name, Entity::Cpu, Temperature, |_| Some(42.0)));
    }
    for number in 1..=drives {
        let name = format!("NVMe {number} Temp");
        all.push(told(&name, &name, Entity::Disk, Temperature, works(32.0, 26.0, 50.0)));
    }
    for number in 1..=4 {
        let name = format!("FAN{number}");
        all.push(told(&name, &name, Entity::Fan, Ratio, |_| Some(0.3)));
    }
    all
}

/// So many degrees more from the second hour on, two thirds of them within `tau` seconds.
fn works(idle: f64, more: f64, tau: f64) -> impl Fn(f64) -> Option<f64> + Clone {
    move |second| Some((idle + more * (1.0 - (-(second - 3_600.0).max(0.0) / tau).exp())).round())
}

/// All rise by the same two degrees a minute.
fn warms(at: f64) -> impl Fn(f64) -> Option<f64> + Clone {
    move |second| Some((at + (second - 3_600.0).clamp(0.0, 900.0) / 30.0).round())
}

fn meter(watts: impl Fn(f64) -> Option<f64> + 'static) -> Told {
    told("60", "Power Meter", Entity::Psu, Measure::Watts, watts)
}

#[test]
fn drives_that_work_while_all_else_rests_are_no_loss_of_cooling() {
    for (processors, drives) in [(1, 1), (2, 1), (1, 2), (2, 24), (0, 8)] {
        let mut all = box_of_drives(processors, drives);
        for extra in [None, Some("NIC Temp"), Some("PCH Temp")] {
            if let Some(name) = extra {
                all.push(told(name, name, Entity::Board, Measure::Temperature, |_| Some(48.0)));
            }
            let mut play = Play::of(&all);
            for second in (3_600..7_200).step_by(300) {
                let case = format!("{processors} {drives} {extra:?} {second}");
                assert_eq!(play.until(f64::from(second), &all).held(), [], "{case}");
            }
        }
    }
}

#[test]
fn a_job_on_processors_and_drives_at_once_is_none_either() {
    let all = with(box_of_drives(2, 1), "CPU", works(42.0, 30.0, 10.0));
    let mut play = Play::of(&all);
    for second in (3_600..7_200).step_by(60) {
        assert_eq!(play.until(f64::from(second), &all).held(), [], "{second}");
    }
    // A meter tells of it.
    let mut all = with(box_of_drives(2, 1), "CPU", works(42.0, 30.0, 10.0));
    all.push(meter(step(3_600.0, 120.0, 300.0)));
    assert_eq!(Play::of(&all).until(5_400.0, &all).held(), []);
}

#[test]
fn what_all_share_is_lost_cooling_where_the_meter_says_that_nothing_works() {
    let mut all = with(with(box_of_drives(2, 1), "CPU", warms(42.0)), "NVMe", warms(32.0));
    all.push(meter(|_| Some(120.0)));
    assert_eq!(Play::of(&all).until(4_500.0, &all).held(), [one("cooling_lost", 3, "")]);
    // Without a meter, the limits of the BMC are what is left.
    all.pop();
    assert_eq!(Play::of(&all).until(4_500.0, &all).held(), []);
    // And with a part that does not work by itself, that part.
    all.push(told("n", "PCH Temp", Entity::Board, Measure::Temperature, warms(48.0)));
    assert_eq!(Play::of(&all).until(4_500.0, &all).held(), [one("cooling_lost", 3, "")]);
}
