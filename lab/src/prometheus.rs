//! A real Prometheus which runs the shipped configuration and rules on the lab's own targets.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use serde_json::json;

use crate::process::{Launcher, Program, find};
use crate::{http, ports};

/// Where the shipped configuration has the links to the runbooks lead.
const SHIPPED_RUNBOOKS: &str = "localhost:9778";

/// The labels of a series, with `__name__` where it has a name.
pub type Labels = BTreeMap<String, String>;

/// One thing to scrape.
#[derive(Clone, Debug)]
pub struct ScrapeTarget {
    /// The scrape job of the shipped configuration.
    pub job: &'static str,
    /// Host and port, as Prometheus is to ask for it.
    pub address: String,
    /// What the file of targets says of it besides.
    pub labels: Vec<(&'static str, String)>,
}

/// What a Prometheus is started with.
#[derive(Clone, Copy, Debug)]
pub struct Setup<'a> {
    /// The root of the repository, where the shipped files are.
    pub suite: &'a Path,
    /// A folder of its own, which exists.
    pub folder: &'a Path,
    /// The port to take when it is free.
    pub usual_port: Option<u16>,
    /// What it scrapes.
    pub targets: &'a [ScrapeTarget],
    /// Where it sends alerts.
    pub alertmanager: SocketAddr,
    /// Where the links to the runbooks lead.
    pub runbooks: SocketAddr,
}

/// A running Prometheus.
#[derive(Debug)]
pub struct Prometheus {
    program: Program,
    address: SocketAddr,
}

impl Prometheus {
    /// Lays out the shipped files and starts a Prometheus on them.
    pub async fn start(launcher: &Launcher, setup: Setup<'_>) -> anyhow::Result<Self> {
        let folder = setup.folder;
        let data = folder.join("data");
        let address = ports::address(setup.usual_port);
        lay_out(setup, address)?;
        let mut command = Command::new(find("prometheus", "prometheus")?);
        command
            .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg("--storage.tsdb.retention.time=7d")
            .arg(format!("--web.listen-address={address}"))
            .arg(format!("--web.external-url=http://{address}/"))
            .arg("--log.level=warn");
        let mut program =
            Program::start("prometheus", folder, command, |command| launcher.spawn(command))?;
        program.until_it_answers(&format!("http://{address}/-/ready")).await?;
        Ok(Self { program, address })
    }

    /// The address of its page, as `http://host:port`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Says what went wrong when it has ended.
    pub fn must_run(&mut self) -> anyhow::Result<()> {
        self.program.must_run()
    }

    /// An instant query: the labels and the value of each series of the answer.
    pub async fn query(&self, expression: &str) -> anyhow::Result<Vec<(Labels, f64)>> {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("query", expression)
            .finish();
        let (_, body) = http::post_form(&format!("{}/api/v1/query", self.url()), form).await?;
        let answer: Answer = serde_json::from_str(&body)
            .with_context(|| format!("Prometheus answered {expression} with: {body}"))?;
        let Some(data) = answer.data else {
            bail!("query {expression}: {}", answer.error.unwrap_or_default());
        };
        let value = |text: &str| text.parse().context("a value that is no number");
        data.result.into_iter().map(|sample| Ok((sample.metric, value(&sample.value.1)?))).collect()
    }

    /// The alerts whose condition holds, also those that are not told before it has held for a while, with the words that
    /// they would have now.
    pub async fn alerts(&self) -> anyhow::Result<Vec<ActiveAlert>> {
        let body = http::fetch(&format!("{}/api/v1/alerts", self.url())).await?;
        let answer: ActiveAlerts = serde_json::from_str(&body)
            .with_context(|| format!("Prometheus answered with: {body}"))?;
        Ok(answer.data.alerts)
    }

