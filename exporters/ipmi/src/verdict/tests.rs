//! Machines of a few sensors, told second by second what they read.

use super::*;
use crate::entity::Entity;
use crate::sensor::{Kind as Number, Level as Threshold, Quantity};

mod first_sight;
mod lies;
mod load;
mod off;
mod restart;

/// A sensor of a test, and what it reads at a second: `None` for no reading.
struct Told {
    listed: Listed,
    reads: Box<dyn Fn(f64) -> Option<f64>>,
    /// What the BMC holds of it.
    severity: Option<Severity>,
}

fn told(
    id: &str,
    name: &str,
    entity: Entity,
    measure: Measure,
    reads: impl Fn(f64) -> Option<f64> + 'static,
) -> Told {
    let known = Arc::new(Known::new(id, name, entity));
    let limits = Limits::default();
    let listed = Listed { known, measure, limits, rate: None };
    Told { listed, reads: Box::new(reads), severity: None }
}

/// A small server: a processor, a disk sensor, a chipset, an inlet, three fans, a meter.
fn server() -> Vec<Told> {
    use Entity::{Board, Cpu, Disk, Fan, Inlet, Psu};
    use Measure::{Ratio, Temperature, Watts};
    let mut all = vec![
        told("1", "01-Inlet Ambient", Inlet, Temperature, |_| Some(21.0)),
        told("2", "02-CPU", Cpu, Temperature, |_| Some(41.0)),
        told("5", "05-HD Max", Disk, Temperature, |_| Some(24.0)),
        told("6", "06-Chipset", Board, Temperature, |_| Some(45.0)),
        told("60", "Power Meter", Psu, Watts, |_| Some(70.0)),
    ];
    for fan in 16..19 {
        all.push(told(&fan.to_string(), &format!("Fan {fan}"), Fan, Ratio, |_| Some(0.1)));
    }
    all
}

fn with(
    mut all: Vec<Told>,
    name: &str,
    reads: impl Fn(f64) -> Option<f64> + Clone + 'static,
) -> Vec<Told> {
    let mut found = false;
    for it in all.iter_mut().filter(|it| it.listed.known.name.starts_with(name)) {
        it.reads = Box::new(reads.clone());
        found = true;
    }
    assert!(found, "{name}");
    all
}

struct Play {
    machine: Machine,
    second: f64,
    step: f64,
    chassis: Option<bool>,
    /// What the BMC says that the machine draws.
    dcmi: fn(f64) -> Option<f64>,
}

const START: f64 = 1_700_000_000.0;

impl Play {
    fn of(all: &[Told]) -> Self {
        Self::restarted(None, 0.0, all)
    }

    fn restarted(kept: Option<Kept>, second: f64, all: &[Told]) -> Self {
        let machine = Machine::new(kept, &[]);
        let mut play = Self { machine, second, step: 5.0, chassis: None, dcmi: |_| None };
        play.list(all);
        play
    }

    fn list(&mut self, all: &[Told]) -> Vec<(String, String)> {
        let list: Vec<_> = all.iter().map(|it| it.listed.clone()).collect();
        let moved = self.machine.follow(Moment::from_seconds(START + self.second), &list);
        moved.into_iter().map(|(from, to)| (from.name.clone(), to.name.clone())).collect()
    }

    /// Polls until that second.
    fn until(&mut self, second: f64, all: &[Told]) -> &mut Self {
        while self.second < second {
            let now = Moment::from_seconds(START + self.second);
            let reading = |(place, it): (usize, &Told)| Reading {
                place,
                value: (it.reads)(self.second),
                severity: it.severity,
                asked: now,
                answered: now,
            };
            let readings: Vec<_> = all.iter().enumerate().map(reading).collect();
            let says = Says { is_on: self.chassis, watts: (self.dcmi)(self.second) };
            self.machine.feed(now, &readings, true, says);
            self.second += self.step;
        }
        self
    }

