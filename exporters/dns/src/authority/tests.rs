//! Rounds over made-up servers, and what is told of them.

mod delegation;
mod restart;
mod serials;
mod servers;
mod signatures;

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

/// A round over servers with a key to which no DS record of the parent leads, and a validator that has the former ones.
fn astray() -> Round {
    let mut astray = Round { bogus: Some(false), ..round() };
    astray.parent.as_mut().unwrap().ds = Some(vec![vec![0, 7, 13, 2, 1, 2, 3]]);
    for server in &mut astray.servers {
        server.said.keys = Some(vec![vec![1, 1, 3, 13, 9, 9]]);
    }
    astray
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
