//! Which traces are under way at once: those that are to confirm a change and those to which something has happened
//! wait for none that only have their turn. No I/O.

use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;
use tracing::warn;

use super::due::Why;

/// So many of each are under way; the others wait, each target with one at most.
const TURNS: usize = 8;
const OTHERS: usize = 4;
/// A trace that has waited so long for its turn is late.
const LATE: Duration = Duration::from_secs(60);
/// That is said so often at most.
const SAID: Duration = Duration::from_secs(3600);

/// The places for traces.
#[derive(Debug)]
pub(super) struct Turns {
    in_turn: Semaphore,
    again: Semaphore,
    out_of_turn: Semaphore,
    said: Mutex<Option<Instant>>,
}

impl Turns {
    /// All free.
    pub(super) fn new() -> Self {
        Self {
            in_turn: Semaphore::new(TURNS),
            again: Semaphore::new(OTHERS),
            out_of_turn: Semaphore::new(OTHERS),
            said: Mutex::default(),
        }
    }

    /// Waits for a place; it is free again when what is returned is dropped.
    pub(super) async fn take(&self, why: Why) -> Option<SemaphorePermit<'_>> {
        let began = Instant::now();
        let places = match why {
            Why::Turn => &self.in_turn,
            Why::Again => &self.again,
            Why::OutOfTurn => &self.out_of_turn,
        };
        let place = places.acquire().await.ok();
        let waited = began.elapsed();
        if why == Why::Turn && waited > LATE && self.is_to_be_said() {
            let waited = waited.as_secs();
            warn!(
                "traces wait {waited} s for their turn: raise `path_rate` or the `interval` of `path`"
            );
        }
        place
    }

    fn is_to_be_said(&self) -> bool {
        let mut said = self.said.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let may = said.is_none_or(|at| at.elapsed() >= SAID);
        if may {
            *said = Some(Instant::now());
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::time::{advance, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_has_a_reason_waits_for_nobody_who_has_a_turn() {
        let turns = Turns::new();
        let mut held = Vec::new();
        while let Ok(place) = timeout(Duration::from_secs(1), turns.take(Why::Turn)).await {
            held.push(place);
        }
        assert_eq!(held.len(), TURNS);
        for _ in 0..OTHERS {
            for why in [Why::OutOfTurn, Why::Again] {
                held.push(timeout(Duration::ZERO, turns.take(why)).await.unwrap());
            }
        }
        drop(held);
        assert!(timeout(Duration::ZERO, turns.take(Why::Turn)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn that_turns_come_late_is_said_once_an_hour() {
        let turns = Arc::new(Turns::new());
        let mut held = Vec::new();
        for _ in 0..TURNS {
            held.push(turns.take(Why::Turn).await);
        }
        let waiting = {
            let turns = Arc::clone(&turns);
            tokio::spawn(async move { turns.take(Why::Turn).await.is_some() })
        };
        tokio::task::yield_now().await;
        advance(LATE * 2).await;
        assert!(turns.said.lock().unwrap().is_none());
        held.clear();
        assert!(waiting.await.unwrap());
        assert!(turns.said.lock().unwrap().is_some() && !turns.is_to_be_said());
        advance(SAID).await;
        assert!(turns.is_to_be_said());
    }
}