    /// Waits until a query has an answer.
    pub async fn wait_for(&mut self, expression: &str, limit: Duration) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + limit;
        while self.query(expression).await?.is_empty() {
            self.must_run()?;
            if tokio::time::Instant::now() > deadline {
                bail!("no answer within {} s to the query {expression}", limit.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        Ok(())
    }
}

/// An alert as Prometheus knows it.
#[derive(Clone, Debug, Deserialize)]
pub struct ActiveAlert {
    /// `alertname` among them.
    pub labels: Labels,
    /// Headline, summary, description, links.
    pub annotations: Labels,
    /// `pending` while it is held back, `firing` once it is told.
    pub state: String,
}

#[derive(Deserialize)]
struct ActiveAlerts {
    data: ActiveData,
}

#[derive(Deserialize)]
struct ActiveData {
    alerts: Vec<ActiveAlert>,
}

#[derive(Deserialize)]
struct Answer {
    data: Option<Data>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Data {
    result: Vec<Sample>,
}

#[derive(Deserialize)]
struct Sample {
    metric: Labels,
    value: (f64, String),
}

/// The shipped prometheus.yml as it is, but for the address of the runbooks, and beside it what it
/// reads.
fn lay_out(setup: Setup<'_>, own: SocketAddr) -> anyhow::Result<()> {
    let Setup { suite, folder, targets, alertmanager, runbooks, .. } = setup;
    let rules = folder.join("rules");
    fs::create_dir_all(&rules)?;
    let shipped = suite.join("deploy/prometheus/prometheus.yml");
    let config =
        fs::read_to_string(&shipped).with_context(|| format!("reading {}", shipped.display()))?;
    ensure!(
        config.contains(SHIPPED_RUNBOOKS),
        "{} has no links to {SHIPPED_RUNBOOKS}",
        shipped.display()
    );
    let config = config.replace(SHIPPED_RUNBOOKS, &runbooks.to_string());
    fs::write(folder.join("prometheus.yml"), config)?;
    for file in shipped_rules(suite)? {
        let name = file.file_name().context("a rule file without a name")?;
        fs::copy(&file, rules.join(name))?;
    }
    // It watches itself, and who sends its alerts.
    let monitoring = [("prometheus", own), ("alertmanager", alertmanager)];
    let monitoring = monitoring.map(|(job, address)| ScrapeTarget {
        job,
        address: address.to_string(),
        labels: vec![],
    });
    write_targets(&folder.join("targets"), &[targets, &monitoring].concat())?;
    let alertmanagers = folder.join("alertmanagers");
    fs::create_dir_all(&alertmanagers)?;
    let list = json!([{ "targets": [alertmanager.to_string()] }]);
    fs::write(alertmanagers.join("lab.yml"), list.to_string())?;
    Ok(())
}

/// Writes one file of targets a job, below `folder`. JSON is YAML, and read as such.
pub fn write_targets(folder: &Path, targets: &[ScrapeTarget]) -> anyhow::Result<()> {
    let mut jobs: BTreeMap<&str, Vec<serde_json::Value>> = BTreeMap::new();
    for target in targets {
        let labels: BTreeMap<_, _> = target.labels.iter().cloned().collect();
        jobs.entry(target.job)
            .or_default()
            .push(json!({ "targets": [target.address], "labels": labels }));
    }
    for (job, list) in jobs {
        let folder = folder.join(job);
        fs::create_dir_all(&folder)?;
        // Prometheus watches the folder: it must never see half a file.
        let partial = folder.join("lab.yml.partial");
        fs::write(&partial, serde_json::to_string_pretty(&list)?)?;
        fs::rename(&partial, folder.join("lab.yml"))?;
    }
    Ok(())
}

/// The rule files of `alerts/`.
fn shipped_rules(suite: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let folder = suite.join("alerts");
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(".rules.yml") {
            files.push(path);
        }
    }
    if files.is_empty() {
        bail!("{} has no *.rules.yml", folder.display());
    }
    files.sort();
    Ok(files)
}
