//! Prometheus itself reads the pages: by text and by protobuf the same, and native histograms right.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use peers::exposition::samples;
use peers::{Program, Prometheus};

use super::{start, wait_for};

const CLOCKS: usize = 24;

/// A Prometheus that scrapes one address.
fn prometheus(program: &Path, target: SocketAddr, flags: &[&str]) -> Prometheus {
    let version = Command::new(program).arg("--version").output().unwrap();
    let version = [version.stdout, version.stderr].concat();
    let version = String::from_utf8_lossy(&version);
    let classic = version.contains("version 3.") && !flags.is_empty();
    let classic = if classic { "always_scrape_classic_histograms: true" } else { "" };
    let config = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: tick\n  {classic}\n  \
         static_configs: [{{targets: ['{target}']}}]\n"
    );
    Prometheus::start(program, &config, flags)
}

/// Clocks that tick once within seconds, each after a time of its own, and then not for an hour:
/// what two servers scrape is the same, and every histogram holds one duration, which is its sum.
fn clocks() -> Program {
    let clocks: Vec<String> = (0..CLOCKS).map(|n| format!("\"c{n}\": {{period: 1h}}")).collect();
    let program = start(&format!("clocks: {{{}}}", clocks.join(", ")));
    for n in 0..CLOCKS {
        wait_for(&program, &format!("tick_ticks_total{{clock=\"c{n}\"}} 1"));
    }
    program
}

#[test]
fn prometheus_reads_native_histograms_right() {
    let program = clocks();
    let page = program.page("/metrics");
    let sums = samples(&page).filter(|sample| sample.name == "tick_gap_seconds_sum");
    let mut gaps: Vec<f64> = sums.map(|sample| sample.value).collect();
    gaps.sort_by(f64::total_cmp);
    for server in Prometheus::programs() {
        let flags = ["--enable-feature=native-histograms"];
        let prometheus = prometheus(&server, program.address(), &flags);
        prometheus.wait_for("histogram_count(tick_gap_seconds) == 1", CLOCKS);
        prometheus.wait_for(&format!("histogram_count(sum(tick_gap_seconds)) == {CLOCKS}"), 1);
        let sum = prometheus.number("histogram_sum(sum(tick_gap_seconds))");
        assert!((sum - gaps.iter().sum::<f64>()).abs() < 1e-6, "{sum} {gaps:?}");
        for (quantile, rank) in [(0.25, CLOCKS / 4), (0.5, CLOCKS / 2), (0.95, CLOCKS * 19 / 20)] {
            let query = format!("histogram_quantile({quantile}, sum(tick_gap_seconds))");
            let (got, [low, high]) = (prometheus.number(&query), [gaps[rank - 1], gaps[rank]]);
            // Within the buckets, 9 % wide, of the durations on both sides.
            assert!(got > low / 1.1 && got < high * 1.1, "{got} {low} {high} {gaps:?}");
        }
    }
}

#[test]
fn every_series_is_the_same_by_text_and_by_protobuf() {
    let program = clocks();
    for server in Prometheus::programs() {
        let flags = ["--enable-feature=native-histograms"];
        let protobuf = prometheus(&server, program.address(), &flags);
        let text = prometheus(&server, program.address(), &[]);
        let bounds = exporter_kit::BOUNDS.len() + 1;
        text.wait_for("{__name__=~'tick.*_bucket'}", CLOCKS * bounds);
        protobuf.wait_for("histogram_count(tick_gap_seconds)", CLOCKS);
        // By text there are no native histograms, so that the other is really protobuf.
        assert!(text.query("tick_gap_seconds").is_empty());
        let steady = "{__name__=~'tick_.+|turbulence_.+|process_start.+|process_max_fds'}";
        let (natives, seen): (BTreeMap<_, _>, BTreeMap<_, _>) =
            protobuf.query(steady).into_iter().partition(|(_, value)| value.is_object());
        assert_eq!(natives.len(), CLOCKS);
        let mut wanted = text.query(steady);
        if !seen.keys().any(|labels| labels.contains("_bucket")) {
            // Before 2.45, where there is a native histogram, its other buckets are not kept.
            wanted.retain(|labels, _| !labels.contains("tick_gap_seconds_"));
        }
        assert_eq!(seen, wanted, "{}", server.display());
        assert!(seen.len() > CLOCKS);
    }
}
