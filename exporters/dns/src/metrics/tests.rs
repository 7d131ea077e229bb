//! The golden exposition, from fixed snapshots.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::page::encode;
use super::{authority, ecs as besides};
use crate::answer::{Answer, Content, Flag};
use crate::authority::counts::RoundResult;
use crate::authority::finding::Outcome as Asked;
use crate::authority::judge::{self, Memory, Parent, Round, Server};
use crate::authority::said::{Canary, Said};
use crate::authority::signature::Signature;
use crate::authority::state::{RunningZone, Snapshot as ZoneSnapshot};
use crate::config::Config;
use crate::ecs::answers::{Fit, Told};
use crate::ecs::state::RunningEcs;
use crate::exchange::Transport;
use crate::interception::RunningInterception;
use crate::kept::Kept;
use crate::outcome::{Control, Ignored, LocalError, Outcome, SweepResult};
use crate::standing::Standing;
use crate::state::{Moment, RunningSet, SetState, Snapshot};
use crate::verdict::Severity;

/// When the page is read.
const NOW: Moment = Moment::Virtual(1900.0);

const CONFIG: &str = "\
vantage: { name: fra, region: EMEA }
sets:
  - name: world
    min_resolvers: 5
    min_networks: 3
    resolvers:
      - { address: 11.0.1.1, country: DE }
      - { address: 11.0.2.1, country: DE }
      - { address: 11.0.3.1, country: DE }
      - { address: 11.0.4.1, country: DE }
      - { address: 11.0.5.1, country: DE }
      - { address: 11.0.6.1, country: CN }
      - { address: 11.0.6.2, country: CN }
      - { address: 11.0.7.1, country: CN }
      - { address: 11.0.8.1, country: CN }
      - { address: 11.0.9.1, country: CN }
      - { address: 11.0.10.1, country: FR }
      - { address: 11.0.11.1, country: NL }
      - { address: 11.0.12.1, country: anycast }
      - { address: 11.0.12.1, country: anycast }
  - name: fresh
    labels: { env: prod }
    resolvers: [11.0.0.1]
  - { name: world-by-tls, transport: dot, resolvers: [11.0.0.2] }
questions:
  - name: api.messenger.example
    sets: [world]
    expected: { A: { answers: [149.154.167.220] } }
  - name: api.messenger.example
    sets: [fresh, world-by-tls]
    types: [A]
zones:
  messenger.example:
    names: { api.messenger.example: [A] }
    canary: { name: now.messenger.example, max_age: 10m }
    grace: 1m
  fresh.example: { labels: { env: prod } }
ecs:
  - name: places
    server: 11.0.0.53
    labels: { env: prod }
    interval: 1h
    names: { api.messenger.example: [A] }
    subnets: [{ subnet: 11.1.0.0/24, country: DE }, 11.2.0.0/24, 11.3.0.0/24]
interception: { name: messenger.example }
known_addresses: { block page: [174.37.0.0/16] }
";

fn answer(address: [u8; 4]) -> Outcome {
    let mut answer = Answer::new(Content::Addresses([address.into()].into()));
    answer.flags.set(Flag::Ad);
    if address[0] == 174 {
        answer.extended_error = Some(4);
    }
    Outcome::Answer(answer)
}

