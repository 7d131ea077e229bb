//! A whole session: bytes and time in; bytes, events and a deadline out. No I/O, no clock.
//!
//! The caller owns the socket and the clock:
//! ```text
//! loop {
//!     while let Some(datagram) = connection.next_datagram() { send it }
//!     while let Some(event) = connection.next_event() { act on it }
//!     wait for a datagram             -> connection.datagram_received(now, bytes)
//!       or for connection.deadline()  -> connection.time_passed(now)
//! }
//! ```
//! Time is a [`Duration`] since any fixed moment.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::command::Command;
use crate::counters::Counters;
use crate::credentials::Credentials;
use crate::dialogue::{Ask, Dialogue, Outcome};
use crate::error::{CommandError, SessionError};
use crate::login::{Login, Progress};
use crate::options::{CipherSuite, Options, Privilege};
use crate::packet::{NotForUs, Packet};

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The session is open: commands may be sent.
    Opened,
    /// The session could not be opened; the connection is of no more use.
    OpenFailed(SessionError),
    /// The command in hand is over: the reply's data after the completion code, or why not.
    Reply(Command, Result<Vec<u8>, CommandError>),
    /// The session was closed, or the BMC did not say so in time.
    Closed,
}

/// A session with one BMC, from the first datagram to the last.
pub struct Connection {
    state: State,
    /// For the log-in; `None` after it.
    options: Option<Box<Options>>,
    rng: StdRng,
    counters: Counters,
    datagrams: VecDeque<Vec<u8>>,
    events: VecDeque<Event>,
}

enum State {
    LoggingIn(Box<Login>),
    Open(Box<Dialogue>),
    Over,
}

impl Connection {
    /// Begins a log-in. `entropy` must be 32 bytes from the system's random source: session IDs,
    /// random numbers and initialisation vectors come of it.
    pub fn new(
        now: Duration,
        credentials: &Credentials,
        options: &Options,
        entropy: [u8; 32],
    ) -> Connection {
        let mut connection = Connection {
            state: State::Over,
            options: Some(Box::new(options.clone())),
            rng: StdRng::from_seed(entropy),
            counters: Counters { sessions: 1, ..Counters::default() },
            // There is one of each at a time as a rule, and thousands of connections.
            datagrams: VecDeque::with_capacity(1),
            events: VecDeque::with_capacity(1),
        };
        match Login::begin(now, credentials, options) {
            Ok((login, first)) => {
                connection.state = State::LoggingIn(Box::new(login));
                connection.datagrams.push_back(first);
            }
            Err(error) => connection.events.push_back(Event::OpenFailed(error)),
        }
        connection
    }

    /// Sends a command; the event [`Event::Reply`] follows. A command in hand is given up without
    /// an event, and its reply will be dropped.
    pub fn request(&mut self, now: Duration, command: Command) {
        let State::Open(dialogue) = &mut self.state else {
            self.events.push_back(Event::Reply(command, Err(CommandError::SessionLost)));
            return;
        };
        match dialogue.ask(now, Ask::Read(command), &mut self.rng) {
            Ok(datagram) => self.datagrams.push_back(datagram),
            Err(error) => self.events.push_back(Event::Reply(command, Err(error))),
        }
    }

    /// Asks the BMC to close the session; the event [`Event::Closed`] follows.
    pub fn close(&mut self, now: Duration) {
        let asked = match &mut self.state {
            State::Open(dialogue) => dialogue.ask(now, Ask::Close, &mut self.rng).ok(),
            State::LoggingIn(_) | State::Over => None,
        };
        if let Some(datagram) = asked {
            self.datagrams.push_back(datagram);
        } else {
            let last = self.farewell();
            self.datagrams.extend(last);
            self.events.push_back(Event::Closed);
        }
    }

