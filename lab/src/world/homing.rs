//! Where the services live: turbulence-homing beside Prometheus.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use tokio::time::Instant;

use super::claims::PAGES;
use super::router::{OWNER, WATCHED};
use super::{START_LIMIT, Simulation, subfolder};
use crate::process::{Launcher, Program, find_own};
use crate::prometheus::ScrapeTarget;
use crate::{http, ports};

const PROGRAM: &str = "turbulence-homing";

/// The exporter.
#[derive(Debug)]
pub struct Homing {
    program: Program,
    address: SocketAddr,
    file: PathBuf,
    /// Its configuration in a calm world.
    config: String,
}

impl Homing {
    /// Where it will listen, and what Prometheus has to scrape: known before it starts, since it asks Prometheus.
    pub(super) fn place() -> (SocketAddr, ScrapeTarget) {
        let address = ports::address(None);
        let job = PROGRAM;
        (address, ScrapeTarget { job, address: address.to_string(), labels: Vec::new() })
    }

    /// Starts it at that place, on what this Prometheus knows, and what pages and routers of the simulation say.
    pub(super) async fn start(
        launcher: &Launcher,
        folder: &Path,
        address: SocketAddr,
        prometheus: &str,
        simulation: &Simulation,
    ) -> anyhow::Result<Self> {
        let folder = subfolder(folder, PROGRAM)?;
        let file = folder.join("config.yml");
        let config = config(prometheus, &folder, simulation)?;
        std::fs::write(&file, &config).with_context(|| file.display().to_string())?;
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
        Ok(Self { program, address, file, config })
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

    /// Writes a service into its configuration, or what was there before, and has it read. Returns when it is in force.
    pub async fn declare(&self, service: Option<&Service>) -> anyhow::Result<()> {
        let mut config = self.config.clone();
        if let Some(Service { name, sets }) = service {
            writeln!(config, "services:")?;
            writeln!(config, "  - name: {name}\n    expect_independent: {}", sets.len())?;
            writeln!(config, "    sets:")?;
            for target in *sets {
                writeln!(config, "      - {{name: {target}, targets: [{target}]}}")?;
            }
        }
        std::fs::write(&self.file, config).with_context(|| self.file.display().to_string())?;
        let url = format!("http://{}/-/reload", self.address);
        let (status, answer) = http::post_form(&url, String::new()).await?;
        ensure!(status == 200, "{url} answered {status}: {}", answer.trim());
        Ok(())
    }

    pub(super) fn must_run(&mut self) -> anyhow::Result<()> {
        self.program.must_run()
    }
}

/// A service with sets that should all be independent, each of one endpoint and named after it.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    /// Its name.
    pub name: &'static str,
    /// The endpoints.
    pub sets: &'static [&'static str],
}

/// What a page says of an endpoint is to be known before the endpoint is told as down, and each table of routes is to be seen.
fn config(prometheus: &str, folder: &Path, simulation: &Simulation) -> anyhow::Result<String> {
    let mut config = String::new();
    writeln!(config, "prometheus: [{{url: {prometheus:?}}}]")?;
    writeln!(config, "interval: 15s")?;
    writeln!(config, "claims:")?;
    for page in PAGES {
        writeln!(config, "  - page: {}", page.name)?;
        writeln!(config, "    url: {}", simulation.pages.url(page.name))?;
        writeln!(config, "    interval: 10s")?;
        writeln!(config, "    components:")?;
        for (name, region) in page.components {
            let region = region.map_or_else(String::new, |it| format!(", region: {it}"));
            writeln!(config, "      {name}: {{targets: [{}]{region}}}", page.target)?;
        }
    }
    let watch = format!("{{prefix: {WATCHED}, origins: [{OWNER}]}}");
    writeln!(config, "routes:")?;
    writeln!(config, "  files: [{:?}]", simulation.router.pattern())?;
    writeln!(config, "  interval: 1s")?;
    writeln!(config, "  watch: [{watch}]")?;
    writeln!(config, "state_directory: {}", folder.join("state").display())?;
    Ok(config)
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
