//! BMCs that take seconds for each message of a log-in, and answer one datagram after the other.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::VecDeque;
use std::time::Duration;

use ipmi_lan::connection::{Connection, Event};
use ipmi_lan::{Credentials, Options, Password, SessionError};

#[path = "bmc/responder.rs"]
mod responder;
use responder::Bmc;

const SECOND: Duration = Duration::from_secs(1);

/// A BMC that works through what comes, each RAKP message for so long.
struct Slow {
    bmc: Bmc,
    takes: Duration,
    free: Duration,
    queue: VecDeque<(Duration, Vec<u8>)>,
    received: usize,
}

impl Slow {
    fn new(bmc: Bmc, takes: Duration) -> Slow {
        Slow { bmc, takes, free: Duration::ZERO, queue: VecDeque::new(), received: 0 }
    }

    fn receive(&mut self, now: Duration, datagram: Vec<u8>) {
        let is_rakp = datagram.get(4) == Some(&6) && matches!(datagram[5], 0x12 | 0x14);
        self.received += usize::from(is_rakp);
        self.free = self.free.max(now) + if is_rakp { self.takes } else { Duration::ZERO };
        self.queue.push_back((self.free, datagram));
    }

    /// The next answer, if it is there by then.
    fn next(&mut self, until: Duration) -> Option<(Duration, Vec<u8>)> {
        while self.queue.front().is_some_and(|(at, _)| *at <= until) {
            let (at, datagram) = self.queue.pop_front()?;
            if let Some(answer) = self.bmc.receive(at, &datagram) {
                return Some((at, answer));
            }
        }
        None
    }
}

/// How a log-in ends, and when.
fn log_in(bmc: &mut Slow, user: &str, options: &Options) -> (Duration, Event) {
    let password = Password::new("s3cretpass").unwrap();
    let credentials = Credentials { user: user.into(), password, k_g: None };
    let mut now = Duration::ZERO;
    let mut connection = Connection::new(now, &credentials, options, [7; 32]);
    loop {
        while let Some(datagram) = connection.next_datagram() {
            bmc.receive(now, datagram);
        }
        if let Some(event) = connection.next_event() {
            return (now, event);
        }
        let deadline = connection.deadline().unwrap();
        if let Some((at, answer)) = bmc.next(deadline) {
            now = now.max(at);
            connection.datagram_received(now, &answer);
        } else {
            now = deadline;
            connection.time_passed(now);
        }
    }
}

#[test]
fn a_bmc_whose_proofs_take_longer_than_the_timeout_is_logged_in_to() {
    for (timeout, retries) in [(SECOND / 2, 2), (SECOND, 2), (SECOND, 0), (SECOND, 1)] {
        let options = Options { timeout, retries, ..Options::default() };
        let all = timeout * (retries + 1);
        // Nine tenths of the timeout to three times that of all attempts together.
        for tenth in 9..=30_u32 {
            let takes = (all * tenth / 10).min(all * 29 / 10);
            let mut bmc = Slow::new(Bmc { session_limit: 64, ..Bmc::new() }, takes);
            let (at, event) = log_in(&mut bmc, "monitor", &options);
            let what = format!("{takes:?} with {timeout:?} and {retries} retries: at {at:?}");
            assert_eq!(event, Event::Opened, "{what}");
            assert!(bmc.received <= 8, "{} messages, {what}", bmc.received);
        }
    }
}

#[test]
fn a_bmc_that_is_too_slow_is_called_slow_and_a_dead_one_dead() {
    let options = Options::default();
    let mut bmc = Slow::new(Bmc { session_limit: 64, ..Bmc::new() }, SECOND * 60);
    let (at, event) = log_in(&mut bmc, "monitor", &options);
    assert_eq!(event, Event::OpenFailed(SessionError::Slow));
    assert!((SECOND * 9..SECOND * 30).contains(&at), "{at:?}");
}

#[test]
fn a_slow_refusal_is_a_refusal() {
    let mut bmc = Slow::new(Bmc { session_limit: 64, ..Bmc::new() }, SECOND * 2);
    let (_, event) = log_in(&mut bmc, "nobody", &Options::default());
    assert_eq!(event, Event::OpenFailed(SessionError::UnknownUser));
}
