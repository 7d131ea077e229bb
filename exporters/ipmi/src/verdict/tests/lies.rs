//! A BMC that makes up what it likes: it costs no other target anything.

use super::*;

/// So many temperatures of supplies, which all jump, and as many fans, which all hurry.
fn liar(each: usize) -> Vec<Told> {
    let name = |kind: &str, it: usize| format!("{kind} {it:04} {}", "x".repeat(80));
    let mut all = Vec::new();
    for it in 0..each {
        let (id, name) = (format!("1.{it}"), name("PSU", it));
        let jump = step(1_800.0, 20.0, 110.0);
        all.push(told(&id, &name, Entity::Psu, Measure::Temperature, jump));
    }
    for it in 0..each {
        let (id, name) = (format!("2.{it}"), name("Fan", it));
        all.push(told(&id, &name, Entity::Fan, Measure::Rpm, step(1_800.0, 2_000.0, 9_000.0)));
    }
    all
}

#[test]
fn of_many_phantoms_so_many_are_held_and_their_fans_are_few_and_shared() {
    let all = liar(512);
    let mut play = Play { step: 30.0, ..Play::of(&all) };
    play.until(1_950.0, &all);
    let held = play.held();
    let count = |kind| held.iter().filter(|it| it.0 == kind).count();
    assert_eq!(count("phantom_temperature"), phantom::MOST);
    assert_eq!(count("fans_follow_phantom"), phantom::MOST);
    // The rest was seen to jump, and is not believed either.
    let seen = play.machine.observed.as_ref().unwrap();
    assert!(seen.sensors.iter().all(|it| it.pending().is_none()));
    let phantoms: Vec<_> = seen.sensors.iter().filter_map(Watched::phantom).collect();
    assert_eq!((phantoms.len(), phantom::told(seen)), (512, phantom::MOST));
    let speeds = phantoms.iter().filter(|it| !it.fans.is_empty()).count();
    assert_eq!(speeds, phantom::MOST);
    for (known, _) in &phantoms[0].fans {
        assert!(seen.sensors.iter().any(|it| Arc::ptr_eq(&it.known, known)));
    }
    let text = serde_json::to_string(&play.machine.keep().unwrap()).unwrap();
    assert!(text.len() < 2 * 1024 * 1024, "{} bytes", text.len());
    // After a restart they are the same, and there are no more.
    let kept = serde_json::from_str(&text).unwrap();
    let mut play = Play { step: 30.0, ..Play::restarted(Some(kept), 2_000.0, &all) };
    assert_eq!(play.until(2_300.0, &all).held(), held);
}

/// The server with ninety memory modules, of which so many lie, every second one so many seconds later.
fn modules(lying: usize, later: f64) -> Vec<Told> {
    use Threshold::{UpperCritical, UpperNonCritical, UpperNonRecoverable};
    let limits = [(UpperNonCritical, 82.0), (UpperCritical, 87.0), (UpperNonRecoverable, 95.0)];
    let mut all = server();
    for it in 0..90 {
        let later = if it % 2 == 0 { 0.0 } else { later };
        let reads = move |second| Some(if it < lying { lie(second - later) } else { 35.0 });
        let (id, name) = (format!("3.{it}"), format!("DIMM {it}"));
        let mut dimm = told(&id, &name, Entity::Memory, Measure::Temperature, reads);
        dimm.listed.limits = Limits::of(Quantity::Temperature, Number::Measured, &limits);
        all.push(dimm);
    }
    all
}

const BEGINS: f64 = 1_800.0;
const ENDS: f64 = 3_000.0;

fn lie(second: f64) -> f64 {
    if (BEGINS..ENDS).contains(&second) { 110.0 } else { 35.0 }
}

fn nothing_but_phantoms(all: &[Told]) {
    let mut play = Play::of(all);
    while play.second < ENDS {
        let until = play.second + 60.0;
        let held = play.until(until, all).held();
        assert!(held.iter().all(|it| it.0 == "phantom_temperature"), "{until}: {held:?}");
    }
    assert_eq!(play.held().len(), phantom::MOST);
    assert_eq!(play.until(ENDS + 120.0, all).held(), []);
    let seen = play.machine.observed.as_ref().unwrap();
    assert_eq!(seen.sensors.iter().filter_map(Watched::phantom).count(), 0);
}

#[test]
fn of_temperatures_that_jump_in_one_poll_or_two_none_is_believed_be_they_few_or_most() {
    for lying in [40, 60, 90] {
        for later in [0.0, 5.0] {
            nothing_but_phantoms(&modules(lying, later));
        }
    }
}

#[test]
fn if_all_jump_in_one_poll_none_is_believed() {
    // The room is 14 degrees warmer than else, so that one reading fits all.
    let mut all = modules(90, 0.0);
    for name in ["01-Inlet", "05-HD Max", "06-Chipset"] {
        all = with(all, name, |second| Some(lie(second)));
    }
    nothing_but_phantoms(&all);
}

#[test]
fn phantoms_of_all_ages_ask_what_the_others_did_once_a_minute_of_age() {
    let mut all = server();
    for it in 0..300 {
        // One after the other in each poll.
        let begins = BEGINS + 5.0 * f64::from(it);
        let name = format!("DIMM {it}");
        let jump = step(begins, 35.0, 110.0);
        all.push(told(&format!("3.{it}"), &name, Entity::Memory, Measure::Temperature, jump));
    }
    let mut play = Play::of(&all);
    play.until(BEGINS + 1_500.0, &all);
    let seen = play.machine.observed.as_ref().unwrap();
    assert!(seen.sensors.iter().filter_map(Watched::phantom).count() > 250);
    follow::LOOKS.set(0);
    let until = play.second + 5.0;
    play.until(until, &all);
    let looks = follow::LOOKS.get();
    assert!((1..=31).contains(&looks), "{looks}");
}
