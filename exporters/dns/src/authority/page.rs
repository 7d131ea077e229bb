//! The page `/zones`: each server of each zone, and what it said. No I/O, no clock.

use std::fmt::Write as _;

use exporter_kit::LabelEnum as _;
use serde::Serialize;

use super::finding::Severity;
use super::judge::Server;
use super::state::{Latest, RunningZone};

/// What is known of one zone.
#[derive(Debug, Serialize)]
pub(crate) struct Page {
    zone: String,
    /// What is told, and how bad it is: 1 information, 2 ticket, 3 page. Absent where nothing was judged.
    findings: Option<Vec<(&'static str, u8)>>,
    culprits: Vec<(&'static str, String, String, &'static str)>,
    /// What the parent names; absent if it did not reply.
    parent: Option<Vec<String>>,
    servers: Vec<Row>,
    left_out: usize,
}

#[derive(Debug, Serialize)]
struct Row {
    server: String,
    address: String,
    outcome: &'static str,
    serial: Option<u32>,
    nsid: Option<String>,
    ns: Option<Vec<String>>,
    canary: Option<u64>,
}

impl Page {
    /// The page of one zone.
    pub(crate) fn new(zone: &RunningZone) -> Self {
        let Latest { snapshot, .. } = zone.latest();
        let name = zone.plan().zone.to_string();
        let Some(snapshot) = snapshot else {
            let (findings, parent) = (None, None);
            return Self {
                zone: name,
                findings,
                culprits: Vec::new(),
                parent,
                servers: Vec::new(),
                left_out: 0,
            };
        };
        let (round, verdict) = (&snapshot.round, &snapshot.verdict);
        let told: Vec<_> = verdict.findings.iter().filter(|it| it.1 > Severity::None).collect();
        let is_told = !verdict.is_blind || !told.is_empty();
        let blamed = verdict.culprits.iter().cloned();
        Self {
            zone: name,
            findings: is_told
                .then(|| told.iter().map(|(finding, it)| (finding.name(), *it as u8)).collect()),
            culprits: blamed.map(|it| (it.finding, it.server, it.address, it.reason)).collect(),
            parent: round.parent.as_ref().map(|it| it.ns.iter().map(ToString::to_string).collect()),
            servers: round.servers.iter().map(row).collect(),
            left_out: round.left_out,
        }
    }

    /// The page as text.
    pub(crate) fn write(&self, out: &mut String) {
        // Writing to a string cannot fail.
        let _ = match &self.findings {
            None => writeln!(
                out,
                "{}: nothing is judged yet, or nobody replies or has an address",
                self.zone
            ),
            Some(told) if told.is_empty() => writeln!(out, "{}: all is well", self.zone),
            Some(told) => {
                let told: Vec<_> = told.iter().map(|(finding, _)| *finding).collect();
                writeln!(out, "{}: {}", self.zone, told.join(", "))
            }
        };
        if let Some(parent) = &self.parent {
            let _ = writeln!(out, "  parent: {}", parent.join(" "));
        }
        for row in &self.servers {
            let serial = row.serial.map_or_else(|| "-".to_owned(), |serial| serial.to_string());
            let nsid = row.nsid.as_ref().map_or_else(String::new, |it| format!(" nsid {it}"));
            let Row { server, address, outcome, .. } = row;
            let _ = writeln!(out, "  {server} {address} {outcome} serial {serial}{nsid}");
        }
        for (finding, server, address, reason) in &self.culprits {
            let _ = writeln!(out, "  {finding}: {server} {address} {reason}");
        }
        out.push('\n');
    }
}

fn row(server: &Server) -> Row {
    Row {
        server: server.name.clone(),
        address: server.address.to_string(),
        outcome: server.outcome.name(),
        serial: server.said.serial,
        nsid: server.said.nsid.clone(),
        ns: server.said.ns.as_ref().map(|it| it.iter().map(ToString::to_string).collect()),
        canary: server.said.canary.stamp(),
    }
}
