//! The golden exposition, from fixed snapshots.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use exporter_kit::CountsBy;
use tokio::time::Instant;

use super::{claims, page, routes};
use crate::cities;
use crate::claims::state::Page;
use crate::claims::{Said, SaidComponent};
use crate::class::{Class, Judged};
use crate::config::{Config, EVALUATION};
use crate::outcome::{
    ClaimState, Evaluation as Outcome, Fetch, Impact, LeftOut, QueryFailure, Record, RouteChange,
    TableState, Unused,
};
use crate::panel::budget::Budget;
use crate::panel::globalping::Limits;
use crate::panel::judge::{Region, Told};
use crate::panel::state::Panel;
use crate::routes::Rules;
use crate::routes::figures::Figures;
use crate::routes::standing::{RouteVerdict, Told as ToldRoute};
use crate::routes::state::{Latest, Prefix, Routes};
use crate::routes::store::Store;
use crate::standing::Standing;
use crate::state::{Evaluation, Snapshot};
use crate::world::{Address, Endpoint, Handover, Seen, Target, Vantage, World};
use crate::{judge, panel};

const CONFIG: &str = "\
prometheus: [{url: 'http://localhost:9090'}]
services:
  - name: messenger
    expect_independent: 2
    sets:
      - {name: ams, targets: [api]}
      - {name: world, targets: [anycast]}
  - {name: shop, team: payments, expect_independent: 2, sets: [{name: one, targets: [shop]}, {name: two, targets: [other]}]}
panel:
  probes_file: probes.json
  atlas:
    - {name: atlas-api, measurement: 1001, targets: [api]}
    - {name: atlas-shop, measurement: 1002, team: payments, targets: [shop]}
  globalping:
    acknowledge_own_infrastructure: true
    networks: [149.154.164.0/22]
    endpoints: [{name: globalping-api, target: api}]
claims:
  - page: acme
    url: https://status.example/api/v2/summary.json
    targets: [web]
    components:
      API: {targets: [api], region: EMEA}
      Edge: {targets: [anycast], region: AMER}
  - {page: gone, url: 'https://gone.example/', team: payments, targets: [shop]}
";

/// Vantages, and their milliseconds to a place in Amsterdam and to the nearest of three.
const VANTAGES: [(&str, &str, f64, f64); 6] = [
    ("AMER", "New York", 82.0, 2.0),
    ("AMER", "San Francisco", 148.0, 60.0),
    ("APAC", "Singapore", 165.0, 1.75),
    ("APAC", "Sydney", 350.0, 95.0),
    ("EMEA", "Frankfurt", 10.0, 9.0),
    ("EMEA", "London", 8.0, 1.5),
];

fn world() -> World {
    let vantage = |(region, name, ..): &(&str, &str, f64, f64)| Vantage {
        region: (*region).to_owned(),
        name: (*name).to_owned(),
        place: cities::named(name).map(|city| city.place),
        is_trusted: true,
        is_radio: false,
    };
    let mut world = World::new(VANTAGES.iter().map(vantage).collect());
    let address = |ip: &str, of: fn(&(&str, &str, f64, f64)) -> f64| {
        let seen = VANTAGES.iter().enumerate();
        let mut seen: Vec<Seen> =
            seen.map(|(vantage, it)| Seen { vantage, rtt_ms: of(it), now_ms: of(it) }).collect();
        seen.sort_by(|a, b| a.rtt_ms.total_cmp(&b.rtt_ms));
        Address {
            ip: ip.parse().unwrap(),
            seen,
            absent: BTreeSet::new(),
            hints: BTreeMap::new(),
            asns: BTreeSet::from([62_041]),
        }
    };
    let mut api = address("149.154.167.220", |it| it.2);
    api.hints = [("Amsterdam".to_owned(), (0..5).collect())].into();
    let handover = |asn| BTreeSet::from([Handover { asn, city: "Amsterdam".to_owned() }]);
    let handovers = [6_762, 1_273, 6_762].into_iter().enumerate();
    let handovers = handovers.map(|(at, asn)| (at, handover(asn))).collect();
    let target = |address, handovers| Target {
        addresses: vec![address],
        handovers,
        down: Some(0.0),
        ..Target::default()
    };
    let endpoint =
        |team: &str, target: &str| Endpoint { team: team.to_owned(), target: target.to_owned() };
    world.targets.insert(endpoint("", "api"), target(api, handovers));
    let mut anycast = address("2001:db8::1", |it| it.3);
    anycast.asns = [64_500].into();
    world.targets.insert(endpoint("", "anycast"), target(anycast, BTreeMap::new()));
    let mut few = address("192.0.2.1", |it| it.2);
    few.seen.truncate(2);
    world.targets.insert(endpoint("payments", "shop"), target(few, BTreeMap::new()));
    world
}

