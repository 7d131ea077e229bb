//! A program that sends echoes for ever: how its page is read, and what was seen of it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::{Instant, sleep};

use super::page;
use super::scrape::{self, scrape, wait_for};
use super::usage::Watch;
use crate::netns::Namespace;
use crate::process::Program;

/// Where a program's page is, in the namespace of its own.
pub(super) const PAGE: SocketAddr = SocketAddr::new(
    // Not among the targets.
    std::net::IpAddr::V4(Ipv4Addr::LOCALHOST),
    9290,
);
/// As Prometheus asks for native histograms.
const PROTOBUF: &str =
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
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
    /// Bytes of the page by gzip, as protobuf, and as protobuf by gzip; of a program that gives them.
    pub(super) gzip: Option<usize>,
    pub(super) protobuf: Option<usize>,
    pub(super) protobuf_gzip: Option<usize>,
}

/// What one scrape took.
#[derive(Clone, Copy, Debug)]
pub(super) struct SeenScrape {
    pub(super) bytes: usize,
    pub(super) seconds: f64,
    pub(super) cpu_seconds: f64,
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
    let watch = Watch::start(pid)?;
    sleep(watched).await;
    let used = watch.end()?;
    let after = scrape(namespace, PAGE)?;
    let scraped = watch.end()?;
    let probing_seconds = counted.elapsed().as_secs_f64();
    // A second later, each target has had one more probe, and so each sum tells its round trip.
    sleep(Duration::from_secs(1).saturating_sub(Duration::from_secs_f64(after.seconds))).await;
    let last = scrape(namespace, PAGE)?;
    program.must_run()?;
    let peak_rss = watch.end()?.peak_rss;
    // Last: what these cost is not of the figures.
    let gzip = scrape::size(namespace, PAGE, "text/plain", true)?;
    let protobuf = scrape::size(namespace, PAGE, PROTOBUF, false)?;
    let protobuf_gzip =
        protobuf.map(|_| scrape::size(namespace, PAGE, PROTOBUF, true)).transpose()?;

    let between = |of: &dyn Fn(&str) -> f64| of(&after.page) - of(&before.page);
    Ok(Seen {
        cpu_seconds: used.cpu_seconds,
        seconds: used.seconds,
        probing_seconds,
        rss: used.rss,
        peak_rss,
        probes: between(&|text| page::sum(text, reading.probes)),
        answered: between(&reading.answered),
        round_trips: page::durations_between(&after.page, &last.page, reading.histogram),
        scrape: Some(SeenScrape {
            bytes: after.page.len(),
            seconds: after.seconds,
            cpu_seconds: scraped.cpu_seconds - used.cpu_seconds,
        }),
        gzip,
        protobuf,
        protobuf_gzip: protobuf_gzip.flatten(),
    })
}
