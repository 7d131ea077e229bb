//! The log-in as a state machine: capabilities, Open Session, RAKP. No I/O, no clock.

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use zeroize::Zeroizing;

use crate::command::NET_FN_APP;
use crate::credentials::{Credentials, MAX_USER_BYTES};
use crate::crypto::SessionKeys;
use crate::error::SessionError;
use crate::handshake::{
    Answer, BmcIdentity, Exchange, Lookup, STATUS_BAD_INTEGRITY, open_session_request,
    open_session_response, refusal,
};
use crate::message::{Reply, Request};
use crate::options::{CipherSuite, Options, Workaround};
use crate::packet::{self, Packet, payload_type};

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
    /// The newest message's tag; answers to older ones are not looked at.
    tag: u8,
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
    OpenSession { console_id: u32 },
    Rakp1(Exchange),
    Rakp3 { exchange: Exchange, bmc: BmcIdentity, sik: Zeroizing<Vec<u8>> },
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
        let login = Login {
            credentials: credentials.clone(),
            options: options.clone(),
            suite: 0,
            lookup: Lookup::Name,
            step: Step::Capabilities,
            tag: 0,
            attempt: 0,
            restarts: 0,
            deadline: now.saturating_add(options.timeout),
            unreachable: false,
            garbage: false,
            silence: None,
        };
        let first = login.message();
        Ok((login, first))
    }

    fn suite(&self) -> CipherSuite {
        self.options.suites.get(self.suite).copied().unwrap_or(CipherSuite::Suite3)
    }

    /// The present step's message with the present tag.
    fn message(&self) -> Vec<u8> {
        use payload_type::{OPEN_SESSION_REQUEST, RAKP_1, RAKP_3};
        let tag = self.tag;
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
            Step::Rakp1(exchange) => {
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
        self.send(now)
    }

    /// The present step's message under a new tag, with a new deadline.
    fn send(&mut self, now: Duration) -> Vec<u8> {
        self.tag = self.tag.wrapping_add(1);
        self.deadline = now.saturating_add(self.options.timeout);
        self.message()
    }

    fn open_session(&mut self, now: Duration, rng: &mut StdRng) -> Vec<u8> {
        let console_id = rng.next_u32().max(1);
        self.enter(now, Step::OpenSession { console_id })
    }

    /// Something came that is not IPMI.
    pub(crate) fn garbage_received(&mut self) {
        self.garbage = true;
    }

    /// The network says that the BMC is unreachable. It may be wrong: the retries go on.
    pub(crate) fn unreachable(&mut self) {
        self.unreachable = true;
    }

    /// Takes a packet that came in.
    pub(crate) fn received(
        &mut self,
        now: Duration,
        packet: &Packet<'_>,
        rng: &mut StdRng,
    ) -> Progress {
        use payload_type::{OPEN_SESSION_RESPONSE, RAKP_2, RAKP_4};
        match (&self.step, packet) {
            (Step::Capabilities, Packet::V15(message)) => self.capabilities(now, message, rng),
            (
                &Step::OpenSession { console_id },
                Packet::Outside { payload_type: OPEN_SESSION_RESPONSE, payload },
            ) => self.session_opened(now, console_id, payload, rng),
            (Step::Rakp1(_), Packet::Outside { payload_type: RAKP_2, payload }) => {
                self.bmc_proven(now, payload, rng)
            }
            (Step::Rakp3 { .. }, Packet::Outside { payload_type: RAKP_4, payload }) => {
                self.logged_in(now, payload, rng)
            }
            _ => Progress::Waiting,
        }
    }

    fn capabilities(&mut self, now: Duration, message: &[u8], rng: &mut StdRng) -> Progress {
        let reply = if self.options.workarounds.contains(&Workaround::NoChecksumCheck) {
            Reply::parse_unchecked(message)
        } else {
            Reply::parse(message)
        };
        let Some(reply) = reply else {
            self.garbage = true;
            return Progress::Waiting;
        };
        if (reply.net_fn, reply.command) != (NET_FN_APP | 1, GET_CHANNEL_AUTH_CAPABILITIES) {
            return Progress::Waiting;
        }
        // A refusal is no reason to give up: what counts is whether a session can be opened.
        let believed = !self.options.workarounds.contains(&Workaround::AuthCap);
        if let (0, [_channel, types, _status, extended, ..]) = (reply.completion, reply.data)
            && believed
            && (types & 0x80 == 0 || extended & 0x02 == 0)
        {
            return Progress::Failed(SessionError::Ipmi15Only, Vec::new());
        }
        Progress::Send(vec![self.open_session(now, rng)])
    }

    fn session_opened(
        &mut self,
        now: Duration,
        console_id: u32,
        payload: &[u8],
        rng: &mut StdRng,
    ) -> Progress {
        match open_session_response(payload, self.tag, console_id, self.suite()) {
            Answer::NotThisOne => Progress::Waiting,
            Answer::Refused(status) => match refusal(status) {
                SessionError::SuiteRefused => self.next_suite(now, SessionError::SuiteRefused, rng),
                error => Progress::Failed(error, Vec::new()),
            },
            Answer::Accepted(Err(error)) => Progress::Failed(error, Vec::new()),
            Answer::Accepted(Ok(bmc_id)) => {
                let mut console_random = [0; 16];
                rng.fill_bytes(&mut console_random);
                let exchange = Exchange {
                    suite: self.suite(),
                    privilege: self.options.privilege,
                    lookup: self.lookup,
                    console_id,
                    bmc_id,
                    console_random,
                };
                Progress::Send(vec![self.enter(now, Step::Rakp1(exchange))])
            }
        }
    }

    fn next_suite(&mut self, now: Duration, error: SessionError, rng: &mut StdRng) -> Progress {
        // After one silence it is not known whether the BMC refuses every suite.
        if error != SessionError::SuiteRefused {
            self.silence = Some(error);
        }
        let error = self.silence.unwrap_or(error);
        if self.suite.saturating_add(1) >= self.options.suites.len() {
            return Progress::Failed(error, Vec::new());
        }
        self.suite = self.suite.saturating_add(1);
        Progress::Send(vec![self.open_session(now, rng)])
    }

    fn bmc_proven(&mut self, now: Duration, payload: &[u8], rng: &mut StdRng) -> Progress {
        let Step::Rakp1(exchange) = &self.step else { return Progress::Waiting };
        match exchange.rakp_2(payload, self.tag, &self.credentials) {
            Answer::NotThisOne => Progress::Waiting,
            Answer::Refused(status) => self.user_refused(now, refusal(status), rng),
            Answer::Accepted(Err(error)) => {
                let refusal = exchange.rakp_3_refusal(self.tag, STATUS_BAD_INTEGRITY);
                let goodbye = packet::outside_session(payload_type::RAKP_3, &refusal);
                Progress::Failed(error, vec![goodbye])
            }
            Answer::Accepted(Ok(bmc)) => {
                let sik = exchange.session_integrity_key(&bmc, &self.credentials);
                let step = std::mem::replace(&mut self.step, Step::Capabilities);
                let Step::Rakp1(exchange) = step else { return Progress::Waiting };
                Progress::Send(vec![self.enter(now, Step::Rakp3 { exchange, bmc, sik })])
            }
        }
    }

    /// RAKP 2 refuses. Some firmware knows no lookup by name alone, so the other way is tried once.
    fn user_refused(&mut self, now: Duration, error: SessionError, rng: &mut StdRng) -> Progress {
        let lookup_matters = matches!(error, SessionError::UnknownUser | SessionError::Privilege);
        if lookup_matters && self.lookup == Lookup::Name {
            self.lookup = Lookup::NameAndPrivilege;
            return Progress::Send(vec![self.open_session(now, rng)]);
        }
        // A BMC that had taken an earlier RAKP 1 may refuse the second.
        if error == SessionError::Protocol && self.attempt > 0 {
            return self.restart(now, SessionError::NoAnswer, rng);
        }
        Progress::Failed(error, Vec::new())
    }

    fn logged_in(&mut self, now: Duration, payload: &[u8], rng: &mut StdRng) -> Progress {
        let Step::Rakp3 { exchange, bmc, sik } = &self.step else { return Progress::Waiting };
        match exchange.rakp_4(payload, self.tag, bmc, sik) {
            Answer::NotThisOne => Progress::Waiting,
            // RAKP 2 proved that the BMC knows the same password. So a message got lost or doubled:
            // RAKP 4, and the second RAKP 3 means nothing to the BMC, or RAKP 1, and the BMC has
            // another random number now.
            Answer::Refused(_) if self.attempt > 0 => {
                self.restart(now, SessionError::NoAnswer, rng)
            }
            Answer::Refused(status) => match refusal(status) {
                SessionError::WrongPassword => self.restart(now, SessionError::Protocol, rng),
                error => self.restart(now, error, rng),
            },
            Answer::Accepted(Err(error)) => Progress::Failed(error, self.goodbye(rng)),
            Answer::Accepted(Ok(())) => Progress::Open(Established {
                keys: SessionKeys::derive(exchange.suite, sik),
                console_id: exchange.console_id,
                bmc_id: exchange.bmc_id,
            }),
        }
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
        if self.attempt < self.options.retries {
            self.attempt = self.attempt.saturating_add(1);
            return Progress::Send(vec![self.send(now)]);
        }
        let error = self.why_silent();
        match self.step {
            // A BMC that just answered and is now silent may not like the suite.
            Step::OpenSession { .. } => self.next_suite(now, error, rng),
            Step::Rakp3 { .. } => self.restart(now, error, rng),
            Step::Capabilities | Step::Rakp1(_) => Progress::Failed(error, Vec::new()),
        }
    }

    fn why_silent(&self) -> SessionError {
        match self.step {
            Step::Capabilities if self.garbage => SessionError::NotIpmi,
            _ if self.unreachable => SessionError::Unreachable,
            _ => SessionError::NoAnswer,
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
