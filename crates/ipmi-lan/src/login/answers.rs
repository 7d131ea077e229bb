//! What each answer of the BMC leads to in a log-in. No I/O, no clock.

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;

use super::{Established, GET_CHANNEL_AUTH_CAPABILITIES, Login, Progress, Step};
use crate::command::NET_FN_APP;
use crate::crypto::SessionKeys;
use crate::error::SessionError;
use crate::handshake::{
    Answer, BmcIdentity, Exchange, Lookup, Opened, STATUS_BAD_INTEGRITY, Tags,
    open_session_response, refusal,
};
use crate::message::Reply;
use crate::options::Workaround;
use crate::packet::{self, payload_type};

impl Login {
    pub(super) fn capabilities(
        &mut self,
        now: Duration,
        message: &[u8],
        rng: &mut StdRng,
    ) -> Progress {
        let checked = Reply::parse(message);
        let Some(reply) = Reply::parse_unchecked(message) else {
            self.garbage = true;
            return Progress::Waiting;
        };
        if (reply.net_fn, reply.command) != (NET_FN_APP | 1, GET_CHANNEL_AUTH_CAPABILITIES) {
            self.garbage |= checked.is_none();
            return Progress::Waiting;
        }
        // A refusal is no reason to give up, nor are wrong checksums, which some firmware has: what
        // counts is whether a session can be opened.
        let flags = &self.options.workarounds;
        let sound = checked.is_some() || flags.contains(&Workaround::NoChecksumCheck);
        let believed = sound && !flags.contains(&Workaround::AuthCap);
        if let (0, [_channel, types, _status, extended, ..]) = (reply.completion, reply.data)
            && believed
            && (types & 0x80 == 0 || extended & 0x02 == 0)
        {
            return Progress::Failed(SessionError::Ipmi15Only, Vec::new());
        }
        let later = (self.tags.last & 0x3F).wrapping_sub(reply.rq_seq) & 0x3F;
        // Some firmware may not care which attempt it answers.
        if u32::from(later) <= self.attempt {
            self.answered_late(now, later);
        }
        // It was there after all.
        self.unreachable = false;
        Progress::Send(vec![self.open_session(now, rng)])
    }

    pub(super) fn session_opened(
        &mut self,
        now: Duration,
        console_id: u32,
        payload: &[u8],
        rng: &mut StdRng,
    ) -> Progress {
        let of_before = payload.first().is_some_and(|tag| self.is_of_a_suite_before(*tag));
        let answer = open_session_response(payload, self.tags, console_id);
        if of_before && let Answer::Accepted(opened) = &answer {
            let mut suites = self.options.suites.iter().take(self.suite);
            if let Some(suite) = suites.position(|suite| opened.is_of(*suite)) {
                self.suite = suite;
            }
        }
        match answer {
            Answer::NotThisOne => Progress::Waiting,
            // Another suite is asked for already.
            Answer::Refused(_) if of_before => Progress::Waiting,
            Answer::RefusedNobody(status) => self.hold(status),
            Answer::Refused(status) => self.refused(now, status, rng),
            Answer::Accepted(opened) if !opened.is_of(self.suite()) => {
                // It may have what it was not asked for yet, and then it is asked for that.
                let later = self.options.suites.iter().skip(self.suite.saturating_add(1));
                if later.into_iter().any(|suite| opened.is_of(*suite)) {
                    return self.next_suite(now, SessionError::SuiteMismatch, rng);
                }
                Progress::Failed(SessionError::SuiteMismatch, Vec::new())
            }
            Answer::Accepted(Opened { bmc_id: Err(error), .. }) => {
                Progress::Failed(error, Vec::new())
            }
            Answer::Accepted(Opened { bmc_id: Ok(bmc_id), tag, .. }) => {
                let mut console_random = [0; 16];
                rng.fill_bytes(&mut console_random);
                self.answered_late(now, self.tags.last.wrapping_sub(tag));
                let exchange = Exchange {
                    suite: self.suite(),
                    privilege: self.options.privilege,
                    lookup: self.lookup,
                    console_id,
                    bmc_id,
                    console_random,
                };
                Progress::Send(vec![
                    self.enter(now, Step::Rakp1 { exchange, opened: tag, spare: None }),
                ])
            }
        }
    }

