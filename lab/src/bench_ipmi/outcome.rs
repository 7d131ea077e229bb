//! What a measurement found, as lines for programs and as a table. No I/O, no clock.

use std::fmt::Write as _;
use std::time::Duration;

/// What a measurement found.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Who polled: `ours` is the client alone.
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
    /// Polls that failed, were left out, or lacked a value.
    pub failed: u64,
    /// CPU time in shares of one core.
    pub cores: f64,
    /// What else is to be said of it, name and value.
    pub more: Vec<(&'static str, String)>,
}

/// The bounds of our own programs: CPU time of a poll, and at 10,000 BMCs each 15 s cores and memory.
const CPU_MS: f64 = 0.5;
const LARGE: usize = 10_000;
const CORES: f64 = 1.0;
const RSS_MB: f64 = 250.0;

/// The program that is not ours.
pub(super) const PEER: &str = "ipmi_exporter";
/// Our client alone.
pub(super) const OURS: &str = "ours";
/// The same over a shared socket: there to be compared with.
pub(super) const SHARED: &str = "shared";

impl Outcome {
    /// Whether every poll succeeded and every value was right.
    pub fn is_good(&self) -> bool {
        self.wrong == 0 && self.failed == 0
    }

    /// Whether it is the other exporter's.
    pub fn is_peer(&self) -> bool {
        self.peer == PEER
    }

    /// Adds what else is to be said.
    #[must_use]
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.more.push((name, value.into()));
        self
    }

    /// `RESULT ipmi peer=<..> bmcs=<n> <figure>=<..> ...`
    pub fn line(&self) -> String {
        let Self { peer, bmcs, cpu_ms_per_poll, p99_ms, rss_mb, wrong, failed, cores, more } = self;
        let mut line = format!(
            "RESULT ipmi peer={peer} bmcs={bmcs} cpu_ms_per_poll={cpu_ms_per_poll:.3} \
             p99_ms={p99_ms:.1} rss_mb={rss_mb:.1} wrong={wrong} failed={failed} cores={cores:.3}"
        );
        for (name, value) in more {
            let _ = write!(line, " {name}={value}");
        }
        line
    }

    /// Whether this is what is shipped.
    fn is_shipped(&self) -> bool {
        ![PEER, SHARED].contains(&self.peer)
    }

    fn said(&self, name: &str) -> &str {
        self.more.iter().find(|(it, _)| *it == name).map_or("-", |(_, value)| value)
    }
}

/// The outcomes as an aligned table.
pub(super) fn table(outcomes: &[Outcome]) -> Vec<String> {
    let head = ["peer", "version", "collectors", "BMCs", "CPU ms/poll", "p99 ms", "RSS MB"];
    let mut rows =
        vec![head.into_iter().chain(["cores", "wrong", "failed"]).map(str::to_owned).collect()];
    rows.extend(outcomes.iter().map(|it| {
        vec![
            it.peer.to_owned(),
            it.said("version").to_owned(),
            it.said("collectors").to_owned(),
            it.bmcs.to_string(),
            format!("{:.3}", it.cpu_ms_per_poll),
            format!("{:.1}", it.p99_ms),
            format!("{:.1}", it.rss_mb),
            format!("{:.3}", it.cores),
            it.wrong.to_string(),
            it.failed.to_string(),
        ]
    }));
    aligned(&rows)
}

/// Rows of cells as lines; the first three columns hold words, the others numbers.
pub(super) fn aligned(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().filter_map(|row| Some(row.get(column)?.len())).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let show = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column < 3 { format!("{cell:width$}") } else { format!("{cell:>width$}") }
        });
        cells.collect::<Vec<_>>().join("  ")
    };
    rows.iter().map(show).collect()
}

/// How much ours take of what the other exporter takes, and shared sockets of what one a BMC take: on
/// as many BMCs and with the same collectors.
pub(super) fn ratios(outcomes: &[Outcome]) -> Vec<String> {
    let mut lines = Vec::new();
    for base in outcomes {
        let is_other = |it: &&Outcome| match base.peer {
            PEER => it.is_shipped(),
            OURS => it.peer == SHARED,
            _ => false,
        };
        let is_same = |it: &&Outcome| {
            it.bmcs == base.bmcs && it.said("collectors") == base.said("collectors")
        };
        for it in outcomes.iter().filter(is_other).filter(is_same) {
            lines.push(format!(
                "RATIO ipmi {}/{} bmcs={} collectors={} cpu_ms_per_poll={:.4} p99_ms={:.4} rss_mb={:.3}",
                it.peer,
                base.peer,
                it.bmcs,
                it.said("collectors"),
                it.cpu_ms_per_poll / base.cpu_ms_per_poll,
                it.p99_ms / base.p99_ms,
                it.rss_mb / base.rss_mb,
            ));
        }
    }
    lines
}

