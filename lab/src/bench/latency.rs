//! ICMP echoes, one a second to each target: turbulence-latency, `smokeping_prober` and fping.

use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::process::Command;
use std::time::Duration;

use super::echoes::{PAGE, Reading, Seen, watch};
use super::report::{Bound, Goal, Row, quantile};
use super::{Options, fping, page, say, smokeping};
use crate::netns::Namespace;
use crate::process::find_own;

/// Our program, as it stands in the results.
pub const OURS: &str = "turbulence-latency";

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
            page::sum(text, "latency_probes_total") - page::sum(text, "latency_failures_total")
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
