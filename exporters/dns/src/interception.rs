//! Whether somebody between this exporter and the world answers in the place of others: addresses at which nobody
//! answers are asked, and nobody should. Everything that is said of resolvers rests on the answers being theirs.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use exporter_kit::{Health, Rounds, Targets};
use hickory_proto::rr::RecordType;
use tracing::warn;

use crate::config::InterceptionPlan;
use crate::exchange::question::Question;
use crate::exchange::{Failure, ask};

/// The one test, by its name; none where it is not configured.
pub(crate) type Interceptions = Targets<InterceptionPlan, RunningInterception>;

/// Questions to one address: each may be lost.
const TRIES: usize = 2;

/// The test.
#[derive(Debug)]
pub(crate) struct RunningInterception {
    /// Who is asked what.
    pub(crate) plan: InterceptionPlan,
    /// Whether the last round could be done.
    pub(crate) health: Arc<Health>,
    answered: Mutex<Option<Vec<SocketAddr>>>,
}

impl RunningInterception {
    /// Nothing is known yet.
    pub(crate) fn new(plan: InterceptionPlan) -> Self {
        let health = Health::new(&plan.name, "asks where nobody answers");
        Self { plan, health: Arc::new(health), answered: Mutex::new(None) }
    }

    /// The addresses from which an answer came in the last round; none if nothing could be sent.
    pub(crate) fn answered(&self) -> Option<Vec<SocketAddr>> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts a round in the place of the one before.
    pub(crate) fn publish(&self, answered: Option<Vec<SocketAddr>>) {
        match &answered {
            None => self.health.down("not_sent"),
            Some(from) if from.is_empty() => self.health.up(),
            Some(_) => self.health.down("intercepted"),
        }
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = answered;
    }
}

/// Asks at the interval.
pub(crate) async fn run(test: Arc<RunningInterception>, rounds: Rounds) {
    let plan = &test.plan;
    let mut rounds = rounds.every(plan.interval, "dns/interception");
    let question = Question::recursive(plan.question.clone(), RecordType::A);
    loop {
        rounds.next().await;
        let (mut answered, mut is_sent) = (Vec::new(), false);
        for address in &plan.addresses {
            for _ in 0..TRIES {
                match ask(*address, &question, plan.timeout).await {
                    Ok(_) | Err(Failure::Malformed | Failure::Truncated(_)) => {
                        answered.push(*address);
                        is_sent = true;
                        break;
                    }
                    Err(Failure::Timeout | Failure::Unreachable(_)) => is_sent = true,
                    Err(Failure::Local(_)) => {}
                }
            }
        }
        if !answered.is_empty() && test.answered().is_none_or(|before| before.is_empty()) {
            warn!("somebody on the way answers in the place of {}, where nobody is", answered[0]);
        }
        test.publish(is_sent.then_some(answered));
    }
}
