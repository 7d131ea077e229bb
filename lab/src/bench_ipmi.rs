//! What it costs to poll BMCs of 16 sensors: with our client, and with Debian's prometheus-ipmi-exporter.
//!
//! The BMCs run in a process of their own; the figures are those of the pollers alone.

mod bmcs;
mod exporter;
mod ours;
mod usage;

use std::fmt;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use self::bmcs::Bmcs;

/// What is measured.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many BMCs our client polls, one measurement each.
    pub ours: Vec<usize>,
    /// The exporter's program, and how many BMCs it polls; none: it is left out.
    pub exporter: Option<(PathBuf, usize)>,
    /// The time between two polls of a BMC.
    pub interval: Duration,
    /// How often each BMC is polled while it is measured.
    pub rounds: u32,
}

impl Default for Options {
    /// The measurements that the README quotes.
    fn default() -> Self {
        Self {
            ours: vec![100, 1_000, 10_000],
            exporter: Some(("prometheus-ipmi-exporter".into(), 100)),
            interval: Duration::from_secs(15),
            rounds: 4,
        }
    }
}

/// What a measurement found.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Who polled.
    pub peer: &'static str,
    /// How many BMCs.
    pub bmcs: usize,
    /// CPU time of a poll of one BMC, in milliseconds.
    pub cpu_ms_per_poll: f64,
    /// 99 % of the polls took at most that long, in milliseconds.
    pub p99_ms: f64,
    /// Resident memory of the poller, in megabytes (10^6 bytes).
    pub rss_mb: f64,
    /// Values that are not those of the script.
    pub wrong: u64,
    /// Polls that failed, or lacked a value.
    pub failed: u64,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { peer, bmcs, cpu_ms_per_poll, p99_ms, rss_mb, wrong, failed } = self;
        write!(
            f,
            "RESULT ipmi peer={peer} bmcs={bmcs} cpu_ms_per_poll={cpu_ms_per_poll:.3} \
             p99_ms={p99_ms:.1} rss_mb={rss_mb:.1} wrong={wrong} failed={failed}"
        )
    }
}

/// Measures, printing a line for each measurement as soon as it is done.
///
/// This starts the same program again with the same arguments, for the BMCs: it must come here
/// before it prints or changes anything.
pub async fn run(options: &Options) -> anyhow::Result<Vec<Outcome>> {
    if let Some(count) = bmcs::asked_to_serve()? {
        bmcs::serve(count)?;
        return Ok(Vec::new());
    }
    let mut outcomes = Vec::new();
    if let Some((program, count)) = &options.exporter {
        let bmcs = Bmcs::start(*count)?;
        outcomes.push(exporter::measure(program, &bmcs, options).await?);
        announce(&outcomes)?;
    }
    // The smallest first: memory that was needed once stays with the process.
    let mut counts = options.ours.clone();
    counts.sort_unstable();
    for count in counts {
        let bmcs = Bmcs::start(count)?;
        outcomes.push(ours::measure(&bmcs, options).await?);
        announce(&outcomes)?;
    }
    Ok(outcomes)
}

fn announce(outcomes: &[Outcome]) -> anyhow::Result<()> {
    if let Some(last) = outcomes.last() {
        writeln!(std::io::stdout(), "{last}")?;
    }
    Ok(())
}

/// What a poller has taken in all of its rounds.
#[derive(Clone, Debug, Default)]
struct Tally {
    /// How long each poll took.
    took: Vec<Duration>,
    wrong: u64,
    failed: u64,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.took.extend(other.took);
        self.wrong += other.wrong;
        self.failed += other.failed;
    }

    /// The duration that 99 % do not exceed, in milliseconds.
    fn p99_ms(&mut self) -> f64 {
        self.took.sort_unstable();
        let last = self.took.len().saturating_sub(1);
        let place = (self.took.len() * 99).div_ceil(100).saturating_sub(1).min(last);
        self.took.get(place).map_or(f64::NAN, |took| took.as_secs_f64() * 1e3)
    }

    fn outcome(mut self, peer: &'static str, bmcs: usize, cpu: f64, rss_mb: f64) -> Outcome {
        let polls = self.took.len().max(1) as f64;
        let (p99_ms, wrong, failed) = (self.p99_ms(), self.wrong, self.failed);
        Outcome { peer, bmcs, cpu_ms_per_poll: cpu * 1e3 / polls, p99_ms, rss_mb, wrong, failed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_99th_percentile_leaves_out_one_of_a_hundred() {
        let took: Vec<_> = (1..=100).rev().map(Duration::from_millis).collect();
        let mut tally = Tally { took, ..Tally::default() };
        assert!((tally.p99_ms() - 99.0).abs() < 1e-9);
        let mut one = Tally { took: vec![Duration::from_millis(7)], ..Tally::default() };
        assert!((one.p99_ms() - 7.0).abs() < 1e-9);
        assert!(Tally::default().p99_ms().is_nan());
    }
}
