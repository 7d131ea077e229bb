//! Rounds over made-up servers, and what is told of them.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use exporter_kit::LabelEnum as _;
use hickory_proto::rr::RecordType;

use super::finding::{Finding, Outcome, Severity};
use super::judge::{self, MAX_CULPRITS, Memory, Parent, ROUNDS, Round, Rules, Server, Verdict};
use super::said::{Canary, Said};
use super::signature::Signature;
use crate::exchange::HostName;

const NOW: u64 = 1_795_939_200;

fn names(list: &[&str]) -> BTreeSet<HostName> {
    list.iter().map(|name| name.parse().unwrap()).collect()
}

fn server(number: u8, serial: u32) -> Server {
    let ns = Some(names(&["ns1.a.example", "ns2.a.example"]));
    Server {
        name: format!("ns{number}.a.example"),
        address: SocketAddr::from(([11, 0, 0, number], 53)),
        outcome: Outcome::Answers,
        said: Said { serial: Some(serial), ns, ..Said::default() },
        is_hidden: false,
    }
}

fn lame(number: u8, outcome: Outcome) -> Server {
    Server { outcome, said: Said::default(), ..server(number, 0) }
}

fn parent(list: &[&str]) -> Parent {
    Parent { ns: names(list), ..Parent::default() }
}

/// A healthy round of two servers.
fn round() -> Round {
    Round {
        servers: vec![server(1, 7), server(2, 7)],
        parent: Some(parent(&["ns1.a.example", "ns2.a.example"])),
        unix: NOW,
        ..Round::default()
    }
}

fn rules() -> Rules {
    Rules {
        zone: "a.example".parse().unwrap(),
        grace: 3_600,
        ns: None,
        canary_age: None,
        has_canary: false,
        has_own_serials: false,
    }
}

/// A zone's memory, and a round each minute.
#[derive(Default)]
struct Zone {
    memory: Memory,
    minutes: u64,
}

impl Zone {
    fn judge(&mut self, rules: &Rules, round: Round) -> Verdict {
        let seconds = self.minutes * 60;
        self.minutes += 1;
        let round = Round { now: NOW + seconds, unix: round.unix + seconds, ..round };
        judge::judge(&round, rules, &mut self.memory)
    }

    /// Judges the same round so often.
    fn rounds(&mut self, count: u32, round: &Round) -> Verdict {
        (0..count).map(|_| self.judge(&rules(), round.clone())).last().unwrap()
    }
}

fn severity(verdict: &Verdict, finding: Finding) -> Severity {
    verdict.findings.iter().find(|(it, _)| *it == finding).unwrap().1
}

/// All that is told.
fn told(verdict: &Verdict) -> Vec<(&'static str, Severity)> {
    let told = verdict.findings.iter().filter(|(_, severity)| *severity > Severity::None);
    told.map(|(finding, severity)| (finding.name(), *severity)).collect()
}

fn blamed(verdict: &Verdict) -> Vec<(&str, &str)> {
    verdict.culprits.iter().map(|it| (&*it.server, it.reason)).collect()
}

#[test]
fn of_a_healthy_zone_nothing_is_told() {
    let verdict = Zone::default().rounds(10, &round());
    assert_eq!(told(&verdict), []);
    assert!(verdict.culprits.is_empty() && !verdict.findings.is_empty());
    assert_eq!((verdict.spread, verdict.lag), (Some(0), Some(0)));
    assert_eq!(verdict.ns_consistent, Some(true));
    assert_eq!(verdict.delegation_consistent, Some(true));
    assert_eq!((verdict.glue_consistent, verdict.signature_ends), (None, None));
}

#[test]
fn what_is_not_measured_is_not_told() {
    let is_told =
        |verdict: &Verdict, finding| verdict.findings.iter().any(|(it, _)| *it == finding);
    let mut zone = Zone::default();
    let verdict = zone.rounds(5, &round());
    let absent = [Finding::GlueDiffers, Finding::AnswersDiffer, Finding::Bogus];
    assert!(absent.iter().all(|it| !is_told(&verdict, *it)), "{:?}", verdict.findings);
    // What was told goes when its source has been silent for too long.
    let serial = |server: Server| Said { serial: None, ..server.said };
    let servers = vec![Server { said: serial(server(1, 7)), ..server(1, 7) }];
    let silent = Round { servers, parent: None, ..round() };
    let sources = [Finding::SerialSpread, Finding::DelegationChanged, Finding::DelegationDiffers];
    let verdict = zone.rounds(29, &silent);
    assert!(sources.iter().all(|it| is_told(&verdict, *it)));
    let verdict = zone.rounds(1, &silent);
    assert!(sources.iter().all(|it| !is_told(&verdict, *it)), "{:?}", verdict.findings);
    assert!(is_told(&verdict, Finding::Lame) && is_told(&verdict, Finding::NsDiffers));
}

#[test]
fn a_restart_tells_nothing_of_what_is_not_certain_again() {
    let unix = u32::try_from(NOW).unwrap();
    let over = Signature { covered: RecordType::SOA, inception: unix - 900, expiration: unix - 60 };
    let mut signed = round();
    for server in &mut signed.servers {
        server.said.signatures = vec![over];
    }
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
    let unix = u32::try_from(NOW).unwrap();
    let over = Signature { covered: RecordType::SOA, inception: unix - 900, expiration: unix - 60 };
    let mut signed = round();
    for server in &mut signed.servers {
        server.said.signatures = vec![over];
    }
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
fn a_canary_is_told_of_when_it_is_old_or_gone() {
    let rules = Rules { has_canary: true, canary_age: Some(600), ..rules() };
    let stamps = |stamps: [Option<u64>; 2]| {
        let mut servers = vec![server(1, 7), server(2, 7)];
        for (server, stamp) in servers.iter_mut().zip(stamps) {
            server.said.canary = stamp.map_or(Canary::Absent, Canary::Stamp);
        }
        Round { servers, ..round() }
    };
    let mut zone = Zone::default();
    let verdict = zone.judge(&rules, stamps([Some(NOW), Some(NOW - 300)]));
    assert_eq!((told(&verdict), verdict.canary_age), (vec![], Some(300)));
    let bad = stamps([Some(NOW - 900), None]);
    let verdict = (0..ROUNDS).map(|_| zone.judge(&rules, bad.clone())).last().unwrap();
    assert_eq!(told(&verdict), [("canary_stale", Severity::Ticket)]);
    assert_eq!(blamed(&verdict), [("ns1.a.example", "old"), ("ns2.a.example", "absent")]);
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
    let mut fresh = Round { bogus: Some(false), ..round() };
    fresh.parent.as_mut().unwrap().ds = Some(vec![vec![0, 7, 13, 2, 1, 2, 3]]);
    for server in &mut fresh.servers {
        server.said.keys = Some(vec![vec![1, 1, 3, 13, 9, 9]]);
    }
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

#[test]
fn two_servers_of_one_address_are_told_apart_by_their_ports() {
    let mut round = round();
    round.servers.push(Server { address: ([11, 0, 0, 1], 5353).into(), ..server(3, 7) });
    let shown: Vec<_> = round.servers.iter().map(|it| round.shown(it)).collect();
    assert_eq!(shown, ["11.0.0.1:53", "11.0.0.2", "11.0.0.1:5353"]);
}
