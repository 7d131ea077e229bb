//! What a restart goes on telling of a zone, and what it does not.

use super::*;

/// A round over servers whose signature is over.
fn expired() -> Round {
    let unix = u32::try_from(NOW).unwrap();
    let over = Signature { covered: RecordType::SOA, inception: unix - 900, expiration: unix - 60 };
    let mut signed = round();
    for server in &mut signed.servers {
        server.said.signatures = vec![over];
    }
    signed
}

#[test]
fn a_restart_tells_nothing_of_what_is_not_certain_again() {
    let signed = expired();
    let dead = Round { servers: vec![lame(1, Outcome::Refused)], ..round() };
    let forged = Round { bogus: Some(true), ..round() };
    for (finding, bad) in [
        (Finding::Unserved, &dead),
        (Finding::Lame, &dead),
        (Finding::Signature, &signed),
        (Finding::Bogus, &forged),
    ] {
        let mut zone = Zone::default();
        let is_told = |verdict: &Verdict| verdict.findings.iter().any(|(it, _)| *it == finding);
        for _ in 1..ROUNDS {
            assert!(!is_told(&zone.rounds(1, bad)), "{finding:?}");
        }
        assert!(severity(&zone.rounds(1, bad), finding) >= Severity::Ticket, "{finding:?}");
        assert_eq!(
            severity(&Zone::default().rounds(1, &round()), Finding::Unserved),
            Severity::None
        );
    }
}

#[test]
fn a_restart_goes_on_telling_what_stands_and_for_how_long_a_server_was_behind() {
    let signed = expired();
    let dead = Round { servers: vec![lame(1, Outcome::Refused)], ..round() };
    let dangling = Round { unresolved: vec!["ns.gone.example".to_owned()], ..round() };
    let forged = Round { bogus: Some(true), ..round() };
    let late = Round { servers: vec![server(1, 8), server(2, 7)], ..round() };
    for (finding, bad, rounds) in [
        (Finding::Unserved, &dead, ROUNDS),
        (Finding::Lame, &dead, ROUNDS),
        (Finding::Lame, &dangling, ROUNDS),
        (Finding::Signature, &signed, ROUNDS),
        (Finding::Bogus, &forged, ROUNDS),
        (Finding::SerialSpread, &late, 62),
    ] {
        let mut zone = Zone::default();
        zone.judge(&rules(), round());
        let before = severity(&zone.rounds(rounds, bad), finding);
        assert!(before >= Severity::Ticket, "{finding:?}");
        let again = || {
            let kept = serde_json::to_vec(&zone.memory.kept).unwrap();
            let kept = serde_json::from_slice(&kept).unwrap();
            Zone { memory: Memory::new(kept, NOW + zone.minutes * 60), minutes: zone.minutes }
        };
        assert_eq!(severity(&again().rounds(1, bad), finding), before, "{finding:?}");
        assert_eq!(told(&again().rounds(1, &round())), [], "{finding:?}");
        // Nor does one that begins before the network does, and is followed by another.
        let silent = vec![lame(1, Outcome::Timeout), lame(2, Outcome::Timeout)];
        let offline = Round { servers: silent, parent: None, ..round() };
        let mut second = again();
        assert!(second.rounds(2, &offline).findings.is_empty());
        let minutes = second.minutes;
        let again = |days: u64| {
            let now = NOW + minutes * 60 + days * 86_400;
            Zone {
                memory: Memory::new(second.memory.kept.clone(), now),
                minutes: minutes + days * 1_440,
            }
        };
        assert_eq!(severity(&again(0).rounds(1, bad), finding), before, "{finding:?}");
        // What stood long ago is not told at once.
        if finding != Finding::SerialSpread {
            assert_eq!(told(&again(2).rounds(1, bad)), [], "{finding:?}");
        }
    }
    // Nobody knows for how long who is behind at the first look has been so.
    let is_told = |verdict: &Verdict| {
        verdict.findings.iter().any(|(finding, _)| *finding == Finding::SerialSpread)
    };
    let busy =
        |serial| Round { servers: vec![server(1, serial), server(2, serial - 1)], ..round() };
    let mut zone = Zone::default();
    assert!(!is_told(&zone.judge(&rules(), busy(8))));
    let verdict = zone.judge(&rules(), busy(9));
    assert_eq!(severity(&verdict, Finding::SerialSpread), Severity::None, "it follows");
    let mut zone = Zone::default();
    assert!((0..60).all(|_| !is_told(&zone.judge(&rules(), late.clone()))));
    assert_eq!(severity(&zone.rounds(3, &late), Finding::SerialSpread), Severity::Ticket);
}

#[test]
fn ds_records_that_lead_to_no_key_stand_over_a_restart_until_the_parent_is_heard() {
    let astray = astray();
    let mut zone = Zone::default();
    assert_eq!(severity(&zone.rounds(ROUNDS, &astray), Finding::Bogus), Severity::Page);
    let kept = serde_json::to_vec(&zone.memory.kept).unwrap();
    let again = |days: u64| {
        let minutes = zone.minutes + days * 1_440;
        let kept = serde_json::from_slice(&kept).unwrap();
        Zone { memory: Memory::new(kept, NOW + minutes * 60), minutes }
    };
    // Validators have the former records in their caches, and the parent is silent.
    let mut second = again(0);
    let silent = Round { parent: None, ..astray.clone() };
    assert!(second.rounds(5, &silent).findings.iter().all(|(it, _)| *it != Finding::Bogus));
    assert_eq!(severity(&second.rounds(1, &astray), Finding::Bogus), Severity::Page);
    assert_eq!(severity(&again(2).rounds(1, &silent), Finding::Bogus), Severity::None);
}