    /// What is held: kind, level, and the sensor's name.
    fn held(&self) -> Vec<(&'static str, u8, String)> {
        let now = Moment::from_seconds(START + self.second);
        let name = |it: &Verdict| it.sensor.as_ref().map(|it| it.name.clone()).unwrap_or_default();
        let held = self.machine.verdicts(now).unwrap();
        let mut held: Vec<_> =
            held.iter().map(|it| (it.kind.as_str(), it.level as u8, name(it))).collect();
        held.sort();
        held
    }
}

fn one(kind: &'static str, level: u8, name: &str) -> (&'static str, u8, String) {
    (kind, level, name.to_owned())
}

fn step(at: f64, before: f64, after: f64) -> impl Fn(f64) -> Option<f64> + Clone {
    move |second| Some(if second < at { before } else { after })
}

#[test]
fn a_calm_machine_is_judged_and_nothing_is_held() {
    let all = server();
    assert_eq!(Play::of(&all).until(7_200.0, &all).held(), []);
}

#[test]
fn the_phantom_of_2017_is_told_in_three_polls_and_its_fans_are_a_page() {
    let all = with(server(), "05-HD Max", step(3_600.0, 24.0, 58.0));
    let all = with(all, "Fan", step(3_605.0, 0.1, 0.95));
    let mut play = Play::of(&all);
    assert_eq!(play.until(3_610.0, &all).held(), []);
    // The fans were seen to run up while the jump waited to be confirmed.
    let both =
        [one("fans_follow_phantom", 3, "05-HD Max"), one("phantom_temperature", 2, "05-HD Max")];
    assert_eq!(play.until(3_615.0, &all).held(), both);
    // Hours later, and after the exporter was restarted.
    assert_eq!(play.until(9_000.0, &all).held(), both);
    let text = serde_json::to_string(&play.machine.keep().unwrap()).unwrap();
    let kept = serde_json::from_str(&text).unwrap();
    assert_eq!(Play::restarted(Some(kept), 9_300.0, &all).until(9_305.0, &all).held(), both);
}

#[test]
fn fans_that_answer_later_are_a_page_after_two_polls_and_those_that_never_do_are_none() {
    let all = with(server(), "05-HD Max", step(3_600.0, 24.0, 58.0));
    let all = with(all, "Fan", step(3_700.0, 0.1, 0.95));
    let mut play = Play::of(&all);
    assert_eq!(play.until(3_705.0, &all).held(), [one("phantom_temperature", 2, "05-HD Max")]);
    let both =
        [one("fans_follow_phantom", 3, "05-HD Max"), one("phantom_temperature", 2, "05-HD Max")];
    assert_eq!(play.until(3_710.0, &all).held(), both);
    let all = with(all, "Fan", step(5_000.0, 0.1, 0.95));
    let mut play = Play::of(&all);
    assert_eq!(play.until(6_000.0, &all).held(), [one("phantom_temperature", 2, "05-HD Max")]);
}

#[test]
fn a_glitch_of_two_polls_is_nothing() {
    for glitch in [255.0, 0.0, 90.0, -1.0] {
        let reads = move |second: f64| {
            Some(if (3_600.0..3_610.0).contains(&second) { glitch } else { 24.0 })
        };
        let all = with(server(), "05-HD Max", reads);
        for until in (3_600..3_700).step_by(5) {
            assert_eq!(Play::of(&all).until(f64::from(until), &all).held(), [], "{glitch} {until}");
        }
    }
}

#[test]
fn a_jump_across_a_restart_still_pages_since_the_fans_usual_speed_is_kept() {
    let calm = server();
    let mut play = Play::of(&calm);
    play.until(1_200.0, &calm);
    let kept = play.machine.keep();
    let all = with(with(server(), "05-HD Max", |_| Some(58.0)), "Fan", |_| Some(0.95));
    let mut play = Play::restarted(kept, 1_260.0, &all);
    play.until(1_330.0, &all);
    let both =
        [one("fans_follow_phantom", 3, "05-HD Max"), one("phantom_temperature", 2, "05-HD Max")];
    assert_eq!(play.held(), both);
}