fn config() -> Config {
    exporter_kit::parse(CONFIG, "golden").unwrap()
}

fn evaluation(now: Instant) -> Evaluation {
    let wanted = &config().evaluation()[EVALUATION];
    let evaluation = Evaluation::new(EVALUATION, &wanted.work, &wanted.labels);
    let world = world();
    let verdict = judge::judge(&world, &wanted.labels.services, &mut Standing::default());
    let mut verdict = verdict;
    let anycast = verdict
        .targets
        .values_mut()
        .find(|it| it.origin.is_none() && it.addresses[0].told == Class::SeveralSites);
    anycast.unwrap().origin = Some(crate::edge::Told {
        class: crate::outcome::Origin::One,
        vantages: 12,
        least: (0, 4.0),
        most: (1, 310.0),
    });
    let left_out = CountsBy::default();
    left_out.inc(LeftOut::Rtt);
    let (unix, took) = (1_524_978_000.5, Duration::from_millis(250));
    evaluation.publish(Snapshot { world, verdict, left_out, unix, at: now, took });
    evaluation.counts.evaluations.inc(Outcome::Complete);
    evaluation.counts.evaluations.inc(Outcome::Incomplete);
    evaluation.counts.failures.inc(QueryFailure::Warnings);
    evaluation
}

fn pages(now: Instant) -> Vec<Arc<Page>> {
    let pages = config().pages();
    let pages: Vec<_> = pages
        .iter()
        .map(|(name, wanted)| Arc::new(Page::new(name, &wanted.work, &wanted.labels)))
        .collect();
    let component =
        |name: &str, state| SaidComponent { id: String::new(), name: name.to_owned(), state };
    let said = Said {
        whole: Some(ClaimState::Degraded),
        components: vec![
            component("API", ClaimState::PartialOutage),
            component("Edge", ClaimState::Operational),
            component("<script>", ClaimState::Operational),
        ],
        has_all: true,
        incidents: vec![Impact::Major],
        updated: Some(1_524_977_000.0),
        ..Said::default()
    };
    pages[0].read(said, now, 1_524_977_990.0);
    pages[0].counts.fetches.inc(Fetch::Ok);
    pages[1].counts.fetches.inc(Fetch::Moved);
    pages
}

/// Tables in which somebody else announces one prefix, and of another one nobody has a route.
fn routing() -> Routes {
    let rules = Rules { watch: Vec::new(), min_peers: 3, max_age: Duration::from_secs(60) };
    let routes = Routes::new("routes", &rules, Store::new(None, None).into());
    let changes = CountsBy::default();
    changes.inc(RouteChange::Origin);
    let part = "149.154.167.0/24".parse().unwrap();
    let origins: BTreeMap<u32, usize> = (0..12).map(|it| (62_041 + it, 3)).collect();
    let figures = Figures {
        peers: 4,
        visible: 3,
        announcers: origins.clone(),
        origins,
        upstreams: [(1_273, 2), (6_762, 1)].into(),
        parts: [(part, 2)].into(),
        part_origins: [((part, 64_666), 2)].into(),
        left_out: 7,
        ..Figures::default()
    };
    let told = [(RouteChange::Origin, Some(64_666)), (RouteChange::Withdrawn, None)];
    let told = told.map(|(kind, asn)| ToldRoute { kind, announced: part, asn });
    let verdict = RouteVerdict {
        visible: Some(0.75),
        unexpected: Some(1),
        changes: Vec::new(),
        told: told.into(),
        figures,
    };
    let prefix = |of: &str, verdict, counts| Prefix { of: of.parse().unwrap(), verdict, counts };
    let states = CountsBy::default();
    states.inc(TableState::Read);
    states.inc(TableState::NoFile);
    routes.publish(Latest {
        states,
        files: 1,
        oldest: Some(1_525_000_000),
        prefixes: vec![
            prefix("149.154.164.0/22", verdict, changes),
            prefix("2001:db8::/32", RouteVerdict::default(), CountsBy::default()),
        ],
    });
    routes.records.inc(Record::Read);
    routes
}

