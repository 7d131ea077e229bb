//! What is counted: probes and failures, distributions of their times, stray replies.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;

use crate::outcome::{Failure, Outcome, Phase};

/// Finest where the distances of a continent and of the world are.
const SECONDS: [f64; 16] =
    [0.001, 0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0];
const LONGEST: [f64; 1] = [10.0];
/// From an idle machine's 10 us to a starved one's 100 ms.
const QUEUE_SECONDS: [f64; 6] = [0.000_01, 0.000_1, 0.001, 0.01, 0.1, 1.0];

fn durations() -> Histogram {
    Histogram::new(SECONDS.into_iter().chain(LONGEST))
}

/// The counters and distributions of one target; zero at first.
#[derive(Debug)]
pub(crate) struct Counts {
    pub(super) probes: Counter,
    failures: [Counter; Failure::ALL.len()],
    pub(super) durations: Histogram,
    /// Those that a probe of the target can have.
    pub(super) phases: Vec<(Phase, Histogram)>,
    /// The target's stray replies; only echoes have any.
    pub(crate) strays: Arc<Strays>,
}

impl Counts {
    /// Counts for a target whose probes can have these phases.
    pub(crate) fn new(phases: impl IntoIterator<Item = Phase>) -> Self {
        Self {
            probes: Counter::default(),
            failures: Default::default(),
            durations: durations(),
            phases: phases.into_iter().map(|phase| (phase, durations())).collect(),
            strays: Arc::default(),
        }
    }

    /// Counts one decided probe.
    pub(crate) fn count(&self, outcome: &Outcome) {
        self.probes.inc();
        if let Some(failure) = outcome.failure {
            self.failures[failure as usize].inc();
        }
        if let Some(duration) = outcome.duration {
            self.durations.observe(duration.as_secs_f64());
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
            histogram.observe(took.as_secs_f64());
        }
    }

    pub(super) fn failed(&self, reason: Failure) -> &Counter {
        &self.failures[reason as usize]
    }
}

/// Replies to a target's echoes that decided nothing.
#[derive(Debug, Default)]
pub(crate) struct Strays {
    /// Came after the timeout.
    pub(crate) late: AtomicU64,
    /// Came again.
    pub(crate) duplicate: AtomicU64,
}

/// How long replies had waited in the ICMP sockets when they were read.
#[derive(Clone, Debug)]
pub(crate) struct ReceiveQueue(pub(super) Histogram);

impl Default for ReceiveQueue {
    fn default() -> Self {
        Self(Histogram::new(QUEUE_SECONDS))
    }
}

impl ReceiveQueue {
    /// Counts one reply.
    pub(crate) fn observe(&self, queued: Duration) {
        self.0.observe(queued.as_secs_f64());
    }
}
