//! The golden exposition: every metric, from a fixed state.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use exporter_kit::Exporter as _;
use exporter_kit::config::Vantage;

use super::counts::ReceiveQueue;
use super::page::{Row, Scrape};
use crate::LatencyExporter;
use crate::config::Config;
use crate::icmp::SocketFigures;
use crate::outcome::{Distrust, Failure, Outcome, Phase, Phases, Seen, Session};
use crate::path::evidence::{self, Light};
use crate::path::trace::{End, Hop, Trace};
use crate::registration::SharedVerdicts;
use crate::standing::Moment;
use crate::state::TargetState;
use crate::tables::{Loaded, TableFigures};
use crate::verdict::Report;

const CONFIG: &str = r#"
vantage: {name: fra, region: EMEA, country: DE, site: Frankfurt, asn: 64500, latitude: 50.11, longitude: 8.68}
figures: [rtt_min_10m, phase_min, jitter, deviation, reply_ttl, sent]
modules:
  icmp: {prober: icmp, path: {}}
  http_2xx: {prober: http, http: {tls_config: {insecure_skip_verify: true}}}
  tcp: {prober: tcp}
targets:
  - {name: canary, address: 192.0.2.1, module: icmp, role: canary}
  - {name: "named \"web\"", address: "https://www.example.com/", modules: [http_2xx, tcp]}
  - {name: new, address: "192.0.2.3:25", modules: [icmp, tcp]}
"#;

