//! Versions of a zone, and who is behind.

use super::*;

#[test]
fn a_secondary_may_be_behind_for_a_while() {
    let mut zone = Zone::default();
    zone.judge(&rules(), round());
    let late = Round { servers: vec![server(1, 8), server(2, 7)], ..round() };
    let verdict = zone.rounds(61, &late);
    assert_eq!((verdict.spread, verdict.lag), (Some(1), Some(3_600)));
    assert_eq!(told(&verdict), []);
    let verdict = zone.rounds(1, &late);
    assert_eq!(told(&verdict), [("serial_spread", Severity::Ticket)]);
    assert_eq!(blamed(&verdict), [("ns2.a.example", "behind")]);
    assert_eq!(
        told(&zone.rounds(1, &Round { servers: vec![server(1, 8), server(2, 8)], ..round() })),
        []
    );
    // One that changes each minute, and is followed within one, is never late.
    for n in 100..400 {
        let busy = Round { servers: vec![server(1, n), server(2, n - 1)], ..round() };
        let verdict = zone.judge(&rules(), busy);
        assert!(told(&verdict).is_empty() && verdict.lag.unwrap() <= 60);
    }
}

#[test]
fn a_zone_that_begins_anew_does_so_though_a_server_cannot_be_asked_or_is_lame_for_ever() {
    let first = server(1, 2_026_112_801);
    for (outcome, hours) in [(Outcome::LocalError, 0), (Outcome::Refused, 25)] {
        let with = |server: Server| Round { servers: vec![server, lame(2, outcome)], ..round() };
        let mut zone = Zone::default();
        zone.rounds(ROUNDS + 1, &with(first.clone()));
        zone.rounds(hours * 60 + 1, &with(server(1, 7)));
        assert_eq!(zone.rounds(2, &with(server(1, 7))).lag, Some(0), "{outcome:?}");
    }
    // One that cannot be asked for once may have the newest.
    let with =
        |server: Server| Round { servers: vec![server, lame(2, Outcome::LocalError)], ..round() };
    let mut zone = Zone::default();
    zone.rounds(1, &with(first));
    assert_eq!(zone.rounds(2, &with(server(1, 7))).lag, Some(120));
    // That nobody is known for a while is no beginning.
    let late = || Round { servers: vec![server(1, 8), server(2, 7)], ..round() };
    let mut zone = Zone::default();
    zone.rounds(10, &late());
    zone.rounds(1, &Round { servers: vec![], ..round() });
    assert_eq!(zone.rounds(1, &late()).lag, Some(660));
}

#[test]
fn serials_that_were_dated_by_a_wrong_clock_are_dated_anew_or_forgotten() {
    let late = Round { servers: vec![server(1, 8), server(2, 7)], ..round() };
    let mut zone = Zone::default();
    zone.rounds(1, &round());
    zone.rounds(2, &late);
    let lag = |kept: super::judge::Kept| {
        let memory = Memory::new(kept, NOW + 400);
        Zone { memory, minutes: 7 }.rounds(1, &late).lag
    };
    let kept = &zone.memory.kept;
    assert_eq!(lag(kept.dated_anew(0)), Some(360));
    // A clock that was a day late when this began.
    assert_eq!(lag(kept.dated_anew(-86_400).dated_anew(86_400)), Some(360));
    // One that began in 1970, and was not set when the program ended.
    assert_eq!(lag(kept.dated_anew(-i64::try_from(NOW).unwrap())), Some(0));
}

fn two_providers(serials: [u32; 4]) -> Round {
    let names = ["ns1.one.example", "ns2.one.example", "ns1.two.example", "ns2.two.example"];
    let servers = (1..)
        .zip(serials)
        .zip(names)
        .map(|((number, serial), name)| Server { name: name.to_owned(), ..server(number, serial) });
    Round { servers: servers.collect(), ..round() }
}

#[test]
fn two_providers_may_number_the_versions_of_a_zone_each_by_itself() {
    let own = Rules { has_own_serials: true, ..rules() };
    let (mut zone, mut common) = (Zone::default(), Zone::default());
    let apart = two_providers([2_026_112_801, 2_026_112_801, 7, 7]);
    for _ in 0..120 {
        let verdict = zone.judge(&own, apart.clone());
        assert_eq!((verdict.lag, verdict.spread), (Some(0), Some(0)));
        assert!(told(&verdict).is_empty(), "{:?}", told(&verdict));
        common.judge(&rules(), apart.clone());
    }
    let verdict = common.judge(&rules(), apart);
    assert_eq!(severity(&verdict, Finding::SerialSpread), Severity::Ticket);
    // One that is behind its own provider is behind.
    let verdict =
        (0..70).map(|_| zone.judge(&own, two_providers([2_026_112_801, 2_026_112_801, 8, 7])));
    let verdict = verdict.last().unwrap();
    assert_eq!(severity(&verdict, Finding::SerialSpread), Severity::Ticket);
    let late: Vec<_> = verdict.culprits.iter().map(|it| it.server.as_str()).collect();
    assert_eq!(late, ["ns2.two.example"]);
}

#[test]
fn providers_that_answer_otherwise_have_as_long_as_a_server_may_be_behind() {
    let own = Rules { has_own_serials: true, ..rules() };
    let mut round = two_providers([9, 9, 7, 7]);
    for (number, server) in round.servers.iter_mut().enumerate() {
        let answer = if number < 3 { "192.0.2.1" } else { "192.0.2.2" };
        server.said.answers = vec![Some([answer.to_owned()].into())];
    }
    let mut zone = Zone::default();
    let verdicts: Vec<_> = (0..70).map(|_| zone.judge(&own, round.clone())).collect();
    assert_eq!(verdicts[60].answers_consistent, [Some(false)]);
    assert_eq!(severity(&verdicts[60], Finding::AnswersDiffer), Severity::None, "an hour");
    assert_eq!(severity(&verdicts[64], Finding::AnswersDiffer), Severity::Ticket);
    // A change that reaches all in time is nothing, however often there is one.
    let mut same = round.clone();
    same.servers[3].said.answers = round.servers[0].said.answers.clone();
    zone.judge(&own, same);
    let verdict = (0..30).map(|_| zone.judge(&own, round.clone())).last().unwrap();
    assert_eq!(severity(&verdict, Finding::AnswersDiffer), Severity::None);
}
