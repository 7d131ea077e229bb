//! Which password is checked next: one at a time, so that guessing costs one core at most, and in turn by who asks.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::aside::off_the_thread;
use crate::client::{Client, one_too_many};

/// Passwords that may wait to be checked: each takes the tenth of a second that bcrypt is made for.
const WAITING: usize = 16;

/// How many of them may be one client's.
const WAITING_OF_A_CLIENT: usize = 8;

/// All passwords that are checked, or wait for it.
#[derive(Debug)]
pub(super) struct Checks(Mutex<Line>);

#[derive(Debug)]
struct Line {
    /// In the order in which they came.
    waiting: Vec<Waiting>,
    is_busy: bool,
    /// Whose were checked last, the newest at the end.
    served: VecDeque<Option<Client>>,
}

#[derive(Debug)]
struct Waiting {
    client: Option<Client>,
    turn: oneshot::Sender<Turn>,
}

/// The right to check one; whose turn is next is seen to when it is dropped.
#[derive(Debug)]
struct Turn(&'static Checks);

impl Checks {
    pub(super) const fn new() -> Self {
        let line = Line { waiting: Vec::new(), is_busy: false, served: VecDeque::new() };
        Self(Mutex::new(line))
    }

    /// What `check` says, on a thread of its own, when its turn has come. None if too many wait for theirs.
    pub(super) async fn check(
        &'static self,
        client: Option<Client>,
        check: impl FnOnce() -> bool + Send + 'static,
    ) -> Option<bool> {
        let (turn, comes) = oneshot::channel();
        self.line().enter(Waiting { client, turn });
        self.go_on();
        // Refused where the sender is gone.
        let turn = comes.await.ok()?;
        let checked = off_the_thread(move || {
            let checked = check();
            // Held to here also when whoever asked has gone: nobody can end a check that has begun.
            drop(turn);
            checked
        });
        Some(checked.await)
    }

    /// Gives the next one its turn, if none is being checked. Who has gone meanwhile drops it, which comes back here.
    fn go_on(&'static self) {
        let next = self.line().next();
        if let Some(next) = next {
            drop(next.turn.send(Turn(self)));
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    /// Lets one more wait; when too many do, one of them is refused.
    fn enter(&mut self, newest: Waiting) {
        self.waiting.retain(|it| !it.turn.is_closed());
        self.waiting.push(newest);
        let clients: Vec<_> = self.waiting.iter().map(|it| it.client).collect();
        if let Some(refused) = one_too_many(&clients, WAITING, WAITING_OF_A_CLIENT) {
            self.waiting.remove(refused);
        }
    }

    /// The first one of whom was not served for the longest time.
    fn next(&mut self) -> Option<Waiting> {
        if self.is_busy {
            return None;
        }
        let served = |client| self.served.iter().position(|it| *it == client).map(|it| it + 1);
        let all = self.waiting.iter().enumerate();
        let (first, _) = all.min_by_key(|(_, it)| served(it.client).unwrap_or_default())?;
        let next = self.waiting.remove(first);
        self.served.retain(|client| *client != next.client);
        self.served.push_back(next.client);
        if self.served.len() > WAITING {
            self.served.pop_front();
        }
        self.is_busy = true;
        Some(next)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.line().is_busy = false;
        self.0.go_on();
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::mpsc;

    use super::*;

    fn client(last: u8) -> Client {
        IpAddr::from([192, 0, 2, last]).into()
    }

    fn checks() -> &'static Checks {
        Box::leak(Box::new(Checks::new()))
    }

    /// A check that says who it is when it begins, and ends when it is told to.
    fn held(
        name: u8,
        begun: &mpsc::Sender<u8>,
    ) -> (impl FnOnce() -> bool + use<>, mpsc::Sender<()>) {
        let (end, told) = mpsc::channel::<()>();
        let begun = begun.clone();
        let check = move || {
            begun.send(name).unwrap();
            told.recv().unwrap();
            true
        };
        (check, end)
    }

    #[tokio::test]
    async fn who_hangs_up_lets_no_second_check_begin_beside_the_first() {
        let (checks, (begun, begins)) = (checks(), mpsc::channel());
        let (first, end_first) = held(1, &begun);
        let (second, end_second) = held(2, &begun);
        let first = tokio::spawn(checks.check(Some(client(1)), first));
        tokio::task::yield_now().await;
        assert_eq!(begins.recv().unwrap(), 1);
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
        let second = tokio::spawn(checks.check(Some(client(1)), second));
        for _ in 0..200 {
            off_the_thread(|| ()).await;
        }
        assert!(begins.try_recv().is_err(), "two are checked at once");
        end_first.send(()).unwrap();
        end_second.send(()).unwrap();
        assert_eq!(second.await.unwrap(), Some(true));
        assert_eq!(begins.try_recv(), Ok(2));
        // Nor does one that waits keep its place.
        let (third, end_third) = held(3, &begun);
        let third = tokio::spawn(checks.check(Some(client(1)), third));
        tokio::task::yield_now().await;
        assert_eq!(begins.recv().unwrap(), 3);
        let gone =
            tokio::spawn(checks.check(Some(client(1)), || unreachable!("nobody asks any more")));
        tokio::task::yield_now().await;
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        end_third.send(()).unwrap();
        assert_eq!(third.await.unwrap(), Some(true));
        assert_eq!(checks.check(Some(client(1)), || true).await, Some(true));
    }

    #[tokio::test]
    async fn a_crowd_of_one_client_leaves_a_place_to_another_and_its_turn_is_next() {
        let (checks, (begun, begins)) = (checks(), mpsc::channel());
        let mut guesses = Vec::new();
        for number in 0..100 {
            let (guess, end) = held(number, &begun);
            guesses.push((tokio::spawn(checks.check(Some(client(1)), guess)), end));
            tokio::task::yield_now().await;
        }
        assert_eq!(begins.recv().unwrap(), 0);
        let scraper = tokio::spawn(checks.check(Some(client(2)), move || begun.send(200).is_ok()));
        tokio::task::yield_now().await;
        for (_, end) in &guesses {
            // One that is refused is told by nobody.
            let _ = end.send(());
        }
        assert_eq!(scraper.await.unwrap(), Some(true));
        let mut checked = 0;
        for (guess, _) in guesses {
            checked += usize::from(guess.await.unwrap().is_some());
        }
        assert_eq!(checked, 1 + WAITING_OF_A_CLIENT, "the others are refused");
        assert_eq!(begins.recv().unwrap(), 200, "it waits for the one that had begun");
    }

    #[tokio::test]
    async fn a_crowd_of_many_clients_is_refused_from_the_most_crowded() {
        let (checks, (begun, _begins)) = (checks(), mpsc::channel());
        let mut waiting = Vec::new();
        for number in 0..=WAITING_OF_A_CLIENT {
            let number = u8::try_from(number).unwrap();
            let (guess, end) = held(number, &begun);
            waiting.push((tokio::spawn(checks.check(Some(client(1)), guess)), end));
            tokio::task::yield_now().await;
        }
        for number in 2..100 {
            let (guess, end) = held(number, &begun);
            waiting.push((tokio::spawn(checks.check(Some(client(number)), guess)), end));
            tokio::task::yield_now().await;
        }
        assert_eq!(checks.line().waiting.len(), WAITING);
        let last = waiting.len() - 1;
        for (_, end) in &waiting {
            let _ = end.send(());
        }
        let mut ended = Vec::new();
        for (guess, _) in waiting {
            ended.push(guess.await.unwrap().is_some());
        }
        assert!(ended[last], "who came last is not the one to go");
        assert_eq!(ended.iter().filter(|it| **it).count(), 1 + WAITING);
    }
}