#[test]
fn a_jump_while_the_machine_boots_is_a_candidate() {
    let off = |second: f64| (1_800.0..2_400.0).contains(&second);
    let all = with(server(), "02-CPU", move |it| (!off(it)).then_some(41.0));
    let all = with(all, "Fan", move |it| {
        Some(if off(it) {
            0.0
        } else if it >= 2_460.0 {
            1.0
        } else {
            0.1
        })
    });
    let all = with(all, "05-HD Max", step(2_460.0, 24.0, 58.0));
    let mut play = Play::of(&all);
    play.until(2_520.0, &all);
    let candidates =
        [one("fans_follow_phantom", 1, "05-HD Max"), one("phantom_temperature", 1, "05-HD Max")];
    assert_eq!(play.held(), candidates);
}

#[test]
fn air_that_warms_is_cooling_lost() {
    // 3 degrees a minute, everything alike.
    let warm =
        |base: f64| move |second: f64| Some((base + ((second - 3_600.0) / 20.0).max(0.0)).round());
    let all = with(server(), "01-Inlet", warm(21.0));
    let all =
        with(with(with(all, "02-CPU", warm(41.0)), "05-HD", warm(24.0)), "06-Chipset", warm(45.0));
    let mut play = Play::of(&all);
    play.until(3_600.0 + 320.0, &all);
    assert_eq!(play.held(), [one("cooling_lost", 3, "")]);
}

#[test]
fn an_inlet_that_is_stuck_is_no_reference() {
    let warm =
        |base: f64| move |second: f64| Some((base + ((second - 3_600.0) / 20.0).max(0.0)).round());
    let all = with(
        with(with(server(), "02-CPU", warm(41.0)), "05-HD", warm(24.0)),
        "06-Chipset",
        warm(45.0),
    );
    let mut all =
        with(all, "Fan", |second| Some(0.1 + ((second - 3_600.0) / 1_000.0).clamp(0.0, 0.9)));
    all.push(told("7", "07-DIMM", Entity::Memory, Measure::Temperature, warm(30.0)));
    let mut play = Play::of(&all);
    play.until(3_600.0 + 500.0, &all);
    assert_eq!(play.held(), [one("cooling_lost", 3, "")]);
}

#[test]
fn a_load_is_no_loss_of_cooling() {
    let load = |second: f64| (second - 3_600.0).max(0.0);
    let all = with(server(), "02-CPU", move |it| {
        Some((41.0 + 35.0 * (1.0 - (-load(it) / 20.0).exp())).round())
    });
    let all = with(all, "06-Chipset", move |it| {
        Some((45.0 + 8.0 * (1.0 - (-load(it) / 400.0).exp())).round())
    });
    let all = with(all, "05-HD", move |it| {
        Some((24.0 + 4.0 * (1.0 - (-load(it) / 900.0).exp())).round())
    });
    let all = with(all, "Power", step(3_600.0, 70.0, 180.0));
    let all = with(all, "Fan", step(3_640.0, 0.1, 0.35));
    let mut play = Play::of(&all);
    for minute in 60..180 {
        assert_eq!(play.until(f64::from(minute) * 60.0, &all).held(), [], "{minute}");
    }
}

#[test]
fn ten_minutes_of_history_are_enough() {
    // Unreadable from the tenth minute on.
    let all = with(server(), "05-HD Max", |second| (second < 600.0).then_some(24.0));
    let mut play = Play::of(&all);
    play.until(1_230.0, &all);
    assert_eq!(play.held(), [one("sensor_unreadable", 2, "05-HD Max")]);
    let all = with(server(), "Fan 17", step(600.0, 0.1, 0.0));
    let mut play = Play::of(&all);
    play.until(640.0, &all);
    assert_eq!(play.held(), [one("fan_failed", 2, "Fan 17")]);
}

