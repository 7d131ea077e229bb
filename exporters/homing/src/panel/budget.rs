//! How many tests an account of Globalping may make still, by its last word; all measurements share it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use exporter_kit::discovery::HttpSd;
use tokio::sync::MutexGuard;
use tokio::time::Instant;

use super::globalping::Limits;

/// That part of an hour's tests is left to whoever else uses the account.
const LEFT_TO_OTHERS: u64 = 5;
/// An hour of its own begins with the first test of an account: before that, nothing is said of its end.
const HOUR: Duration = Duration::from_secs(3_600);

/// What is known of it.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    known: Mutex<Known>,
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    /// Whose it is: the service, and the token's file.
    account: Option<HttpSd>,
    /// The last word, and until when it holds.
    said: Option<(Limits, Instant)>,
    /// Until when nothing is asked for.
    pause: Option<Instant>,
}

impl Budget {
    /// Nothing that was said of another account holds for this one.
    pub(crate) fn is_of(&self, account: &HttpSd) {
        self.with(|it| {
            if it.account.as_ref() != Some(account) {
                *it = Known { account: Some(account.clone()), ..Known::default() };
            }
        });
    }

    /// Who has it asks how many are left, and takes some: of all who ask at one moment, each would take the same.
    pub(crate) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Takes in what was said.
    pub(crate) fn hear(&self, limits: Limits, now: Instant) {
        let until = match limits.reset {
            0 if limits.remaining >= limits.limit => HOUR,
            reset => Duration::from_secs(reset.min(86_400)),
        };
        self.with(|it| it.said = Some((limits, now + until)));
    }

    /// Nothing is asked for until then.
    pub(crate) fn pause(&self, until: Instant) {
        self.with(|it| it.pause = it.pause.max(Some(until)));
    }

    /// Until when it wants to be left alone, if it does.
    pub(crate) fn paused(&self, now: Instant) -> Option<Instant> {
        self.with(|it| it.pause).filter(|until| now < *until)
    }

    /// How many tests may be made still; none while nobody knows.
    pub(crate) fn remaining(&self, now: Instant) -> Option<u64> {
        let said = self.with(|it| it.said).filter(|(_, until)| now <= *until);
        said.map(|(it, _)| it.remaining)
    }

    fn with<T>(&self, change: impl FnOnce(&mut Known) -> T) -> T {
        change(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether so many tests are within what is left, so that others have their share.
pub(crate) fn allow(limits: Limits, tests: usize) -> bool {
    limits.remaining >= (tests as u64).saturating_add(limits.limit / LEFT_TO_OTHERS)
}