    /// Another attempt of Open Session is answered late. A BMC that has forgotten the session it opened
    /// first knows this one; most know both.
    pub(super) fn opened_again(&mut self, payload: &[u8]) -> Progress {
        let Step::Rakp1 { exchange, opened, spare } = &mut self.step else {
            return Progress::Waiting;
        };
        if *opened == self.earlier.last {
            return Progress::Waiting;
        }
        let later = Tags { first: opened.wrapping_add(1), last: self.earlier.last };
        let answer = open_session_response(payload, later, exchange.console_id);
        if let Answer::Accepted(again) = answer
            && again.is_of(exchange.suite)
            && let Ok(bmc_id) = again.bmc_id
        {
            (*opened, *spare) = (again.tag, Some(bmc_id));
        }
        Progress::Waiting
    }

    /// RAKP 1 for the session of a later attempt, if there was one.
    fn take_spare(&mut self, now: Duration) -> Option<Progress> {
        let Step::Rakp1 { exchange, spare, .. } = &mut self.step else { return None };
        exchange.bmc_id = spare.take()?;
        let earlier = self.earlier;
        let step = std::mem::replace(&mut self.step, Step::Capabilities);
        let message = self.enter(now, step);
        self.earlier = earlier;
        Some(Progress::Send(vec![message]))
    }

    /// A refusal that may be anybody's is kept until the time of the attempt is over: the answer to our
    /// own message may still come.
    fn hold(&mut self, status: u8) -> Progress {
        self.nobody = Some(status);
        Progress::Waiting
    }

    /// The present message is refused.
    pub(super) fn refused(&mut self, now: Duration, status: u8, rng: &mut StdRng) -> Progress {
        match (&self.step, refusal(status)) {
            (Step::OpenSession { .. }, SessionError::SuiteRefused) => {
                self.next_suite(now, SessionError::SuiteRefused, rng)
            }
            (Step::Capabilities | Step::OpenSession { .. }, error) => {
                Progress::Failed(error, Vec::new())
            }
            (Step::Rakp1 { .. }, error) => self.user_refused(now, error, rng),
            // RAKP 2 proved that the BMC knows the same password. So a message got lost or doubled:
            // RAKP 4, and the second RAKP 3 means nothing to the BMC, or RAKP 1, and the BMC has
            // another random number now.
            (Step::Rakp3 { .. }, SessionError::WrongPassword | SessionError::Protocol)
                if self.attempt > 0 || self.was_slow() =>
            {
                self.restart(now, SessionError::NoAnswer, rng)
            }
            (Step::Rakp3 { .. }, SessionError::WrongPassword) => {
                self.restart(now, SessionError::Protocol, rng)
            }
            (Step::Rakp3 { .. }, error) => self.restart(now, error, rng),
        }
    }

    pub(super) fn bmc_proven(
        &mut self,
        now: Duration,
        payload: &[u8],
        rng: &mut StdRng,
    ) -> Progress {
        let Step::Rakp1 { exchange, .. } = &self.step else { return Progress::Waiting };
        match exchange.rakp_2(payload, self.tags, &self.credentials) {
            Answer::NotThisOne => Progress::Waiting,
            Answer::RefusedNobody(status) => self.hold(status),
            Answer::Refused(status) => self.refused(now, status, rng),
            Answer::Accepted(Err(error)) => {
                let refusal = exchange.rakp_3_refusal(self.tags.last, STATUS_BAD_INTEGRITY);
                let goodbye = packet::outside_session(payload_type::RAKP_3, &refusal);
                Progress::Failed(error, vec![goodbye])
            }
            Answer::Accepted(Ok(bmc)) => {
                self.slow |= bmc.tag != self.tags.last;
                self.prove(now, bmc)
            }
        }
    }

