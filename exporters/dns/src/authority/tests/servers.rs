//! Servers that do not answer, are not to be found, or differ from the others.

use super::*;

#[test]
fn a_server_is_lame_after_three_rounds_and_no_more_after_one_answer() {
    let mut zone = Zone::default();
    let bad = Round { servers: vec![server(1, 7), lame(2, Outcome::Refused)], ..round() };
    for _ in 1..ROUNDS {
        assert_eq!(told(&zone.judge(&rules(), bad.clone())), []);
    }
    let verdict = zone.judge(&rules(), bad.clone());
    assert_eq!(told(&verdict), [("lame", Severity::Ticket)]);
    assert_eq!(blamed(&verdict), [("ns2.a.example", "refused")]);
    // What was lost on this machine says nothing, either way.
    let lost = Round { servers: vec![server(1, 7), lame(2, Outcome::LocalError)], ..round() };
    assert_eq!(told(&zone.judge(&rules(), lost)), [("lame", Severity::Ticket)]);
    assert_eq!(told(&zone.judge(&rules(), round())), []);
    // Packets that are lost now and then make nobody lame.
    for n in 0..30 {
        let it = if n % 3 == 0 { round() } else { bad.clone() };
        assert_eq!(told(&zone.judge(&rules(), it)), []);
    }
}

#[test]
fn a_name_without_an_address_is_lame_as_well() {
    let dangling = Round { unresolved: vec!["ns.gone.example".to_owned()], ..round() };
    let mut zone = Zone::default();
    assert_eq!(told(&zone.rounds(ROUNDS - 1, &dangling)), []);
    let verdict = zone.rounds(1, &dangling);
    assert_eq!(told(&verdict), [("lame", Severity::Ticket)]);
    assert_eq!(blamed(&verdict), [("ns.gone.example", "no_address")]);
    assert_eq!(told(&zone.rounds(1, &round())), []);
}

#[test]
fn a_zone_that_nobody_serves_pages_and_a_network_that_is_down_tells_nothing() {
    let silent = vec![lame(1, Outcome::Timeout), lame(2, Outcome::Timeout)];
    let served = Round { servers: silent.clone(), ..round() };
    let verdict = Zone::default().rounds(ROUNDS, &served);
    assert_eq!(told(&verdict), [("unserved", Severity::Page), ("lame", Severity::Ticket)]);
    let offline = Round { servers: silent, parent: None, ..round() };
    let mut zone = Zone::default();
    assert!(zone.rounds(10, &offline).findings.is_empty());
    assert!(zone.rounds(10, &offline).culprits.is_empty());
    let refused = vec![lame(1, Outcome::Refused), lame(2, Outcome::Timeout)];
    let verdict =
        Zone::default().rounds(ROUNDS, &Round { servers: refused, parent: None, ..round() });
    assert_eq!(severity(&verdict, Finding::Unserved), Severity::Page);
    // Servers that nobody allowed to ask may serve the zone.
    let private = vec![lame(1, Outcome::NotAllowed), lame(2, Outcome::NotAllowed)];
    let verdict = Zone::default().rounds(ROUNDS, &Round { servers: private, ..round() });
    assert_eq!(told(&verdict), [("lame", Severity::Ticket)]);
    // Those that cannot be asked from here, over IPv6 where there is none, hide nothing; unless it was for once.
    let dual =
        |outcome| Round { servers: vec![lame(1, Outcome::Timeout), lame(2, outcome)], ..round() };
    let mut zone = Zone::default();
    let verdict = zone.rounds(ROUNDS, &dual(Outcome::LocalError));
    assert_eq!(severity(&verdict, Finding::Unserved), Severity::Page);
    let half = Round { servers: vec![lame(1, Outcome::Timeout), server(2, 7)], ..round() };
    assert_eq!(severity(&zone.rounds(5, &half), Finding::Unserved), Severity::None);
    let verdict = zone.rounds(1, &dual(Outcome::LocalError));
    assert_eq!(severity(&verdict, Finding::Unserved), Severity::None);
    let here = vec![lame(1, Outcome::NotAllowed), lame(2, Outcome::LocalError)];
    let verdict = Zone::default().rounds(9, &Round { servers: here, ..round() });
    assert!(verdict.findings.iter().all(|(it, _)| *it != Finding::Unserved), "none was asked");
    // A zone that its parent does not know has no servers.
    let gone = Round { servers: vec![], parent: Some(parent(&[])), ..round() };
    let mut zone = Zone::default();
    zone.judge(&rules(), round());
    let verdict = zone.rounds(ROUNDS, &gone);
    assert_eq!(
        told(&verdict),
        [("delegation_changed", Severity::Page), ("unserved", Severity::Page)]
    );
}

