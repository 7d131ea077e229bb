//! ICMP echoes, one a second to each target: turbulence-latency, `smokeping_prober` and fping.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::{Instant, sleep};

use super::report::{Bound, Goal, Row, quantile};
use super::scrape::{scrape, wait_for};
use super::{Options, fping, page, say, smokeping, usage};
use crate::netns::Namespace;
use crate::process::{Program, find_own};

/// Our program, as it stands in the results.
pub const OURS: &str = "turbulence-latency";

/// Where a program's page is, in the namespace of its own.
pub(super) const PAGE: SocketAddr = SocketAddr::new(
    // Not among the targets.
    std::net::IpAddr::V4(Ipv4Addr::LOCALHOST),
    9290,
);
/// How long a program may take to ask every target once.
const START_LIMIT: Duration = Duration::from_secs(60);
/// From then on until it is measured.
const SETTLING: Duration = Duration::from_secs(5);

/// How the page of a program that probes for ever is to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    pub(super) peer: &'static str,
    /// Counts all probes.
    pub(super) probes: &'static str,
    /// Gives how many of them were answered.
    pub(super) answered: fn(&str) -> f64,
    /// The histogram of round trips.
    pub(super) histogram: &'static str,
}

/// What was seen of a program.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) cpu_seconds: f64,
    pub(super) seconds: f64,
    /// In which the probes were counted.
    pub(super) probing_seconds: f64,
    pub(super) rss: f64,
    pub(super) peak_rss: f64,
    pub(super) probes: f64,
    pub(super) answered: f64,
    /// Sorted, in seconds.
    pub(super) round_trips: Vec<f64>,
    pub(super) scrape: Option<SeenScrape>,
}

/// What one scrape took.
#[derive(Clone, Copy, Debug)]
pub(super) struct SeenScrape {
    bytes: usize,
    seconds: f64,
    cpu_seconds: f64,
}

/// Measures every program on `targets` addresses, each in a namespace of its own.
pub async fn measure(targets: usize, options: &Options) -> anyhow::Result<Vec<Row>> {
    let hosts = addresses(targets);
    let watched = Duration::from_secs(options.seconds);
    let mut rows = vec![row(OURS, targets, &ours(&hosts, watched).await?)];
    if options.no_peers {
        return Ok(rows);
    }
    for protocol in smokeping::PROTOCOLS {
        let peer = protocol.reading.peer;
        if targets > protocol.most {
            say(&format!("  {peer}: left out, it does not come up with {targets} targets"));
            continue;
        }
        match smokeping::measure(protocol, &hosts, watched).await {
            Ok(seen) => rows.push(row(peer, targets, &seen)),
            Err(error) => say(&format!("  {peer}: not measured: {error:#}")),
        }
    }
    match fping::measure(&hosts, watched).await {
        Ok(seen) => rows.push(row(fping::PEER, targets, &seen)),
        Err(error) => say(&format!("  {}: not measured: {error:#}", fping::PEER)),
    }
    Ok(rows)
}

/// What ours must reach.
pub fn goals(targets: usize) -> Vec<Goal> {
    let goal = |figure, bound| Goal { figure, bound };
    match targets {
        1_000 => vec![
            goal("cpu_percent", Bound::AtMost(3.0)),
            goal("rss_mb", Bound::AtMost(10.0)),
            goal("answered", Bound::AtLeast(1.0)),
        ],
        10_000 => vec![
            goal("cpu_percent", Bound::AtMost(12.0)),
            goal("rss_mb", Bound::AtMost(40.0)),
            goal("p99_ms", Bound::AtMost(0.1)),
            goal("scrape_seconds", Bound::AtMost(0.2)),
        ],
        _ => Vec::new(),
    }
}

/// 127.1.0.1 and on, 250 addresses of each /24.
fn addresses(count: usize) -> Vec<Ipv4Addr> {
    let first = u32::from(Ipv4Addr::new(127, 1, 0, 1));
    let numbers = (0..=u32::from(u16::MAX)).take(count);
    numbers.map(|number| Ipv4Addr::from(first + number / 250 * 256 + number % 250)).collect()
}

async fn ours(hosts: &[Ipv4Addr], watched: Duration) -> anyhow::Result<Seen> {
    let namespace = Namespace::new("bench-latency")?;
    let folder = tempfile::Builder::new().prefix("turbulence-bench-").tempdir()?;
    let config = folder.path().join("config.yml");
    fs::write(&config, config_of_ours(hosts)?)?;
    let mut command = Command::new(find_own(OURS)?);
    command.arg("--config.file").arg(&config).arg(format!("--web.listen-address={PAGE}"));
    let reading = Reading {
        peer: OURS,
        probes: "latency_probes_total",
        answered: |text| {
            page::sum(text, "latency_probes_total")
                - page::sum(text, "latency_probe_failures_total")
        },
        histogram: "latency_probe_duration_seconds",
    };
    watch(&namespace, folder.path(), command, reading, hosts.len(), watched).await
}

