//! Whose page is written: a few at once, and never for long one that nobody reads.
//!
//! A place is held by who reads. When there is none left, the reader that has stood still for the
//! longest time makes room, and who asked last gets it: a queue of readers that read nothing would use
//! up the time that a scrape can wait, and who has waited in it for long has mostly given up already.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::web::{Client, Connection};

/// Pages that are written at once: a bound on threads and, at 400 kB each, on memory.
const PLACES: usize = 16;

/// How many of them may be one client's.
const PLACES_OF_A_CLIENT: usize = 8;

/// Requests that wait for a place at once, and how many of them may be one client's.
const WAITING: usize = 32;
const WAITING_OF_A_CLIENT: usize = 16;

/// A reader that takes nothing for so long makes room, if there is no other. Longer than it takes to
/// read a chunk over a slow line, or on a machine that has too much to do.
const UNMOVED: Duration = Duration::from_secs(1);

/// How often who waits looks whether somebody stands still by now.
const LOOK: Duration = Duration::from_millis(50);

/// All requests for pages, in the order in which they came.
#[derive(Debug)]
pub(super) struct Turns(Mutex<Vec<Arc<Slot>>>);

/// One request for a page.
#[derive(Debug)]
struct Slot {
    client: Option<Client>,
    connection: Option<Arc<Connection>>,
    phase: watch::Sender<Phase>,
    /// Since when its reader takes nothing.
    stalled: Mutex<Option<Instant>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    Writing,
    /// It was refused, or had to make room.
    Over,
}

/// A request for a page; it is no longer counted once this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    turns: &'static Turns,
    slot: Arc<Slot>,
}

impl Turns {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Waits for a place for so long. None if there is none in time, or too many wait for one.
    pub(super) async fn take(
        &'static self,
        connection: Option<Arc<Connection>>,
        wait: Duration,
    ) -> Option<Turn> {
        let client = connection.as_ref().map(|connection| connection.client());
        self.take_for(client, connection, wait).await
    }

    async fn take_for(
        &'static self,
        client: Option<Client>,
        connection: Option<Arc<Connection>>,
        wait: Duration,
    ) -> Option<Turn> {
        let phase = watch::Sender::new(Phase::Waiting);
        let slot = Arc::new(Slot { client, connection, phase, stalled: Mutex::default() });
        let turn = Turn { turns: self, slot: Arc::clone(&slot) };
        {
            let mut all = self.all();
            all.push(slot);
            refuse_one_too_many(&all, client);
        }
        timeout(wait, turn.begins()).await.ok()?.then_some(turn)
    }

    /// Gives places to those who wait as long as there are any or somebody has to make room.
    fn settle(&self) {
        let (all, now) = (self.all(), Instant::now());
        loop {
            let readers = || all.iter().filter(|slot| slot.phase() == Phase::Writing);
            let of = |client| readers().filter(|slot| slot.client == client).count();
            let waiting = all.iter().rev().filter(|slot| slot.phase() == Phase::Waiting);
            // Who has the fewest pages comes first; of several, who came last.
            let Some(next) = waiting.min_by_key(|slot| of(slot.client)) else { return };
            let crowded = of(next.client) >= PLACES_OF_A_CLIENT;
            if !crowded && readers().count() < PLACES {
                next.phase.send_replace(Phase::Writing);
                continue;
            }
            let candidates = readers().filter(|slot| !crowded || slot.client == next.client);
            let still = candidates.filter_map(|slot| Some((slot.unmoved(now)?, slot)));
            let Some((_, reader)) = still.min_by_key(|(since, _)| *since) else { return };
            reader.end();
        }
    }

    fn all(&self) -> MutexGuard<'_, Vec<Arc<Slot>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When too many wait, refuses who has waited longest: among the client's own if those are too many,
/// else among those of the client with the most.
fn refuse_one_too_many(all: &[Arc<Slot>], client: Option<Client>) {
    let waiting = || all.iter().filter(|slot| slot.phase() == Phase::Waiting);
    let of = |client| waiting().filter(|slot| slot.client == client).count();
    let client = if of(client) > WAITING_OF_A_CLIENT {
        Some(client)
    } else if waiting().count() > WAITING {
        waiting().map(|slot| slot.client).max_by_key(|client| of(*client))
    } else {
        None
    };
    if let Some(oldest) = client.and_then(|client| waiting().find(|slot| slot.client == client)) {
        oldest.phase.send_replace(Phase::Over);
    }
}

impl Slot {
    fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Since when its reader has stood still, if that is long enough to make room.
    fn unmoved(&self, now: Instant) -> Option<Instant> {
        let since = *self.stalled.lock().unwrap_or_else(PoisonError::into_inner);
        since.filter(|since| now.saturating_duration_since(*since) >= UNMOVED)
    }