/// Whether ours reach their goals.
pub(super) fn verdicts(outcomes: &[Outcome]) -> Vec<String> {
    let mut lines = Vec::new();
    for it in outcomes.iter().filter(|it| it.is_shipped()) {
        let mut goals = vec![("cpu_ms_per_poll", it.cpu_ms_per_poll, CPU_MS)];
        if it.bmcs == LARGE {
            goals.extend([("cores", it.cores, CORES), ("rss_mb", it.rss_mb, RSS_MB)]);
        }
        for (figure, value, bound) in goals {
            let verdict = if value < bound { "reached" } else { "MISSED" };
            lines.push(format!(
                "GOAL ipmi peer={} bmcs={} {figure}<{bound} {verdict}",
                it.peer, it.bmcs
            ));
        }
    }
    lines
}

/// What a poller has taken in all of its rounds.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// How long each poll took.
    pub(super) took: Vec<Duration>,
    pub(super) wrong: u64,
    pub(super) failed: u64,
}

/// What the process of a poller used, and for how long it was watched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Used {
    pub(super) cpu_seconds: f64,
    pub(super) wall_seconds: f64,
    pub(super) rss_mb: f64,
}

impl Tally {
    pub(super) fn add(&mut self, other: Self) {
        self.took.extend(other.took);
        self.wrong += other.wrong;
        self.failed += other.failed;
    }

    /// The duration that 99 % do not exceed, in milliseconds.
    pub(super) fn p99_ms(&mut self) -> f64 {
        self.took.sort_unstable();
        let last = self.took.len().saturating_sub(1);
        let place = (self.took.len() * 99).div_ceil(100).saturating_sub(1).min(last);
        self.took.get(place).map_or(f64::NAN, |took| took.as_secs_f64() * 1e3)
    }

    pub(super) fn outcome(mut self, peer: &'static str, bmcs: usize, used: Used) -> Outcome {
        let polls = self.took.len().max(1) as f64;
        Outcome {
            peer,
            bmcs,
            cpu_ms_per_poll: used.cpu_seconds * 1e3 / polls,
            p99_ms: self.p99_ms(),
            rss_mb: used.rss_mb,
            wrong: self.wrong,
            failed: self.failed,
            cores: used.cpu_seconds / used.wall_seconds,
            more: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(peer: &'static str, bmcs: usize, cpu: f64) -> Outcome {
        let tally = Tally { took: vec![Duration::from_millis(20)], ..Tally::default() };
        let used = Used { cpu_seconds: cpu / 1e3, wall_seconds: 1.0, rss_mb: 300.0 };
        tally.outcome(peer, bmcs, used).with("collectors", "ipmi")
    }

    #[test]
    fn the_99th_percentile_leaves_out_one_of_a_hundred() {
        let took: Vec<_> = (1..=100).rev().map(Duration::from_millis).collect();
        let mut tally = Tally { took, ..Tally::default() };
        assert!((tally.p99_ms() - 99.0).abs() < 1e-9);
        let mut one = Tally { took: vec![Duration::from_millis(7)], ..Tally::default() };
        assert!((one.p99_ms() - 7.0).abs() < 1e-9);
        assert!(Tally::default().p99_ms().is_nan());
    }

    #[test]
    fn a_line_says_everything() {
        assert_eq!(
            outcome("ours", 100, 0.25).line(),
            "RESULT ipmi peer=ours bmcs=100 cpu_ms_per_poll=0.250 p99_ms=20.0 rss_mb=300.0 \
             wrong=0 failed=0 cores=0.000 collectors=ipmi"
        );
    }

    #[test]
    fn only_like_is_compared_with_like() {
        let other = outcome("ours", 100, 9.0);
        let other = Outcome { more: vec![("collectors", "bmc,ipmi".into())], ..other };
        let all =
            [outcome(PEER, 100, 20.0), outcome("ours", 100, 0.5), outcome("ours", 9, 1.0), other];
        let said = ratios(&all);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(
            said[0].contains("ours/ipmi_exporter bmcs=100 collectors=ipmi cpu_ms_per_poll=0.0250")
        );
    }

    #[test]
    fn shared_sockets_are_compared_with_one_a_bmc_and_have_no_goal() {
        let all = [outcome(SHARED, 9, 0.6), outcome(OURS, 9, 0.3), outcome(PEER, 9, 30.0)];
        let said = ratios(&all);
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].contains(" shared/ours bmcs=9 collectors=ipmi cpu_ms_per_poll=2.0000 "));
        assert!(said[1].contains(" ours/ipmi_exporter "));
        assert_eq!(verdicts(&all).len(), 1);
    }

    #[test]
    fn memory_counts_at_ten_thousand() {
        let said = verdicts(&[outcome("ours", 100, 0.6), outcome("ours", 10_000, 0.2)]);
        let ends: Vec<_> = said.iter().filter_map(|line| line.rsplit(' ').next()).collect();
        assert_eq!(ends, ["MISSED", "reached", "reached", "MISSED"]);
    }
}
