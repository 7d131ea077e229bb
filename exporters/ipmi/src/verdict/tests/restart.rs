//! What is held outlives the process: it comes back with the first polls, as old as it is.

use super::*;

/// The same machine after the exporter was restarted a while later, by way of the file.
fn restarted(play: &Play, all: &[Told]) -> Play {
    let text = serde_json::to_string(&play.machine.keep().unwrap()).unwrap();
    Play::restarted(Some(serde_json::from_str(&text).unwrap()), play.second + 20.0, all)
}

/// What is held and since when, after so many seconds.
fn since(play: &mut Play, seconds: f64, all: &[Told]) -> Vec<(Kind, Moment)> {
    let until = play.second + seconds;
    play.until(until, all);
    let held = play.machine.verdicts(Moment::from_seconds(START + play.second)).unwrap();
    held.iter().map(|it| (it.kind, it.since)).collect()
}

#[test]
fn a_sensor_that_cannot_be_read_is_told_again_at_once() {
    let all = with(server(), "05-HD Max", |second| (second < 1_200.0).then_some(24.0));
    let mut play = Play::of(&all);
    let before = since(&mut play, 1_900.0, &all);
    assert_eq!(before[0].0, Kind::SensorUnreadable);
    assert_eq!(since(&mut restarted(&play, &all), 10.0, &all), before);
}

#[test]
fn a_limit_that_is_exceeded_and_one_that_is_near_are_told_again_after_three_polls() {
    let limits = [(Threshold::UpperNonCritical, 60.0), (Threshold::UpperCritical, 70.0)];
    for (celsius, kind) in [(75.0, Kind::LimitExceeded), (58.0, Kind::NearSilentLimit)] {
        let mut all = with(server(), "06-Chipset", step(1_200.0, 45.0, celsius));
        // Else it is a phantom.
        all[3].listed.known = Arc::new(Known::new("6", "06-NVMe", Entity::Disk));
        all[3].listed.known = Arc::new(Known::new("6", "06-Board VR", Entity::Board));
        all[3].listed.limits = Limits::of(Quantity::Temperature, Number::Measured, &limits);
        let mut play = Play::of(&all);
        let before = since(&mut play, 1_900.0, &all);
        assert_eq!(before.iter().map(|it| it.0).collect::<Vec<_>>(), [kind]);
        assert_eq!(since(&mut restarted(&play, &all), 15.0, &all), before);
    }
}

#[test]
fn a_step_of_the_power_is_told_again_and_ends_when_it_is_over() {
    let all = metered(&[("Power Meter", Measure::Watts)], step(7_200.0, 70.0, 115.0));
    let mut play = Play::of(&all);
    let before = since(&mut play, 9_000.0, &all);
    assert_eq!(before.iter().map(|it| it.0).collect::<Vec<_>>(), [Kind::PowerStep]);
    let mut play = restarted(&play, &all);
    assert_eq!(since(&mut play, 40.0, &all), before);
    let all = metered(&[("Power Meter", Measure::Watts)], |_| Some(70.0));
    assert_eq!(since(&mut play, 900.0, &all), []);
}

#[test]
fn what_is_known_of_a_machine_without_sensors_is_kept_until_its_first_poll() {
    // It tells what it draws, and nothing else.
    let dcmi = |second: f64| Some(if second < 7_200.0 { 70.0 } else { 115.0 });
    let mut play = Play { dcmi, ..Play::of(&[]) };
    play.until(9_000.0, &[]);
    let kept = play.machine.keep();
    assert!(kept.is_some());
    let mut machine = play.machine;
    for _ in 0..2 {
        machine = Machine::new(machine.keep(), &[]);
        assert_eq!(machine.keep(), kept);
    }
    let named = Arc::new(Known::new("5", "05-HD Max", Entity::Disk));
    assert_eq!(Machine::new(None, &[named]).keep(), None);
}

#[test]
fn a_file_of_before_is_understood() {
    let old = r#"{"watts":70.0,"sensors":[{"id":"5","name":"05-HD Max","entity":"disk",
        "measure":"temperature","accepted":58.0,"usual":24.0,"highest":25.0,"observed":4000.0,
        "readable":4000.0,"phantom":{"base":24.0,"top":58.0,"since":1700003600000,"limit":10.0,
        "cause":"jump","told":true,"fans":[[{"id":"16","name":"Fan 16","entity":"fan"},0.1]]}}]}"#;
    let kept: Kept = serde_json::from_str(old).unwrap();
    let again: Kept = serde_json::from_str(&serde_json::to_string(&kept).unwrap()).unwrap();
    assert_eq!(kept, again);
    let all = with(server(), "05-HD Max", |_| Some(58.0));
    let mut play = Play::restarted(Some(kept), 4_000.0, &all);
    assert_eq!(since(&mut play, 10.0, &all)[0].0, Kind::PhantomTemperature);
}

#[test]
fn a_machine_that_boots_while_the_exporter_restarts_boots_still() {
    // Off for an hour, and on again before or while nobody looks: its processor answers after two minutes.
    for on_at in [6_985.0, 7_012.0] {
        let is_on = move |second: f64| !(3_600.0..on_at).contains(&second);
        let all = with(server(), "02-CPU", move |second| {
            (second < 3_600.0 || second >= on_at + 120.0).then_some(41.0)
        });
        let all = with(all, "Fan", move |second| Some(if is_on(second) { 0.4 } else { 0.0 }));
        let mut play = Play::of(&all);
        play.until(7_000.0, &all);
        let mut play = restarted(&play, &all);
        for _ in 0..200 {
            assert_eq!(since(&mut play, 5.0, &all), [], "{on_at} {}", play.second);
        }
    }
}
