//! How far a sweep has come.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

/// The sweep of a set that is going on, if one is.
#[derive(Debug, Default)]
pub(crate) struct Progress(Mutex<Option<Running>>);

/// A sweep that is going on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Running {
    /// When it began.
    pub(crate) began: Instant,
    /// How many queries the set had sent before.
    pub(crate) sent_before: u64,
    /// How many it will send at most: who fails the control question is asked no other.
    pub(crate) most: usize,
}

impl Progress {
    /// A sweep begins.
    pub(crate) fn begin(&self, running: Running) {
        *self.lock() = Some(running);
    }

    /// It has ended.
    pub(crate) fn end(&self) {
        *self.lock() = None;
    }

    /// The sweep that is going on.
    pub(crate) fn running(&self) -> Option<Running> {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
