//! What a poller of BMCs came to, and what ours must reach. No I/O, no clock.

use std::time::Duration;

use crate::bench::report::{Bound, Goal, Row, quantile};
use crate::bench::usage::Spent;
use crate::bench_ipmi::DEFAULTS;

/// The bounds of our own programs: CPU time of a poll, and at 10,000 BMCs each 15 s cores and memory.
const CPU_MS: f64 = 0.3;
const LARGE: usize = 10_000;
const CORES: f64 = 1.0;
const RSS_MB: f64 = 220.0;

/// The program that is not ours.
pub(super) const PEER: &str = "ipmi_exporter";
/// Our client alone.
pub(super) const OURS: &str = "ours";
/// The same over a shared socket: there to be compared with.
pub(super) const SHARED: &str = "shared";
/// Our exporter.
pub(super) const EXPORTER: &str = "turbulence-ipmi";

/// Whether every poll succeeded and every value was right; the other exporter's failures are its own.
pub fn is_good(row: &Row) -> bool {
    let is_none = |figure| row.figure(figure).is_some_and(|count| count < 1.0);
    row.peer() == PEER || (is_none("wrong") && is_none("failed"))
}

/// What a program that is shipped must reach; nothing for the others.
pub(super) fn goals(row: &Row) -> Vec<Goal> {
    let goal = |figure, bound| Goal { figure, bound: Bound::AtMost(bound) };
    match row.peer() {
        // More is read than its sensors, so a poll's cost is another one.
        _ if row.is_alike("collectors", DEFAULTS) => vec![goal("rss_mb", RSS_MB)],
        OURS | EXPORTER if row.size() == LARGE => {
            vec![goal("cpu_ms_per_poll", CPU_MS), goal("cores", CORES), goal("rss_mb", RSS_MB)]
        }
        OURS | EXPORTER => vec![goal("cpu_ms_per_poll", CPU_MS)],
        _ => Vec::new(),
    }
}

/// What a poller has taken in all of its rounds.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// How long each poll took.
    pub(super) took: Vec<Duration>,
    /// Values that are not those of the script.
    pub(super) wrong: u64,
    /// Polls that failed, were left out, or lacked a value.
    pub(super) failed: u64,
}

impl Tally {
    pub(super) fn add(&mut self, other: Self) {
        self.took.extend(other.took);
        self.wrong += other.wrong;
        self.failed += other.failed;
    }

    /// A row of `polls` polls: CPU time of a poll of one BMC, what 99 % of the polls took at most,
    /// memory, and CPU time in shares of one core.
    pub(super) fn row(
        &self,
        (peer, collectors): (&str, &str),
        bmcs: usize,
        polls: f64,
        used: &Spent,
    ) -> Row {
        let mut took: Vec<f64> = self.took.iter().map(Duration::as_secs_f64).collect();
        took.sort_by(f64::total_cmp);
        Row::new("ipmi", peer, ("bmcs", bmcs))
            .alike("collectors", collectors)
            .with("cpu_ms_per_poll", Some(used.cpu_seconds * 1e3 / polls.max(1.0)), 3)
            .with("p99_ms", quantile(&took, 0.99).map(|seconds| seconds * 1e3), 1)
            .with("rss_mb", Some(used.rss), 1)
            .with("wrong", Some(self.wrong as f64), 0)
            .with("failed", Some(self.failed as f64), 0)
            .with("cores", Some(used.cpu_seconds / used.seconds), 3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::report::verdicts;

    fn row(peer: &str, bmcs: usize, cpu: f64, failed: u64) -> Row {
        let tally = Tally { took: vec![Duration::from_millis(20)], wrong: 0, failed };
        let used = Spent { cpu_seconds: cpu / 1e3, seconds: 1.0, rss: 300.0, peak_rss: 300.0 };
        tally.row((peer, "ipmi"), bmcs, 1.0, &used)
    }

    #[test]
    fn a_line_says_everything() {
        assert_eq!(
            row("ours", 100, 0.25, 0).line(),
            "RESULT ipmi peer=ours bmcs=100 collectors=ipmi cpu_ms_per_poll=0.250 p99_ms=20.0 \
             rss_mb=300.0 wrong=0 failed=0 cores=0.000"
        );
    }

    #[test]
    fn what_is_not_shipped_has_no_goal_and_memory_counts_at_ten_thousand() {
        let ends = |row: &Row| -> Vec<String> {
            let said = verdicts(row, &goals(row));
            said.iter().filter_map(|line| Some(line.rsplit_once(' ')?.1.to_owned())).collect()
        };
        assert!(ends(&row(PEER, 100, 20.0, 0)).is_empty());
        assert!(ends(&row(SHARED, 100, 0.2, 0)).is_empty());
        assert_eq!(ends(&row(OURS, 100, 0.6, 0)), ["MISSED"]);
        assert_eq!(ends(&row(EXPORTER, 10_000, 0.2, 0)), ["reached", "reached", "MISSED"]);
        let used = Spent { cpu_seconds: 1.0, seconds: 1.0, rss: 200.0, peak_rss: 200.0 };
        let of_defaults = Tally::default().row((EXPORTER, DEFAULTS), 10_000, 1.0, &used);
        assert_eq!(ends(&of_defaults), ["reached"]);
    }

    #[test]
    fn a_failure_counts_for_ours_alone() {
        assert!(is_good(&row(OURS, 9, 0.2, 0)) && !is_good(&row(OURS, 9, 0.2, 1)));
        assert!(is_good(&row(PEER, 9, 0.2, 1)));
    }
}
