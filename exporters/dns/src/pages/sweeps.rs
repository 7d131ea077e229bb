//! The sweeps of each set: the last one, and the one that is going on.

use serde::Serialize;
use tokio::time::Instant;

use crate::state::{Latest, Moment, SetState};

/// The sweeps of one set.
#[derive(Debug, Serialize)]
pub(crate) struct Sweeps<'a> {
    pub(crate) set: &'a str,
    pub(crate) resolvers: usize,
    pub(crate) questions: usize,
    pub(crate) interval_seconds: f64,
    /// The one that is going on.
    pub(crate) running: Option<Running>,
    /// The last one that ended; absent before the first.
    last: Option<Last>,
    /// How long ago the last one ended that lost little on this machine.
    pub(crate) age_seconds: Option<f64>,
    /// Whether there is one before it to compare it with.
    pub(crate) comparable: bool,
    /// When that was, in seconds since the epoch.
    completed: Option<f64>,
}

/// A sweep that is going on.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Running {
    pub(crate) seconds: f64,
    /// Queries that were sent,
    pub(crate) sent: u64,
    /// of so many at most: who fails the control question is asked no other.
    pub(crate) of: usize,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Last {
    seconds: f64,
    degraded: bool,
}

impl<'a> Sweeps<'a> {
    /// As they are at this moment.
    pub(crate) fn new(set: &'a SetState, latest: &Latest, now: Instant) -> Self {
        let running = set.progress.running().map(|running| Running {
            seconds: now.saturating_duration_since(running.began).as_secs_f64(),
            sent: set.counts.sent().saturating_sub(running.sent_before),
            of: running.most,
        });
        Self {
            set: &set.plan.set.name,
            resolvers: set.plan.set.list.resolvers.len(),
            questions: set.plan.questions.len(),
            interval_seconds: set.plan.set.interval.as_secs_f64(),
            running,
            last: latest.last.map(|(seconds, degraded)| Last { seconds, degraded }),
            age_seconds: latest
                .completed
                .and(latest.since)
                .map(|since| since.age(Moment::Real(now))),
            comparable: is_comparable(latest),
            completed: latest.completed,
        }
    }

    /// Whether too much of the last one was lost on this machine.
    pub(crate) fn is_degraded(&self) -> bool {
        self.last.is_some_and(|last| last.degraded)
    }
}

/// Whether the last sweep can be compared with the one before, resolver by resolver.
pub(crate) fn is_comparable(latest: &Latest) -> bool {
    latest.previous.as_ref().is_some_and(|before| before.kept.is_some())
}
