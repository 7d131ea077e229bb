//! What was known of a BMC when its polls, or its answers, began to fail. No I/O, no clock.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Snapshot;
use crate::slow::{Fact, Slow};
use crate::verdict::{Moment, SILENT};

/// What was known of a BMC when its polls began to fail. It holds for so long as verdicts do.
#[derive(Clone, Debug)]
pub(crate) struct Before {
    /// What the last successful poll found.
    pub(crate) snapshot: Arc<Snapshot>,
    /// What was learnt beside the polls.
    pub(crate) slow: Slow,
    /// When that poll ended.
    pub(crate) success: Moment,
    /// What of it was told before polls failed an earlier time and not since, and until when it was
    /// told: a BMC that answers now and then does not make it young.
    older: BTreeMap<Fact, Moment>,
}

impl Before {
    /// After the poll that ended at `success`; `before` is what was known when polls failed the last
    /// time, if all of that was not told anew.
    pub(super) fn of(
        snapshot: Arc<Snapshot>,
        slow: Slow,
        success: Moment,
        before: Option<Arc<Self>>,
    ) -> Self {
        let Some(before) = before.map(Arc::unwrap_or_clone) else {
            return Self { snapshot, slow, success, older: BTreeMap::new() };
        };
        let left = before.slow.facts().filter(|fact| !slow.tells(fact));
        let until = |fact: &Fact| before.older.get(fact).copied().unwrap_or(before.success);
        let older = left.map(|fact| (fact.clone(), until(&fact))).collect();
        Self { snapshot, slow: slow.or(before.slow), success, older }
    }

    /// Whether some of it was not told anew.
    pub(super) fn tells_more_than(&self, slow: &Slow) -> bool {
        self.slow.facts().any(|fact| !slow.tells(&fact))
    }

    /// Forgets what is told anew, if it is that there is nothing to tell.
    pub(super) fn forget(&mut self, fact: &Fact) {
        self.slow.forget(fact);
        self.older.remove(fact);
    }

    /// Whether nothing of it is to be said any more.
    pub(super) fn is_stale(&self, now: Moment) -> bool {
        now.since(self.success) >= SILENT
    }

    /// Whether some of it is to be said no more.
    pub(super) fn is_partly_stale(&self, now: Moment) -> bool {
        self.older.values().any(|until| now.since(*until) >= SILENT)
    }

    /// Forgets what is to be said no more.
    pub(super) fn forget_stale(&mut self, now: Moment) {
        let Self { slow, older, .. } = self;
        older.retain(|fact, until| {
            let holds = now.since(*until) < SILENT;
            if !holds {
                slow.forget(fact);
            }
            holds
        });
    }
}