fn at(seconds: u64) -> Moment {
    Moment { monotonic: Duration::from_secs(seconds), unix_seconds: 1.5e9 + seconds as f64 }
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn answered(millis: u64) -> Outcome {
    Outcome { duration: Some(ms(millis)), rtt: Some(ms(millis)), ..Outcome::default() }
}

/// A web server that answers 500 on its second address.
fn web(status: u16) -> Outcome {
    let mut phases = Phases::default();
    phases.set(Phase::Connect, ms(20));
    phases.set(Phase::Tls, ms(41));
    phases.set(Phase::Ttfb, ms(22));
    phases.set(Phase::Transfer, ms(1));
    Outcome {
        failure: (status == 500).then_some(Failure::HttpStatus),
        phase: None,
        duration: Some(ms(84)),
        rtt: Some(ms(20)),
        phases,
        seen: Seen::Http { status },
        ahead: Some(0),
        session: Some(Box::new(Session {
            version: Some("TLS 1.3"),
            cipher: Some("TLS_AES_128_GCM_SHA256".to_owned()),
            expiry: Some(1_600_000_000),
            trust: Some(if status == 500 { Err(Distrust::Name) } else { Ok(()) }),
        })),
    }
}

/// Whose addresses are, by three tables.
fn tables() -> Loaded {
    let asn = "192.0.2.0\t24\t64500\n198.51.100.0\t24\t64501\n";
    let mut tables = Loaded::of(asn, "198.51.100.3/32,EXAMPLE-IX,Amsterdam,NL\n", "");
    let modified = Some(1.4e9);
    let figures = |table| TableFigures { table, entries: 2, modified, ..TableFigures::default() };
    tables.figures = ["asn", "ix"].map(figures).to_vec();
    tables
}

/// A path that became another one.
fn traced(state: &TargetState, ip: IpAddr) {
    let trace = |routers: &[u8]| {
        let hop = |last: u8| {
            let hop = Hop { address: [198, 51, 100, last].into(), rtt: ms(16), mpls: Vec::new() };
            (last != 0).then_some(hop)
        };
        let target = Some(Hop { address: ip, rtt: ms(18), mpls: Vec::new() });
        let hops = routers.iter().map(|last| hop(*last)).chain([target]).collect();
        Trace { to: ip, hops, end: End::Reached }
    };
    let paths = state.paths.as_deref().unwrap();
    for (second, routers) in [(20, [1, 2]), (30, [1, 2]), (320, [1, 3]), (330, [0, 3])] {
        paths.take_in(0, &trace(&routers), at(second).unix_seconds);
    }
    let light = Light { tables: &tables(), vantage: Some((50.11, 8.68)), rtt: None };
    let name =
        |ip: IpAddr| (ip.to_string() == "198.51.100.3").then(|| "ix.ams1.example.net".into());
    let report = evidence::report(&paths.path(ip).unwrap(), light, name);
    paths.report(0, ip, report, at(340).unix_seconds);
}

/// What is probed, and what is said of it.
fn states() -> (Vantage, Vec<TargetState>, SharedVerdicts) {
    let verdicts = SharedVerdicts::default();
    let config: Config = exporter_kit::parse(CONFIG, "golden").unwrap();
    let config = LatencyExporter::prepare(config, Path::new(".")).unwrap();
    let states: Vec<_> = config
        .targets(&[], true)
        .0
        .iter()
        .map(|(id, wanted)| TargetState::new(&id.name, wanted, &verdicts))
        .collect();

    let ip = IpAddr::from([192, 0, 2, 1]);
    states[0].resolved(&[ip], None, Duration::ZERO);
    states[0].decided(1, ip, &answered(20), at(10));
    traced(&states[0], ip);
    states[0].decided(2, ip, &answered(18), at(11));
    for (round, hop_limit) in [(1, 57), (2, 58)] {
        let seen = Seen::Echo { hop_limit: Some(hop_limit) };
        states[0].decided(round, ip, &Outcome { seen, ..answered(19) }, at(11));
    }
    states[0].begun();
    states[0].begun();
    states[0].decided(3, ip, &Outcome::timed_out(ms(3000)), at(15));
    states[0].silent(3, Failure::Timeout, at(15));
    states[0].counts.strays.late.inc();
    states[0].counts.strays.duplicate.inc();
    states[0].counts.strays.answered(ip, ms(2000));
    states[0].counts.strays.answered(ip, ms(1000));

    let ips = [IpAddr::from([192, 0, 2, 80]), "2001:db8::80".parse().unwrap()];
    states[1].resolved(&ips, Some(ms(7)), Duration::ZERO);
    states[1].decided(1, ips[0], &web(200), at(12));
    states[1].decided(1, ips[1], &web(500), at(12));
    // One before that hung in the handshake of TLS.
    let hung = Outcome { phase: Some(Phase::Tls), ..Outcome::timed_out(ms(3000)) };
    states[1].decided(0, ips[1], &hung, at(12));
    (config.vantage, states, verdicts)
}

fn exposition() -> String {
    let (vantage, states, verdicts) = states();
    judged(&states);
    let queue = ReceiveQueue::default();
    queue.observe(Duration::from_micros(40));
    let scrape = Scrape {
        tables: &tables(),
        vantage: &vantage,
        targets: states.iter().map(Row::of).collect(),
        sockets: vec![
            SocketFigures {
                family: "ip4",
                mode: "dgram",
                features: vec![("receive_stamps", true), ("error_queue", true)],
                count: 2,
                moves: 1,
                dropped: Some(3),
            },
            SocketFigures {
                family: "ip6",
                mode: "raw",
                features: vec![("filter", false)],
                count: 1,
                moves: 0,
                dropped: None,
            },
        ],
        queue: &queue,
        report: verdicts.lock().report(JUDGED as f64 + 20.0),
        now: at(20),
        unknown_modules: 0,
    };
    exporter_kit::openmetrics(|page| scrape.write(page))
}

/// So many seconds of rounds are judged.
const JUDGED: u64 = 4000;

/// The canary answers; over IPv6 the web server has failed for an hour, and it takes a longer path and ever
/// longer for the first byte, while a filter drops other connections; the new target, which answers echoes,
/// was refused for two minutes.
fn judged(states: &[TargetState]) {
    let ip = IpAddr::from([192, 0, 2, 1]);
    let ips = [IpAddr::from([192, 0, 2, 80]), "2001:db8::80".parse().unwrap()];
    for second in (0..JUDGED).step_by(5) {
        let is_late = second > JUDGED - 600;
        states[0].judge(at(second).monotonic, at(second), &[(ip, answered(20))]);
        let mut four = web(200);
        four.rtt = Some(ms(if is_late { 60 } else { 20 }));
        four.phases.set(Phase::Ttfb, ms(if is_late { 900 } else { 22 }));
        let six = web(if second > 400 { 500 } else { 200 });
        states[1].judge(
            at(second).monotonic,
            at(second),
            &[(ips[0], four), (ips[1], Outcome { rtt: None, ..six })],
        );
        states[3].judge(at(second).monotonic, at(second), &[([192, 0, 2, 3].into(), answered(20))]);
        if second > JUDGED - 120 {
            let [silent, mut refused] = [Failure::Timeout, Failure::Refused].map(Outcome::failed);
            refused.phase = Some(Phase::Connect);
            states[2].judge(at(second).monotonic, at(second), &[(ips[0], silent)]);
            states[4].judge(at(second).monotonic, at(second), &[([192, 0, 2, 3].into(), refused)]);
        }
    }
}

#[test]
fn the_exposition_is_the_golden_one() {
    let (text, golden) = (exposition(), "tests/golden/metrics.prom");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(golden, &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(golden).unwrap());
}

#[test]
fn a_reason_is_there_once_it_has_occurred_and_the_sum_of_all_from_the_start() {
    let text = exposition();
    let of = |series: &str| text.lines().filter(|line| line.starts_with(series)).count();
    let total = "latency_failures_total{vantage=\"fra\",region=\"EMEA\",target=\"new\"";
    assert_eq!(
        text.lines().find_map(|line| line.strip_prefix(total)?.split_once("} ")).unwrap().1,
        "0"
    );
    assert_eq!(of("latency_failures_total{"), 5);
    assert_eq!(of("latency_probe_failures_total{"), 3);
    assert_eq!(of("latency_icmp_late_replies_total{"), 1);
    assert_eq!(of("latency_icmp_duplicate_replies_total{"), 1);
}

#[test]
fn what_is_not_known_is_absent() {
    let text = exposition();
    for gauge in ["latency_up{", "latency_last_success_timestamp_seconds{", "latency_addresses{"] {
        let of_new = |line: &&str| line.starts_with(gauge) && line.contains("target=\"new\"");
        assert_eq!(text.lines().find(of_new), None);
    }
}

#[test]
fn other_buckets_begin_at_zero_and_leave_the_counters_as_they_are() {
    let (vantage, states, _) = states();
    let page = |states: &[TargetState]| {
        let scrape = Scrape {
            tables: &Loaded::default(),
            vantage: &vantage,
            targets: states.iter().map(Row::of).collect(),
            sockets: Vec::new(),
            queue: &ReceiveQueue::default(),
            report: Report::default(),
            now: at(20),
            unknown_modules: 0,
        };
        exporter_kit::openmetrics(|page| scrape.write(page))
    };
    let shows = |text: &str, series: &str| {
        text.lines().filter(|line| line.starts_with(series) && line.contains("canary")).count()
    };
    let other: Config = exporter_kit::parse(&format!("buckets: [0.5]{CONFIG}"), "golden").unwrap();
    let other = LatencyExporter::prepare(other, Path::new(".")).unwrap().targets(&[], true).0;
    let before = page(&states);
    states.iter().zip(other.values()).for_each(|(state, wanted)| state.relabel(&wanted.labels));
    let after = page(&states);
    let buckets = "latency_probe_duration_seconds_bucket{le=\"";
    assert_eq!((shows(&before, buckets), shows(&after, buckets)), (12, 2));
    assert_eq!(shows(&after, &format!("{buckets}0.5\"")), 1);
    let nothing = after.lines().filter(|line| line.contains("_duration_seconds_"));
    assert!(nothing.clone().all(|line| line.ends_with(" 0") || line.ends_with(" 0.0")), "{after}");
    assert!(nothing.count() > 0);
    let probes = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.starts_with("latency_probes_total{"));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(probes(&before), probes(&after));
    assert!(probes(&after)[0].ends_with(" 5"));
}

