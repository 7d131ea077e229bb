//! Debian's prometheus-ipmi-exporter on the same BMCs: one request for each, once an interval.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use peers::exposition;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::bmcs::{Bmcs, PASSWORD, USER};
use super::tally::{PEER, Tally};
use super::{Options, page};
use crate::bench::report::Row;
use crate::bench::usage::Watch;
use crate::newest::Peer;
use crate::process::Program;
use crate::{http, ports};

/// Debian's package, and the program's name.
pub(super) const PACKAGE: &str = "prometheus-ipmi-exporter";
/// It listens within a fraction of this.
const START: Duration = Duration::from_secs(60);

/// Starts it, asks once for its caches, then asks and measures.
pub(super) async fn measure(
    peer: &Peer,
    collectors: &str,
    bmcs: &Bmcs,
    options: &Options,
) -> anyhow::Result<Row> {
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("ipmi.yml");
    // FreeIPMI keeps the SDR of each BMC in files; not in the home of whoever measures.
    let text = format!(
        "modules:\n  default:\n    user: {USER}\n    pass: {PASSWORD}\n    driver: LAN_2_0\n    \
         privilege: user\n    timeout: 10000\n    collectors: [{collectors}]\n    custom_args:\n      \
         ipmi: [\"--sdr-cache-directory={}\"]\n",
        folder.path().display()
    );
    fs::write(&config, text)?;
    let port = ports::address(None).port();
    let mut command = Command::new(&peer.path);
    command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--log.level=error");
    let mut exporter =
        Program::start(PEER, folder.path(), command, |mut command| Ok(command.spawn()?))?;
    let page = format!("http://127.0.0.1:{port}/");
    let answers = exporter.until_it_answers(&page);
    timeout(START, answers).await.with_context(|| format!("{PEER} does not listen"))??;
    let pid = exporter.id();
    let parts = collectors.split(',').count();
    round(port, parts, bmcs, Duration::ZERO).await?;
    let watch = Watch::start(pid)?;
    let mut all = Tally::default();
    for _ in 0..options.rounds {
        let next = Instant::now() + options.interval();
        all.add(round(port, parts, bmcs, options.interval()).await?);
        sleep_until(next).await;
    }
    Ok(all.row((PEER, collectors), bmcs.count(), all.took.len() as f64, &watch.end()?))
}

/// Asks for every BMC once, spread over a time.
async fn round(
    port: u16,
    collectors: usize,
    bmcs: &Bmcs,
    spread: Duration,
) -> anyhow::Result<Tally> {
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
            judge(index, collectors, &page, began.elapsed())
        });
    }
    let mut all = Tally::default();
    while let Some(tally) = tasks.join_next().await {
        all.add(tally.context("a poller panicked")?);
    }
    Ok(all)
}

/// Compares the values of a page with the script's.
fn judge(index: usize, collectors: usize, text: &str, took: Duration) -> Tally {
    let mut tally = Tally { took: vec![took], ..Tally::default() };
    let (mut found, mut up) = (0, 0);
    for sample in exposition::samples(text) {
        if sample.name == "ipmi_up" && sample.value > 0.0 {
            up += 1;
        }
        if let Some(right) = page::is_right(&sample, index) {
            found += 1;
            tally.wrong += u64::from(!right);
        }
    }
    tally.failed = u64::from(found != page::VALUES || up != collectors);
    tally
}
