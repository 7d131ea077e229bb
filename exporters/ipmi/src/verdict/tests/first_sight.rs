//! What is beyond its limits when a machine is first seen: nobody was told of it before.

use super::*;

/// The server with these limits of the sensor that begins so, and this reading of it.
fn beyond(name: &str, limits: &[(Threshold, f64)], celsius: f64) -> Vec<Told> {
    let mut all = with(server(), name, move |_| Some(celsius));
    for it in all.iter_mut().filter(|it| it.listed.known.name.starts_with(name)) {
        it.listed.limits = Limits::of(Quantity::Temperature, Number::Measured, limits);
    }
    all
}

const CPU: [(Threshold, f64); 2] =
    [(Threshold::UpperNonCritical, 92.0), (Threshold::UpperCritical, 97.0)];

#[test]
fn what_is_critical_at_first_sight_is_a_ticket() {
    let all = beyond("02-CPU", &CPU, 98.0);
    assert_eq!(Play::of(&all).until(300.0, &all).held(), [one("limit_exceeded", 2, "02-CPU")]);
    let mut all = server();
    all.push(told("9", "12V", Entity::Board, Measure::Other, |_| Some(10.4)));
    all[8].severity = Some(Severity::Critical);
    assert_eq!(Play::of(&all).until(300.0, &all).held(), [one("limit_exceeded", 2, "12V")]);
    all[8].severity = Some(Severity::Warning);
    assert_eq!(Play::of(&all).until(600.0, &all).held(), [one("limit_exceeded", 2, "12V")]);
}

#[test]
fn a_temperature_above_its_warning_at_first_sight_is_known_until_it_is_critical() {
    let all = beyond("06-Chipset", &CPU, 93.0);
    let mut play = Play::of(&all);
    assert_eq!(play.until(600.0, &all).held(), [one("limit_exceeded", 1, "06-Chipset")]);
    let all = beyond("06-Chipset", &CPU, 98.0);
    assert_eq!(play.until(700.0, &all).held(), [one("limit_exceeded", 2, "06-Chipset")]);
    // The air is the room's.
    let air = [(Threshold::UpperNonCritical, 40.0), (Threshold::UpperCritical, 46.0)];
    let all = beyond("01-Inlet", &air, 42.0);
    let inlet = [one("limit_exceeded", 2, "01-Inlet Ambient")];
    assert_eq!(Play::of(&all).until(600.0, &all).held(), inlet);
}

const FATAL: [(Threshold, f64); 3] = [CPU[0], CPU[1], (Threshold::UpperNonRecoverable, 105.0)];
const AIR: [(Threshold, f64); 2] =
    [(Threshold::UpperNonCritical, 40.0), (Threshold::UpperCritical, 46.0)];

#[test]
fn one_sensor_that_always_read_what_no_machine_survives_is_a_ticket() {
    for (name, limits, celsius) in [("02-CPU", &FATAL[..], 106.0), ("01-Inlet", &AIR, 90.0)] {
        let all = beyond(name, limits, celsius);
        let name = if name == "02-CPU" { name } else { "01-Inlet Ambient" };
        let ticket = [one("limit_exceeded", 2, name)];
        let mut play = Play::of(&all);
        assert_eq!(play.until(3_600.0, &all).held(), ticket);
        // Nor after a restart.
        let kept = play.machine.keep();
        assert_eq!(Play::restarted(kept, 3_700.0, &all).until(7_200.0, &all).held(), ticket);
    }
}

#[test]
fn what_a_version_has_kept_that_said_nothing_of_it_is_no_page_either() {
    let all = beyond("01-Inlet", &AIR, 90.0);
    let kept = Play::of(&all).until(600.0, &all).machine.keep().unwrap();
    let text = serde_json::to_string(&kept).unwrap();
    let (new, old) = ("\"stuck_from_the_start\":true", "\"exceeded_from_the_start\":true");
    assert!(text.contains(new), "{text}");
    let text = text.replace("\"exceeded_from_the_start\":false,", "").replace(new, old);
    let kept = serde_json::from_str(&text).unwrap();
    let held = Play::restarted(Some(kept), 700.0, &all).until(1_800.0, &all).held();
    assert_eq!(held, [one("limit_exceeded", 2, "01-Inlet Ambient")]);
}