#[test]
fn a_zone_whose_servers_nobody_can_look_up_is_not_judged() {
    let named = ["ns.other.example", "ns.more.example"];
    let nowhere = |unresolved: &[&str]| {
        let unresolved = unresolved.iter().map(ToString::to_string).collect();
        Round { servers: vec![], unresolved, parent: Some(parent(&named)), ..round() }
    };
    let mut zone = Zone::default();
    for unresolved in [&[][..], &named[..1]] {
        let verdict = zone.rounds(10, &nowhere(unresolved));
        assert_eq!(verdict.findings, [(Finding::DelegationChanged, Severity::None)]);
        assert!(verdict.is_blind);
    }
    let verdict = zone.rounds(ROUNDS, &nowhere(&named));
    assert_eq!(told(&verdict), [("unserved", Severity::Page), ("lame", Severity::Ticket)]);
    // What was told of the servers is not shown while nothing is known of them; a takeover is told.
    let taken = Round { parent: Some(parent(&["ns.evil.example"])), ..nowhere(&[]) };
    let verdict = zone.rounds(ROUNDS, &taken);
    assert_eq!(verdict.findings, [(Finding::DelegationChanged, Severity::Page)]);
    // Without the parent, nobody says that there is none.
    let verdict = zone.rounds(9, &Round { parent: None, is_online: true, ..nowhere(&named) });
    assert!(verdict.is_blind);
}

#[test]
fn what_differs_between_servers_is_told_of_those_that_differ() {
    let mut servers = vec![server(1, 7), server(2, 7), server(3, 7), server(4, 8)];
    servers[1].said.ns = Some(names(&["ns9.a.example"]));
    for (at, server) in servers.iter_mut().enumerate() {
        // The fourth has another version of the zone, which is no difference.
        let answer = if at >= 2 { "192.0.2.9" } else { "192.0.2.1" };
        server.said.answers = vec![Some([answer.to_owned()].into()), None];
    }
    servers[0].said.answers[0] = servers[2].said.answers[0].clone();
    let mut differ = Round { servers, ..round() };
    let own = |addresses: &[[u8; 4]]| addresses.iter().map(|it| (*it).into()).collect();
    let name = || "ns1.a.example".parse::<HostName>().unwrap();
    differ.parent.as_mut().unwrap().glue = [(name(), own(&[[11, 0, 0, 1], [11, 0, 0, 99]]))].into();
    differ.own = [(name(), own(&[[11, 0, 0, 1], [11, 0, 0, 2]]))].into();
    let mut zone = Zone::default();
    let verdict = zone.rounds(ROUNDS - 1, &differ);
    assert_eq!(told(&verdict), []);
    assert_eq!(verdict.answers_consistent, [Some(false), None]);
    let verdict = zone.rounds(1, &differ);
    let ticket = |name| (name, Severity::Ticket);
    assert_eq!(
        told(&verdict),
        [ticket("answers_differ"), ticket("ns_differs"), ticket("glue_differs")]
    );
    let wanted =
        [("ns2.a.example", "answer"), ("ns1.a.example", "glue"), ("ns2.a.example", "ns_set")];
    assert_eq!(blamed(&verdict), wanted);
    assert_eq!(verdict.culprits[1].address, "11.0.0.99");
    // A round in which nothing could be compared ends nothing.
    let blind = Round {
        servers: vec![lame(1, Outcome::Timeout)],
        parent: None,
        is_online: true,
        ..round()
    };
    assert_eq!(severity(&zone.rounds(1, &blind), Finding::GlueDiffers), Severity::Ticket);
    assert_eq!(
        told(&zone.rounds(1, &round())).len(),
        2,
        "glue and answers were not compared again"
    );
    assert_eq!(told(&zone.rounds(30, &round())), []);
}

#[test]
fn no_more_servers_are_named_than_fit() {
    let servers = (0..100).map(|n| lame(n, Outcome::Servfail)).collect();
    let verdict = Zone::default().rounds(ROUNDS, &Round { servers, ..round() });
    assert_eq!(
        (verdict.culprits.len(), verdict.culprits_left_out),
        (MAX_CULPRITS, 100 - MAX_CULPRITS)
    );
}

/// Two providers, each with two servers, by their names.

#[test]
fn two_servers_of_one_address_are_told_apart_by_their_ports() {
    let mut round = round();
    round.servers.push(Server { address: ([11, 0, 0, 1], 5353).into(), ..server(3, 7) });
    let shown: Vec<_> = round.servers.iter().map(|it| round.shown(it)).collect();
    assert_eq!(shown, ["11.0.0.1:53", "11.0.0.2", "11.0.0.1:5353"]);
}
