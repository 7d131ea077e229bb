//! The benchmarks, on a small world and without the peers: they measure what they say.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use turbulence_lab::bench::report::Row;
use turbulence_lab::bench::{Bench, Options, dns, latency};
use turbulence_lab::netns;

fn options() -> Options {
    Options {
        which: vec![Bench::Latency, Bench::Dns],
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
    let rows = latency::measure(20, &options()).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert!(figure(&rows, "answered") >= 1.0, "{}", rows[0].line());
    assert!(figure(&rows, "probes_per_second") > 0.0);
    assert!(figure(&rows, "p50_ms") > 0.0);
    assert!(figure(&rows, "scrape_mb") > 0.0);
    assert!(figure(&rows, "rss_mb") > 0.0);
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
