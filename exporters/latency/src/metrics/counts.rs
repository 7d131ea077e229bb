//! What is counted: probes and failures, distributions of their times, stray replies.

use std::sync::Arc;
use std::time::Duration;

use exporter_kit::{Buckets, Counter, CountsBy, Histogram};

use crate::outcome::{Failure, Outcome, Phase};

/// The counters and distributions of one target; zero at first.
#[derive(Debug)]
pub(crate) struct Counts {
    pub(super) probes: Counter,
    pub(super) failures: CountsBy<Failure>,
    pub(super) durations: Histogram,
    /// Those that a probe of the target can have.
    pub(super) phases: Vec<(Phase, Histogram)>,
    /// The target's stray replies; only echoes have any.
    pub(crate) strays: Arc<Strays>,
}

impl Counts {
    /// Counts for a target whose probes can have these phases.
    pub(crate) fn new(phases: impl IntoIterator<Item = Phase>, buckets: &Buckets) -> Self {
        let histogram = || Histogram::new(buckets.clone());
        Self {
            probes: Counter::default(),
            failures: CountsBy::default(),
            durations: histogram(),
            phases: phases.into_iter().map(|phase| (phase, histogram())).collect(),
            strays: Arc::default(),
        }
    }

    /// Counts times by these bounds from now on.
    pub(crate) fn set_buckets(&self, buckets: &Buckets) {
        let phases = self.phases.iter().map(|(_, histogram)| histogram);
        phases.chain([&self.durations]).for_each(|histogram| histogram.set_buckets(buckets));
    }

    /// Counts one decided probe.
    pub(crate) fn count(&self, outcome: &Outcome) {
        self.probes.inc();
        if let Some(failure) = outcome.failure {
            self.failures.inc(failure);
        }
        if let Some(duration) = outcome.duration {
            self.durations.observe(duration);
        }
        for phase in Phase::ALL {
            if let Some(took) = outcome.phases.get(phase) {
                self.observe_phase(phase, took);
            }
        }
    }

    /// Counts a phase by itself, as that of a lookup that several probes share.
    pub(crate) fn observe_phase(&self, phase: Phase, took: Duration) {
        if let Some((_, histogram)) = self.phases.iter().find(|(known, _)| *known == phase) {
            histogram.observe(took);
        }
    }
}

/// Replies to a target's echoes that decided nothing.
#[derive(Debug, Default)]
pub(crate) struct Strays {
    /// Came after the timeout.
    pub(crate) late: Counter,
    /// Came again.
    pub(crate) duplicate: Counter,
}

/// How long replies had waited in the ICMP sockets when they were read.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReceiveQueue(pub(super) Arc<Histogram>);

impl ReceiveQueue {
    /// Counts by these bounds from now on.
    pub(crate) fn set_buckets(&self, buckets: &Buckets) {
        self.0.set_buckets(buckets);
    }

    /// Counts one reply.
    pub(crate) fn observe(&self, queued: Duration) {
        self.0.observe(queued);
    }
}
