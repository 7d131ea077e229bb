//! What it costs to poll BMCs of 16 sensors: with turbulence-ipmi, with its client alone, and with
//! Debian's newest prometheus-ipmi-exporter.
//!
//! The BMCs run in a process of their own; the figures are those of the pollers alone.

mod bmcs;
mod exporter;
mod freeipmi;
mod ours;
mod page;
mod shared;
mod tally;
mod turbulence;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use self::bmcs::Bmcs;
pub use self::tally::is_good;
use self::tally::{EXPORTER, OURS, SHARED};
use crate::bench::report::{self, Row};
use crate::bench::say;
use crate::newest;

/// So many BMCs are polled side by side with the other exporter.
const SIDE_BY_SIDE: usize = 100;

/// What both exporters are told to read: the sensors alone, and all that both know but the event log.
const COLLECTORS: [&str; 2] = ["ipmi", "bmc,ipmi,chassis,dcmi"];

/// What turbulence-ipmi reads unless it is told otherwise, as often as it does so then.
const DEFAULTS: &str = "bmc,ipmi,chassis,dcmi,sel";

/// Who polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Poller {
    /// Debian's prometheus-ipmi-exporter.
    IpmiExporter,
    /// `ipmi-lan` alone: a socket a BMC.
    Client,
    /// Its sessions over a socket that all BMCs share.
    Shared,
    /// turbulence-ipmi.
    Exporter,
}

/// What is measured; the defaults are the measurements that the README quotes.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Who polls, one after the other.
    #[arg(long, value_enum, value_delimiter = ',',
          default_values_t = [Poller::IpmiExporter, Poller::Client, Poller::Exporter])]
    pub which: Vec<Poller>,
    /// Numbers of BMCs that our programs poll, one measurement each.
    #[arg(long, value_delimiter = ',', default_values_t = [100, 1_000, 10_000])]
    pub bmcs: Vec<usize>,
    /// Seconds between two polls of a BMC; the test BMCs forget a session after 60.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub interval: u64,
    /// How often each BMC is polled while it is measured.
    #[arg(long, default_value_t = 4)]
    pub rounds: u32,
    /// In how many shares turbulence-ipmi is scraped besides as one page; 0 for not at all.
    #[arg(long, default_value_t = 8)]
    pub shards: u32,
    /// The exporter to compare with. [default: the newest of Debian sid, else the installed one]
    #[arg(long, value_name = "PROGRAM")]
    pub peer: Option<PathBuf>,
}

impl Options {
    fn interval(&self) -> Duration {
        Duration::from_secs(self.interval)
    }
}

/// Measures, printing a line for each measurement as soon as it is done, and a table at the end.
///
/// This starts the same program again with the same arguments, for the BMCs: it must come here
/// before it prints or changes anything.
pub async fn run(options: &Options) -> anyhow::Result<Vec<Row>> {
    if let Some(count) = bmcs::asked_to_serve()? {
        bmcs::serve(count)?;
        return Ok(Vec::new());
    }
    let mut rows = Vec::new();
    let mut tell = |row: Row| {
        say(&row.line());
        rows.push(row);
    };
    if options.which.contains(&Poller::IpmiExporter) {
        let (program, remarks) = newest::find(exporter::PACKAGE, options.peer.as_deref())
            .context("--peer PROGRAM names one, --which goes without")?;
        for remark in &remarks {
            say(remark);
        }
        say(&format!("Beside ours: {program}, with FreeIPMI {}", freeipmi::version()?));
        for collectors in COLLECTORS {
            let bmcs = Bmcs::start(SIDE_BY_SIDE)?;
            tell(exporter::measure(&program, collectors, &bmcs, options).await?);
        }
    }
    // The smallest first: memory that was needed once stays with the process.
    let mut counts = options.bmcs.clone();
    counts.sort_unstable();
    for &count in &counts {
        // In this order for the same reason.
        if options.which.contains(&Poller::Shared) {
            let bmcs = Bmcs::start(count)?;
            tell(shared::measure(&bmcs, options).await?);
        }
        if options.which.contains(&Poller::Client) {
            let bmcs = Bmcs::start(count)?;
            tell(ours::measure(&bmcs, options).await?);
        }
    }
    if options.which.contains(&Poller::Exporter) {
        for &count in &counts {
            let bmcs = Bmcs::start(count)?;
            tell(turbulence::measure(COLLECTORS[0], &bmcs, options, None).await?);
            if count == SIDE_BY_SIDE {
                let bmcs = Bmcs::start(count)?;
                tell(turbulence::measure(COLLECTORS[1], &bmcs, options, None).await?);
            } else if options.shards > 0 {
                let (bmcs, shards) = (Bmcs::start(count)?, Some(options.shards));
                tell(turbulence::measure(COLLECTORS[0], &bmcs, options, shards).await?);
                let bmcs = Bmcs::start(count)?;
                tell(turbulence::measure(DEFAULTS, &bmcs, options, None).await?);
            }
        }
    }
    tell_together(&rows);
    Ok(rows)
}

/// The rows side by side; shared sockets are compared with one a BMC.
fn tell_together(rows: &[Row]) {
    let blank = || vec![String::new()];
    let shared: Vec<Row> =
        rows.iter().filter(|row| [OURS, SHARED].contains(&row.peer())).cloned().collect();
    let others: Vec<Row> = rows.iter().filter(|row| row.peer() != SHARED).cloned().collect();
    let ratios = [report::ratios(&others, &[OURS, EXPORTER]), report::ratios(&shared, &[SHARED])];
    let verdicts = rows.iter().flat_map(|row| report::verdicts(row, &tally::goals(row)));
    let lines = [blank(), report::table(rows), blank(), ratios.concat(), verdicts.collect()];
    for line in lines.concat() {
        say(&line);
    }
}
