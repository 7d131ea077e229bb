//! What must hold of the running world besides its notifications: its pages and its dashboards.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::{Instant, sleep};

use crate::process::find;
use crate::world::World;
use crate::{dashboards, http};

/// After an incident it takes a while until every series is there again.
const RECOVERY: Duration = Duration::from_secs(300);

/// Names that are kept for the users of another exporter, though promtool finds fault with them.
const KEPT: [&str; 1] = ["ipmi_sel_logs_count"];

/// Fetches every exporter's metrics by hand and holds them against `promtool check metrics`; runs
/// every query of every dashboard. Returns what is wrong, and still is when the world has had time
/// to recover from the last incident.
pub async fn inspect(world: &World, suite: &Path) -> anyhow::Result<Vec<String>> {
    let deadline = Instant::now() + RECOVERY;
    loop {
        let faults = look(world, suite).await?;
        if faults.is_empty() || Instant::now() > deadline {
            return Ok(faults);
        }
        sleep(Duration::from_secs(10)).await;
    }
}

async fn look(world: &World, suite: &Path) -> anyhow::Result<Vec<String>> {
    let mut faults = Vec::new();
    for page in world.metrics_pages() {
        let text = http::fetch(&page).await?;
        if let Some(line) = text.lines().find(|line| line.ends_with(" NaN")) {
            faults.push(format!("{page}: {line}"));
        }
        if let Err(error) = check_metrics(&text) {
            faults.push(format!("{page}: {error:#}"));
        }
    }
    let report = dashboards::check(&suite.join("dashboards"), &world.prometheus().url()).await?;
    faults.extend(report.findings.iter().map(ToString::to_string));
    Ok(faults)
}

fn check_metrics(text: &str) -> anyhow::Result<()> {
    let mut promtool = Command::new(find("promtool", "prometheus")?)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("running promtool")?;
    let is_judged = |line: &&str| !KEPT.iter().any(|name| line.contains(name));
    let judged: String = text.lines().filter(is_judged).flat_map(|line| [line, "\n"]).collect();
    promtool.stdin.take().context("promtool's input")?.write_all(judged.as_bytes())?;
    let output = promtool.wait_with_output()?;
    anyhow::ensure!(
        output.status.success(),
        "promtool check metrics: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
