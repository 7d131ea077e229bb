//! turbulence-ipmi, the program itself: polling by its own clock, keeping a state file of each BMC, and
//! scraped once an interval, as one page or a share of the BMCs at a time.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use peers::exposition::Sample;
use serde::Deserialize;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::bmcs::{Bmcs, PASSWORD, USER};
use super::tally::{EXPORTER, Tally};
use super::{DEFAULTS, Options, page};
use crate::bench::report::Row;
use crate::bench::usage::Watch;
use crate::ports;
use crate::process::{self, Program};

/// Ten thousand log-ins and inventories may take this long on a slow machine.
const FIRST_POLLS: Duration = Duration::from_secs(600);

/// The exporter does not take a shorter `slow_interval`, in seconds.
const LEAST_SLOW: u64 = 10;

/// What a page told, added up.
#[derive(Debug, Default)]
struct Told {
    polls: f64,
    poll_failures: f64,
    read_failures: f64,
    missed: f64,
    retries: f64,
    durations: Vec<Duration>,
    wrong: u64,
    /// Values by BMC.
    values: HashMap<usize, usize>,
    /// The length of all pages in bytes, and how long the slowest took to come, in seconds.
    length: usize,
    seconds: f64,
}

/// Starts it, waits for the first poll of each BMC, then scrapes and measures.
pub(super) async fn measure(
    collectors: &str,
    bmcs: &Bmcs,
    options: &Options,
    shards: Option<u32>,
) -> anyhow::Result<Row> {
    let folder = tempfile::tempdir()?;
    let address = ports::address(None);
    let started = Instant::now();
    let config = configuration(collectors, bmcs, options.interval, folder.path());
    let program = start(folder.path(), address, &config).await?;
    let (pid, first_polls) = (program.id(), started.elapsed());

    let interval = options.interval();
    let pages = pages(address, shards).await?;
    // Until the last poll of none is its first, with the log-in and the list.
    sleep(interval).await;
    let before = scrape(address, &pages, Instant::now(), Duration::ZERO).await?;
    let (watch, began) = (Watch::start(pid)?, Instant::now());
    let mut durations = Vec::new();
    let mut wrong = before.wrong;
    let mut incomplete = 0;
    let mut slowest: f64 = 0.0;
    let mut last = None;
    for round in 1..=options.rounds {
        let mut told = scrape(address, &pages, began + interval * (round - 1), interval).await?;
        durations.append(&mut told.durations);
        wrong += told.wrong;
        incomplete +=
            (0..bmcs.count()).filter(|bmc| told.values.get(bmc) != Some(&page::VALUES)).count();
        slowest = slowest.max(told.seconds);
        last = Some(told);
    }
    let used = watch.end()?;
    let last = last.context("no round was asked for")?;
    let counted = (last.poll_failures - before.poll_failures)
        + (last.read_failures - before.read_failures)
        + (last.missed - before.missed);
    // A poll that failed is counted, and leaves a hole in the page.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
    let failed = (counted as u64).max(incomplete as u64);
    let polls = last.polls - before.polls;
    let tally = Tally { took: durations, wrong, failed };
    Ok(tally
        .row((EXPORTER, collectors), bmcs.count(), polls, &used)
        .with("polls", Some(polls), 0)
        .with("retries", Some(last.retries - before.retries), 0)
        .with("pages", Some(pages.len() as f64), 0)
        .with("peak_rss_mb", Some(used.peak_rss), 1)
        .with("page_mb", Some(last.length as f64 / 1e6), 1)
        .with("scrape_s", Some(slowest), 3)
        .with("first_polls_s", Some(first_polls.as_secs_f64()), 1)
        .with("failed_at_first", Some(before.poll_failures), 0))
}

/// Starts it and waits until it has polled every BMC once.
async fn start(folder: &Path, address: SocketAddr, config: &str) -> anyhow::Result<Program> {
    let file = folder.join("ipmi.yml");
    fs::write(&file, config)?;
    let mut command = Command::new(process::find_own(EXPORTER)?);
    command
        .arg("--config.file")
        .arg(&file)
        .arg(format!("--web.listen-address={address}"))
        .arg("--log.level=warn");
    let mut program =
        Program::start(EXPORTER, folder, command, |mut command| Ok(command.spawn()?))?;
    let page = format!("http://{address}/-/ready");
    let answers = program.until_it_answers(&page);
    timeout(FIRST_POLLS, answers).await.with_context(|| format!("{EXPORTER} is not ready"))??;
    Ok(program)
}

