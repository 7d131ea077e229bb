//! The former pin of a name, while its answers may last. No I/O, no clock.

use serde::{Deserialize, Serialize};

use super::migration::{History, Progress};
use crate::expected::Expected;

/// How long an answer of unknown TTL may last, seconds.
const UNKNOWN_TTL: u32 = 300;
/// How long any answer may last, and how much longer a change may take that goes on, seconds.
const LONGEST: u32 = 2 * 86_400;
/// What the former answers must lose from sweep to sweep while they last longer than their TTL.
const LOSS: f64 = 0.9;
/// Below this share of the votes the former answers are gone.
const GONE: f64 = 0.01;
/// After this time somebody should give the new answer, seconds.
const UNSEEN: u64 = 300;

/// A pin that was in force before.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Former {
    /// The pin.
    pub(super) pin: Expected,
    /// When it was replaced.
    changed: u64,
    /// Share of the votes that still goes to its answers.
    share: Option<f64>,
    /// The share that has moved, sweep by sweep.
    moved: History,
}

/// The TTL that answers of a name have at most.
pub(super) fn ttl(seen: Option<u32>, before: u32) -> u32 {
    match seen.unwrap_or_default().max(before) {
        0 => UNKNOWN_TTL,
        ttl => ttl.min(LONGEST),
    }
}

impl Former {
    /// The pin before this one, if there was one and its answers may matter.
    pub(super) fn of(
        pin: &Expected,
        before: Option<&Expected>,
        former: Option<&Self>,
        changed: u64,
    ) -> Option<Self> {
        match before {
            Some(before) if before != pin => {
                Some(Self { pin: before.clone(), changed, share: None, moved: History::default() })
            }
            _ => former.cloned().filter(|former| former.pin != *pin),
        }
    }

    /// Whether its answers are still stale and not wrong, with this share of the votes.
    pub(super) fn lasts(&self, share: f64, ttl: u32, now: u64) -> bool {
        let age = self.age(now);
        let shrinks = self.share.is_some_and(|before| share < before * LOSS);
        age <= u64::from(ttl) || shrinks && age <= u64::from(ttl) + u64::from(LONGEST)
    }

    /// It, after a sweep; nothing once its answers are gone.
    pub(super) fn after(mut self, share: f64, ttl: u32, now: u64) -> Option<Self> {
        self.moved.add(now, 1.0 - share);
        self.share = Some(share);
        let is_gone = share < GONE && self.age(now) > u64::from(ttl);
        (!is_gone).then_some(self)
    }

    /// Whether somebody should give the new answer by now.
    pub(super) fn is_due(&self, now: u64) -> bool {
        self.age(now) >= UNSEEN
    }

    /// How far the change has come.
    pub(super) fn progress(&self) -> Progress {
        self.moved.progress()
    }

    fn age(&self, now: u64) -> u64 {
        now.saturating_sub(self.changed)
    }
}