/// A measurement of an endpoint by four probes of two regions.
fn panels(now: Instant) -> Vec<Arc<Panel>> {
    let wanted = &config().panels()["atlas-api"];
    let panel = Panel::new("atlas-api", &wanted.work, &wanted.labels);
    let region = |answered, failed, rtt_seconds| Region { answered, failed, rtt_seconds };
    let ip: IpAddr = [149, 154, 167, 220].into();
    let judged = Judged { class: Class::SeveralSites, ..Judged::default() };
    let told = Told {
        oldest: Some(1_524_976_500),
        asked: Some(crate::panel::Asked::Ping),
        newest: Some(1_524_977_900),
        regions: [("AMER", region(0, 1, None)), ("EMEA", region(3, 0, Some(0.0305)))].into(),
        addresses: vec![(ip, judged)],
    };
    let unused = CountsBy::default();
    unused.inc(Unused::Probe);
    panel.publish(panel::state::Latest { told, unused }, now);
    panel.fetches.inc(Fetch::Ok);
    let wanted = &config().panels()["globalping-api"];
    let made = Panel::new("globalping-api", &wanted.work, &wanted.labels);
    let wanted = &config().panels()["atlas-shop"];
    let alone = Panel::new("atlas-shop", &wanted.work, &wanted.labels);
    let judged = Judged { class: Class::OneSite, ..Judged::default() };
    let told = Told { addresses: vec![([192, 0, 2, 1].into(), judged)], ..Told::default() };
    alone.publish(panel::state::Latest { told, unused: CountsBy::default() }, now);
    vec![Arc::new(panel), Arc::new(alone), Arc::new(made)]
}

#[test]
fn exposition() {
    let now = Instant::now();
    let evaluation = evaluation(now);
    let snapshot = evaluation.standing(now);
    let text = exporter_kit::openmetrics(|page| {
        page::encode(&evaluation, &panels(now), now, page);
        claims::encode(&pages(now), now, page);
        routes::encode(&routing(), snapshot.as_deref(), page);
        let budget = Budget::default();
        budget.hear(Limits { limit: 250, remaining: 202, reset: 3_000 }, now);
        super::panel::encode(&panels(now), &budget, snapshot.as_deref(), now, page);
    });
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write("tests/golden/metrics.prom", &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string("tests/golden/metrics.prom").unwrap());
    assert!(!text.contains("NaN") && !text.contains("script"));
}

#[test]
fn a_verdict_stands_for_three_intervals_and_is_then_absent() {
    let now = Instant::now();
    let evaluation = evaluation(now);
    let shown = |later| {
        let page = exporter_kit::openmetrics(|page| {
            page::encode(&evaluation, &[], now + Duration::from_secs(later), page);
        });
        let has = |name: &str| page.lines().any(|line| line.starts_with(name));
        assert!(
            has("homing_last_evaluation_timestamp_seconds ") && has("homing_evaluations_total{")
        );
        has("homing_class{")
    };
    assert!(shown(0) && shown(180) && !shown(240));
}

#[test]
fn a_page_that_does_not_answer_is_unknown_after_three_intervals() {
    let now = Instant::now();
    let pages = pages(now);
    let shown = |later| pages[0].shown(now + Duration::from_secs(later)).told.whole;
    assert_eq!((shown(180), shown(240)), (ClaimState::Degraded, ClaimState::Unknown));
    pages[0].is_unreadable();
    assert_eq!(shown(0), ClaimState::Unknown);
    assert!(!pages[1].is_the_same(now, 0.0));
}
