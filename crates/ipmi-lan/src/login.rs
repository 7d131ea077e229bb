//! The log-in as a state machine: capabilities, Open Session, RAKP. No I/O, no clock.
//!
//! Some BMCs take seconds for each message, and answer one datagram after the other:
//! 1. The answer to any attempt of a message counts, and may take three times the time of all attempts.
//! 2. A message of RAKP is given all the time of its attempts before it is sent again, and no second attempt
//!    once a BMC was slow over another one: each makes the BMC forget what it said to the last. After a late
//!    answer to a message before RAKP, Open Session is sent as often as one of RAKP: that may be slow, or
//!    have been lost.
//! 3. What a BMC says to a later attempt of the message before replaces what it said to an earlier one.
//! 4. Attempts that the BMC has yet to answer take their time, as that of the one that it answered, before
//!    the next message has its own.
//! 5. A BMC that says nothing about a cipher suite is asked for the next one after the time of all attempts;
//!    what it says later about the first counts.
//! 6. Once the network says that nobody is there, or something else answers, nobody is slow.

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use zeroize::Zeroizing;

use crate::command::NET_FN_APP;
use crate::credentials::{Credentials, MAX_USER_BYTES};
use crate::crypto::SessionKeys;
use crate::error::SessionError;
use crate::handshake::{BmcIdentity, Exchange, Lookup, Tags, open_session_request};
use crate::message::Request;
use crate::options::{CipherSuite, Options};
use crate::packet::{self, Packet, payload_type};

mod answers;
mod patience;

/// Get Channel Authentication Capabilities (specification table 22-15).
const GET_CHANNEL_AUTH_CAPABILITIES: u8 = 0x38;

/// How often a log-in whose last messages got lost is begun anew.
const MAX_RESTARTS: u32 = 2;

/// A log-in under way.
pub(crate) struct Login {
    credentials: Credentials,
    options: Options,
    /// Which of `options.suites` is being tried.
    suite: usize,
    lookup: Lookup,
    step: Step,
    /// The tags of the present step's message.
    tags: Tags,
    /// Those of the message before.
    earlier: Tags,
    /// Whether the BMC answered a message of RAKP late, or not in time.
    slow: bool,
    /// How long it took over a message before, if that was answered after it was sent again.
    late: Option<Duration>,
    /// When the first attempt of the present step's message was sent, and the newest.
    began: Duration,
    sent: Duration,
    /// The first tag of Open Session that asked for the present suite.
    suite_tag: u8,
    /// Attempts that it has yet to answer of the message which the next one follows.
    queued: u32,
    /// A refusal of nobody in particular, which counts if nothing better comes.
    nobody: Option<u8>,
    /// Why the first lookup of the user failed.
    first_refusal: Option<SessionError>,
    attempt: u32,
    restarts: u32,
    /// When the newest message's time is over.
    pub(crate) deadline: Duration,
    /// The network said that the BMC is unreachable, and nothing else came.
    unreachable: bool,
    /// Something came that is not IPMI, and nothing else.
    garbage: bool,
    /// What a suite ended with that was neither refused nor accepted.
    silence: Option<SessionError>,
}

/// Which answer is awaited.
enum Step {
    Capabilities,
    OpenSession {
        console_id: u32,
    },
    Rakp1 {
        exchange: Exchange,
        /// The newest tag of Open Session that was answered.
        opened: u8,
        /// The session of that answer, if it is another one.
        spare: Option<u32>,
    },
    Rakp3 {
        exchange: Exchange,
        bmc: BmcIdentity,
        sik: Zeroizing<Vec<u8>>,
    },
}

/// What a log-in wants after it was given something.
pub(crate) enum Progress {
    /// Nothing; the datagram was not the one awaited.
    Waiting,
    /// Send these datagrams and go on.
    Send(Vec<Vec<u8>>),
    /// It is over; say this to the BMC, if anything.
    Failed(SessionError, Vec<Vec<u8>>),
    /// The session is open.
    Open(Established),
}

/// An open session: IDs and keys.
pub(crate) struct Established {
    pub(crate) keys: SessionKeys,
    /// What the BMC puts into packets to us.
    pub(crate) console_id: u32,
    /// What we put into packets to the BMC.
    pub(crate) bmc_id: u32,
}

