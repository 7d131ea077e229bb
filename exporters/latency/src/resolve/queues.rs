//! How many lookups are under way at once, and who waits for whom: names that nobody answers wait among themselves,
//! and hold up none that are well.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

/// So many lookups are under way at once, of each kind: each has up to three sockets for each server, and those of
/// all targets together must leave descriptors to what is measured.
const LIMITS: Limits = Limits { known: 80, first: 40, failed: 40, once: 20, once_failed: 10 };

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
    /// The same of a name that was looked up so in vain a moment ago.
    TargetFailed,
    /// Of a probe that a scraper asks for: whom it names may be anybody.
    Scraper,
    /// The same of a name that was looked up so in vain a moment ago.
    ScraperFailed,
}

impl Kind {
    /// A lookup that has no answer after so long makes room where others wait for theirs. A name that is new is
    /// the next time among those that failed, and has longer there: as long as libc waits for a server.
    pub(super) const fn patience(self) -> Option<Duration> {
        match self {
            Self::First | Self::Target | Self::Scraper => Some(Duration::from_secs(2)),
            Self::Failed | Self::TargetFailed | Self::ScraperFailed => Some(Duration::from_secs(5)),
            Self::Known => None,
        }
    }

    /// Whether nothing speaks against the name yet.
    pub(super) const fn is_first_try(self) -> bool {
        matches!(self, Self::First | Self::Target | Self::Scraper)
    }

    /// Among whom a name of this kind waits once it was looked up in vain, where that is not known by its past.
    pub(super) const fn once_failed(self) -> Option<Self> {
        match self {
            Self::Target => Some(Self::TargetFailed),
            Self::Scraper => Some(Self::ScraperFailed),
            _ => None,
        }
    }
}

/// So many of each kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) known: usize,
    pub(super) first: usize,
    pub(super) failed: usize,
    /// Of probes that ask once: as many for targets as for scrapers.
    pub(super) once: usize,
    pub(super) once_failed: usize,
}

/// Those who wait, each kind by itself, in the order in which they came.
#[derive(Debug)]
pub(super) struct Queues([Semaphore; 7]);

impl Default for Queues {
    fn default() -> Self {
        Self::new(LIMITS)
    }
}

impl Queues {
    pub(super) fn new(limits: Limits) -> Self {
        let Limits { known, first, failed, once, once_failed } = limits;
        let places = [known, first, failed, once, once_failed, once, once_failed];
        Self(places.map(Semaphore::new))
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