/// Each sensor once an interval; what else there is as well, unless that would be too often or all is as by default.
fn configuration(collectors: &str, bmcs: &Bmcs, interval: u64, folder: &Path) -> String {
    let slow = match collectors {
        DEFAULTS => String::new(),
        _ => format!("slow_interval: {}s, ", interval.max(LEAST_SLOW)),
    };
    let mut text = format!(
        "state_directory: '{}/state'\nmodules:\n  default: {{ user: {USER}, pass: {PASSWORD}, interval: {interval}s, \
         {slow}collectors: [{collectors}] }}\ntargets:\n",
        folder.display()
    );
    for bmc in 0..bmcs.count() {
        let _ = writeln!(text, "  - {{ name: bmc-{bmc}, address: '{}' }}", bmcs.address(bmc));
    }
    text
}

/// The paths of its pages: of one, or of as many as its list for Prometheus has with so many shares.
async fn pages(address: SocketAddr, shards: Option<u32>) -> anyhow::Result<Vec<String>> {
    let Some(shards) = shards else { return Ok(vec!["/metrics".to_owned()]) };
    let list = format!("/sd?shards={shards}");
    let asked = tokio::task::spawn_blocking(move || page::fetch(address, &list));
    let list = page::text(asked.await.context("the scraper panicked")??)?;
    let entries: Vec<Entry> = serde_json::from_str(&list).context("the list of pages")?;
    entries.iter().map(Entry::path).collect()
}

/// An entry of a list of targets.
#[derive(Debug, Deserialize)]
struct Entry {
    labels: BTreeMap<String, String>,
}

impl Entry {
    /// The path of its page, with the query.
    fn path(&self) -> anyhow::Result<String> {
        let path = self.labels.get("__metrics_path__").context("an entry has no path")?;
        let parameter = |(name, value): (&String, &String)| {
            Some(format!("{}={value}", name.strip_prefix("__param_")?))
        };
        let query: Vec<_> = self.labels.iter().filter_map(parameter).collect();
        Ok(format!("{path}?{}", query.join("&")))
    }
}

/// Scrapes each page once in the interval that begins at `from`, as far apart as there is room.
async fn scrape(
    address: SocketAddr,
    pages: &[String],
    from: Instant,
    interval: Duration,
) -> anyhow::Result<Told> {
    let mut told = Told::default();
    let (mut turn, each) = (from, interval / u32::try_from(pages.len())?);
    for page in pages {
        let page = page.clone();
        turn += each;
        sleep_until(turn).await;
        let scraped = tokio::task::spawn_blocking(move || {
            let page = page::fetch(address, &page)?;
            told.seconds = told.seconds.max(page.seconds);
            told.length += page::read(page, |sample| told.look(sample))?;
            anyhow::Ok(told)
        });
        told = scraped.await.context("the scraper panicked")??;
    }
    Ok(told)
}

impl Told {
    fn look(&mut self, sample: Sample<'_>) {
        match sample.name {
            "ipmi_polls_total" => self.polls += sample.value,
            "ipmi_failures_total" => self.poll_failures += sample.value,
            "ipmi_sensor_read_failures_total" => self.read_failures += sample.value,
            "ipmi_retries_total" => self.retries += sample.value,
            "turbulence_rounds_missed_total" => self.missed += sample.value,
            "ipmi_poll_duration_seconds" => {
                self.durations.push(Duration::from_secs_f64(sample.value));
            }
            _ => {
                let Some(target) = sample.label("target") else {
                    return;
                };
                let Some(bmc) = target.strip_prefix("bmc-").and_then(|it| it.parse().ok()) else {
                    return;
                };
                let Some(right) = page::is_right(&sample, bmc) else {
                    return;
                };
                self.wrong += u64::from(!right);
                *self.values.entry(bmc).or_default() += 1;
            }
        }
    }
}
