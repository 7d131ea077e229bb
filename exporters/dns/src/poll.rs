//! One set of resolvers, swept for ever: the outcomes are judged and published as one snapshot.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use exporter_kit::Rounds;
use tokio::time::Instant;
use tracing::{error, info};

use crate::change::Change;
use crate::config::{Asked, Plan};
use crate::consensus::{self, Rules, Verdict};
use crate::outcome::SweepResult;
use crate::state::{SetState, Snapshot};
use crate::sweep::{self, Sweep};

/// Sweeps at the set's interval.
pub(crate) async fn run(state: Arc<SetState>, rounds: Rounds) {
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
    let sweep = match sweep::run(&state.plan, &state.counts).await {
        Ok(sweep) => sweep,
        Err(error) => {
            error!(set = state.plan.set.name, "sweep failed: {error:#}");
            state.counts.sweep(SweepResult::Failed);
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
            state.counts.consensus_changed(number);
        }
    }
    let silent = verdicts.iter().all(|verdict| verdict.conclusive() == 0);
    let completed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    state.publish(
        Snapshot { seconds: began.elapsed().as_secs_f64(), degraded, verdicts },
        completed,
    );
    state.counts.sweep(if degraded { SweepResult::Degraded } else { SweepResult::Complete });
    match (degraded, silent) {
        (true, _) => state.health.down("degraded"),
        (false, true) => state.health.down("no_answers"),
        (false, false) => state.health.up(),
    }
}

fn judge(plan: &Plan, sweep: Sweep) -> Vec<Verdict> {
    let judge = |(asked, outcomes): (&Asked, Vec<_>)| {
        let rules = Rules {
            expected: asked.expected.as_ref(),
            min_resolvers: plan.set.min_resolvers,
            min_networks: plan.set.min_networks,
        };
        consensus::judge(&plan.set.list, &outcomes, rules)
    };
    plan.questions.iter().zip(sweep.outcomes).map(judge).collect()
}