/// A set that was swept, and one that was not.
fn states() -> Vec<Arc<SetState>> {
    let config: Config = exporter_kit::parse(CONFIG, "golden").unwrap();
    let mut plans = config.complete(std::path::Path::new(".")).unwrap().plans(&[]).0;
    let list = &mut plans.get_mut("world").unwrap().set.list;
    Arc::make_mut(list).newest_check = Some("2018-03-28 12:00:00".to_owned());
    let states: Vec<_> = plans.into_values().map(|plan| Arc::new(SetState::new(plan, 0))).collect();
    let world = &states[1];
    let honest = || Some(answer([149, 154, 167, 220]));
    let forged = || Some(answer([174, 37, 154, 236]));
    let mut a = vec![honest(), honest(), honest(), honest(), None];
    a.extend([forged(), forged(), forged(), honest(), Some(Outcome::Timeout)]);
    a.extend([honest(), honest(), Some(Outcome::LocalError)]);
    let aaaa = vec![Some(Outcome::Timeout); 13];
    let sweep = |a: Vec<Option<Outcome>>| {
        let outcomes = vec![a, aaaa.clone()];
        let control = vec![Control::Unknown; 13];
        let ttls = vec![Some(60), None];
        Arc::new(Kept::of(outcomes, control, ttls))
    };
    // The pin was changed a moment ago, and half of the world has followed since.
    let mut standing = Standing::default();
    let (former, half) = (Some(answer([149, 154, 167, 99])), a.clone());
    let before = CONFIG.replace("149.154.167.220", "149.154.167.99");
    let before: Config = exporter_kit::parse(&before, "golden").unwrap();
    let before = before.complete(std::path::Path::new(".")).unwrap().plans(&[]).0;
    standing.swept(&before["world"], sweep(vec![former.clone(); 13]), false, 0, 1_522_281_300);
    let half = half.into_iter().enumerate();
    let half = half.map(|(at, it)| if at % 2 == 0 { former.clone() } else { it }).collect();
    let pinned_at = 1_522_281_550;
    standing.swept(&world.plan, sweep(half), false, pinned_at, pinned_at);
    let verdicts = standing.swept(&world.plan, sweep(a), false, pinned_at, pinned_at + 50);
    let now = Moment::Virtual(1000.0);
    let publish = |seconds, degraded, completed| {
        let snapshot = Snapshot { seconds, degraded, verdicts: verdicts.clone(), kept: None };
        world.publish(snapshot, completed, now);
    };
    publish(3.0, false, 1_522_281_600.5);
    publish(3.25, true, 1_522_281_700.0);
    states[0].begins(Moment::Virtual(400.0));
    world.counts.answered(Duration::from_millis(20));
    world.counts.query(Transport::Udp);
    world.counts.ignored(Ignored::WrongSource);
    world.counts.local_error(LocalError::ReceiveBufferDrop, 2);
    world.counts.sweep(SweepResult::Degraded);
    world.counts.consensus_changed(0);
    states
}

/// A zone that was asked about, with all that can be told of it, and one that was not.
fn zones() -> Vec<Arc<RunningZone>> {
    let config: Config = exporter_kit::parse(CONFIG, "golden").unwrap();
    let zone = |plan| Arc::new(RunningZone::new(plan, Moment::Virtual(400.0)));
    let zones: Vec<_> = config.zone_plans().into_values().map(zone).collect();
    let asked = &zones[1];
    let name = |text: &str| text.parse::<crate::exchange::HostName>().unwrap();
    let server = |number: u8, outcome, serial| Server {
        name: format!("ns{number}.messenger.example"),
        address: ([11, 0, 0, number], 53).into(),
        outcome,
        is_hidden: false,
        said: Said {
            serial: (outcome == Asked::Answers).then_some(serial),
            ns: Some([name("ns1.messenger.example"), name("ns2.messenger.example")].into()),
            answers: vec![Some([format!("11.0.1.{number}")].into())],
            canary: Canary::Stamp(1_522_280_000),
            signatures: vec![Signature {
                covered: hickory_proto::rr::RecordType::SOA,
                inception: 1_522_000_000,
                expiration: 1_522_300_000,
            }],
            ..Said::default()
        },
    };
    let servers = vec![
        server(1, Asked::Answers, 8),
        server(2, Asked::Answers, 7),
        server(3, Asked::Refused, 0),
        server(4, Asked::Answers, 8),
    ];
    let addresses = |last: u8| [std::net::IpAddr::from([11, 0, 0, last])].into();
    let parent = Parent {
        ds: None,
        ns: [name("ns.other.example")].into(),
        glue: [(name("ns1.messenger.example"), addresses(9))].into(),
    };
    let own = [(name("ns1.messenger.example"), addresses(1))].into();
    let mut memory = Memory::default();
    let mut round = Round { servers, own, left_out: 1, unix: 1_522_281_600, ..Round::default() };
    round.parent = Some(Parent { ns: [name("ns1.messenger.example")].into(), ..Parent::default() });
    let rules = asked.plan().rules();
    judge::judge(&round, &rules, &mut memory);
    round.parent = Some(parent);
    let rounds = (1..=3).map(|minute| {
        let round = Round { now: 60 * minute, ..round.clone() };
        let verdict = judge::judge(&round, &rules, &mut memory);
        ZoneSnapshot { round, verdict }
    });
    asked.publish(rounds.last(), Moment::Virtual(1880.0));
    asked.counts.query(Transport::Udp);
    asked.counts.answered(Duration::from_millis(20));
    asked.counts.rounds.inc(RoundResult::Complete);
    zones
}