    fn end(&self) {
        self.phase.send_replace(Phase::Over);
        if let Some(connection) = &self.connection {
            connection.close();
        }
    }
}

impl Turn {
    /// Waits until there is a place. False when the request was refused.
    async fn begins(&self) -> bool {
        let mut phase = self.slot.phase.subscribe();
        loop {
            self.turns.settle();
            match *phase.borrow_and_update() {
                Phase::Waiting => {}
                Phase::Writing => return true,
                Phase::Over => return false,
            }
            // Whichever comes first: it is looked at in any case.
            let _ = timeout(LOOK, phase.changed()).await;
        }
    }

    /// Records whether the reader stands still from now on.
    pub(super) fn stalled(&self, stalled: bool) {
        let since = stalled.then(Instant::now);
        *self.slot.stalled.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    /// Waits until the reader has to make room.
    pub(super) async fn over(&self) {
        let mut phase = self.slot.phase.subscribe();
        // The sender lives as long as `self`: there is no error.
        let _ = phase.wait_for(|phase| *phase == Phase::Over).await;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.all().retain(|slot| !Arc::ptr_eq(slot, &self.slot));
        self.turns.settle();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;
    use tokio::time::sleep;

    const WAIT: Duration = Duration::from_secs(5);

    fn client(last: u8) -> Client {
        IpAddr::from([192, 0, 2, last]).into()
    }

    fn turns() -> &'static Turns {
        Box::leak(Box::new(Turns::new()))
    }

    #[tokio::test(start_paused = true)]
    async fn readers_that_read_nothing_keep_nobody_waiting() {
        let turns = turns();
        for number in 0..60 {
            tokio::spawn(async move {
                if let Some(turn) = turns.take_for(Some(client(number % 3)), None, WAIT).await {
                    turn.stalled(true);
                    turn.over().await;
                }
            });
            tokio::task::yield_now().await;
        }
        for _ in 0..8 {
            let began = Instant::now();
            let scrape = turns.take_for(Some(client(0)), None, WAIT).await.unwrap();
            assert!(began.elapsed() < WAIT, "{:?}", began.elapsed());
            assert_eq!(scrape.slot.phase(), Phase::Writing);
            sleep(Duration::from_secs(10)).await;
            assert_eq!(scrape.slot.phase(), Phase::Writing, "a reader that reads stays");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_client_leaves_places_to_others() {
        let turns = turns();
        let mut taken = Vec::new();
        for _ in 0..PLACES_OF_A_CLIENT {
            taken.push(turns.take_for(Some(client(1)), None, WAIT).await.unwrap());
        }
        assert!(turns.take_for(Some(client(1)), None, WAIT).await.is_none(), "all of them read");
        let began = Instant::now();
        assert!(turns.take_for(Some(client(2)), None, WAIT).await.is_some());
        assert_eq!(began.elapsed(), Duration::ZERO);
        drop(taken);
        assert!(turns.take_for(Some(client(1)), None, WAIT).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_waited_longest_is_refused_when_too_many_wait() {
        let turns = turns();
        let mut taken = Vec::new();
        for _ in 0..PLACES_OF_A_CLIENT {
            taken.push(turns.take_for(Some(client(1)), None, WAIT).await.unwrap());
        }
        let began = Instant::now();
        let first = tokio::spawn(turns.take_for(Some(client(1)), None, WAIT));
        tokio::task::yield_now().await;
        let others: Vec<_> = (0..WAITING_OF_A_CLIENT)
            .map(|_| tokio::spawn(turns.take_for(Some(client(1)), None, WAIT)))
            .collect();
        assert!(first.await.unwrap().is_none());
        assert!(began.elapsed() < WAIT);
        taken.pop();
        let mut admitted = 0;
        for other in others {
            admitted += usize::from(other.await.unwrap().is_some());
        }
        assert!(admitted > 0);
    }
}
