//! What is known about one zone: written by its task, read by the pages.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use exporter_kit::{Buckets, CountsBy, Health, Histogram, Targets};

use super::judge::{Round, Verdict};
use crate::config::{ZonePlan, ZoneWork};
use crate::exchange::Transport;
use crate::state::Moment;

/// All zones, by name.
pub(crate) type Zones = Targets<ZoneWork, RunningZone, ZonePlan>;

exporter_kit::label_enum! {
    /// How a round ended. A closed set, since it is a label.
    pub(crate) enum RoundResult {
        /// It was judged.
        Complete = "complete",
        /// No server replied, or none is known: nothing follows from it.
        Failed = "failed",
    }
}

/// A zone that is asked about.
#[derive(Debug)]
pub(crate) struct RunningZone {
    /// Whether the last round was good.
    pub(crate) health: Arc<Health>,
    /// Counters and histograms.
    pub(crate) counts: Counts,
    plan: Mutex<Arc<ZonePlan>>,
    latest: Mutex<Latest>,
}

/// The latest round.
#[derive(Clone, Debug)]
pub(crate) struct Latest {
    /// What it brought; absent before the first one that could be judged, and after one that could not.
    pub(crate) snapshot: Option<Arc<Snapshot>>,
    /// When the latest round that could be judged ended, or else when the zone's task began.
    pub(crate) since: Moment,
}

/// One round, judged. Never changed once it is published.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    /// Who said what.
    pub(crate) round: Round,
    /// What follows.
    pub(crate) verdict: Verdict,
}

/// What is counted of one zone.
#[derive(Debug)]
pub(crate) struct Counts {
    /// Queries sent.
    pub(crate) queries: CountsBy<Transport>,
    /// Rounds that ended.
    pub(crate) rounds: CountsBy<RoundResult>,
    /// Time from a question to its answer.
    pub(crate) response_seconds: Histogram,
}

impl Counts {
    /// Counts a query.
    pub(crate) fn query(&self, transport: Transport) {
        self.queries.inc(transport);
    }

    /// Records the time that an answer took.
    pub(crate) fn answered(&self, took: Duration) {
        self.response_seconds.observe(took);
    }
}

impl RunningZone {
    /// Nothing is known yet.
    pub(crate) fn new(plan: ZonePlan, now: Moment) -> Self {
        let health = Health::new(plan.zone.as_str(), "the zone's own name servers");
        Self {
            health: Arc::new(health),
            counts: Counts::new(&plan.buckets),
            plan: Mutex::new(Arc::new(plan)),
            latest: Mutex::new(Latest { snapshot: None, since: now }),
        }
    }

    /// What is asked, and how it is judged and shown.
    pub(crate) fn plan(&self) -> Arc<ZonePlan> {
        Arc::clone(&self.plan.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Exchanges a plan for one with the same work. The next round is judged by it.
    pub(crate) fn relabel(&self, plan: &ZonePlan) {
        self.counts.response_seconds.set_buckets(&plan.buckets);
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(plan.clone());
    }

    /// The latest round.
    pub(crate) fn latest(&self) -> Latest {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts a round in the place of the one before; none if it could not be judged.
    pub(crate) fn publish(&self, snapshot: Option<Snapshot>, now: Moment) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if snapshot.as_ref().is_some_and(|it| !it.verdict.is_blind) {
            latest.since = now;
        }
        latest.snapshot = snapshot.map(Arc::new);
    }
}

impl Counts {
    fn new(buckets: &Buckets) -> Self {
        Self {
            queries: CountsBy::default(),
            rounds: CountsBy::default(),
            response_seconds: Histogram::new(buckets.clone()),
        }
    }
}
