//! Probes on demand, with the same module of `blackbox_exporter` and of turbulence-latency, and endpoints
//! that ours probes each second.

mod servers;

use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::time::{Instant, sleep};

use self::servers::Servers;
use super::page;
use super::report::{Bound, Goal, Row};
use super::scrape::{fetch, scrape, wait_for};
use super::usage::Watch;
use super::{Options, say};
use crate::netns::Namespace;
use crate::newest;
use crate::process::{Program, find_own};

/// Our program, as it stands in the results.
pub const OURS: &str = "ours";
const PEER: &str = "blackbox_exporter";
const PACKAGE: &str = "prometheus-blackbox-exporter";
/// Modules of both, and what each is asked about.
const MODULES: [(&str, &str); 4] = [
    ("icmp", "127.0.0.2"),
    ("tcp", "127.0.0.2:8080"),
    ("http", "http://127.0.0.2:8080/"),
    ("https", "https://127.0.0.2:8443/"),
];
/// The same file for both.
const GRAMMAR: &str = "modules:\n  \
     icmp: {prober: icmp, timeout: 5s, icmp: {preferred_ip_protocol: ip4}}\n  \
     tcp: {prober: tcp, timeout: 5s}\n  \
     http: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4}}\n  \
     https: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4, tls_config: {ca_file: CA}}}\n";
const PAGE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9292);
const START_LIMIT: Duration = Duration::from_secs(60);
/// Endpoints that are probed each second.
const ENDPOINTS: usize = 1_000;
const CONTINUOUS: &str = "http-each-second";
/// The share of the peer's CPU time that a probe of ours may take.
const OF_PEER: f64 = 0.5;

/// Measures both programs module by module, then ours with endpoints of its own.
pub async fn measure(options: &Options) -> anyhow::Result<Vec<Row>> {
    let namespace = Arc::new(Namespace::new("bench-probe")?);
    let folder = tempfile::Builder::new().prefix("turbulence-bench-").tempdir()?;
    let servers = Servers::start(&namespace, folder.path())?;
    let mut rows =
        on_demand(OURS, &find_own("turbulence-latency")?, &namespace, &servers, options).await?;
    if !options.no_peers {
        let (program, remarks) = newest::find(PACKAGE, None)?;
        for remark in &remarks {
            say(&format!("  {remark}"));
        }
        say(&format!("  beside ours: {program}"));
        rows.extend(on_demand(PEER, &program.path, &namespace, &servers, options).await?);
    }
    rows.push(each_second(&namespace, folder.path(), options).await?);
    Ok(rows)
}

/// Whether a probe of ours takes less than half of the peer's, module by module.
pub fn verdicts(rows: &[Row]) -> Vec<String> {
    let of = |peer: &'static str| rows.iter().filter(move |row| row.peer() == peer);
    let pairs = of(OURS).filter_map(|own| {
        let other = of(PEER).find(|other| other.is_comparable(own))?.figure("cpu_ms")?;
        let bound = Bound::AtMost((other * OF_PEER * 1e4).round() / 1e4);
        Some(super::report::verdicts(own, &[Goal { figure: "cpu_ms", bound }]))
    });
    pairs.flatten().collect()
}

/// Asks one program for probes, by each module for a while.
async fn on_demand(
    peer: &'static str,
    program: &Path,
    namespace: &Arc<Namespace>,
    servers: &Servers,
    options: &Options,
) -> anyhow::Result<Vec<Row>> {
    let folder = tempfile::Builder::new().prefix("turbulence-bench-").tempdir()?;
    let config = folder.path().join("config.yml");
    let mut text = GRAMMAR.replace("CA", &servers.ca.display().to_string());
    if peer == OURS {
        text += "vantage: {name: bench, region: LAB}\non_demand: {allow: [127.0.0.0/8]}\n";
    }
    fs::write(&config, text)?;
    let mut command = Command::new(program);
    command.arg(format!("--config.file={}", config.display()));
    command.arg(format!("--web.listen-address={PAGE}"));
    let mut running = Program::start(peer, folder.path(), command, |it| namespace.spawn(it))?;
    let ready = wait_for(namespace, PAGE, START_LIMIT, |_| true).await;
    ready.with_context(|| format!("{peer}; its last words:\n{}", running.last_words()))?;
    let mut rows = Vec::new();
    for (module, target) in MODULES {
        // What is made once, such as a socket or a pool, is no cost of a probe.
        ask(namespace, module, target, Duration::from_secs(1)).await?;
        let watch = Watch::start(running.id())?;
        let probes =
            ask(namespace, module, target, Duration::from_secs(options.seconds) / 2).await?;
        let used = watch.end()?;
        running.must_run()?;
        rows.push(row(peer, module, probes, used.cpu_seconds, used.seconds, used.rss));
    }
    Ok(rows)
}

