//! Which traces are under way at once: those that are to confirm a change and those to which something has happened
//! wait for none that only have their turn. No I/O.

use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;
use tracing::warn;

use super::due::Why;

/// So many of each are under way; the others wait, each target with one at most.
const IN_TURN: usize = 8;
const OTHERS: usize = 4;
/// A trace that has waited so long for its turn is late.
const LATE: Duration = Duration::from_secs(60);
/// That is said so often at most.
const SAID: Duration = Duration::from_secs(3600);

/// The permits for traces.
#[derive(Debug)]
pub(super) struct Permits {
    in_turn: Semaphore,
    again: Semaphore,
    out_of_turn: Semaphore,
    said: Mutex<Option<Instant>>,
}

impl Permits {
    /// All free.
    pub(super) fn new() -> Self {
        Self {
            in_turn: Semaphore::new(IN_TURN),
            again: Semaphore::new(OTHERS),
            out_of_turn: Semaphore::new(OTHERS),
            said: Mutex::default(),
        }
    }

    /// Waits for a permit; it is free again when what is returned is dropped.
    pub(super) async fn take(&self, why: Why) -> Option<SemaphorePermit<'_>> {
        let began = Instant::now();
        let permits = match why {
            Why::Turn => &self.in_turn,
            Why::Again => &self.again,
            Why::OutOfTurn => &self.out_of_turn,
        };
        let place = permits.acquire().await.ok();
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
        let permits = Permits::new();
        let mut held = Vec::new();
        while let Ok(place) = timeout(Duration::from_secs(1), permits.take(Why::Turn)).await {
            held.push(place);
        }
        assert_eq!(held.len(), IN_TURN);
        for _ in 0..OTHERS {
            for why in [Why::OutOfTurn, Why::Again] {
                held.push(timeout(Duration::ZERO, permits.take(why)).await.unwrap());
            }
        }
        drop(held);
        assert!(timeout(Duration::ZERO, permits.take(Why::Turn)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn that_permits_come_late_is_said_once_an_hour() {
        let permits = Arc::new(Permits::new());
        let mut held = Vec::new();
        for _ in 0..IN_TURN {
            held.push(permits.take(Why::Turn).await);
        }
        let waiting = {
            let permits = Arc::clone(&permits);
            tokio::spawn(async move { permits.take(Why::Turn).await.is_some() })
        };
        tokio::task::yield_now().await;
        advance(LATE * 2).await;
        assert!(permits.said.lock().unwrap().is_none());
        held.clear();
        assert!(waiting.await.unwrap());
        assert!(permits.said.lock().unwrap().is_some() && !permits.is_to_be_said());
        advance(SAID).await;
        assert!(permits.is_to_be_said());
    }
}
