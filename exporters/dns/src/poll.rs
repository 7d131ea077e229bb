//! One set of resolvers, swept for ever: the outcomes are judged and published as one snapshot.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use exporter_kit::{Health, Rounds};
use tokio::time::Instant;
use tracing::{error, info};

use crate::change::Change;
use crate::config::Plan;
use crate::consensus::{self, Rules, Verdict};
use crate::metrics::{SetMetrics, SweepResult};
use crate::sweep::{self, Sweep};

/// A set, and all that is known about it. Written by its task, read by the pages.
#[derive(Debug)]
pub struct SetState {
    /// What is asked of whom.
    pub plan: Arc<Plan>,
    /// Whether the last sweep was good.
    pub health: Arc<Health>,
    /// Counters and histograms.
    pub metrics: Arc<SetMetrics>,
    latest: Mutex<Latest>,
}

/// The latest sweep.
#[derive(Clone, Debug, Default)]
pub struct Latest {
    /// What it brought; absent before the first sweep and after one that failed.
    pub snapshot: Option<Arc<Snapshot>>,
    /// When the latest complete sweep ended, in seconds since the epoch. Survives failures.
    pub completed: Option<f64>,
}

/// One sweep, judged. Never changed once it is published.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// How long the sweep took, in seconds.
    pub seconds: f64,
    /// Whether more than a little was lost on this machine.
    pub degraded: bool,
    /// One verdict for each question of the plan, in its order.
    pub verdicts: Vec<Verdict>,
}

impl SetState {
    /// Nothing is known yet.
    pub fn new(plan: Plan) -> Self {
        let detail = detail(&plan);
        Self {
            health: Arc::new(Health::new(&plan.set.name, detail)),
            metrics: Arc::new(SetMetrics::new(plan.questions.len())),
            plan: Arc::new(plan),
            latest: Mutex::default(),
        }
    }

    /// The latest sweep.
    pub fn latest(&self) -> Latest {
        self.lock().clone()
    }

    /// Puts a sweep in the place of the one before, as a whole.
    pub fn publish(&self, snapshot: Snapshot, completed: f64) {
        let snapshot = Some(Arc::new(snapshot));
        *self.lock() = Latest { snapshot, completed: Some(completed) };
    }

    /// Takes back what is no longer fresh.
    fn withdraw(&self) {
        self.lock().snapshot = None;
    }

    fn lock(&self) -> MutexGuard<'_, Latest> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sweeps at the set's interval.
pub async fn run(state: Arc<SetState>, rounds: Rounds) {
    let set = &state.plan.set;
    let mut changes = vec![Change::default(); state.plan.questions.len()];
    let key = format!("dns/{}", set.name);
    let mut rounds = rounds.every(set.interval, &key);
    loop {
        rounds.next().await;
        round(&state, &mut changes).await;
    }
}

async fn round(state: &SetState, changes: &mut [Change]) {
    let began = Instant::now();
    let sweep = match sweep::run(&state.plan, &state.metrics).await {
        Ok(sweep) => sweep,
        Err(error) => {
            error!(set = state.plan.set.name, "sweep failed: {error:#}");
            state.metrics.sweep(SweepResult::Failed);
            state.withdraw();
            state.health.down("sweep_failed");
            return;
        }
    };
    let degraded = sweep.degraded;
    let verdicts = judge(&state.plan, sweep);
    for (number, (verdict, change)) in verdicts.iter().zip(changes).enumerate() {
        if change.observe(verdict.fingerprint) {
            let asked = &state.plan.questions[number];
            info!(
                set = state.plan.set.name,
                name = asked.name.as_str(),
                r#type = asked.kind.as_str(),
                "consensus changed"
            );
            state.metrics.consensus_changed(number);
        }
    }
    let silent = verdicts.iter().all(|verdict| verdict.conclusive() == 0);
    let completed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    state.publish(
        Snapshot { seconds: began.elapsed().as_secs_f64(), degraded, verdicts },
        completed,
    );
    state.metrics.sweep(if degraded { SweepResult::Degraded } else { SweepResult::Complete });
    match (degraded, silent) {
        (true, _) => state.health.down("degraded"),
        (false, true) => state.health.down("no_answers"),
        (false, false) => state.health.up(),
    }
}

fn judge(plan: &Plan, sweep: Sweep) -> Vec<Verdict> {
    let judge = |(asked, outcomes): (&crate::config::Asked, Vec<_>)| {
        let rules = Rules {
            expected: asked.expected.as_ref(),
            min_resolvers: plan.set.min_resolvers,
            min_networks: plan.set.min_networks,
        };
        consensus::judge(&plan.set.list, &outcomes, rules)
    };
    plan.questions.iter().zip(sweep.outcomes).map(judge).collect()
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