/// Probes for so long, by one connection each, as fast as they are answered; how many.
async fn ask(
    namespace: &Arc<Namespace>,
    module: &'static str,
    target: &'static str,
    time: Duration,
) -> anyhow::Result<usize> {
    let namespace = Arc::clone(namespace);
    let asking = move || -> anyhow::Result<usize> {
        let (began, mut count) = (Instant::now(), 0);
        let path = format!("/probe?module={module}&target={target}");
        while began.elapsed() < time {
            let answer = fetch(PAGE, &path, "X-Prometheus-Scrape-Timeout-Seconds: 5\r\n")?;
            let text = String::from_utf8_lossy(&answer.body);
            ensure!(page::sum(&text, "probe_success") > 0.5, "{module} {target} failed:\n{text}");
            count += 1;
        }
        Ok(count)
    };
    tokio::task::spawn_blocking(move || namespace.run(asking)).await?
}

/// Ours, with endpoints that it probes all the time.
async fn each_second(
    namespace: &Namespace,
    folder: &Path,
    options: &Options,
) -> anyhow::Result<Row> {
    let config = folder.join("each-second.yml");
    let mut text = String::from(
        "vantage: {name: bench, region: LAB}\n\
         modules: {web: {prober: http, interval: 1s, timeout: 3s}}\n\
         targets:\n",
    );
    for number in 0..ENDPOINTS {
        writeln!(
            text,
            "  - {{name: e{number}, module: web, address: \"http://127.0.0.2:8080/\"}}"
        )?;
    }
    fs::write(&config, text)?;
    let mut command = Command::new(find_own("turbulence-latency")?);
    command.arg("--config.file").arg(&config).arg(format!("--web.listen-address={PAGE}"));
    let mut running = Program::start("each-second", folder, command, |it| namespace.spawn(it))?;
    let probes = |text: &str| page::sum(text, "latency_probes_total");
    let ready = wait_for(namespace, PAGE, START_LIMIT, |it| probes(it) >= ENDPOINTS as f64).await;
    ready.with_context(|| running.last_words())?;
    let before = scrape(namespace, PAGE)?;
    let watch = Watch::start(running.id())?;
    sleep(Duration::from_secs(options.seconds)).await;
    let used = watch.end()?;
    let after = scrape(namespace, PAGE)?;
    running.must_run()?;
    let failed = |text: &str| page::sum(text, "latency_failures_total");
    let count = probes(&after.page) - probes(&before.page);
    let well = count - (failed(&after.page) - failed(&before.page));
    ensure!(well > 0.0, "no probe was answered");
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of probes"
    )]
    let count = count as usize;
    let row = row(OURS, CONTINUOUS, count, used.cpu_seconds, used.seconds, used.rss);
    Ok(row.with("answered_ratio", Some(well / count as f64), 4))
}

fn row(peer: &str, module: &str, probes: usize, cpu: f64, seconds: f64, rss: f64) -> Row {
    Row::new("probe", peer, ("clients", 1))
        .of_only_size()
        .alike("module", module)
        .with("cpu_ms", Some(cpu * 1e3 / probes as f64), 4)
        .with("per_second", Some(probes as f64 / seconds), 1)
        .with("rss_mb", Some(rss), 1)
        .with("probes", Some(probes as f64), 0)
}
