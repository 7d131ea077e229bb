//! BMCs that take seconds for messages of a log-in, and answer one datagram after the other.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::VecDeque;
use std::time::Duration;

use ipmi_lan::connection::{Connection, Event};
use ipmi_lan::{Credentials, Options, Password, SessionError};

#[path = "bmc/responder.rs"]
mod responder;
use responder::Bmc;

const SECOND: Duration = Duration::from_secs(1);

/// A message of a log-in.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Message {
    Capabilities,
    OpenSession,
    Rakp,
}

use Message::{Capabilities, OpenSession, Rakp};

impl Message {
    fn of(datagram: &[u8]) -> Option<Message> {
        match (datagram.get(4)?, datagram.get(5)?) {
            (0, _) => Some(Capabilities),
            (6, 0x10) => Some(OpenSession),
            (6, 0x12 | 0x14) => Some(Rakp),
            _ => None,
        }
    }
}

/// A BMC that works through what comes, each of these messages for so long.
struct Slow {
    bmc: Bmc,
    over: &'static [Message],
    takes: Duration,
    free: Duration,
    queue: VecDeque<(Duration, Vec<u8>)>,
    received: usize,
    /// Whether it is slow over the first datagram alone.
    once: bool,
    /// Which datagram to it is lost, and which one of its answers.
    lost: (usize, usize),
    /// Whether it says nothing about suite 17.
    silent: bool,
    seen: (usize, usize),
}

impl Slow {
    fn new(bmc: Bmc, over: &'static [Message], takes: Duration) -> Slow {
        Slow {
            bmc,
            over,
            takes,
            free: Duration::ZERO,
            queue: VecDeque::new(),
            received: 0,
            once: false,
            lost: (0, 0),
            silent: false,
            seen: (0, 0),
        }
    }

    fn receive(&mut self, now: Duration, datagram: Vec<u8>) {
        self.seen.0 += 1;
        let message = Message::of(&datagram);
        // The algorithm of authentication, SHA-256.
        let asks_for_17 = message == Some(OpenSession) && datagram.get(28) == Some(&3);
        if self.seen.0 == self.lost.0 || self.silent && asks_for_17 {
            return;
        }
        self.received += usize::from(message == Some(Rakp));
        let is_slow = message.is_some_and(|it| self.over.contains(&it));
        let is_slow = is_slow && !(self.once && self.free > Duration::ZERO);
        self.free = self.free.max(now) + if is_slow { self.takes } else { Duration::ZERO };
        self.queue.push_back((self.free, datagram));
    }

    /// The next answer, if it is there by then.
    fn next(&mut self, until: Duration) -> Option<(Duration, Vec<u8>)> {
        while self.queue.front().is_some_and(|(at, _)| *at <= until) {
            let (at, datagram) = self.queue.pop_front()?;
            if let Some(answer) = self.bmc.receive(at, &datagram) {
                self.seen.1 += 1;
                if self.seen.1 == self.lost.1 {
                    continue;
                }
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
    log_in_while_these_are_slow(&[Rakp]);
}

#[test]
fn a_bmc_that_takes_its_time_before_the_proofs_is_logged_in_to() {
    log_in_while_these_are_slow(&[Capabilities]);
    log_in_while_these_are_slow(&[OpenSession]);
    log_in_while_these_are_slow(&[Capabilities, OpenSession, Rakp]);
}

fn log_in_while_these_are_slow(slow: &'static [Message]) {
    for (timeout, retries) in [(SECOND / 2, 2), (SECOND, 2), (SECOND, 0), (SECOND, 1)] {
        let options = Options { timeout, retries, ..Options::default() };
        let all = timeout * (retries + 1);
        // Nine tenths of the timeout to three times that of all attempts together.
        for tenth in 9..=30_u32 {
            let takes = (all * tenth / 10).min(all * 29 / 10);
            let mut bmc = Slow::new(Bmc { session_limit: 64, ..Bmc::new() }, slow, takes);
            let (at, event) = log_in(&mut bmc, "monitor", &options);
            let what = format!(
                "{slow:?} take {takes:?} with {timeout:?} and {retries} retries: at {at:?}"
            );
            assert_eq!(event, Event::Opened, "{what}");
            assert!(bmc.received <= 8, "{} messages, {what}", bmc.received);
        }
    }
}

#[test]
fn a_bmc_that_is_slow_once_is_logged_in_to_soon_though_a_datagram_is_lost() {
    use ipmi_lan::CipherSuite::Suite17;
    for lost in (0..10).map(|it| (it, 0)).chain((0..10).map(|it| (0, it))) {
        for takes in [1_100, 1_900, 2_500] {
            // One lost datagram is no reason for another suite.
            let options = Options { suites: vec![Suite17], ..Options::default() };
            let bmc = Bmc { session_limit: 64, ..Bmc::new() };
            let slow = Slow::new(bmc, &[Capabilities], Duration::from_millis(takes));
            let mut bmc = Slow { once: true, lost, ..slow };
            let (at, event) = log_in(&mut bmc, "monitor", &options);
            assert_eq!(event, Event::Opened, "{lost:?} {takes}: at {at:?}");
            // What it may have before it, twice over.
            assert!(at < SECOND * 15, "{lost:?} {takes}: at {at:?}");
        }
    }
}

#[test]
fn a_bmc_that_is_silent_about_a_suite_is_asked_for_the_next_after_all_attempts() {
    for timeout in [SECOND, SECOND * 10] {
        let options = Options { timeout, ..Options::default() };
        let mut bmc = Slow { silent: true, ..Slow::new(Bmc::new(), &[], Duration::ZERO) };
        let (at, event) = log_in(&mut bmc, "monitor", &options);
        assert_eq!((at, event), (timeout * 3, Event::Opened));
    }
}

#[test]
fn a_bmc_that_is_too_slow_is_called_slow_and_a_dead_one_dead() {
    let options = Options::default();
    let mut bmc = Slow::new(Bmc { session_limit: 64, ..Bmc::new() }, &[Rakp], SECOND * 60);
    let (at, event) = log_in(&mut bmc, "monitor", &options);
    assert_eq!(event, Event::OpenFailed(SessionError::Slow));
    assert!((SECOND * 9..SECOND * 30).contains(&at), "{at:?}");
    // One that answers nothing is given three times the time of all attempts, and no more.
    let mut bmc = Slow::new(Bmc::new(), &[Capabilities], SECOND * 60);
    let (at, event) = log_in(&mut bmc, "monitor", &options);
    assert_eq!(event, Event::OpenFailed(SessionError::NoAnswer));
    assert_eq!(at, options.timeout * 3 * (options.retries + 1));
}

#[test]
fn a_slow_refusal_is_a_refusal() {
    let mut bmc = Slow::new(Bmc { session_limit: 64, ..Bmc::new() }, &[Rakp], SECOND * 2);
    let (_, event) = log_in(&mut bmc, "nobody", &Options::default());
    assert_eq!(event, Event::OpenFailed(SessionError::UnknownUser));
}