#[test]
fn a_sensor_that_moves_or_is_renamed_goes_on() {
    let mut all = server();
    let mut play = Play::of(&all);
    play.until(3_600.0, &all);
    let rename = |it: &mut Told, id: &str, name: &str| {
        let entity = it.listed.known.entity;
        it.listed.known = Arc::new(Known::new(id, name, entity));
    };
    rename(&mut all[2], "6", "06-HD Max");
    rename(&mut all[3], "7", "07-Chipset");
    let mut moved = play.list(&all);
    moved.sort();
    let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    assert_eq!(moved, [pair("05-HD Max", "06-HD Max"), pair("06-Chipset", "07-Chipset")]);
    assert_eq!(play.until(4_200.0, &all).held(), []);
    rename(&mut all[2], "6", "Bay Max");
    assert_eq!(play.list(&all), [pair("06-HD Max", "Bay Max")]);
    assert_eq!(play.until(4_800.0, &all).held(), []);
    // And what is held of it goes along.
    let all = with(all, "Bay Max", step(4_860.0, 24.0, 60.0));
    assert_eq!(play.until(4_900.0, &all).held(), [one("phantom_temperature", 2, "Bay Max")]);
}

#[test]
fn a_sensor_that_is_gone_is_lost_also_after_a_restart_and_until_the_inventory_is_accepted() {
    let mut all = server();
    let mut play = Play::of(&all);
    play.until(3_600.0, &all);
    all.remove(2);
    play.list(&all);
    assert_eq!(play.until(3_700.0, &all).held(), []);
    assert_eq!(play.until(3_800.0, &all).held(), [one("sensor_lost", 2, "05-HD Max")]);
    let mut play = Play::restarted(play.machine.keep(), 3_900.0, &all);
    assert_eq!(play.until(3_910.0, &all).held(), [one("sensor_lost", 2, "05-HD Max")]);
    play.machine.accept();
    assert_eq!(play.until(4_500.0, &all).held(), []);
}

#[test]
fn a_machine_that_is_off_is_left_alone() {
    let all = with(server(), "02-CPU", |second| (second < 3_600.0).then_some(41.0));
    let all = with(with(all, "Fan", step(3_600.0, 0.1, 0.0)), "Power", step(3_600.0, 70.0, 4.0));
    let mut play = Play::of(&all);
    play.until(9_000.0, &all);
    assert_eq!(play.held(), []);
}

#[test]
fn a_bmc_that_calls_a_machine_off_which_works_is_not_believed() {
    let all = with(server(), "05-HD Max", step(3_600.0, 24.0, 58.0));
    let mut play = Play { chassis: Some(false), ..Play::of(&all) };
    play.until(3_620.0, &all);
    assert_eq!(play.held(), [one("phantom_temperature", 2, "05-HD Max")]);
}

#[test]
fn limits_that_a_bmc_never_set_say_nothing() {
    let mut all = with(server(), "06-Chipset", |_| Some(45.0));
    let zero = [(Threshold::UpperNonCritical, 0.0), (Threshold::UpperCritical, 0.0)];
    all[3].listed.limits = Limits::of(Quantity::Temperature, Number::Measured, &zero);
    let mut play = Play::of(&all);
    play.until(3_600.0, &all);
    assert_eq!(play.held(), [one("thresholds_implausible", 1, "06-Chipset")]);
}

