//! The rates of each scenario, against the figures of the incident and of physics.

#![expect(clippy::float_cmp, reason = "a value that nothing moved is the same to the last bit")]

use super::*;

const DT: f64 = 0.25;

/// All values from the beginning of the scenario, four a second; the first is idle.
fn play(scenario: Scenario, seconds: f64) -> Vec<Values> {
    let mut machine = Machine::new();
    let mut all = vec![machine.values()];
    let mut t = 0.0;
    while t < seconds {
        t += DT;
        all.push(machine.step(DT, scenario, t));
    }
    all
}

fn at(all: &[Values], seconds: u16) -> Values {
    all[usize::from(seconds) * 4]
}

/// The steepest rise between two steps, °C/s.
fn steepest(all: &[Values], part: fn(&Values) -> f64) -> f64 {
    let rises = all.windows(2).map(|two| (part(&two[1]) - part(&two[0])) / DT);
    rises.fold(f64::MIN, f64::max)
}

const REAL_PARTS: [fn(&Values) -> f64; 6] =
    [|v| v.inlet, |v| v.cpu, |v| v.dimm_1, |v| v.dimm_2, |v| v.chipset, |v| v.vr];

fn near(value: f64, expected: f64, by: f64) {
    assert!((value - expected).abs() <= by, "{value}, expected {expected} within {by}");
}

#[test]
fn an_idle_machine_does_not_move() {
    let all = play(Scenario::Idle, 600.0);
    assert_eq!(all.last(), Some(&IDLE));
}

#[test]
fn the_phantom_jumps_as_in_the_incident() {
    let all = play(Scenario::Phantom, 300.0);
    near(at(&all, 0).hd_max, 24.0, 0.0);
    near(at(&all, 3).hd_max, 58.0, 0.0);
    near(steepest(&all, |v| v.hd_max), 13.6, 0.01);
    near(at(&all, 0).current(), 0.3, 0.01);
    near(at(&all, 8).fan_1, 100.0, 0.01);
    near(at(&all, 12).current(), 0.5, 0.01);
    near(at(&all, 300).hd_max, 58.0, 0.0);
}

#[test]
fn while_the_phantom_lasts_everything_else_cools_or_stays() {
    let all = play(Scenario::Phantom, 300.0);
    for part in REAL_PARTS {
        assert!(steepest(&all, part) <= 1e-9);
    }
    assert!(at(&all, 300).cpu < 36.0);
    assert_eq!(at(&all, 300).drives, IDLE.drives, "SMART stays flat");
}

#[test]
fn a_lost_sensor_changes_no_temperature_that_is_left() {
    let all = play(Scenario::SensorLost, 120.0);
    near(at(&all, 120).fan_1, 30.0, 0.01);
    near(at(&all, 120).current(), 0.3, 0.02);
    for part in REAL_PARTS {
        assert!(steepest(&all, part) <= 1e-9);
    }
}

#[test]
fn without_cooling_everything_warms_at_a_rate_that_is_possible() {
    let all = play(Scenario::CoolingLost, 180.0);
    assert!(steepest(&all, |v| v.inlet) <= 0.051);
    for part in REAL_PARTS {
        assert!(steepest(&all, part) <= 0.06, "{}", steepest(&all, part));
    }
    assert!(steepest(&all, |v| v.drives[0]) <= DRIVE_RISE_PER_SECOND + 1e-9);
    assert!(steepest(&all, |v| v.hd_max) <= DRIVE_RISE_PER_SECOND + 1e-9);
    let end = at(&all, 180);
    for part in [REAL_PARTS[0], REAL_PARTS[1], REAL_PARTS[5]] {
        assert!(part(&end) - part(&IDLE) >= 3.0, "three sensors and more have clearly risen");
    }
    assert!(end.drives[0] > IDLE.drives[0] + 1.0, "so have the disks");
}

#[test]
fn without_cooling_the_fans_come_late() {
    let all = play(Scenario::CoolingLost, 400.0);
    near(at(&all, 60).fan_1, IDLE.fan_1, 0.01);
    assert!(at(&all, 60).inlet > 23.5);
    assert!(at(&all, 400).fan_1 > 60.0);
}

#[test]
fn a_dead_fan_warms_the_cpu_in_tens_of_seconds() {
    let all = play(Scenario::FanDead, 180.0);
    let after = at(&all, 10);
    assert_eq!(Values::rpm(after.fan_2), 0.0);
    near(after.fan_1, 100.0, 0.01);
    assert!(at(&all, 30).cpu > 65.0);
    assert!(at(&all, 60).vr > 50.0);
    assert!(steepest(&all, |v| v.cpu) < 2.5);
    assert!(steepest(&all, |v| v.vr) <= 1.0, "what a regulator can do");
    assert!(steepest(&all, |v| v.dimm_1) < 0.3);
    assert!(steepest(&all, |v| v.drives[0]) <= DRIVE_RISE_PER_SECOND + 1e-9);
}

#[test]
fn a_step_of_load_warms_the_cpu_and_no_disk() {
    let all = play(Scenario::CpuLoad, 120.0);
    near(at(&all, 4).cpu, IDLE.cpu + 25.0, 2.0);
    near(at(&all, 10).power, IDLE.power + 60.0, 5.0);
    near(at(&all, 10).fan_1, 35.0, 0.1);
    assert_eq!(at(&all, 120).drives, IDLE.drives);
    assert_eq!(at(&all, 120).hd_max, IDLE.hd_max);
}

#[test]
fn a_machine_recovers_from_everything() {
    let scenarios = [
        Scenario::Phantom,
        Scenario::SensorLost,
        Scenario::CoolingLost,
        Scenario::FanDead,
        Scenario::CpuLoad,
    ];
    for scenario in scenarios {
        let mut machine = Machine::new();
        for second in 0..1_200_u16 {
            machine.step(1.0, scenario, second.into());
        }
        for second in 0..7_200_u16 {
            machine.step(1.0, Scenario::Idle, second.into());
        }
        let end = machine.values();
        for part in REAL_PARTS {
            near(part(&end), part(&IDLE), 0.1);
        }
        near(end.power, IDLE.power, 0.1);
        near(end.hd_max, IDLE.hd_max, 0.1);
    }
}

#[test]
fn a_fan_runs_between_4500_and_16000_rpm() {
    near(Values::rpm(IDLE.fan_1), 4_500.0, 0.1);
    near(Values::rpm(100.0), 16_000.0, 0.1);
    assert_eq!(Values::rpm(0.0), 0.0);
}
