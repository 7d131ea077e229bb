//! What the polls of a BMC have left. No I/O, no clock.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{Before, Snapshot};
use crate::config::Bmc;
use crate::inventory::Known;
use crate::metrics::counts::Counts;
use crate::outcome::PollFailure;
use crate::slow::{Answer, Asserted, Fact, Question, Silent, Slow};
use crate::verdict::Moment;

/// What the polls so far have left.
#[derive(Clone, Debug, Default)]
pub(crate) struct Polled {
    /// What was counted.
    pub(crate) counts: Counts,
    /// How long the last poll took.
    pub(crate) duration: Option<Duration>,
    /// When the last successful poll ended.
    pub(crate) success: Option<(Moment, SystemTime)>,
    /// What the last poll found; `None` when it failed, so that nothing stale is shown.
    pub(crate) snapshot: Option<Arc<Snapshot>>,
    /// What was last learnt beside the polls; nothing once one failed.
    pub(crate) slow: Slow,
    /// The supplies that tell something or not, also from before polls failed, and over a restart.
    pub(crate) silent: Silent,
    /// What was known when polls, or answers, began to fail, until it is told anew. Of most targets there is none.
    pub(crate) before: Option<Arc<Before>>,
}

impl Polled {
    /// Polls fail from now on.
    pub(crate) fn fall_silent(&mut self) {
        let slow = std::mem::take(&mut self.slow);
        let snapshot = self.snapshot.take();
        self.hold(snapshot, slow);
    }

    /// What was told until now is what was known before.
    fn hold(&mut self, snapshot: Option<Arc<Snapshot>>, slow: Slow) {
        let Some((snapshot, (success, _))) = snapshot.zip(self.success) else { return };
        let before = self.before.take();
        self.before = Some(Arc::new(Before::of(snapshot, slow, success, before)));
    }

    /// Takes in what a slow question brought; returns whether that is to outlive the process. What is grave
    /// is sure for good if it was sure before polls failed: that is forgotten soon after.
    pub(super) fn learn(
        &mut self,
        question: Question,
        sensor: Option<&Arc<Known>>,
        mut answer: Result<Answer, PollFailure>,
    ) -> bool {
        if let (Some(sensor), Ok(Answer::States(Some(states)))) = (sensor, &mut answer) {
            // What was read since is what was read last.
            let before = self.before.as_ref().filter(|_| self.slow.states(sensor).is_none());
            let before = before.and_then(|before| before.slow.states(sensor));
            // A BMC that asserts something each time that it boots was read once each time.
            let bears_out = |it: &Asserted| it.is_confirmed && it.bears_out(states);
            let is_confirmed = before.is_some_and(bears_out);
            states.is_confirmed |= is_confirmed;
        }
        let is_to_be_kept = match (question, &self.snapshot) {
            (Question::States(place), Some(snapshot)) => {
                self.silent.learn(&snapshot.list, place, &answer, &self.slow)
            }
            _ => false,
        };
        let fact = Fact::of(question, sensor);
        match (fact, &answer) {
            // No part is mended by a question that is not answered.
            (Some(fact), Err(_)) if self.slow.tells(&fact) => {
                self.hold(self.snapshot.clone(), self.slow.clone());
            }
            (Some(fact), Ok(Answer::States(None))) => {
                if let Some(before) = &mut self.before {
                    Arc::make_mut(before).forget(&fact);
                }
            }
            _ => {}
        }
        self.slow.learn(question, sensor, answer);
        is_to_be_kept
    }

    /// Forgets what was known before polls failed, if all of it was told anew or it is too old to be said.
    pub(super) fn forget_before(&mut self, bmc: &Bmc, now: Moment) {
        let is_told = self.snapshot.as_ref().is_some_and(|snapshot| {
            self.slow.has_told(&bmc.module.collectors, snapshot.list.discrete.len())
        });
        let is_told = is_told
            && !self.before.as_ref().is_some_and(|before| before.tells_more_than(&self.slow));
        if is_told || self.before.as_ref().is_some_and(|before| before.is_stale(now)) {
            self.before = None;
        }
        if self.has_stale(now) {
            self.forget_stale(now);
        }
    }

    /// Whether some of what was known before polls failed is too old to be said.
    pub(crate) fn has_stale(&self, now: Moment) -> bool {
        self.before.as_ref().is_some_and(|before| before.is_partly_stale(now))
    }

    /// Forgets that.
    pub(crate) fn forget_stale(&mut self, now: Moment) {
        if let Some(before) = &mut self.before {
            Arc::make_mut(before).forget_stale(now);
        }
    }
}
