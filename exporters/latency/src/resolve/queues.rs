//! How many lookups are under way at once, and who waits for whom: names that nobody answers wait among themselves,
//! and hold up none that are well.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

/// So many lookups are under way at once, of each kind: each has up to three sockets for each server, and those of
/// all targets together must leave descriptors to what is measured.
const LIMITS: Limits = Limits { known: 80, first: 40, failed: 40, target: 20, scraper: 20 };

/// Whose lookup it is, and what came of the one before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// Of a name that was answered lately.
    Known,
    /// Of a name that was never looked up.
    First,
    /// Of a name that cannot be looked up: most hold their place for as long as they may.
    Failed,
    /// Of a probe of a target that asks once, for a proxy or where a redirect leads.
    Target,
    /// Of a probe that a scraper asks for: whom it names may be anybody.
    Scraper,
}

impl Kind {
    /// A lookup that has no answer after so long makes room where others wait for theirs. A name that is new is
    /// the next time among those that failed, and has longer there: as long as libc waits for a server.
    pub(super) const fn patience(self) -> Option<Duration> {
        match self {
            Self::First => Some(Duration::from_secs(2)),
            Self::Failed => Some(Duration::from_secs(5)),
            Self::Known | Self::Target | Self::Scraper => None,
        }
    }
}

/// So many of each kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) known: usize,
    pub(super) first: usize,
    pub(super) failed: usize,
    pub(super) target: usize,
    pub(super) scraper: usize,
}

/// Those who wait, each kind by itself, in the order in which they came.
#[derive(Debug)]
pub(super) struct Queues([Semaphore; 5]);

impl Default for Queues {
    fn default() -> Self {
        Self::new(LIMITS)
    }
}

impl Queues {
    pub(super) fn new(limits: Limits) -> Self {
        let Limits { known, first, failed, target, scraper } = limits;
        Self([known, first, failed, target, scraper].map(Semaphore::new))
    }

    /// A place, if one is free and nobody waits for it.
    pub(super) fn try_enter(&self, kind: Kind) -> Option<SemaphorePermit<'_>> {
        self.0[kind as usize].try_acquire().ok()
    }

    /// A place, when it is this one's turn.
    pub(super) async fn enter(&self, kind: Kind) -> Option<SemaphorePermit<'_>> {
        // None is ever closed.
        self.0[kind as usize].acquire().await.ok()
    }

    /// Whether no place is free.
    pub(super) fn is_full(&self, kind: Kind) -> bool {
        self.0[kind as usize].available_permits() == 0
    }
}