#[test]
fn a_limit_that_a_bmc_never_set_takes_nothing_from_those_that_it_did() {
    use Threshold::{LowerCritical, LowerNonCritical, UpperNonRecoverable};
    let set = [(LowerCritical, 10.8), (LowerNonCritical, 11.2)];
    let (zero, never_set) = ((UpperNonRecoverable, 0.0), [LowerCritical, LowerNonCritical]);
    let with_zero = [&set[..], &[zero]].concat();
    let all_zero = [&never_set.map(|it| (it, 0.0))[..], &[zero]].concat();
    let implausible = one("thresholds_implausible", 1, "12V");
    let exceeded = one("limit_exceeded", 2, "12V");
    for (limits, volts, held) in [
        (&set[..], 9.0, vec![exceeded.clone()]),
        (&with_zero, 9.0, vec![exceeded, implausible.clone()]),
        (&with_zero, 12.0, vec![implausible.clone()]),
        (&all_zero, 9.0, vec![implausible]),
    ] {
        let mut all = server();
        let mut rail = told("90", "12V", Entity::Board, Measure::Other, move |_| Some(volts));
        rail.listed.limits = Limits::of(Quantity::Voltage, Number::Measured, limits);
        // It compares with all that it has.
        rail.severity = Some(Severity::Critical);
        all.push(rail);
        let mut play = Play::of(&all);
        assert_eq!(play.until(120.0, &all).held(), held, "{limits:?} {volts}");
        let rests_on = [(What::Now, 9.0), (What::Limit, f64::from(10.8_f32))];
        let told = evidence(&play, Kind::LimitExceeded);
        assert_eq!(told, if held[0].0 == "limit_exceeded" { &rests_on[..] } else { &[] });
    }
}

#[test]
fn what_wavers_about_a_limit_is_told_though_another_was_never_set() {
    let mut all = server();
    let rail = |second: f64| match second {
        ..300.0 => [10.7, 10.9][usize::from(second % 20.0 >= 10.0)],
        _ => 12.0,
    };
    let mut rail = told("90", "12V", Entity::Board, Measure::Other, move |at| Some(rail(at)));
    let limits = [(Threshold::LowerCritical, 10.8), (Threshold::UpperNonRecoverable, 0.0)];
    rail.listed.limits = Limits::of(Quantity::Voltage, Number::Measured, &limits);
    // It is never well by the limit that is 0.
    rail.severity = Some(Severity::Critical);
    all.push(rail);
    let mut play = Play::of(&all);
    let implausible = one("thresholds_implausible", 1, "12V");
    let exceeded = one("limit_exceeded", 2, "12V");
    assert_eq!(play.until(290.0, &all).held(), [exceeded, implausible.clone()]);
    assert_eq!(play.until(600.0, &all).held(), [implausible]);
}

#[test]
fn a_limit_that_is_exceeded_is_told_after_a_minute_and_ends() {
    let mut all = with(server(), "06-Chipset", |second| {
        Some(if (3_600.0..4_000.0).contains(&second) { 48.0 } else { 45.0 })
    });
    all[3].listed.limits =
        Limits::of(Quantity::Temperature, Number::Measured, &[(Threshold::UpperCritical, 47.0)]);
    let mut play = Play::of(&all);
    assert_eq!(play.until(3_650.0, &all).held(), []);
    assert_eq!(play.until(3_670.0, &all).held(), [one("limit_exceeded", 2, "06-Chipset")]);
    assert_eq!(play.until(4_080.0, &all).held(), []);
}

#[test]
fn a_bmc_that_does_not_answer_is_not_judged_after_a_quarter_of_an_hour() {
    let all = server();
    let mut play = Play::of(&all);
    play.until(600.0, &all);
    let at = |second| Moment::from_seconds(START + second);
    assert!(play.machine.verdicts(at(1_400.0)).is_some());
    assert!(play.machine.verdicts(at(1_500.0)).is_none());
    assert!(Machine::default().verdicts(at(0.0)).is_none());
}

#[test]
fn polls_of_any_interval_tell_a_phantom_within_two_or_three() {
    for (step_seconds, within) in
        [(1.0, 3.0), (5.0, 15.0), (15.0, 45.0), (30.0, 60.0), (60.0, 120.0)]
    {
        let all = with(server(), "05-HD Max", step(7_200.0, 24.0, 58.0));
        let mut play = Play { step: step_seconds, ..Play::of(&all) };
        play.until(7_200.0 + within, &all);
        assert_eq!(play.held(), [one("phantom_temperature", 2, "05-HD Max")], "{step_seconds}");
    }
}

/// The fans and temperatures of the machine, and these meters.
fn metered(
    meters: &[(&str, Measure)],
    reads: impl Fn(f64) -> Option<f64> + Clone + 'static,
) -> Vec<Told> {
    let mut all = server();
    all.retain(|it| it.listed.measure != Measure::Watts);
    for (name, measure) in meters {
        all.push(told(name, name, Entity::Psu, *measure, reads.clone()));
    }
    all
}

