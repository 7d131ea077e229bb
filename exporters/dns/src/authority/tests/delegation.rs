//! What the parent names, and that it becomes another.

use super::*;

#[test]
fn another_delegation_is_told_until_it_is_accepted() {
    let mut zone = Zone::default();
    zone.judge(&rules(), round());
    let taken = Round { parent: Some(parent(&["ns.evil.example"])), ..round() };
    assert_eq!(told(&zone.rounds(ROUNDS - 1, &taken)), []);
    let verdict = zone.rounds(1, &taken);
    assert_eq!(
        told(&verdict),
        [("delegation_changed", Severity::Page), ("delegation_differs", Severity::Ticket)]
    );
    assert!(blamed(&verdict).contains(&("ns.evil.example", "parent_only")));
    // A restart does not accept it.
    let again = || Zone { memory: Memory::new(zone.memory.kept.clone(), NOW), minutes: 0 };
    let page = severity(&again().rounds(1, &taken), Finding::DelegationChanged);
    assert_eq!(page, Severity::Page);
    assert_eq!(told(&again().rounds(1, &round())), []);
    // It goes back: all is well.
    assert_eq!(told(&zone.rounds(1, &round())), []);
    // Another server beside the former ones is a ticket, for a day.
    let more = ["ns1.a.example", "ns2.a.example", "ns3.a.example"];
    let more = Round { parent: Some(parent(&more)), ..round() };
    let verdict = zone.rounds(ROUNDS, &more);
    assert_eq!(severity(&verdict, Finding::DelegationChanged), Severity::Ticket);
    // A clock that steps by a day, and the time while the parent was silent, accept nothing.
    zone.rounds(2, &Round { unix: NOW + 100_000, ..more.clone() });
    zone.rounds(1, &Round { parent: None, ..round() });
    zone.minutes += 2_000;
    let verdict = zone.rounds(1_435, &more);
    assert_eq!(severity(&verdict, Finding::DelegationChanged), Severity::Ticket);
    let verdict = zone.rounds(10, &more);
    assert_eq!(severity(&verdict, Finding::DelegationChanged), Severity::None);
    assert_eq!(severity(&verdict, Finding::DelegationDiffers), Severity::Information);
    // A pin is never outdated.
    let pinned = Rules { ns: Some(names(&["ns1.a.example", "ns2.a.example"])), ..rules() };
    let verdict = (0..2_000).map(|_| zone.judge(&pinned, more.clone())).last().unwrap();
    assert_eq!(severity(&verdict, Finding::DelegationChanged), Severity::Page);
}

#[test]
fn what_the_parent_said_before_counts_once() {
    let mut zone = Zone::default();
    zone.judge(&rules(), round());
    let taken = Round { parent: Some(parent(&["ns.evil.example"])), ..round() };
    let kept = Round { is_parent_kept: true, ..taken.clone() };
    assert_eq!(told(&zone.rounds(1, &taken)), []);
    assert_eq!(told(&zone.rounds(20, &kept)), []);
    zone.rounds(1, &taken);
    let verdict = zone.rounds(1, &taken);
    let both = [("delegation_changed", Severity::Page), ("delegation_differs", Severity::Ticket)];
    assert_eq!(told(&verdict), both);
    // And ends nothing, nor are its names left out.
    let verdict = zone.rounds(20, &kept);
    assert_eq!(told(&verdict), both);
    assert!(blamed(&verdict).contains(&("ns.evil.example", "added")));
    // It is no sign of life: nothing is judged, and what was told stands.
    let silent = vec![lame(1, Outcome::Timeout), lame(2, Outcome::Timeout)];
    let silent = Round { servers: silent, ..kept };
    let verdict = zone.rounds(10, &silent);
    assert_eq!((told(&verdict), verdict.is_judged()), (both.to_vec(), false));
    assert!(Zone::default().rounds(10, &silent).findings.is_empty());
    assert!(
        zone.rounds(1, &Round { parent: None, is_parent_kept: false, ..silent })
            .findings
            .is_empty()
    );
}

#[test]
fn a_changed_delegation_names_who_came_and_who_went() {
    let mut zone = Zone::default();
    zone.rounds(1, &round());
    // The zone itself moved with it, so that parent and zone agree.
    let mut moved = round();
    moved.parent = Some(parent(&["ns1.thief.example", "ns2.a.example"]));
    moved
        .servers
        .iter_mut()
        .for_each(|it| it.said.ns = Some(names(&["ns1.thief.example", "ns2.a.example"])));
    let verdict = zone.rounds(ROUNDS, &moved);
    let blamed: Vec<_> =
        verdict.culprits.iter().map(|it| (it.finding, it.server.as_str(), it.reason)).collect();
    assert_eq!(
        blamed,
        [
            ("delegation_changed", "ns1.a.example", "removed"),
            ("delegation_changed", "ns1.thief.example", "added")
        ]
    );
}

#[test]
fn one_that_hears_nobody_tells_what_stood_and_of_nothing_that_all_is_well() {
    let mut zone = Zone::default();
    let bad = Round { servers: vec![server(1, 7), lame(2, Outcome::Refused)], ..round() };
    let deaf = |round: Round| Round {
        servers: vec![lame(1, Outcome::Timeout), lame(2, Outcome::Timeout)],
        is_parent_kept: true,
        ..round
    };
    assert_eq!(severity(&zone.rounds(1, &round()), Finding::Unserved), Severity::None);
    let verdict = zone.rounds(1, &deaf(round()));
    assert!(verdict.findings.is_empty() && !verdict.is_judged(), "{:?}", verdict.findings);
    zone.rounds(ROUNDS, &bad);
    assert_eq!(zone.rounds(1, &deaf(round())).findings, [(Finding::Lame, Severity::Ticket)]);
    assert_eq!(severity(&zone.rounds(1, &bad), Finding::Unserved), Severity::None, "it is heard");
}
