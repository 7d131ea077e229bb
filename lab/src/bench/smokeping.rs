//! Prometheus' `smokeping_prober`, which is Debian's package prometheus-smokeping-prober.

use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::echoes::{PAGE, Reading, Seen, watch};
use super::page;
use crate::netns::Namespace;

/// Debian's package, and the program's name.
pub(super) const PACKAGE: &str = "prometheus-smokeping-prober";

/// By which kind of socket it probes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Protocol {
    /// In its config.
    name: &'static str,
    /// With more targets it does not get through its start.
    pub(super) most: usize,
    pub(super) reading: Reading,
}

/// Unprivileged sockets, and raw ones, which are its default and each see every reply.
pub(super) const PROTOCOLS: [Protocol; 2] = [
    Protocol { name: "udp", most: usize::MAX, reading: reading("smokeping-dgram") },
    Protocol { name: "icmp", most: 2_000, reading: reading("smokeping-raw") },
];

const fn reading(peer: &'static str) -> Reading {
    Reading {
        peer,
        probes: "smokeping_requests_total",
        answered: |text| page::sum(text, "smokeping_response_duration_seconds_count"),
        histogram: "smokeping_response_duration_seconds",
    }
}

pub(super) async fn measure(
    program: &Path,
    protocol: Protocol,
    hosts: &[Ipv4Addr],
    watched: Duration,
) -> anyhow::Result<Seen> {
    let namespace = Namespace::new("bench-smokeping")?;
    let folder = tempfile::Builder::new().prefix("turbulence-bench-").tempdir()?;
    let file = folder.path().join("config.yml");
    let mut config = String::from("targets:\n- hosts:\n");
    for host in hosts {
        writeln!(config, "  - {host}")?;
    }
    writeln!(config, "  interval: 1s\n  network: ip4\n  protocol: {}", protocol.name)?;
    fs::write(&file, config)?;
    let mut command = Command::new(program);
    command.arg(format!("--config.file={}", file.display()));
    command.arg(format!("--web.listen-address={PAGE}"));
    watch(&namespace, folder.path(), command, protocol.reading, hosts.len(), watched).await
}