fn config_of_ours(hosts: &[Ipv4Addr]) -> anyhow::Result<String> {
    let mut config = String::from(
        "vantage: {name: bench, region: LAB, country: DE, site: lab, asn: 64500, latitude: 0, \
         longitude: 0}\n\
         modules: {icmp: {prober: icmp, interval: 1s, timeout: 3s}}\n\
         targets:\n",
    );
    for host in hosts {
        writeln!(config, "  - {{name: {host}, module: icmp, address: {host}}}")?;
    }
    Ok(config)
}

/// Starts a program that probes for ever, lets it settle, and watches it: first undisturbed, then
/// while it is scraped.
pub(super) async fn watch(
    namespace: &Namespace,
    folder: &Path,
    command: Command,
    reading: Reading,
    targets: usize,
    watched: Duration,
) -> anyhow::Result<Seen> {
    let mut pid = 0;
    let mut program = Program::start(reading.peer, folder, command, |command| {
        let child = namespace.spawn(command)?;
        pid = child.id();
        Ok(child)
    })?;
    let asked_all = |text: &str| page::sum(text, reading.probes) >= targets as f64;
    wait_for(namespace, PAGE, START_LIMIT, asked_all)
        .await
        .with_context(|| format!("{}; its last words:\n{}", reading.peer, program.last_words()))?;
    sleep(SETTLING).await;
    program.must_run()?;

    let (before, counted) = (scrape(namespace, PAGE)?, Instant::now());
    // What the scrape left behind shall not be counted.
    sleep(Duration::from_millis(500)).await;
    let (began, used) = (Instant::now(), usage::of(pid)?);
    sleep(watched).await;
    let (seconds, now) = (began.elapsed().as_secs_f64(), usage::of(pid)?);
    let after = scrape(namespace, PAGE)?;
    let scraped = usage::of(pid)?;
    let probing_seconds = counted.elapsed().as_secs_f64();
    // A second later, each target has had one more probe, and so each sum tells its round trip.
    sleep(Duration::from_secs(1).saturating_sub(Duration::from_secs_f64(after.seconds))).await;
    let last = scrape(namespace, PAGE)?;
    program.must_run()?;

    let between = |of: &dyn Fn(&str) -> f64| of(&after.page) - of(&before.page);
    Ok(Seen {
        cpu_seconds: now.cpu_seconds - used.cpu_seconds,
        seconds,
        probing_seconds,
        rss: now.rss,
        peak_rss: usage::of(pid)?.peak_rss,
        probes: between(&|text| page::sum(text, reading.probes)),
        answered: between(&reading.answered),
        round_trips: page::durations_between(&after.page, &last.page, reading.histogram),
        scrape: Some(SeenScrape {
            bytes: after.page.len(),
            seconds: after.seconds,
            cpu_seconds: scraped.cpu_seconds - now.cpu_seconds,
        }),
    })
}

fn row(peer: &str, targets: usize, seen: &Seen) -> Row {
    let milliseconds = |q| quantile(&seen.round_trips, q).map(|seconds| seconds * 1e3);
    let probed = (seen.probes > 0.0).then_some(seen.probes);
    let scrape = seen.scrape;
    Row::new("latency", peer, ("targets", targets))
        .with("cpu_percent", Some(100.0 * seen.cpu_seconds / seen.seconds), 1)
        .with("rss_mb", Some(seen.rss), 1)
        .with("peak_mb", Some(seen.peak_rss), 1)
        .with("probes_per_second", Some(seen.probes / seen.probing_seconds), 0)
        .with("answered", probed.map(|probes| (seen.answered / probes).min(1.0)), 4)
        .with("p50_ms", milliseconds(0.5), 3)
        .with("p99_ms", milliseconds(0.99), 3)
        .with("scrape_mb", scrape.map(|scrape| scrape.bytes as f64 / 1e6), 2)
        .with("scrape_seconds", scrape.map(|scrape| scrape.seconds), 3)
        .with("scrape_cpu_seconds", scrape.map(|scrape| scrape.cpu_seconds), 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_many_and_none_ends_in_0_or_255() {
        let all = addresses(10_000);
        assert_eq!(all.len(), 10_000);
        assert_eq!(all[250], Ipv4Addr::new(127, 1, 1, 1));
        assert!(all.iter().all(|address| (1..=250).contains(&address.octets()[3])));
    }
}
