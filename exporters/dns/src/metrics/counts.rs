//! What is counted for one set: written by its sweeps, read by the page.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use exporter_kit::{Buckets, Counter, CountsBy, Histogram};

use crate::exchange::Transport;
use crate::exchange::unanswered::Unanswered;
use crate::outcome::{Ignored, LocalError, SweepResult};

/// What is counted for one set. Dropped with it, so a removed set leaves no series behind.
#[derive(Debug)]
pub(crate) struct Counts {
    pub(super) queries: CountsBy<Transport>,
    pub(super) retries: Counter,
    /// Resolvers that are left alone in the sweep that is going on.
    resting: AtomicUsize,
    pub(super) ignored: CountsBy<Ignored>,
    pub(super) local_errors: CountsBy<LocalError>,
    pub(super) sweeps: CountsBy<SweepResult>,
    pub(super) response_seconds: Histogram,
    /// Of a set that is asked over connections: why there was no answer, and how long it took to connect.
    pub(super) unanswered: CountsBy<Unanswered>,
    pub(super) connect_seconds: Histogram,
    /// One for each question of the set, in their order.
    pub(super) consensus_changes: Vec<Counter>,
}

impl Counts {
    /// Everything at zero, for a set that is asked this many questions.
    pub(crate) fn new(questions: usize, buckets: &Buckets) -> Self {
        Self {
            queries: CountsBy::default(),
            retries: Counter::default(),
            resting: AtomicUsize::default(),
            ignored: CountsBy::default(),
            local_errors: CountsBy::default(),
            sweeps: CountsBy::default(),
            response_seconds: Histogram::new(buckets.clone()),
            unanswered: CountsBy::default(),
            connect_seconds: Histogram::new(buckets.clone()),
            consensus_changes: (0..questions).map(|_| Counter::default()).collect(),
        }
    }

    /// Counts times by other bounds, from zero on; by the same ones nothing changes.
    pub(crate) fn set_buckets(&self, buckets: &Buckets) {
        self.response_seconds.set_buckets(buckets);
        self.connect_seconds.set_buckets(buckets);
    }

    /// Counts a query that was sent.
    pub(crate) fn query(&self, transport: Transport) {
        self.queries.inc(transport);
    }

    /// How many queries were sent, but for those that fetch what came cut.
    pub(crate) fn sent(&self) -> u64 {
        use Transport::{Doh, Doq, Dot, Udp};
        [Udp, Dot, Doh, Doq].into_iter().map(|transport| self.queries.get(transport)).sum()
    }

    /// Counts a question, or a connection, that brought no answer.
    pub(crate) fn unanswered(&self, why: Unanswered) {
        self.unanswered.inc(why);
    }

    /// Records how long it took to connect.
    pub(crate) fn connected(&self, took: Duration) {
        self.connect_seconds.observe(took);
    }

    /// Counts a query that is sent again, after a timeout or without EDNS.
    pub(crate) fn retry(&self) {
        self.retries.inc();
    }

    /// Notes how many resolvers are left alone.
    pub(crate) fn set_resting(&self, resolvers: usize) {
        self.resting.store(resolvers, Ordering::Relaxed);
    }

    /// How many resolvers are left alone.
    pub(crate) fn resting(&self) -> usize {
        self.resting.load(Ordering::Relaxed)
    }

    /// Records the time that a first answer took.
    pub(crate) fn answered(&self, took: Duration) {
        self.response_seconds.observe(took);
    }

    /// Counts a datagram that was no answer.
    pub(crate) fn ignored(&self, reason: Ignored) {
        self.ignored.inc(reason);
    }

    /// Counts what went wrong on this machine.
    pub(crate) fn local_error(&self, kind: LocalError, count: u64) {
        self.local_errors.inc_by(kind, count);
    }

    /// How many sweeps ended so.
    #[cfg(test)]
    pub(crate) fn sweeps(&self, result: SweepResult) -> u64 {
        self.sweeps.get(result)
    }

    /// Counts a sweep.
    pub(crate) fn sweep(&self, result: SweepResult) {
        self.sweeps.inc(result);
    }

    /// Counts a change of the consensus on a question.
    pub(crate) fn consensus_changed(&self, question: usize) {
        self.consensus_changes[question].inc();
    }
}
