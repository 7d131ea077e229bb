//! How many tests an account of Globalping may make still, by its last word; all measurements share it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::globalping::Limits;

/// That part of an hour's tests is left to whoever else uses the account.
const LEFT_TO_OTHERS: u64 = 5;

/// What is known of it.
#[derive(Debug, Default)]
pub(crate) struct Budget(Mutex<Known>);

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// The last word, and until when it holds.
    said: Option<(Limits, Instant)>,
    /// Until when nothing is asked for.
    pause: Option<Instant>,
}

impl Budget {
    /// Takes in what was said.
    pub(crate) fn hear(&self, limits: Limits, now: Instant) {
        let until = now + Duration::from_secs(limits.reset.min(86_400));
        self.with(|it| it.said = Some((limits, until)));
    }

    /// Nothing is asked for until then.
    pub(crate) fn pause(&self, until: Instant) {
        self.with(|it| it.pause = it.pause.max(Some(until)));
    }

    /// Whether it wants to be left alone.
    pub(crate) fn is_paused(&self, now: Instant) -> bool {
        self.with(|it| it.pause.is_some_and(|until| now < until))
    }

    /// Whether so many tests are within it, by a word of now.
    pub(crate) fn allows(&self, tests: usize, now: Instant) -> bool {
        let said = self.with(|it| it.said).filter(|(_, until)| now <= *until);
        said.is_some_and(|(it, _)| {
            it.remaining >= (tests as u64).saturating_add(it.limit / LEFT_TO_OTHERS)
        })
    }

    /// How many tests may be made still; none while nobody knows.
    pub(crate) fn remaining(&self, now: Instant) -> Option<u64> {
        let said = self.with(|it| it.said).filter(|(_, until)| now <= *until);
        said.map(|(it, _)| it.remaining)
    }

    fn with<T>(&self, change: impl FnOnce(&mut Known) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