impl Login {
    /// Begins a log-in: the first datagram is for sending at once.
    pub(crate) fn begin(
        now: Duration,
        credentials: &Credentials,
        options: &Options,
    ) -> Result<(Login, Vec<u8>), SessionError> {
        if credentials.user.len() > MAX_USER_BYTES {
            return Err(SessionError::Credentials);
        }
        if options.suites.is_empty() {
            return Err(SessionError::SuiteRefused);
        }
        let mut login = Login {
            credentials: credentials.clone(),
            options: options.clone(),
            suite: 0,
            lookup: Lookup::Name,
            step: Step::Capabilities,
            tags: Tags { first: 0, last: 0 },
            earlier: Tags { first: 0, last: 0 },
            slow: false,
            late: None,
            began: now,
            sent: now,
            suite_tag: 0,
            queued: 0,
            nobody: None,
            first_refusal: None,
            attempt: 0,
            restarts: 0,
            deadline: now,
            unreachable: false,
            garbage: false,
            silence: None,
        };
        login.deadline = now.saturating_add(login.patience());
        let first = login.message();
        Ok((login, first))
    }

    fn suite(&self) -> CipherSuite {
        self.options.suites.get(self.suite).copied().unwrap_or(CipherSuite::Suite3)
    }

    /// The present step's message with the present tag.
    fn message(&self) -> Vec<u8> {
        use payload_type::{OPEN_SESSION_REQUEST, RAKP_1, RAKP_3};
        let tag = self.tags.last;
        match &self.step {
            Step::Capabilities => {
                // The present channel, asked for its IPMI 2.0 capabilities.
                let data = [0x8E, self.options.privilege as u8];
                let request = Request {
                    net_fn: NET_FN_APP,
                    lun: 0,
                    rq_seq: tag & 0x3F,
                    command: GET_CHANNEL_AUTH_CAPABILITIES,
                    data: &data,
                };
                packet::v15_outside_session(&request.encode())
            }
            Step::OpenSession { console_id } => packet::outside_session(
                OPEN_SESSION_REQUEST,
                &open_session_request(tag, self.options.privilege, *console_id, self.suite()),
            ),
            Step::Rakp1 { exchange, .. } => {
                packet::outside_session(RAKP_1, &exchange.rakp_1(tag, &self.credentials.user))
            }
            Step::Rakp3 { exchange, bmc, .. } => {
                packet::outside_session(RAKP_3, &exchange.rakp_3(tag, bmc, &self.credentials))
            }
        }
    }

    /// Goes to the next step and gives its message.
    fn enter(&mut self, now: Duration, step: Step) -> Vec<u8> {
        self.step = step;
        self.attempt = 0;
        self.nobody = None;
        self.earlier = self.tags;
        let next = self.tags.last.wrapping_add(1);
        self.tags = Tags { first: next, last: self.tags.last };
        (self.began, self.suite_tag) = (now, next);
        let message = self.send(now);
        self.queued = 0;
        message
    }

    /// The present step's message under a new tag, with a new deadline.
    fn send(&mut self, now: Duration) -> Vec<u8> {
        self.tags.last = self.tags.last.wrapping_add(1);
        self.sent = now;
        self.deadline = now.saturating_add(self.patience());
        self.message()
    }

    fn open_session(&mut self, now: Duration, rng: &mut StdRng) -> Vec<u8> {
        let console_id = rng.next_u32().max(1);
        self.enter(now, Step::OpenSession { console_id })
    }

    /// Something came that is not IPMI.
    pub(crate) fn garbage_received(&mut self) {
        self.garbage = true;
        self.nobody_is_slow();
    }

    /// The network says that the BMC is unreachable. It may be wrong: the retries go on.
    pub(crate) fn unreachable(&mut self) {
        self.unreachable = true;
        self.nobody_is_slow();
    }

    /// Takes a packet that came in.
    pub(crate) fn received(
        &mut self,
        now: Duration,
        packet: &Packet<'_>,
        rng: &mut StdRng,
    ) -> Progress {
        use payload_type::{IPMI, OPEN_SESSION_RESPONSE, RAKP_2, RAKP_4};
        match (&self.step, packet) {
            (
                Step::Capabilities,
                Packet::V15(message) | Packet::Outside { payload_type: IPMI, payload: message },
            ) => self.capabilities(now, message, rng),
            (
                &Step::OpenSession { console_id },
                Packet::Outside { payload_type: OPEN_SESSION_RESPONSE, payload },
            ) => self.session_opened(now, console_id, payload, rng),
            (
                Step::Rakp1 { .. },
                Packet::Outside { payload_type: OPEN_SESSION_RESPONSE, payload },
            ) => self.opened_again(payload),
            (Step::Rakp1 { .. }, Packet::Outside { payload_type: RAKP_2, payload }) => {
                self.bmc_proven(now, payload, rng)
            }
            (Step::Rakp3 { .. }, Packet::Outside { payload_type: RAKP_2, payload }) => {
                self.proven_again(now, payload)
            }
            (Step::Rakp3 { .. }, Packet::Outside { payload_type: RAKP_4, payload }) => {
                self.logged_in(now, payload, rng)
            }
            _ => Progress::Waiting,
        }
    }

