//! Debian's prometheus-ipmi-exporter on the same BMCs: one request for each, once an interval.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::bmcs::{self, Bmcs, PASSWORD, USER};
use super::{Options, Outcome, Tally, usage};
use crate::{http, ports};

/// The exporter, stopped when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts it, asks once for its caches, then asks and measures.
pub(super) async fn measure(
    program: &Path,
    bmcs: &Bmcs,
    options: &Options,
) -> anyhow::Result<Outcome> {
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("ipmi.yml");
    // Its sensors alone, as our client reads them.
    let text = format!(
        "modules:\n  default:\n    user: {USER}\n    pass: {PASSWORD}\n    driver: LAN_2_0\n    \
         privilege: user\n    timeout: 10000\n    collectors: [ipmi]\n"
    );
    fs::write(&config, text)?;
    let port = ports::address(None)?.port();
    let child = Command::new(program)
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--log.level=error")
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("starting {}", program.display()))?;
    let exporter = Running(child);
    let pid = exporter.0.id();
    ready(port).await?;
    round(port, bmcs, Duration::ZERO).await?;
    let before = usage::cpu_seconds(pid)?;
    let mut all = Tally::default();
    for _ in 0..options.rounds {
        let next = Instant::now() + options.interval;
        all.add(round(port, bmcs, options.interval).await?);
        sleep_until(next).await;
    }
    let cpu = usage::cpu_seconds(pid)? - before;
    Ok(all.outcome("ipmi_exporter", bmcs.count(), cpu, usage::resident_megabytes(pid)?))
}

async fn ready(port: u16) -> anyhow::Result<()> {
    for _ in 0..600 {
        if http::get(&format!("http://127.0.0.1:{port}/")).await.is_ok() {
            return Ok(());
        }
        sleep(Duration::from_millis(100)).await;
    }
    bail!("the exporter does not listen");
}

/// Asks for every BMC once, spread over a time.
async fn round(port: u16, bmcs: &Bmcs, spread: Duration) -> anyhow::Result<Tally> {
    let count = bmcs.count();
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for index in 0..count {
        let url = format!("http://127.0.0.1:{port}/ipmi?target={}", bmcs.address(index));
        let at = start + spread.mul_f64(index as f64 / count as f64);
        tasks.spawn(async move {
            sleep_until(at).await;
            let began = Instant::now();
            let page = http::fetch(&url).await.unwrap_or_default();
            judge(index, &page, began.elapsed())
        });
    }
    let mut all = Tally::default();
    while let Some(tally) = tasks.join_next().await {
        all.add(tally.context("a poller panicked")?);
    }
    Ok(all)
}

/// Compares the values of a page with the script's.
fn judge(index: usize, page: &str, took: Duration) -> Tally {
    let mut tally = Tally { took: vec![took], ..Tally::default() };
    let mut found = 0;
    for line in page.lines().filter(|line| line.starts_with("ipmi_") && !line.contains("_state{")) {
        let named = line.split_once("name=\"").and_then(|(_, rest)| rest.split_once('"'));
        let value = line.rsplit_once(' ').and_then(|(_, value)| value.parse::<f64>().ok());
        let Some(((name, _), value)) = named.zip(value) else { continue };
        let Some(mut expected) = bmcs::expected(index, name) else { continue };
        if line.contains("_ratio{") {
            expected /= 100.0;
        }
        found += 1;
        tally.wrong += u64::from(!bmcs::is_right(value, expected));
    }
    // The 14 sensors of the BMC that have a value.
    tally.failed = u64::from(found != 14);
    tally
}
