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

#[test]
fn a_processor_that_works_beside_drives_that_rest_is_a_load() {
    // The model of a board without inlet and meter: memory and regulators follow the processor.
    let board = |drive: f64| {
        let mut all = with(box_of_drives(1, 1), "NVMe", move |_| Some(drive));
        all = with(all, "CPU", works(42.0, 34.0, 8.0));
        for (name, entity, idle, more, tau) in [
            ("DIMM 0 Temp", Entity::Memory, 34.0, 9.0, 90.0),
            ("DIMM 1 Temp", Entity::Memory, 35.0, 8.0, 120.0),
            ("VRM0 Temp", Entity::Board, 44.0, 20.0, 30.0),
            ("PCH Temp", Entity::Board, 46.0, 5.0, 200.0),
            ("Exhaust Temp", Entity::Board, 31.0, 13.0, 60.0),
        ] {
            all.push(told(name, name, entity, Measure::Temperature, works(idle, more, tau)));
        }
        all
    };
    for mut all in [board(36.0), board(48.0)] {
        for names in [&[][..], &["PCH"], &["PCH", "DIMM 0"], &["PCH", "DIMM"]] {
            all.retain(|it| !names.iter().any(|name| it.listed.known.name.starts_with(name)));
            let mut play = Play::of(&all);
            for second in (3_600..7_200).step_by(60) {
                assert_eq!(play.until(f64::from(second), &all).held(), [], "{names:?} {second}");
            }
        }
    }
}

#[test]
fn a_drive_that_came_warm_cools_and_a_sensor_that_lies_does_not() {
    let told_after = |minutes: f64, after: f64| {
        let reads = move |second: f64| {
            let age = second - 3_600.0;
            Some(if age < 0.0 { 24.0 } else { (24.0 + 14.0 * (-age / after).exp()).round() })
        };
        let all = with(server(), "05-HD Max", reads);
        Play::of(&all).until(3_600.0 + minutes * 60.0, &all).held()
    };
    let held = |level| vec![one("phantom_temperature", level, "05-HD Max")];
    assert_eq!(told_after(19.0, 2_200.0), held(1));
    // It has cooled, though not by half.
    assert_eq!(told_after(20.5, 2_200.0), held(1));
    // By half: it is nothing any more.
    assert_eq!(told_after(24.0, 2_200.0), []);
    assert_eq!(told_after(20.5, 1e9), held(2));
    // One that stands still after it had cooled a little is told as well.
    assert_eq!(told_after(40.5, 4_000.0), held(2));
}

#[test]
fn a_warm_drive_that_is_the_only_part_is_no_loss_of_cooling() {
    let came_warm = |second: f64| {
        let age = second - 3_600.0;
        Some(if age < 0.0 { 24.0 } else { (24.0 + 11.0 * (-age / 1_800.0).exp()).round() })
    };
    for processors in [1, 2] {
        let mut all = box_of_drives(processors, 0);
        all.push(told("h", "HD Max", Entity::Disk, Measure::Temperature, came_warm));
        let mut play = Play::of(&all);
        for second in (3_600..7_200).step_by(30) {
            let held = play.until(f64::from(second), &all).held();
            assert!(held.iter().all(|(kind, ..)| *kind != "cooling_lost"), "{second} {held:?}");
        }
    }
}

#[test]
fn fans_of_a_zone_that_slow_down_alike_are_told_to_and_one_alone_fails() {
    let machine = |slow: &[&str], to: f64| {
        let mut all = server();
        for number in 1..=3 {
            let name = format!("ZONE{number}");
            let is_slow = slow.contains(&&*name);
            let reads = move |second: f64| {
                Some(if is_slow && second >= 3_600.0 { 4_200.0 * to } else { 4_200.0 })
            };
            all.push(told(&name, &name, Entity::Fan, Measure::Rpm, reads));
        }
        for number in 4..=6 {
            let name = format!("OTHER{number}");
            all.push(told(&name, &name, Entity::Fan, Measure::Rpm, |_| Some(4_000.0)));
        }
        all
    };
    let held = |all: &[Told]| Play::of(all).until(5_400.0, all).held();
    assert_eq!(held(&machine(&["ZONE1"], 0.33)), [one("fan_failed", 2, "ZONE1")]);
    assert_eq!(held(&machine(&["ZONE1", "ZONE2"], 0.33)), []);
    assert_eq!(held(&machine(&["ZONE1", "ZONE2", "ZONE3"], 0.4)), []);
    // Two that are slow by different shares are two that fail.
    let mut all = machine(&["ZONE1"], 0.2);
    all = with(all, "OTHER4", step(3_600.0, 4_000.0, 1_800.0));
    assert_eq!(held(&all), [one("fan_failed", 2, "OTHER4"), one("fan_failed", 2, "ZONE1")]);
}
