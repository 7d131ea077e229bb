//! Whose page is written: a few at once, and never for long one that nobody reads.
//!
//! A place is held by who reads. When there is none left, the reader that has stood still for the
//! longest time makes room, and who asked last gets it: a queue of readers that read nothing would use
//! up the time that a scrape can wait, and who has waited in it for long has mostly given up already.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::client::{Client, one_too_many};
use crate::web::Connection;

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
pub(super) struct Slots(Mutex<Vec<Arc<Request>>>);

/// One request for a page.
#[derive(Debug)]
struct Request {
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
pub(super) struct Slot {
    slots: &'static Slots,
    request: Arc<Request>,
}

impl Slots {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Waits for a place for so long. None if there is none in time, or too many wait for one.
    pub(super) async fn take(
        &'static self,
        connection: Option<Arc<Connection>>,
        wait: Duration,
    ) -> Option<Slot> {
        let client = connection.as_ref().map(|connection| connection.client());
        self.take_for(client, connection, wait).await
    }

    async fn take_for(
        &'static self,
        client: Option<Client>,
        connection: Option<Arc<Connection>>,
        wait: Duration,
    ) -> Option<Slot> {
        let phase = watch::Sender::new(Phase::Waiting);
        let request = Arc::new(Request { client, connection, phase, stalled: Mutex::default() });
        let slot = Slot { slots: self, request: Arc::clone(&request) };
        {
            let mut all = self.all();
            all.push(request);
            refuse_one_too_many(&all);
        }
        timeout(wait, slot.begins()).await.ok()?.then_some(slot)
    }

    /// Gives places to those who wait as long as there are any or somebody has to make room.
    fn settle(&self) {
        let (all, now) = (self.all(), Instant::now());
        loop {
            let readers = || all.iter().filter(|request| request.phase() == Phase::Writing);
            let of = |client| readers().filter(|request| request.client == client).count();
            let waiting = all.iter().rev().filter(|request| request.phase() == Phase::Waiting);
            // Who has the fewest pages comes first; of several, who came last.
            let Some(next) = waiting.min_by_key(|request| of(request.client)) else { return };
            let crowded = of(next.client) >= PLACES_OF_A_CLIENT;
            if !crowded && readers().count() < PLACES {
                next.phase.send_replace(Phase::Writing);
                continue;
            }
            let candidates = readers().filter(|request| !crowded || request.client == next.client);
            let still = candidates.filter_map(|request| Some((request.unmoved(now)?, request)));
            let Some((_, reader)) = still.min_by_key(|(since, _)| *since) else { return };
            reader.end();
        }
    }

    fn all(&self) -> MutexGuard<'_, Vec<Arc<Request>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When too many wait, refuses one: of a crowd of one client its own, and of a crowd of many who has waited longest, be
/// that a scraper. It has mostly given up by then, and comes again.
fn refuse_one_too_many(all: &[Arc<Request>]) {
    let waiting = all.iter().filter(|request| request.phase() == Phase::Waiting);
    let waiting: Vec<_> = waiting.collect();
    let clients: Vec<_> = waiting.iter().map(|request| request.client).collect();
    if let Some(refused) = one_too_many(&clients, WAITING, WAITING_OF_A_CLIENT) {
        waiting[refused].phase.send_replace(Phase::Over);
    }
}

impl Request {
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

impl Slot {
    /// Waits until there is a place. False when the request was refused.
    async fn begins(&self) -> bool {
        let mut phase = self.request.phase.subscribe();
        loop {
            self.slots.settle();
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
        *self.request.stalled.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    /// Waits until the reader has to make room.
    pub(super) async fn over(&self) {
        let mut phase = self.request.phase.subscribe();
        // The sender lives as long as `self`: there is no error.
        let _ = phase.wait_for(|phase| *phase == Phase::Over).await;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.all().retain(|request| !Arc::ptr_eq(request, &self.request));
        self.slots.settle();
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

    fn slots() -> &'static Slots {
        Box::leak(Box::new(Slots::new()))
    }

    #[tokio::test(start_paused = true)]
    async fn readers_that_read_nothing_keep_nobody_waiting() {
        let slots = slots();
        for number in 0..60 {
            tokio::spawn(async move {
                if let Some(slot) = slots.take_for(Some(client(number % 3)), None, WAIT).await {
                    slot.stalled(true);
                    slot.over().await;
                }
            });
            tokio::task::yield_now().await;
        }
        for _ in 0..8 {
            let began = Instant::now();
            let scrape = slots.take_for(Some(client(0)), None, WAIT).await.unwrap();
            assert!(began.elapsed() < WAIT, "{:?}", began.elapsed());
            assert_eq!(scrape.request.phase(), Phase::Writing);
            sleep(Duration::from_secs(10)).await;
            assert_eq!(scrape.request.phase(), Phase::Writing, "a reader that reads stays");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_client_leaves_places_to_others() {
        let slots = slots();
        let mut taken = Vec::new();
        for _ in 0..PLACES_OF_A_CLIENT {
            taken.push(slots.take_for(Some(client(1)), None, WAIT).await.unwrap());
        }
        assert!(slots.take_for(Some(client(1)), None, WAIT).await.is_none(), "all of them read");
        let began = Instant::now();
        assert!(slots.take_for(Some(client(2)), None, WAIT).await.is_some());
        assert_eq!(began.elapsed(), Duration::ZERO);
        drop(taken);
        assert!(slots.take_for(Some(client(1)), None, WAIT).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_waited_longest_is_refused_when_too_many_wait() {
        let slots = slots();
        let mut taken = Vec::new();
        for _ in 0..PLACES_OF_A_CLIENT {
            taken.push(slots.take_for(Some(client(1)), None, WAIT).await.unwrap());
        }
        let began = Instant::now();
        let first = tokio::spawn(slots.take_for(Some(client(1)), None, WAIT));
        tokio::task::yield_now().await;
        let others: Vec<_> = (0..WAITING_OF_A_CLIENT)
            .map(|_| tokio::spawn(slots.take_for(Some(client(1)), None, WAIT)))
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
