//! What is counted: probes and failures, distributions of their times, stray replies.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use exporter_kit::{Buckets, Counter, Histogram};

use crate::outcome::{Failure, Outcome, Phase};

/// The counters and distributions of one target; zero at first.
#[derive(Debug)]
pub(crate) struct Counts {
    pub(super) failures: Failures,
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
            failures: Failures::default(),
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
        if let Some(failure) = outcome.failure {
            self.failures.inc(failure, outcome.phase);
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

/// How many probes failed, by reason and phase. Most targets have few of either: none takes room before it counts.
#[derive(Debug, Default)]
pub(crate) struct Failures(Mutex<Vec<(Failure, Option<Phase>, u64)>>);

impl Failures {
    fn inc(&self, reason: Failure, phase: Option<Phase>) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match counted.iter_mut().find(|(known, at, _)| (*known, *at) == (reason, phase)) {
            Some((.., count)) => *count += 1,
            None => counted.push((reason, phase, 1)),
        }
    }

    /// Those that were counted at all, in order.
    pub(super) fn counted(&self) -> Vec<(Failure, Option<Phase>, u64)> {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        counted.sort_unstable_by_key(|(reason, phase, _)| {
            (*reason as usize, phase.map(|phase| phase as usize))
        });
        counted
    }
}

/// Replies to a target's echoes that decided nothing.
#[derive(Debug, Default)]
pub(crate) struct Strays {
    /// Came after the timeout.
    pub(crate) late: Counter,
    /// Came again.
    pub(crate) duplicate: Counter,
    /// Came in time, and after that to an echo which was sent later.
    pub(super) out_of_order: Counter,
    /// When the newest echo to each address that was answered had been sent.
    answered: Mutex<Vec<(IpAddr, Duration)>>,
}

impl Strays {
    /// So many addresses are kept in order: as many as a target is probed at.
    const MOST: usize = 4;

    /// The reply to an echo that was sent at `sent` has arrived, in time.
    pub(crate) fn answered(&self, from: IpAddr, sent: Duration) {
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        match answered.iter_mut().find(|(ip, _)| *ip == from) {
            Some((_, newest)) if *newest > sent => self.out_of_order.inc(),
            Some((_, newest)) => *newest = sent,
            None => {
                // An address that the name has no longer makes room.
                if answered.len() == Self::MOST {
                    answered.remove(0);
                }
                // Most targets have one: no room is taken for more.
                answered.reserve_exact(1);
                answered.push((from, sent));
            }
        }
    }
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
