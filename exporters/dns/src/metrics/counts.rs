//! What is counted for one set: written by its sweeps, read by the page.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;

use crate::exchange::Transport;
use crate::outcome::{Ignored, LocalError, SweepResult};

/// From a resolver next door to the longest timeout that anybody sets.
const BUCKETS: [f64; 13] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0];

/// What is counted for one set. Dropped with it, so a removed set leaves no series behind.
#[derive(Debug)]
pub(crate) struct Counts {
    pub(super) queries: [Counter; Transport::ALL.len()],
    pub(super) retries: Counter,
    pub(super) ignored: [Counter; Ignored::ALL.len()],
    pub(super) local_errors: [Counter; LocalError::ALL.len()],
    pub(super) sweeps: [Counter; SweepResult::ALL.len()],
    pub(super) response_seconds: Histogram,
    /// One for each question of the set, in their order.
    pub(super) consensus_changes: Vec<Counter>,
}

impl Counts {
    /// Everything at zero, for a set that is asked this many questions.
    pub(crate) fn new(questions: usize) -> Self {
        Self {
            queries: Default::default(),
            retries: Counter::default(),
            ignored: Default::default(),
            local_errors: Default::default(),
            sweeps: Default::default(),
            response_seconds: Histogram::new(BUCKETS),
            // Not `vec![counter; n]`: its clones would all count as one.
            consensus_changes: (0..questions).map(|_| Counter::default()).collect(),
        }
    }

    /// Counts a query that was sent.
    pub(crate) fn query(&self, transport: Transport) {
        self.queries[transport as usize].inc();
    }

    /// Counts a query that is sent again.
    pub(crate) fn retry(&self) {
        self.retries.inc();
    }

    /// Records the time that a first answer took.
    pub(crate) fn answered(&self, took: Duration) {
        self.response_seconds.observe(took.as_secs_f64());
    }

    /// Counts a datagram that was no answer.
    pub(crate) fn ignored(&self, reason: Ignored) {
        self.ignored[reason as usize].inc();
    }

    /// Counts what went wrong on this machine.
    pub(crate) fn local_error(&self, kind: LocalError, count: u64) {
        self.local_errors[kind as usize].inc_by(count);
    }

    /// Counts a sweep.
    pub(crate) fn sweep(&self, result: SweepResult) {
        self.sweeps[result as usize].inc();
    }

    /// Counts a change of the consensus on a question.
    pub(crate) fn consensus_changed(&self, question: usize) {
        self.consensus_changes[question].inc();
    }
}