/// What a page of so many targets costs its reader, by family; to be seen with `--nocapture`.
fn size(targets: usize, [module, prober]: [&str; 2], address: &str, outcome: &Outcome) -> usize {
    let mut config = format!(
        "vantage: {{name: bench, region: LAB}}\nmodules: {{{module}: {{prober: {prober}}}}}\ntargets:\n"
    );
    for n in 0..targets {
        let ip = format!("127.1.{}.{}", n / 250, n % 250 + 1);
        let address = address.replace("IP", &ip);
        writeln!(config, "  - {{name: {ip}, module: {module}, address: \"{address}\"}}").unwrap();
    }
    let config: Config = exporter_kit::parse(&config, "many").unwrap();
    let config = LatencyExporter::prepare(config, Path::new(".")).unwrap();
    let verdicts = SharedVerdicts::default();
    let of = |(name, wanted)| {
        let state = TargetState::new(name, wanted, &verdicts);
        let ip: IpAddr = name.parse().unwrap();
        state.resolved(&[ip], None, Duration::ZERO);
        (1..=100).for_each(|round| state.decided(round, ip, outcome, at(round)));
        state.judge(at(100).monotonic, at(100), &[(ip, outcome.clone())]);
        state
    };
    let states: Vec<_> =
        config.targets(&[], true).0.iter().map(|(id, it)| of((id.name.as_str(), it))).collect();
    let scrape = Scrape {
        tables: &Loaded::default(),
        vantage: &config.vantage,
        targets: states.iter().map(Row::of).collect(),
        sockets: Vec::new(),
        queue: &ReceiveQueue::default(),
        report: verdicts.lock().report(101.0),
        now: at(101),
        unknown_modules: 0,
    };
    let text = exporter_kit::openmetrics(|page| scrape.write(page));
    println!("{targets} targets by {module}: {} bytes, of a target:", text.len());
    for family in text.split("# HELP ").skip(1) {
        let (name, _) = family.split_once(' ').unwrap();
        let lines = family.lines().filter(|line| !line.starts_with('#')).count();
        println!("{:>8} bytes {:>3} lines {name}", family.len() / targets, lines / targets);
    }
    text.len()
}

#[test]
fn a_page_of_ten_thousand_echoed_targets_is_smaller_than_30_mb() {
    let outcome = Outcome {
        duration: Some(Duration::from_nanos(20_123_456)),
        rtt: Some(Duration::from_nanos(20_123_456)),
        ..Outcome::default()
    };
    assert!(size(10_000, ["icmp", "icmp"], "IP", &outcome) < 30_000_000);
    // What a target with phases costs, is printed alone.
    size(100, ["tcp", "tcp"], "IP:25", &outcome);
    let https = "http, http: {tls_config: {insecure_skip_verify: true}}";
    size(100, ["http", https], "https://IP/", &web(200));
}