fn evidence(play: &Play, kind: Kind) -> Vec<(What, f64)> {
    let now = Moment::from_seconds(START + play.second);
    let held = play.machine.verdicts(now).unwrap().iter().find(|it| it.kind == kind);
    held.map(|it| it.evidence.clone()).unwrap_or_default()
}

#[test]
fn power_that_steps_up_and_stays_is_told_in_watts_or_in_amperes() {
    use What::{AmperesBefore, AmperesNow, WattsBefore, WattsNow};
    let watts = metered(&[("Power Meter", Measure::Watts)], step(7_200.0, 70.0, 115.0));
    let mut play = Play::of(&watts);
    play.until(7_200.0, &watts);
    assert_eq!(play.held(), []);
    play.until(9_000.0, &watts);
    assert_eq!(play.held(), [one("power_step", 1, "")]);
    assert_eq!(evidence(&play, Kind::PowerStep), [(WattsBefore, 70.0), (WattsNow, 115.0)]);
    // Two supplies share what the machine draws: 0.3 A, then 0.5 A.
    let supplies = [("PS 1 Input", Measure::Amperes), ("PS 2 Input", Measure::Amperes)];
    let amperes = metered(&supplies, step(7_200.0, 0.15, 0.25));
    let mut play = Play::of(&amperes);
    play.until(9_000.0, &amperes);
    assert_eq!(play.held(), [one("power_step", 1, "")]);
    let told = evidence(&play, Kind::PowerStep);
    let is =
        |at: usize, what, number: f64| told[at].0 == what && (told[at].1 - number).abs() < 0.01;
    assert!(told.len() == 2 && is(0, AmperesBefore, 0.3) && is(1, AmperesNow, 0.5), "{told:?}");
}

#[test]
fn power_that_the_bmc_tells_beside_its_sensors_is_a_meter_where_no_sensor_is() {
    use What::{WattsBefore, WattsNow};
    let dcmi = |second: f64| Some(if second < 7_200.0 { 70.0 } else { 115.0 });
    let all = metered(&[], |_| None);
    let mut play = Play { dcmi, ..Play::of(&all) };
    play.until(9_000.0, &all);
    assert_eq!(play.held(), [one("power_step", 1, "")]);
    assert_eq!(evidence(&play, Kind::PowerStep), [(WattsBefore, 70.0), (WattsNow, 115.0)]);
    // It says what a phantom costs, and that a machine draws nothing.
    let all = with(all, "05-HD Max", step(7_200.0, 24.0, 58.0));
    let all = with(all, "Fan", step(7_205.0, 0.1, 0.95));
    let mut play = Play { dcmi, ..Play::of(&all) };
    play.until(7_300.0, &all);
    let told = evidence(&play, Kind::FansFollowPhantom);
    assert_eq!(told[2..], [(WattsBefore, 70.0), (WattsNow, 115.0)]);
    // A sensor that is a meter is believed first.
    let all = metered(&[("Power Meter", Measure::Watts)], |_| Some(70.0));
    let mut play = Play { dcmi, ..Play::of(&all) };
    assert_eq!(play.until(9_000.0, &all).held(), []);
}

#[test]
fn power_that_a_load_explains_or_that_hardly_steps_is_not_told() {
    for (before, after) in [(0.15, 0.16), (0.02, 0.03)] {
        let all = metered(&[("PS 1 Input", Measure::Amperes)], step(7_200.0, before, after));
        assert_eq!(Play::of(&all).until(9_000.0, &all).held(), [], "{before} to {after} A");
    }
    let all = metered(&[("PS 1 Input", Measure::Amperes)], step(7_200.0, 0.3, 0.5));
    let all = with(all, "02-CPU", step(7_200.0, 41.0, 55.0));
    assert_eq!(Play::of(&all).until(9_000.0, &all).held(), []);
}
