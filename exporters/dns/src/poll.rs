//! One set of resolvers, swept for ever: the outcomes are judged and published as one snapshot.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use exporter_kit::Rounds;
use tokio::time::{Instant, sleep_until};
use tracing::{error, info};

use crate::change::Change;
use crate::config::{Asked, Plan};
use crate::consensus::{self, Rules, Verdict};
use crate::kept::Kept;
use crate::outcome::{Outcome, SweepResult};
use crate::resolvers::ResolverList;
use crate::state::{RunningSet, SetState, Snapshot};
use crate::sweep;

/// The sweeps of strangers that have just been made, over all sets. A reload that starts a set anew
/// does not ask them again before they may be asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Strangers(Arc<Mutex<Vec<Swept>>>);

/// Who was swept, and until when they are to be left alone.
type Swept = (Arc<ResolverList>, Instant);

impl Strangers {
    /// A sweep of this plan begins.
    fn swept(&self, plan: &Plan) {
        let Some(pause) = plan.pause() else { return };
        let now = Instant::now();
        let mut swept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        swept.retain(|(_, until)| *until > now);
        swept.push((Arc::clone(&plan.set.list), now + pause));
    }

    /// When a set that is new may be swept for the first time: when all of its resolvers that are
    /// strangers may be asked again.
    pub(crate) fn earliest(&self, plan: &Plan) -> Instant {
        let now = Instant::now();
        // Not while the list is gone through.
        let swept = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let pauses = swept
            .iter()
            .filter(|(list, until)| *until > now && plan.set.list.shares_a_stranger_with(list));
        pauses.map(|(_, until)| *until).max().unwrap_or(now)
    }
}

/// Sweeps at the set's interval, from the earliest moment on.
pub(crate) async fn run(
    set: Arc<RunningSet>,
    rounds: Rounds,
    strangers: Strangers,
    earliest: Instant,
) {
    let plan = Arc::clone(&set.state().plan);
    let mut changes = vec![Change::default(); plan.questions.len()];
    let mut kept = None;
    sleep_until(earliest).await;
    let mut rounds = rounds.every(plan.set.interval, &format!("dns/{}", plan.set.name));
    loop {
        {
            let mut next = pin!(rounds.next());
            loop {
                tokio::select! {
                    () = &mut next => break,
                    () = set.relabelled() => judge_anew(&set.state(), kept.as_ref()),
                }
            }
        }
        strangers.swept(&set.state().plan);
        kept = round(&set, &mut changes).await;
    }
}

/// Sweeps once; what is returned can be judged again.
async fn round(set: &RunningSet, changes: &mut [Change]) -> Option<Kept> {
    let (began, state) = (Instant::now(), set.state());
    let sweep = sweep::run(&state.plan, &state.counts).await;
    // The plan may have become another meanwhile.
    let state = set.state();
    let name = &state.plan.set.name;
    let sweep = match sweep {
        Ok(sweep) => sweep,
        Err(error) => {
            error!(set = name, "sweep failed: {error:#}");
            state.counts.sweep(SweepResult::Failed);
            state.withdraw();
            state.health.down("sweep_failed");
            return None;
        }
    };
    let degraded = sweep.degraded;
    let kept = Kept::new(&sweep.outcomes);
    let verdicts = judge(&state.plan, sweep.outcomes.into_iter());
    for (number, (verdict, change)) in verdicts.iter().zip(changes).enumerate() {
        if change.observe(verdict.fingerprint) {
            let asked = &state.plan.questions[number];
            info!(
                set = name,
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
    Some(kept)
}

/// Judges the last sweep by another plan.
fn judge_anew(state: &SetState, kept: Option<&Kept>) {
    if let Some(kept) = kept {
        state.judged_anew(judge(&state.plan, kept.outcomes()));
    }
}

/// Judges the outcomes of each question of a plan.
pub(crate) fn judge(
    plan: &Plan,
    outcomes: impl Iterator<Item = Vec<Option<Outcome>>>,
) -> Vec<Verdict> {
    let judge = |(asked, outcomes): (&Asked, Vec<_>)| {
        let rules = Rules {
            expected: asked.expected.as_ref(),
            min_resolvers: plan.set.min_resolvers,
            min_networks: plan.set.min_networks,
        };
        consensus::judge(&plan.set.list, &outcomes, rules)
    };
    plan.questions.iter().zip(outcomes).map(judge).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::Config;

    fn plan(resolvers: &str) -> Plan {
        let text = format!(
            "vantage: {{ name: fra, region: EMEA }}
sets: [{{ name: world, resolvers: [{resolvers}], allow_private: true }}]
questions: [{{ name: a.example }}]
"
        );
        let config: Config = exporter_kit::config::parse(&text, "test.yml").unwrap();
        config.complete(std::path::Path::new(".")).unwrap().plans(&[]).0["world"].clone()
    }

    #[tokio::test(start_paused = true)]
    async fn strangers_are_not_asked_again_because_of_a_reload() {
        let (strangers, began) = (Strangers::default(), Instant::now());
        assert_eq!(strangers.earliest(&plan("9.9.9.9")), began);
        // Two types, each of which a stranger may be asked once a minute.
        strangers.swept(&plan("9.9.9.9, 8.8.8.8"));
        strangers.swept(&plan("127.0.0.1"));
        let pause = Duration::from_secs(120);
        assert_eq!(strangers.earliest(&plan("1.1.1.1, 8.8.8.8, 127.0.0.1")), began + pause);
        assert_eq!(strangers.earliest(&plan("1.1.1.1, 127.0.0.1")), began);
        tokio::time::advance(pause).await;
        assert_eq!(strangers.earliest(&plan("8.8.8.8")), Instant::now());
    }
}
