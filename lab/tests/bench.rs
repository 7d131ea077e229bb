//! The benchmarks, on a small world and without the peers: they measure what they say.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use turbulence_lab::bench::report::Row;
use turbulence_lab::bench::{Bench, Options, accuracy, dns, icmp, probe};
use turbulence_lab::netns;

fn options() -> Options {
    Options {
        which: vec![Bench::Icmp, Bench::Dns],
        targets: vec![20],
        resolvers: 2_000,
        seconds: 3,
        no_peers: true,
    }
}

/// Without the right to make namespaces there is no world to measure in.
fn privileged() -> bool {
    let privileged = netns::privileged().unwrap();
    if !privileged {
        eprintln!("skipped: making a network namespace needs root");
    }
    privileged
}

fn figure(rows: &[Row], name: &str) -> f64 {
    let figure = rows[0].figure(name);
    figure.unwrap_or_else(|| panic!("no {name} in {}", rows[0].line()))
}

#[tokio::test]
async fn every_echo_on_loopback_is_answered_and_timed() {
    if !privileged() {
        return;
    }
    let rows = icmp::measure(20, &options()).await.unwrap();
    let programs: Vec<&str> = rows.iter().map(Row::peer).collect();
    assert_eq!(programs, ["ours", "floor"]);
    assert!(rows[1].figure("answered_ratio") >= Some(1.0), "{}", rows[1].line());
    assert!(figure(&rows, "answered_ratio") >= 1.0, "{}", rows[0].line());
    assert!(figure(&rows, "per_second") > 0.0);
    assert!(figure(&rows, "p50_us") > 0.0);
    assert!(figure(&rows, "protobuf_kb_per_target") > 0.0);
    assert!(figure(&rows, "scrape_gzip_mb") < figure(&rows, "scrape_mb"));
    assert!(figure(&rows, "scrape_mb") > 0.0);
    assert!(figure(&rows, "rss_mb") > 0.0);
}

/// It never tells less than the wire took, which would be a place nearer than it is.
#[tokio::test]
async fn no_round_trip_is_told_shorter_than_the_kernel_saw_it() {
    if !privileged() {
        return;
    }
    let rows = accuracy::measure(&options()).await.unwrap();
    let loads: Vec<_> = rows.iter().map(Row::line).collect();
    assert_eq!(rows.len(), 2, "{loads:?}");
    for row in &rows {
        assert!(row.figure("min_ms").unwrap() >= 0.0, "{}", row.line());
        assert!(row.figure("echoes").unwrap() >= 100.0, "{}", row.line());
    }
}

#[tokio::test]
async fn every_module_is_probed_on_demand_and_one_all_the_time() {
    if !privileged() {
        return;
    }
    let rows = probe::measure(&options()).await.unwrap();
    let lines: Vec<_> = rows.iter().map(Row::line).collect();
    assert_eq!(rows.len(), 5, "{lines:?}");
    assert!(rows.iter().all(|row| row.figure("cpu_ms").unwrap() > 0.0), "{lines:?}");
    assert!(rows[4].figure("answered_ratio").unwrap() >= 1.0, "{lines:?}");
}

#[tokio::test]
async fn each_resolver_is_asked_each_question_once_in_a_sweep() {
    if !privileged() {
        return;
    }
    let rows = dns::measure(&options()).await.unwrap();
    assert_eq!(rows.len(), 1);
    // The control question, and of who passes it the question itself.
    let each = figure(&rows, "datagrams_per_resolver");
    assert!((1.5..=2.0).contains(&each), "{}", rows[0].line());
    assert!(figure(&rows, "most_datagrams") <= 2.0);
    assert!(figure(&rows, "answered") > 0.9);
}