#[test]
fn what_a_machine_does_not_survive_is_a_page_at_first_sight_if_another_part_agrees() {
    let page = one("cooling_lost", 3, "");
    let air = one("limit_exceeded", 2, "01-Inlet Ambient");
    let with_a_hot = |celsius: f64| {
        let mut all = beyond("01-Inlet", &AIR, 47.0);
        let mut it = beyond("06-Chipset", &CPU, celsius).remove(3);
        it.listed.limits = Limits::of(Quantity::Temperature, Number::Measured, &CPU);
        all[3] = it;
        all
    };
    let all = with_a_hot(98.0);
    let chipset = one("limit_exceeded", 2, "06-Chipset");
    assert_eq!(Play::of(&all).until(300.0, &all).held(), [page, air.clone(), chipset]);
    // One that lives above its warning says nothing.
    let all = with_a_hot(93.0);
    assert!(!Play::of(&all).until(600.0, &all).held().iter().any(|it| it.0 == "cooling_lost"));
}

#[test]
fn what_rises_from_where_it_was_first_seen_is_a_page() {
    let mut all = beyond("01-Inlet", &AIR, 47.0);
    all[0].reads = Box::new(|second| Some(47.0 + (second / 120.0).min(6.0).floor()));
    let held = Play::of(&all).until(900.0, &all).held();
    assert!(held.contains(&one("cooling_lost", 3, "")), "{held:?}");
}

#[test]
fn one_that_becomes_critical_is_a_page() {
    let all = beyond("01-Inlet", &AIR, 39.0);
    let mut play = Play::of(&all);
    play.until(900.0, &all);
    let all = beyond("01-Inlet", &AIR, 47.0);
    let mut play = Play::restarted(play.machine.keep(), 1_200.0, &all);
    let held = play.until(1_500.0, &all).held();
    assert!(!held.iter().any(|it| it.0 == "phantom_temperature"), "{held:?}");
    assert!(held.contains(&one("cooling_lost", 3, "")), "{held:?}");
}

#[test]
fn one_that_was_beyond_and_wobbles_is_a_ticket_alone() {
    let mut all = beyond("01-Inlet", &AIR, 90.0);
    let inlet = "01-Inlet Ambient";
    all[0].reads = Box::new(|second| Some(if second % 120.0 < 60.0 { 88.0 } else { 92.0 }));
    let mut play = Play::of(&all);
    for minute in 2..120 {
        let held = play.until(f64::from(minute) * 60.0, &all).held();
        assert_eq!(held, [one("limit_exceeded", 2, inlet)], "{minute}");
    }
    // Nor after a restart.
    let mut play = Play::restarted(play.machine.keep(), 7_300.0, &all);
    assert_eq!(play.until(10_000.0, &all).held(), [one("limit_exceeded", 2, inlet)]);
}

#[test]
fn one_that_has_risen_over_a_restart_and_is_back_is_a_ticket_again() {
    let page = one("cooling_lost", 3, "");
    let mut all = beyond("01-Inlet", &AIR, 47.0);
    all[0].reads = Box::new(|second| {
        let risen = if second < 2_400.0 { second / 120.0 } else { 0.0 };
        Some(47.0 + risen.min(6.0).floor())
    });
    let mut play = Play::of(&all);
    assert!(play.until(1_200.0, &all).held().contains(&page));
    let mut after = Play::restarted(play.machine.keep(), 1_300.0, &all);
    for play in [&mut play, &mut after] {
        assert!(play.until(2_300.0, &all).held().contains(&page));
        let held = play.until(7_200.0, &all).held();
        assert_eq!(held, [one("limit_exceeded", 2, "01-Inlet Ambient")]);
    }
}