/// One server that was asked on behalf of subnets.
fn ecs() -> Vec<Arc<RunningEcs>> {
    let config: Config = exporter_kit::parse(CONFIG, "golden").unwrap();
    let start = |plan| Arc::new(RunningEcs::new(plan, Moment::Virtual(400.0)));
    let all: Vec<_> = config.ecs_plans().into_values().map(start).collect();
    let content = |last| Some(Content::Addresses([[11, 0, 1, last].into()].into()));
    let told = |fit, scope, content| Told { fit, scope, content };
    let of_question = vec![
        told(Fit::Tailored, Some(24), content(1)),
        told(Fit::General, Some(0), content(2)),
        Told::FAILED,
    ];
    all[0].publish(vec![of_question], Moment::Virtual(1800.0));
    all
}

/// The test of the way, from which an answer came.
fn tests() -> Vec<Arc<RunningInterception>> {
    let config: Config = exporter_kit::parse(CONFIG, "golden").unwrap();
    let plans = config.interception_plans().into_values();
    let tests: Vec<_> = plans.map(|plan| Arc::new(RunningInterception::new(plan))).collect();
    tests[0].publish(Some(vec![tests[0].plan.addresses[0]]), Instant::now());
    tests
}

#[test]
fn other_buckets_begin_at_zero_and_leave_the_counters_as_they_are() {
    let plan = |buckets: &str| {
        let config: Config = exporter_kit::parse(&format!("{buckets}{CONFIG}"), "golden").unwrap();
        config.complete(std::path::Path::new(".")).unwrap().plans(&[]).0["world"].clone()
    };
    let set = RunningSet::new(plan(""), 0);
    set.state().counts.query(Transport::Udp);
    set.state().counts.answered(Duration::from_millis(20));
    let page = || exporter_kit::openmetrics(|page| encode(&[set.state()], NOW, page));
    let of = |text: &str, start: &str| {
        let lines = text.lines().filter(|line| line.starts_with(start));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let (queries, times) = ("dns_consistency_queries_total", "dns_consistency_response_seconds_");
    let before = page();
    // The same bounds, written out or not, are the same.
    let same = "buckets: [0.00005, 0.00025, 0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 2, 10]\n";
    set.relabel(&plan(same), 30);
    assert_eq!(page(), before);
    set.relabel(&plan("buckets: [0.03]\n"), 60);
    let after = page();
    assert_eq!(of(&after, queries), of(&before, queries));
    let after = of(&after, times);
    assert!(after.len() == 4 && after[2].contains("le=\"0.03\""), "{after:?}");
    assert!(after.iter().all(|line| line.ends_with(" 0") || line.ends_with(" 0.0")), "{after:?}");
}

#[test]
fn what_was_told_before_a_restart_stands_until_a_sweep_says_otherwise() {
    let set = &states()[0];
    let told = || {
        let page = exporter_kit::openmetrics(|page| encode(&[Arc::clone(set)], NOW, page));
        let is_told = |line: &&str| line.starts_with("dns_consistency_verdict{");
        page.lines().filter(is_told).map(str::to_owned).collect::<Vec<_>>()
    };
    let questions = set.plan.questions.len();
    set.was_told(vec![(Severity::Page, Severity::None); questions]);
    let before = told();
    assert_eq!(before.len(), questions);
    assert!(before.iter().all(|it| it.contains("\"unexpected\"")), "{before:?}");
    let publish = |degraded| {
        let snapshot = Snapshot { seconds: 1.0, degraded, verdicts: Vec::new(), kept: None };
        set.publish(snapshot, 0.0, Moment::Virtual(1000.0));
    };
    publish(true);
    assert_eq!(told(), before);
    publish(false);
    assert!(told().is_empty());
}

#[test]
fn there_are_no_more_series_than_are_counted_when_the_config_is_read() {
    let page = exporter_kit::openmetrics(|page| {
        encode(&states(), NOW, page);
        authority::encode(&zones(), NOW, page);
        besides::encode(&ecs(), NOW, page);
        besides::intercepted(&tests(), Instant::now(), page);
    });
    let series = page.lines().filter(|line| !line.starts_with('#')).count();
    let config = |most: usize| {
        let config: Config =
            exporter_kit::parse(&format!("max_series: {most}\n{CONFIG}"), "golden").unwrap();
        config.complete(std::path::Path::new("."))
    };
    assert!(config(series).is_err(), "{series} are at most as many as are counted");
    assert!(config(5 * series).is_ok(), "and not much less");
}

#[test]
fn exposition() {
    let text = exporter_kit::openmetrics(|page| {
        encode(&states(), NOW, page);
        authority::encode(&zones(), NOW, page);
        besides::encode(&ecs(), NOW, page);
        besides::intercepted(&tests(), Instant::now(), page);
    });
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write("tests/golden/metrics.prom", &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string("tests/golden/metrics.prom").unwrap());
    assert!(!text.contains("NaN"));
}
