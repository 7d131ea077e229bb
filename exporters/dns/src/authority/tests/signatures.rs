//! Signatures, keys and what validators make of them.

use super::*;

#[test]
fn a_signature_is_told_of_as_validators_see_it() {
    let unix = u32::try_from(NOW).unwrap();
    let told_of = |inception: u32, expiration: u32| {
        let mut servers = vec![server(1, 7), server(2, 7)];
        let signature = Signature { covered: RecordType::SOA, inception, expiration };
        for server in &mut servers {
            server.said.signatures = vec![signature];
        }
        let healthy = round();
        let mut round = Round { servers, is_clock_wrong: true, ..round() };
        let mut zone = Zone::default();
        let mut judge = |round: &Round| {
            zone.minutes = 0;
            zone.rounds(1, round)
        };
        let verdict = judge(&round);
        assert!(verdict.findings.iter().all(|(it, _)| *it != Finding::Signature));
        round.is_clock_wrong = false;
        judge(&healthy);
        for _ in 1..ROUNDS {
            assert!(severity(&judge(&round), Finding::Signature) <= Severity::Ticket);
        }
        let verdict = judge(&round);
        let reason = verdict.culprits.first().map(|it| it.reason);
        (severity(&verdict, Finding::Signature), reason)
    };
    // Where only some servers give signatures, the others are told of: after a while, since to one that was asked
    // without EDNS it means nothing.
    assert_eq!(told_of(unix - 500, unix + 500), (Severity::None, None));
    let mut partly = round();
    let signature =
        Signature { covered: RecordType::SOA, inception: unix - 500, expiration: unix + 50_000 };
    partly.servers[0].said.signatures = vec![signature];
    let verdict = Zone::default().rounds(ROUNDS, &partly);
    assert_eq!(severity(&verdict, Finding::Signature), Severity::Ticket);
    assert_eq!(blamed(&verdict), [("ns2.a.example", "unsigned")]);
    assert_eq!(told_of(unix - 900, unix + 100), (Severity::Ticket, Some("ends")));
    assert_eq!(told_of(unix - 970, unix + 30), (Severity::Page, Some("ends")));
    assert_eq!(told_of(unix - 970, unix - 1), (Severity::Page, Some("expired")));
    assert_eq!(told_of(unix + 300, unix + 9_970), (Severity::None, None));
    assert_eq!(told_of(unix + 360, unix + 970), (Severity::Page, Some("not_yet_valid")));
}

#[test]
fn what_validators_take_for_forged_pages() {
    let bogus = |bogus| Round { bogus, ..round() };
    let mut zone = Zone::default();
    let verdict = zone.rounds(5, &bogus(None));
    assert!(verdict.findings.iter().all(|(it, _)| *it != Finding::Bogus), "no resolver was asked");
    assert_eq!(told(&zone.rounds(ROUNDS - 1, &bogus(Some(true)))), []);
    assert_eq!(told(&zone.rounds(1, &bogus(Some(true)))), [("bogus", Severity::Page)]);
    assert_eq!(told(&zone.rounds(1, &bogus(None))), [("bogus", Severity::Page)]);
    assert_eq!(told(&zone.rounds(1, &bogus(Some(false)))), []);
}

#[test]
fn a_hidden_primary_need_not_sign_and_serves_nobody() {
    let signature = Signature {
        covered: RecordType::SOA,
        inception: u32::try_from(NOW - 86_400).unwrap(),
        expiration: u32::try_from(NOW + 30 * 86_400).unwrap(),
    };
    let mut round = round();
    for server in &mut round.servers {
        server.said.signatures = vec![signature];
    }
    round.servers.push(Server { is_hidden: true, name: "hidden.a.example".into(), ..server(9, 7) });
    let verdict = Zone::default().rounds(ROUNDS + 1, &round);
    assert!(told(&verdict).is_empty(), "{:?}", told(&verdict));
    round.servers[2].is_hidden = false;
    let verdict = Zone::default().rounds(ROUNDS + 1, &round);
    assert_eq!(told(&verdict), [("signature", Severity::Ticket)]);
    // That it answers helps nobody who asks the others in vain.
    round.servers[2].is_hidden = true;
    round.servers[0] = lame(1, Outcome::Timeout);
    round.servers[1] = lame(2, Outcome::Timeout);
    let verdict = Zone::default().rounds(ROUNDS + 1, &round);
    assert_eq!(severity(&verdict, Finding::Unserved), Severity::Page);
}

#[test]
fn a_parent_whose_ds_leads_to_no_key_is_a_page_though_no_resolver_is_known() {
    let mut round = round();
    let ds = |kind: u8| vec![vec![0, 7, 13, kind, 1, 2, 3]];
    let with = |round: &Round, ds, keys: Option<Vec<Vec<u8>>>| {
        let mut round = round.clone();
        round.parent.as_mut().unwrap().ds = ds;
        for server in &mut round.servers {
            server.said.keys.clone_from(&keys);
        }
        round
    };
    let severity_of = |round: &Round| {
        let verdict = Zone::default().rounds(ROUNDS, round);
        let told = verdict.findings.iter().find(|(it, _)| *it == Finding::Bogus).map(|it| it.1);
        (told, verdict.culprits.iter().filter(|it| it.reason == "ds").count())
    };
    let key = || Some(vec![vec![1, 1, 3, 13, 9, 9]]);
    assert_eq!(severity_of(&with(&round, Some(ds(2)), key())), (Some(Severity::Page), 2));
    // Signed no more, and the parent does not know.
    assert_eq!(
        severity_of(&with(&round, Some(ds(2)), Some(Vec::new()))),
        (Some(Severity::Page), 2)
    );
    // Not measured: nobody said, or of a kind that is not known.
    assert_eq!(severity_of(&with(&round, None, key())), (None, 0));
    assert_eq!(severity_of(&with(&round, Some(ds(1)), key())), (None, 0));
    assert_eq!(severity_of(&with(&round, Some(Vec::new()), key())), (None, 0));
    round.bogus = Some(false);
    assert_eq!(severity_of(&with(&round, Some(Vec::new()), key())), (Some(Severity::None), 0));
}

#[test]
fn ds_records_that_lead_to_no_key_are_told_though_the_parent_is_asked_in_few_rounds_and_validators_have_a_cache()
 {
    let fresh = astray();
    let kept = Round { is_parent_kept: true, ..fresh.clone() };
    let silent = Round { parent: None, ..fresh.clone() };
    let mut zone = Zone::default();
    zone.judge(&rules(), Round { bogus: Some(false), ..round() });
    for asked in 1..=ROUNDS {
        let page = if asked < ROUNDS { Severity::None } else { Severity::Page };
        assert_eq!(severity(&zone.rounds(1, &fresh), Finding::Bogus), page, "{asked}");
        assert_eq!(severity(&zone.rounds(5, &kept), Finding::Bogus), page, "{asked}");
    }
    assert_eq!(severity(&zone.rounds(20, &silent), Finding::Bogus), Severity::Page);
    // Mended: the parent says so.
    let mut mended = fresh.clone();
    mended.parent.as_mut().unwrap().ds = Some(Vec::new());
    let is_kept = Round { is_parent_kept: true, ..mended.clone() };
    assert_eq!(severity(&zone.rounds(1, &mended), Finding::Bogus), Severity::None);
    assert_eq!(severity(&zone.rounds(9, &is_kept), Finding::Bogus), Severity::None);
    // A parent that says nothing any more is forgotten with what it said.
    zone.rounds(ROUNDS, &fresh);
    assert_eq!(severity(&zone.rounds(31, &silent), Finding::Bogus), Severity::None);
}