    fn next_suite(&mut self, now: Duration, error: SessionError, rng: &mut StdRng) -> Progress {
        // After one silence it is not known whether the BMC refuses every suite.
        if error != SessionError::SuiteRefused {
            self.silence = Some(error);
        }
        let error = self.silence.unwrap_or(error);
        if !self.has_another_suite() {
            return Progress::Failed(error, Vec::new());
        }
        self.suite = self.suite.saturating_add(1);
        Progress::Send(vec![self.open_session(now, rng)])
    }

    /// Asks for the next suite, while what was said of this one may still be answered.
    fn next_suite_beside(
        &mut self,
        now: Duration,
        error: SessionError,
        console_id: u32,
    ) -> Progress {
        let (first, began) = (self.tags.first, self.began);
        self.silence = Some(error);
        self.suite = self.suite.saturating_add(1);
        let message = self.enter(now, Step::OpenSession { console_id });
        (self.tags.first, self.began) = (first, began);
        Progress::Send(vec![message])
    }

    /// Whether this tag asked for a suite before the present one.
    fn is_of_a_suite_before(&self, tag: u8) -> bool {
        let since = |tag: u8| tag.wrapping_sub(self.tags.first);
        since(tag) < since(self.suite_tag)
    }

    /// Begins anew from Open Session, unless that was done often enough.
    fn restart(&mut self, now: Duration, error: SessionError, rng: &mut StdRng) -> Progress {
        let mut datagrams = self.goodbye(rng);
        if self.restarts >= MAX_RESTARTS {
            return Progress::Failed(error, datagrams);
        }
        self.restarts = self.restarts.saturating_add(1);
        datagrams.push(self.open_session(now, rng));
        Progress::Send(datagrams)
    }

    /// Close Session for a session that the BMC may have opened without our knowing.
    pub(crate) fn goodbye(&self, rng: &mut StdRng) -> Vec<Vec<u8>> {
        let Step::Rakp3 { exchange, sik, .. } = &self.step else { return Vec::new() };
        let keys = SessionKeys::derive(exchange.suite, sik);
        vec![close_session(&keys, exchange.bmc_id, 1, 0, rng)]
    }

    /// The newest message's time is over.
    pub(crate) fn timed_out(&mut self, now: Duration, rng: &mut StdRng) -> Progress {
        if let Some(status) = self.nobody.take() {
            return self.refused(now, status, rng);
        }
        if self.attempt < self.attempts() {
            self.attempt = self.attempt.saturating_add(1);
            return Progress::Send(vec![self.send(now)]);
        }
        let error = self.why_silent();
        match self.step {
            // A BMC that just answered and is now silent may not like the suite.
            Step::OpenSession { console_id } if self.has_another_suite() => {
                self.next_suite_beside(now, error, console_id)
            }
            Step::OpenSession { .. } => self.next_suite(now, error, rng),
            Step::Rakp3 { .. } => {
                self.slow = true;
                self.restart(now, error, rng)
            }
            // Some firmware is silent about a user that it does not find by name alone.
            Step::Rakp1 { .. } if error == SessionError::Slow && self.lookup == Lookup::Name => {
                self.slow = true;
                self.lookup = Lookup::NameAndPrivilege;
                Progress::Send(vec![self.open_session(now, rng)])
            }
            Step::Capabilities | Step::Rakp1 { .. } => Progress::Failed(error, Vec::new()),
        }
    }

    fn why_silent(&self) -> SessionError {
        match self.step {
            Step::Capabilities if self.garbage => SessionError::NotIpmi,
            _ if self.unreachable => SessionError::Unreachable,
            Step::Rakp1 { .. } | Step::Rakp3 { .. } => SessionError::Slow,
            Step::OpenSession { .. } if self.was_slow() => SessionError::Slow,
            Step::Capabilities | Step::OpenSession { .. } => SessionError::NoAnswer,
        }
    }

    /// Whether the message last given out is a repetition.
    pub(crate) fn is_retry(&self) -> bool {
        self.attempt > 0
    }
}

/// Close Session (specification §22.19), protected, for the session `bmc_id`.
pub(crate) fn close_session(
    keys: &SessionKeys,
    bmc_id: u32,
    sequence: u32,
    rq_seq: u8,
    rng: &mut StdRng,
) -> Vec<u8> {
    let data = bmc_id.to_le_bytes();
    let request = Request { net_fn: NET_FN_APP, lun: 0, rq_seq, command: 0x3C, data: &data };
    let mut iv = [0; 16];
    rng.fill_bytes(&mut iv);
    packet::inside_session(keys, bmc_id, sequence, iv, &request.encode())
}
