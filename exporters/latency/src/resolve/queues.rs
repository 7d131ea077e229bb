//! How many lookups are under way at once, and who waits for whom: names that nobody answers wait among themselves,
//! and hold up none that are well.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, SemaphorePermit};

/// So many lookups are under way at once, of each kind: each has up to three sockets for each server, and those of
/// all targets together must leave descriptors to what is measured.
const LIMITS: Limits = Limits { known: 80, first: 40, failed: 40, once: 20, once_failed: 10 };

/// Whose lookup it is, and what came of the one before.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
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
pub(super) struct Queues([Queue; 7]);

#[derive(Debug)]
struct Queue {
    places: Semaphore,
    waiting: Mutex<Waiting>,
    /// Told of each who begins to wait.
    came: Notify,
}

/// How many wait, and for how many of them somebody makes room.
#[derive(Debug, Default)]
struct Waiting {
    all: usize,
    promised: usize,
}

/// One who waits.
struct Turn<'a>(&'a Queue);

impl Default for Queues {
    fn default() -> Self {
        Self::new(LIMITS)
    }
}

impl Queues {
    pub(super) fn new(limits: Limits) -> Self {
        let Limits { known, first, failed, once, once_failed } = limits;
        let places = [known, first, failed, once, once_failed, once, once_failed];
        Self(places.map(Queue::new))
    }

    /// A place, if one is free and nobody waits for it.
    pub(super) fn try_enter(&self, kind: Kind) -> Option<SemaphorePermit<'_>> {
        self.0[kind as usize].places.try_acquire().ok()
    }

    /// A place, when it is this one's turn.
    pub(super) async fn enter(&self, kind: Kind) -> Option<SemaphorePermit<'_>> {
        let queue = &self.0[kind as usize];
        let _turn = Turn::wait(queue);
        // None is ever closed.
        queue.places.acquire().await.ok()
    }

    /// Ends when somebody waits for a place for whom nobody makes room yet; whoever is told is to make room.
    pub(super) async fn make_room(&self, kind: Kind) {
        let queue = &self.0[kind as usize];
        loop {
            // Before it is looked: who comes meanwhile is not missed.
            let came = queue.came.notified();
            if queue.promise() {
                return;
            }
            came.await;
        }
    }
}

impl Queue {
    fn new(places: usize) -> Self {
        let (waiting, came) = (Mutex::default(), Notify::new());
        Self { places: Semaphore::new(places), waiting, came }
    }

    fn promise(&self) -> bool {
        let mut waiting = self.waiting();
        let is_wanted = waiting.promised < waiting.all;
        waiting.promised += usize::from(is_wanted);
        is_wanted
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Turn<'a> {
    fn wait(queue: &'a Queue) -> Self {
        queue.waiting().all += 1;
        queue.came.notify_waiters();
        Self(queue)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting();
        (waiting.all, waiting.promised) = (waiting.all - 1, waiting.promised.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn as_many_make_room_as_wait_and_not_before() {
        let limits = Limits { known: 2, first: 2, failed: 2, once: 2, once_failed: 2 };
        let queues = Arc::new(Queues::new(limits));
        let kind = Kind::First;
        let places = [queues.try_enter(kind).unwrap(), queues.try_enter(kind).unwrap()];
        let (mut one, mut other) = (pin!(queues.make_room(kind)), pin!(queues.make_room(kind)));
        // All places are taken, and nobody waits.
        assert!(futures_util::poll!(&mut one).is_pending());
        let mut waits = pin!(queues.enter(kind));
        assert!(futures_util::poll!(&mut waits).is_pending());
        assert!(futures_util::poll!(&mut one).is_ready(), "somebody waits");
        assert!(futures_util::poll!(&mut other).is_pending(), "for one place");
        drop(places);
        assert!(futures_util::poll!(&mut waits).is_ready());
        assert!(futures_util::poll!(&mut other).is_pending(), "nobody waits any more");
    }
}