    /// RAKP 3, to a BMC that has proven itself.
    fn prove(&mut self, now: Duration, bmc: BmcIdentity) -> Progress {
        let exchange = match std::mem::replace(&mut self.step, Step::Capabilities) {
            Step::Rakp1 { exchange, .. } | Step::Rakp3 { exchange, .. } => exchange,
            step => {
                self.step = step;
                return Progress::Waiting;
            }
        };
        let sik = exchange.session_integrity_key(&bmc, &self.credentials);
        Progress::Send(vec![self.enter(now, Step::Rakp3 { exchange, bmc, sik })])
    }

    /// Another attempt of RAKP 1 is answered, and the BMC has another random number now.
    pub(super) fn proven_again(&mut self, now: Duration, payload: &[u8]) -> Progress {
        let Step::Rakp3 { exchange, bmc, .. } = &self.step else { return Progress::Waiting };
        if bmc.tag == self.earlier.last {
            return Progress::Waiting;
        }
        let later = Tags { first: bmc.tag.wrapping_add(1), last: self.earlier.last };
        match exchange.rakp_2(payload, later, &self.credentials) {
            Answer::Accepted(Ok(again)) => {
                let earlier = self.earlier;
                let progress = self.prove(now, again);
                self.earlier = earlier;
                progress
            }
            _ => Progress::Waiting,
        }
    }

    /// RAKP 2 refuses. Some firmware knows no lookup by name alone, so the other way is tried once.
    fn user_refused(&mut self, now: Duration, error: SessionError, rng: &mut StdRng) -> Progress {
        if error == SessionError::Protocol
            && let Some(progress) = self.take_spare(now)
        {
            return progress;
        }
        // A BMC that had taken an earlier RAKP 1 may refuse the second.
        if error == SessionError::Protocol && (self.attempt > 0 || self.was_slow()) {
            return self.restart(now, SessionError::NoAnswer, rng);
        }
        let lookup_matters =
            !matches!(error, SessionError::SessionTableFull | SessionError::WrongPassword);
        if lookup_matters && self.lookup == Lookup::Name {
            self.lookup = Lookup::NameAndPrivilege;
            self.first_refusal = Some(error);
            return Progress::Send(vec![self.open_session(now, rng)]);
        }
        // Who is looked up by name and privilege is not there if the privilege is too high.
        let error = match (self.first_refusal, error) {
            (Some(SessionError::Privilege), SessionError::UnknownUser) => SessionError::Privilege,
            (Some(first @ (SessionError::Privilege | SessionError::UnknownUser)), error)
                if !matches!(error, SessionError::Privilege | SessionError::UnknownUser) =>
            {
                first
            }
            (_, error) => error,
        };
        Progress::Failed(error, Vec::new())
    }

    pub(super) fn logged_in(
        &mut self,
        now: Duration,
        payload: &[u8],
        rng: &mut StdRng,
    ) -> Progress {
        let Step::Rakp3 { exchange, bmc, sik } = &self.step else { return Progress::Waiting };
        match exchange.rakp_4(payload, self.tags, bmc, sik) {
            Answer::NotThisOne => Progress::Waiting,
            Answer::RefusedNobody(status) => self.hold(status),
            Answer::Refused(status) => self.refused(now, status, rng),
            // The BMC may have answered another attempt of RAKP 1 than the one that it means now.
            Answer::Accepted(Err(_)) if bmc.tag != self.earlier.last => {
                self.slow = true;
                self.restart(now, SessionError::NoAnswer, rng)
            }
            Answer::Accepted(Err(error)) => Progress::Failed(error, self.goodbye(rng)),
            Answer::Accepted(Ok(())) => Progress::Open(Established {
                keys: SessionKeys::derive(exchange.suite, sik),
                console_id: exchange.console_id,
                bmc_id: exchange.bmc_id,
            }),
        }
    }
}
