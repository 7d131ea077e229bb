//! What the latest sweep of a set brought, and what of the ones before counts until then.

use std::sync::Arc;

use tokio::time::Instant;

use crate::kept::Kept;
use crate::verdict::{Memory, STANDS, Severity, Verdict};

/// The latest sweep.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latest {
    /// What it brought; absent before the first one. It stands, with its age, until another sweep
    /// says otherwise: that nothing could be measured changes nothing.
    pub(crate) snapshot: Option<Arc<Snapshot>>,
    /// What was told of each question before the program started, until a sweep says otherwise: of the pinned
    /// answer, and of failing.
    pub(crate) told_before: Vec<(Severity, Severity)>,
    /// The verdicts on the questions that were asked before a reload as well, by their numbers, until a sweep says
    /// otherwise.
    pub(crate) carried: Arc<Vec<(usize, Verdict)>>,
    /// The last sweep before a reload, if the same resolvers were asked: what their list is worth.
    pub(crate) before_reload: Option<Arc<Snapshot>>,
    /// What the next sweep is judged with.
    pub(crate) memories: Arc<Vec<Memory>>,
    /// What the sweep before that brought: what it is compared with.
    pub(crate) previous: Option<Arc<Snapshot>>,
    /// How long the last sweep took, in seconds, and whether too much of it was lost on this machine.
    pub(crate) last: Option<(f64, bool)>,
    /// When the latest complete sweep ended, in seconds since the epoch.
    pub(crate) completed: Option<f64>,
    /// From when on the age of the verdicts counts: when the latest complete sweep ended, or else when
    /// the set began.
    pub(crate) since: Option<Moment>,
}

impl Latest {
    /// The verdicts, unless too much of what they rest on was lost on this machine.
    pub(crate) fn trusted(&self) -> Option<&Arc<Snapshot>> {
        self.snapshot.as_ref().filter(|snapshot| !snapshot.degraded)
    }

    /// The verdict on a question, by its number: of the last sweep, or of before a reload.
    pub(crate) fn verdict(&self, number: usize) -> Option<&Verdict> {
        let of_sweep = self.trusted().and_then(|snapshot| snapshot.verdicts.get(number));
        let carried = || self.carried.iter().find(|(of, _)| *of == number).map(|(_, it)| it);
        of_sweep.or_else(carried)
    }

    /// Whether what was told stands: not when for a day no sweep came that could be judged.
    pub(crate) fn stands(&self, now: Moment) -> bool {
        self.since.is_none_or(|since| since.age(now) <= STANDS as f64)
    }
}

/// Since when something is, by a clock that nobody sets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Moment {
    /// Of this machine.
    Real(Instant),
    /// Seconds of a world in virtual time.
    Virtual(f64),
}

impl Moment {
    /// Seconds from then to now. Between two kinds of clocks there are none.
    pub(crate) fn age(self, now: Self) -> f64 {
        match (self, now) {
            (Self::Real(then), Self::Real(now)) => {
                now.saturating_duration_since(then).as_secs_f64()
            }
            (Self::Virtual(then), Self::Virtual(now)) => now - then,
            _ => 0.0,
        }
    }
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
    /// What it rests on; none where that is too much to be kept any longer.
    pub(crate) kept: Option<Arc<Kept>>,
}

impl Snapshot {
    /// The same sweep under other verdicts: nothing of the former ones is copied.
    pub(super) fn with(&self, verdicts: Vec<Verdict>) -> Arc<Self> {
        let Self { seconds, degraded, ref kept, .. } = *self;
        Arc::new(Self { seconds, degraded, verdicts, kept: kept.clone() })
    }
}
