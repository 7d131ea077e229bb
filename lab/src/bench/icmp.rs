//! ICMP echoes, one a second to each target: turbulence-latency, `smokeping_prober` and fping.

use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::process::Command;
use std::time::Duration;

use super::echoes::{PAGE, Reading, Seen, watch};
use super::report::{Bound, Goal, Row, quantile};
use super::{Options, echo_floor, fping, page, say, smokeping};
use crate::netns::Namespace;
use crate::newest;
use crate::process::find_own;

/// Our program by its own sockets, as it stands in the results.
pub const OURS: &str = "ours";
/// By the crate surge-ping.
pub const SURGE: &str = "ours-surge";
/// The share of fping's CPU time that an echo of ours may take.
const OF_FPING: f64 = 0.25;

/// Measures every program on `targets` addresses, each in a namespace of its own.
pub async fn measure(targets: usize, options: &Options) -> anyhow::Result<Vec<Row>> {
    let hosts = addresses(targets);
    let watched = Duration::from_secs(options.seconds);
    let mut rows = vec![row(OURS, targets, &ours("kernel", &hosts, watched).await?)];
    let floor = hosts.clone();
    let seen = tokio::task::spawn_blocking(move || echo_floor::measure(&floor, watched)).await??;
    rows.push(row(echo_floor::PEER, targets, &seen));
    if options.no_peers {
        return Ok(rows);
    }
    match ours("surge", &hosts, watched).await {
        Ok(seen) => rows.push(row(SURGE, targets, &seen)),
        Err(error) => say(&format!("  {SURGE}: not measured: {error:#}")),
    }
    let (program, remarks) = newest::find(smokeping::PACKAGE, None)?;
    for remark in &remarks {
        say(&format!("  {remark}"));
    }
    say(&format!("  beside ours: {program}"));
    for protocol in smokeping::PROTOCOLS {
        let peer = protocol.reading.peer;
        if targets > protocol.most {
            say(&format!("  {peer}: left out, it does not come up with {targets} targets"));
            continue;
        }
        match smokeping::measure(&program.path, protocol, &hosts, watched).await {
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

/// What ours must reach, beside what the peers of the same run took.
pub fn goals(targets: usize, rows: &[Row]) -> Vec<Goal> {
    let goal = |figure, bound| Goal { figure, bound };
    let mut goals = vec![goal("answered_ratio", Bound::AtLeast(1.0))];
    if targets == 10_000 {
        goals.extend([
            goal("cpu_percent", Bound::AtMost(8.0)),
            goal("rss_mb", Bound::AtMost(60.0)),
            goal("p99_us", Bound::AtMost(100.0)),
            goal("scrape_ms", Bound::AtMost(150.0)),
            goal("scrape_mb", Bound::AtMost(30.0)),
            goal("protobuf_kb_per_target", Bound::AtMost(1.5)),
        ]);
    }
    let of_fping = rows.iter().find(|row| row.peer() == fping::PEER);
    if let Some(cpu) = of_fping.and_then(|row| row.figure("cpu_us_per_echo")) {
        goals
            .push(goal("cpu_us_per_echo", Bound::AtMost((cpu * OF_FPING * 100.0).round() / 100.0)));
    }
    goals
}

/// 127.1.0.1 and on, 250 addresses of each /24.
fn addresses(count: usize) -> Vec<Ipv4Addr> {
    let first = u32::from(Ipv4Addr::new(127, 1, 0, 1));
    let numbers = (0..=u32::from(u16::MAX)).take(count);
    numbers.map(|number| Ipv4Addr::from(first + number / 250 * 256 + number % 250)).collect()
}

async fn ours(backend: &str, hosts: &[Ipv4Addr], watched: Duration) -> anyhow::Result<Seen> {
    let namespace = Namespace::new("bench-icmp")?;
    let folder = tempfile::Builder::new().prefix("turbulence-bench-").tempdir()?;
    let config = folder.path().join("config.yml");
    fs::write(&config, config_of_ours(backend, "1s", hosts)?)?;
    let mut command = Command::new(find_own("turbulence-latency")?);
    command.arg("--config.file").arg(&config).arg(format!("--web.listen-address={PAGE}"));
    let reading = Reading {
        peer: OURS,
        probes: "latency_probes_total",
        answered: |text| {
            page::sum(text, "latency_probes_total") - page::sum(text, "latency_failures_total")
        },
        histogram: "latency_probe_duration_seconds",
    };
    watch(&namespace, folder.path(), command, reading, hosts.len(), watched).await
}

/// One target for each of the addresses, which is its name too.
pub(super) fn config_of_ours(
    backend: &str,
    interval: &str,
    hosts: &[Ipv4Addr],
) -> anyhow::Result<String> {
    // An answer of one round never comes in the next.
    let timeout = if interval == "1s" { "3s" } else { "2s" };
    let mut config = format!(
        "vantage: {{name: bench, region: LAB, country: DE, site: lab, asn: 64500, latitude: 0, \
         longitude: 0}}\n\
         icmp: {{backend: {backend}}}\n\
         modules: {{icmp: {{prober: icmp, interval: {interval}, timeout: {timeout}}}}}\n\
         targets:\n",
    );
    for host in hosts {
        writeln!(config, "  - {{name: {host}, module: icmp, address: {host}}}")?;
    }
    Ok(config)
}

fn row(peer: &str, targets: usize, seen: &Seen) -> Row {
    let microseconds = |q| quantile(&seen.round_trips, q).map(|seconds| seconds * 1e6);
    let probed = (seen.probes > 0.0).then_some(seen.probes);
    let per_second = seen.probes / seen.probing_seconds;
    let scrape = seen.scrape;
    let megabytes = |bytes: usize| bytes as f64 / 1e6;
    let per_target = |bytes: usize| bytes as f64 / 1e3 / targets as f64;
    Row::new("icmp", peer, ("targets", targets))
        .with("cpu_percent", Some(100.0 * seen.cpu_seconds / seen.seconds), 1)
        .with("rss_mb", Some(seen.rss), 1)
        .with("answered_ratio", probed.map(|probes| (seen.answered / probes).min(1.0)), 4)
        .with("p50_us", microseconds(0.5), 1)
        .with("p99_us", microseconds(0.99), 1)
        .with("scrape_ms", scrape.map(|scrape| scrape.seconds * 1e3), 0)
        .with("scrape_mb", scrape.map(|scrape| megabytes(scrape.bytes)), 2)
        .with("peak_mb", Some(seen.peak_rss), 1)
        .with("per_second", Some(per_second), 0)
        .with("cpu_us_per_echo", Some(1e6 * seen.cpu_seconds / seen.seconds / per_second), 2)
        .with("scrape_cpu_ms", scrape.map(|scrape| scrape.cpu_seconds * 1e3), 0)
        .with("scrape_gzip_mb", seen.gzip.map(megabytes), 2)
        .with("protobuf_kb_per_target", seen.protobuf.map(per_target), 2)
        .with("protobuf_gzip_kb_per_target", seen.protobuf_gzip.map(per_target), 3)
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

    #[test]
    fn an_echo_may_take_a_quarter_of_what_fping_takes_in_the_same_run() {
        let peer =
            Row::new("icmp", fping::PEER, ("targets", 10)).with("cpu_us_per_echo", Some(8.0), 2);
        let goals = goals(10, &[peer]);
        assert_eq!(goals.last().map(|goal| goal.figure), Some("cpu_us_per_echo"));
        assert_eq!(goals.last().map(|goal| goal.bound), Some(Bound::AtMost(2.0)));
    }
}
