//! What is known of one sweep over subnets: written by its task, read by the pages.

use std::sync::{Arc, Mutex, PoisonError};

use exporter_kit::{Health, Targets};

use super::answers::Told;
use crate::config::EcsPlan;
use crate::state::Moment;

/// All of them, by name.
pub(crate) type EcsSets = Targets<EcsPlan, RunningEcs>;

/// A server that is asked on behalf of subnets.
#[derive(Debug)]
pub(crate) struct RunningEcs {
    /// Who is asked what on behalf of whom.
    pub(crate) plan: EcsPlan,
    /// Whether the last sweep was good.
    pub(crate) health: Arc<Health>,
    latest: Mutex<Latest>,
}

/// The last sweep.
#[derive(Clone, Debug)]
pub(crate) struct Latest {
    /// What came back for each question (outer) and subnet (inner); absent before the first sweep.
    pub(crate) told: Option<Arc<Vec<Vec<Told>>>>,
    /// When the last one ended in which any answer came, or else when the task began.
    pub(crate) since: Moment,
}

impl RunningEcs {
    /// Nothing is known yet.
    pub(crate) fn new(plan: EcsPlan, now: Moment) -> Self {
        let detail = format!("asked on behalf of {} subnets", plan.subnets.len());
        let health = Arc::new(Health::new(&plan.name, detail));
        Self { plan, health, latest: Mutex::new(Latest { told: None, since: now }) }
    }

    /// The last sweep.
    pub(crate) fn latest(&self) -> Latest {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes over what was known before a reload, until a sweep says otherwise.
    pub(crate) fn takes_over(&self, latest: Latest) {
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = latest;
    }

    /// Puts a sweep in the place of the one before. One without any answer is shown, and grows old.
    pub(crate) fn publish(&self, told: Vec<Vec<Told>>, now: Moment) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let any = told.iter().flatten().any(|told| told.content.is_some());
        if any {
            latest.since = now;
            self.health.up();
        } else {
            self.health.down("no_answers");
        }
        latest.told = Some(Arc::new(told));
    }
}