    /// Ends at once: the datagrams to be sent, without waiting, so that the BMC frees the session.
    pub fn farewell(&mut self) -> Vec<Vec<u8>> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::LoggingIn(login) => login.goodbye(&mut self.rng),
            State::Open(mut dialogue) => vec![dialogue.goodbye(&mut self.rng)],
            State::Over => Vec::new(),
        }
    }

    /// Takes a datagram from the BMC's address.
    pub fn datagram_received(&mut self, now: Duration, datagram: &[u8]) {
        self.counters.received += 1;
        let packet = match Packet::parse(datagram) {
            Ok(packet) => packet,
            Err(reason) => return self.not_for_us(reason),
        };
        match (&mut self.state, &packet) {
            (State::LoggingIn(login), _) => {
                let progress = login.received(now, &packet, &mut self.rng);
                if matches!(progress, Progress::Waiting) {
                    self.counters.stale_replies += 1;
                }
                self.login_progress(now, progress);
            }
            (State::Open(dialogue), Packet::Inside(protected)) => {
                let outcome = dialogue.received(protected, &mut self.counters);
                self.dialogue_outcome(outcome);
            }
            // What is left over of the log-in.
            (State::Open(_) | State::Over, _) => self.counters.stale_replies += 1,
        }
    }

    fn not_for_us(&mut self, reason: NotForUs) {
        match reason {
            NotForUs::Garbage => self.counters.corrupt += 1,
            NotForUs::Foreign => self.counters.foreign += 1,
        }
        if let State::LoggingIn(login) = &mut self.state {
            login.garbage_received();
        }
    }

    /// Tells that the network reported the BMC as unreachable (ICMP).
    pub fn unreachable(&mut self) {
        match &mut self.state {
            State::LoggingIn(login) => login.unreachable(),
            State::Open(dialogue) => dialogue.unreachable(),
            State::Over => {}
        }
    }

    /// Acts on deadlines that are over.
    pub fn time_passed(&mut self, now: Duration) {
        if self.deadline().is_none_or(|deadline| deadline > now) {
            return;
        }
        match &mut self.state {
            State::LoggingIn(login) => {
                let progress = login.timed_out(now, &mut self.rng);
                if login.is_retry() && matches!(progress, Progress::Send(_)) {
                    self.counters.retries += 1;
                }
                self.login_progress(now, progress);
            }
            State::Open(dialogue) => {
                let outcome = dialogue.timed_out(now, &mut self.rng);
                if matches!(outcome, Outcome::Send(_)) {
                    self.counters.retries += 1;
                }
                self.dialogue_outcome(outcome);
            }
            State::Over => {}
        }
    }

    /// When [`Connection::time_passed`] has to be called, if nothing comes before.
    pub fn deadline(&self) -> Option<Duration> {
        match &self.state {
            State::LoggingIn(login) => Some(login.deadline),
            State::Open(dialogue) => dialogue.deadline(),
            State::Over => None,
        }
    }

    /// The next datagram to send to the BMC.
    pub fn next_datagram(&mut self) -> Option<Vec<u8>> {
        let datagram = self.datagrams.pop_front()?;
        self.counters.sent += 1;
        Some(datagram)
    }

    /// The next thing that happened.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Whether too many requests of this session were never answered: a new one is needed before
    /// the next command.
    pub fn is_worn(&self) -> bool {
        match &self.state {
            State::Open(dialogue) => dialogue.is_worn(),
            State::LoggingIn(_) => false,
            State::Over => true,
        }
    }

    /// The suite of the session, if one is open.
    pub fn suite(&self) -> Option<CipherSuite> {
        match &self.state {
            State::Open(dialogue) => Some(dialogue.suite()),
            State::LoggingIn(_) | State::Over => None,
        }
    }

    /// What was counted so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn login_progress(&mut self, now: Duration, progress: Progress) {
        match progress {
            Progress::Waiting => {}
            Progress::Send(datagrams) => self.datagrams.extend(datagrams),
            Progress::Failed(error, datagrams) => self.fail(error, datagrams),
            Progress::Open(session) => {
                let options = self.options.take().unwrap_or_default();
                let mut dialogue = Dialogue::new(session, &options);
                // A session begins with USER; more has to be asked for.
                if options.privilege == Privilege::User {
                    self.events.push_back(Event::Opened);
                } else {
                    let ask = Ask::SetPrivilege(options.privilege);
                    self.datagrams.extend(dialogue.ask(now, ask, &mut self.rng));
                }
                self.state = State::Open(Box::new(dialogue));
            }
        }
    }

    fn dialogue_outcome(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Waiting => {}
            Outcome::Send(datagram) => self.datagrams.push_back(datagram),
            Outcome::Finished(Ask::Read(command), result) => {
                self.events.push_back(Event::Reply(command, result));
            }
            Outcome::Finished(Ask::SetPrivilege(asked), Ok(data)) => {
                // The reply tells the level the session has now.
                if data.first().is_some_and(|level| level & 0x0F >= asked as u8) {
                    self.events.push_back(Event::Opened);
                } else {
                    let goodbye = self.farewell();
                    self.fail(SessionError::Privilege, goodbye);
                }
            }
            Outcome::Finished(Ask::SetPrivilege(_), Err(error)) => {
                let goodbye = self.farewell();
                let error = match error {
                    CommandError::Timeout => SessionError::NoAnswer,
                    CommandError::Unreachable => SessionError::Unreachable,
                    CommandError::Completion(_) => SessionError::Privilege,
                    _ => SessionError::Protocol,
                };
                self.fail(error, goodbye);
            }
            Outcome::Finished(Ask::Close, _) => {
                self.state = State::Over;
                self.events.push_back(Event::Closed);
            }
        }
    }

    fn fail(&mut self, error: SessionError, last_words: Vec<Vec<u8>>) {
        self.state = State::Over;
        self.datagrams.extend(last_words);
        self.events.push_back(Event::OpenFailed(error));
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::LoggingIn(_) => "logging in",
            State::Open(_) => "open",
            State::Over => "over",
        };
        f.debug_struct("Connection")
            .field("state", &state)
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}
