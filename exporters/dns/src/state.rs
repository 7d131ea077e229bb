//! What is known about one set of resolvers: written by its task, read by the pages.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use exporter_kit::{Health, Targets};

use crate::config::Plan;
use crate::consensus::Verdict;
use crate::metrics::counts::Counts;

/// All sets, by name.
pub(crate) type Sets = Targets<Plan, SetState>;

/// A set, and all that is known about it. Written by its task, read by the pages.
#[derive(Debug)]
pub(crate) struct SetState {
    /// What is asked of whom.
    pub(crate) plan: Arc<Plan>,
    /// Whether the last sweep was good.
    pub(crate) health: Arc<Health>,
    /// Counters and histograms.
    pub(crate) counts: Arc<Counts>,
    latest: Mutex<Latest>,
}

/// The latest sweep.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latest {
    /// What it brought; absent before the first sweep and after one that failed.
    pub(crate) snapshot: Option<Arc<Snapshot>>,
    /// When the latest complete sweep ended, in seconds since the epoch. Survives failures.
    pub(crate) completed: Option<f64>,
}

/// One sweep, judged. Never changed once it is published.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    /// How long the sweep took, in seconds.
    pub(crate) seconds: f64,
    /// Whether more than a little was lost on this machine.
    pub(crate) degraded: bool,
    /// One verdict for each question of the plan, in its order.
    pub(crate) verdicts: Vec<Verdict>,
}

impl SetState {
    /// Nothing is known yet.
    pub(crate) fn new(plan: Plan) -> Self {
        let detail = detail(&plan);
        Self {
            health: Arc::new(Health::new(&plan.set.name, detail)),
            counts: Arc::new(Counts::new(plan.questions.len())),
            plan: Arc::new(plan),
            latest: Mutex::default(),
        }
    }

    /// The latest sweep.
    pub(crate) fn latest(&self) -> Latest {
        self.lock().clone()
    }

    /// Puts a sweep in the place of the one before, as a whole.
    pub(crate) fn publish(&self, snapshot: Snapshot, completed: f64) {
        let snapshot = Some(Arc::new(snapshot));
        *self.lock() = Latest { snapshot, completed: Some(completed) };
    }

    /// Takes back what is no longer fresh.
    pub(crate) fn withdraw(&self) {
        self.lock().snapshot = None;
    }

    fn lock(&self) -> MutexGuard<'_, Latest> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A few words for the landing page; with whom to write to, if that is configured.
fn detail(plan: &Plan) -> String {
    let count = |number: usize, noun: &str| {
        format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
    };
    let mut detail = format!(
        "{} asked {}",
        count(plan.set.list.resolvers.len(), "resolver"),
        count(plan.questions.len(), "question")
    );
    if let Some(contact) = &plan.set.contact {
        detail.extend(["; contact: ", contact]);
    }
    detail
}
