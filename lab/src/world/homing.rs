//! Where the services live: turbulence-homing beside Prometheus, and the status page of a provider.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{START_LIMIT, subfolder};
use crate::process::{Launcher, Program, find_own};
use crate::prometheus::ScrapeTarget;
use crate::{http, ports};

const PROGRAM: &str = "turbulence-homing";

/// The exporter, and what it asks beside Prometheus.
#[derive(Debug)]
pub struct Homing {
    // Dropped in this order: who asks goes before who answers.
    program: Program,
    address: SocketAddr,
    _status_page: StatusPage,
}

impl Homing {
    /// Where it will listen, and what Prometheus has to scrape: known before it starts, since it asks Prometheus.
    pub(super) fn place() -> (SocketAddr, ScrapeTarget) {
        let address = ports::address(None);
        let job = PROGRAM;
        (address, ScrapeTarget { job, address: address.to_string(), labels: Vec::new() })
    }

    /// Starts it at that place, on what this Prometheus knows.
    pub(super) async fn start(
        launcher: &Launcher,
        folder: &Path,
        address: SocketAddr,
        prometheus: &str,
    ) -> anyhow::Result<Self> {
        let status_page = StatusPage::start()?;
        let folder = subfolder(folder, PROGRAM)?;
        let file = folder.join("config.yml");
        let config = format!(
            "prometheus: [{{url: {prometheus:?}}}]\n\
             interval: 15s\n\
             claims:\n\
             \x20 - page: messenger\n\
             \x20   url: http://{}/api/v2/summary.json\n\
             \x20   components: {{API: {{targets: [messenger-api]}}}}\n",
            status_page.address
        );
        std::fs::write(&file, config).with_context(|| file.display().to_string())?;
        let mut command = Command::new(find_own(PROGRAM)?);
        command.arg("--config.file").arg(&file).arg(format!("--web.listen-address={address}"));
        let mut program =
            Program::start(PROGRAM, &folder, command, |command| launcher.spawn(command))?;
        let deadline = Instant::now() + START_LIMIT;
        while http::fetch(&format!("http://{address}/-/healthy")).await.is_err() {
            program.must_run()?;
            ensure!(Instant::now() < deadline, "{PROGRAM} does not come up");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(Self { program, address, _status_page: status_page })
    }

    /// The sentences in which it says where an endpoint lives.
    pub async fn says(&self, target: &str) -> anyhow::Result<String> {
        let url = format!("http://{}/homing?format=json&target={target}", self.address);
        let (_, text) = http::get(&url).await?;
        // Nothing is judged, or nobody measures it, yet.
        let Ok(told) = serde_json::from_str::<Told>(&text) else { return Ok(text) };
        let sentences = told.targets.into_iter().flat_map(|target| {
            let evidence = target.addresses.into_iter().map(|address| address.evidence);
            evidence.chain([target.paths])
        });
        Ok(sentences.collect::<Vec<_>>().join("\n"))
    }

    pub(super) fn must_run(&mut self) -> anyhow::Result<()> {
        self.program.must_run()
    }
}

/// The answer of `/homing?format=json`.
#[derive(Deserialize)]
struct Told {
    targets: Vec<ToldTarget>,
}

#[derive(Deserialize)]
struct ToldTarget {
    paths: String,
    addresses: Vec<ToldAddress>,
}

#[derive(Deserialize)]
struct ToldAddress {
    evidence: String,
}

/// The page of a provider that notices nothing, in Statuspage's format.
#[derive(Debug)]
struct StatusPage {
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl StatusPage {
    fn start() -> anyhow::Result<Self> {
        let listener = ports::listener(None)?;
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let app = Router::new().route("/api/v2/summary.json", get(async || Json(summary())));
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { address, server })
    }
}

impl Drop for StatusPage {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn summary() -> serde_json::Value {
    json!({
        "page": {"id": "messenger", "name": "Messenger", "updated_at": "2018-04-29T05:00:00Z"},
        "status": {"indicator": "none", "description": "All Systems Operational"},
        "components": [{"id": "api", "name": "API", "status": "operational"}],
        "incidents": [],
        "scheduled_maintenances": [],
    })
}
