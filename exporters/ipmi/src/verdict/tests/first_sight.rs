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
    all[8].severity = Some(2);
    assert_eq!(Play::of(&all).until(300.0, &all).held(), [one("limit_exceeded", 2, "12V")]);
    all[8].severity = Some(1);
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

#[test]
fn what_a_machine_does_not_survive_is_a_page_at_first_sight() {
    let fatal = [CPU[0], CPU[1], (Threshold::UpperNonRecoverable, 105.0)];
    let all = beyond("02-CPU", &fatal, 106.0);
    let both = [one("cooling_lost", 3, ""), one("limit_exceeded", 2, "02-CPU")];
    assert_eq!(Play::of(&all).until(300.0, &all).held(), both);
    let air = [(Threshold::UpperNonCritical, 40.0), (Threshold::UpperCritical, 46.0)];
    let all = beyond("01-Inlet", &air, 47.0);
    let both = [one("cooling_lost", 3, ""), one("limit_exceeded", 2, "01-Inlet Ambient")];
    assert_eq!(Play::of(&all).until(300.0, &all).held(), both);
}
