//! Requests and replies in an open session: one request at a time. No I/O, no clock.
//!
//! Why a late reply can never become another request's answer:
//! 1. A reply counts only if its integrity code is this session's and its sequence number was not
//!    there before ([`ReplayWindow`]): the network cannot make, alter or repeat one.
//! 2. It counts only if its rqSeq belongs to an attempt of the request in hand, and network
//!    function, LUN and command are the request's. All attempts of a request ask the same thing.
//! 3. The rqSeq of an attempt that was never answered is not used again in this session, however
//!    long its reply takes. When too few are left, the session is given up.
//! 4. The answer of another controller counts only if it comes from that controller's address.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;

use crate::command::{Bridge, Command, NET_FN_APP};
use crate::counters::Counters;
use crate::error::{CommandError, CompletionCode};
use crate::login::{Established, close_session};
use crate::message::{Reply, Request, SEND_MESSAGE};
use crate::options::{CipherSuite, Options, Privilege, Workaround};
use crate::packet::{self, Protected};
use crate::replay::ReplayWindow;

/// How many of the 64 rqSeq may wait for replies that never came.
const MAX_UNANSWERED: u32 = 40;

/// Refusals of a Send Message after which the controller's answer may come all the same.
const MAY_STILL_ANSWER: [CompletionCode; 3] =
    [CompletionCode::TIMEOUT, CompletionCode::NO_RESPONSE, CompletionCode::UNSPECIFIED];

/// What is asked inside a session: a read, or the session's own housekeeping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    /// A read for the user of the crate.
    Read(Command),
    /// Set Session Privilege Level (specification §22.18): a session begins as USER.
    SetPrivilege(Privilege),
    /// Close Session (§22.19).
    Close,
}

/// The identity a reply is matched by, beside its rqSeq: network function, LUN, command, and the
/// address of a controller behind the BMC.
type Kind = (u8, u8, u8, Option<u8>);

/// What the BMC says of a Send Message that is under way: its reply, without data.
const ACKNOWLEDGED: (u8, u8) = (NET_FN_APP, SEND_MESSAGE);

impl Ask {
    /// Network function, LUN, command and responder.
    fn kind(self) -> Kind {
        match self {
            Ask::Read(command) => {
                let (net_fn, number) = command.code();
                (net_fn, command.lun(), number, self.bridge().map(|bridge| bridge.address))
            }
            Ask::SetPrivilege(_) => (NET_FN_APP, 0, 0x3B, None),
            Ask::Close => (NET_FN_APP, 0, 0x3C, None),
        }
    }

    fn bridge(self) -> Option<Bridge> {
        match self {
            Ask::Read(command) => command.bridge(),
            Ask::SetPrivilege(_) | Ask::Close => None,
        }
    }

    fn data(self, bmc_id: u32) -> Vec<u8> {
        match self {
            Ask::Read(command) => command.data(),
            Ask::SetPrivilege(privilege) => vec![privilege as u8],
            Ask::Close => bmc_id.to_le_bytes().to_vec(),
        }
    }
}

/// An open session.
pub(crate) struct Dialogue {
    session: Established,
    timeout: Duration,
    retries: u32,
    bridge_sensors: bool,
    check_checksums: bool,
    /// The sequence number of our next packet; never 0.
    next_sequence: u32,
    next_rq_seq: u8,
    /// What each rqSeq asked for that was never answered; such a one is not used again. Nearly always none:
    /// of thousands of sessions each would have room for 64 for nothing.
    unanswered: BTreeMap<u8, Kind>,
    replay: ReplayWindow,
    in_hand: Option<InHand>,
}

struct InHand {
    ask: Ask,
    /// Bit n: an attempt went out under rqSeq n and its answer may still come.
    rq_seqs: u64,
    attempt: u32,
    deadline: Duration,
    unreachable: bool,
    /// The BMC said "busy": try again when the deadline is there.
    busy: bool,
}

/// What came of a datagram or of the time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing.
    Waiting,
    /// Send this again.
    Send(Vec<u8>),
    /// The request in hand is over.
    Finished(Ask, Result<Vec<u8>, CommandError>),
}

impl Dialogue {
    pub(crate) fn new(session: Established, options: &Options) -> Dialogue {
        Dialogue {
            session,
            timeout: options.timeout,
            retries: options.retries,
            bridge_sensors: options.bridge_sensors,
            check_checksums: !options.workarounds.contains(&Workaround::NoChecksumCheck),
            next_sequence: 1,
            next_rq_seq: 0,
            unanswered: BTreeMap::new(),
            replay: ReplayWindow::default(),
            in_hand: None,
        }
    }

    /// Begins a request; one that was in hand is given up. Gives the datagram to send.
    pub(crate) fn ask(
        &mut self,
        now: Duration,
        ask: Ask,
        rng: &mut StdRng,
    ) -> Result<Vec<u8>, CommandError> {
        if matches!(ask, Ask::Read(command) if !command.may_be_sent(self.bridge_sensors)) {
            return Err(CommandError::NotBridged);
        }
        self.abandon();
        if self.is_worn() {
            return Err(CommandError::SessionLost);
        }
        self.in_hand = Some(InHand {
            ask,
            rq_seqs: 0,
            attempt: 0,
            deadline: now,
            unreachable: false,
            busy: false,
        });
        self.attempt(now, rng).ok_or(CommandError::SessionLost)
    }

    pub(crate) fn suite(&self) -> CipherSuite {
        self.session.keys.suite()
    }

    /// Whether too many requests of this session were never answered to go on with it.
    pub(crate) fn is_worn(&self) -> bool {
        self.unanswered.len() > usize::try_from(MAX_UNANSWERED).unwrap_or(0)
    }

    /// When the request in hand has to be looked at again.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.in_hand.as_ref().map(|in_hand| in_hand.deadline)
    }

    /// The network says that the BMC is unreachable. It may be wrong: the retries go on.
    pub(crate) fn unreachable(&mut self) {
        if let Some(in_hand) = &mut self.in_hand {
            in_hand.unreachable = true;
        }
    }

    /// Gives up the request in hand and remembers which replies may still come.
    fn abandon(&mut self) {
        let Some(in_hand) = self.in_hand.take() else { return };
        let outstanding = (0..64).filter(|rq_seq: &u8| in_hand.rq_seqs & (1 << *rq_seq) != 0);
        self.unanswered.extend(outstanding.map(|rq_seq| (rq_seq, in_hand.ask.kind())));
    }

    /// A datagram for the request in hand under a fresh rqSeq, `None` when none is left.
    fn attempt(&mut self, now: Duration, rng: &mut StdRng) -> Option<Vec<u8>> {
        let rq_seq = self.fresh_rq_seq()?;
        let in_hand = self.in_hand.as_mut()?;
        in_hand.rq_seqs |= 1 << rq_seq;
        in_hand.deadline = now.saturating_add(self.timeout);
        in_hand.busy = false;
        let (net_fn, lun, command, _) = in_hand.ask.kind();
        let data = in_hand.ask.data(self.session.bmc_id);
        let request = Request { net_fn, lun, rq_seq, command, data: &data };
        let message = match in_hand.ask.bridge() {
            Some(bridge) => request.encode_bridged(bridge),
            None => request.encode(),
        };
        let mut iv = [0; 16];
        rng.fill_bytes(&mut iv);
        let sequence = self.take_sequence();
        let Established { keys, bmc_id, .. } = &self.session;
        Some(packet::inside_session(keys, *bmc_id, sequence, iv, &message))
    }

    fn take_sequence(&mut self) -> u32 {
        let sequence = self.next_sequence;
        self.next_sequence = sequence.checked_add(1).unwrap_or(1);
        sequence
    }

    /// The rqSeq unused for longest that no outstanding reply can carry.
    fn fresh_rq_seq(&mut self) -> Option<u8> {
        let in_use = self.in_hand.as_ref().map_or(0, |in_hand| in_hand.rq_seqs);
        let free =
            |rq_seq: &u8| !self.unanswered.contains_key(rq_seq) && in_use & (1 << *rq_seq) == 0;
        let rq_seq =
            (0..64).map(|step: u8| self.next_rq_seq.wrapping_add(step) & 0x3F).find(free)?;
        self.next_rq_seq = rq_seq.wrapping_add(1) & 0x3F;
        Some(rq_seq)
    }

    /// Takes a protected packet that came in.
    pub(crate) fn received(&mut self, packet: &Protected<'_>, counters: &mut Counters) -> Outcome {
        if packet.session_id != self.session.console_id {
            counters.foreign += 1;
            return Outcome::Waiting;
        }
        let Some(message) = packet.open(&self.session.keys) else {
            counters.corrupt += 1;
            return Outcome::Waiting;
        };
        if !self.replay.accept(packet.sequence) {
            counters.stale_replies += 1;
            return Outcome::Waiting;
        }
        let Some(reply) = self.parse(&message) else {
            counters.corrupt += 1;
            return Outcome::Waiting;
        };
        self.reply(&reply, counters)
    }

    /// A message of the session. The integrity code vouches for what the BMC says itself; what it passes
    /// on has checksums of its own.
    fn parse<'a>(&self, message: &'a [u8]) -> Option<Reply<'a>> {
        let reply = Reply::parse_unchecked(message)?;
        let is_bridged = self.in_hand.as_ref().is_some_and(|it| it.ask.bridge().is_some());
        let is_the_bmcs_own = !is_bridged || reply.command == SEND_MESSAGE;
        if is_the_bmcs_own || !self.check_checksums { Some(reply) } else { Reply::parse(message) }
    }

    fn reply(&mut self, reply: &Reply<'_>, counters: &mut Counters) -> Outcome {
        if let Some(outcome) = self.acknowledged(reply, counters) {
            return outcome;
        }
        let kind = |from| (reply.net_fn & !1, reply.lun, reply.command, from);
        // Of the BMC itself no address is asked: some firmware puts another one there.
        let is_of = |asked: Kind| asked == kind(asked.3.and(Some(reply.from)));
        let bit = 1_u64 << (reply.rq_seq & 0x3F);
        let is_reply = reply.net_fn & 1 != 0;
        let Some(in_hand) = self
            .in_hand
            .as_mut()
            .filter(|in_hand| is_reply && in_hand.rq_seqs & bit != 0 && is_of(in_hand.ask.kind()))
        else {
            counters.stale_replies += 1;
            // Its rqSeq is free again now that its own reply is there.
            let asked = self.unanswered.get(&reply.rq_seq).copied();
            if is_reply && asked.is_some_and(is_of) {
                self.unanswered.remove(&reply.rq_seq);
            }
            return Outcome::Waiting;
        };
        in_hand.rq_seqs &= !bit;
        match CompletionCode(reply.completion) {
            CompletionCode::BUSY => {
                in_hand.busy = true;
                Outcome::Waiting
            }
            CompletionCode(0) => self.finish(Ok(reply.data.to_vec())),
            code => self.finish(Err(CommandError::Completion(code))),
        }
    }

    /// Takes the BMC's own reply to the Send Message in hand; `None` if this is not it.
    ///
    /// Some BMCs send the controller's answer inside it, others as a message of its own later.
    fn acknowledged(&mut self, reply: &Reply<'_>, counters: &mut Counters) -> Option<Outcome> {
        let bit = 1_u64 << (reply.rq_seq & 0x3F);
        let in_hand = self.in_hand.as_mut()?;
        in_hand.ask.bridge()?;
        let is_ours = in_hand.rq_seqs & bit != 0
            && (reply.net_fn & !1, reply.command) == ACKNOWLEDGED
            && reply.net_fn & 1 != 0;
        if !is_ours {
            return None;
        }
        Some(match (CompletionCode(reply.completion), reply.data) {
            (CompletionCode::BUSY, _) => {
                in_hand.rq_seqs &= !bit;
                in_hand.busy = true;
                Outcome::Waiting
            }
            (CompletionCode(0), []) => Outcome::Waiting,
            (CompletionCode(0), inside) => match self.parse(inside) {
                // It must be an answer: nothing is unpacked twice.
                Some(inner) if inner.command != SEND_MESSAGE && inner.rq_seq == reply.rq_seq => {
                    self.reply(&inner, counters)
                }
                _ => {
                    counters.corrupt += 1;
                    Outcome::Waiting
                }
            },
            (code, _) => {
                // Unless the BMC gave up waiting, no answer follows, and the rqSeq is free.
                if !MAY_STILL_ANSWER.contains(&code) {
                    in_hand.rq_seqs &= !bit;
                }
                self.finish(Err(CommandError::Completion(code)))
            }
        })
    }

    fn finish(&mut self, result: Result<Vec<u8>, CommandError>) -> Outcome {
        let Some(ask) = self.in_hand.as_ref().map(|in_hand| in_hand.ask) else {
            return Outcome::Waiting;
        };
        self.abandon();
        Outcome::Finished(ask, result)
    }

    /// The deadline is there: another attempt, or the end of the request.
    pub(crate) fn timed_out(&mut self, now: Duration, rng: &mut StdRng) -> Outcome {
        let Some(in_hand) = &mut self.in_hand else { return Outcome::Waiting };
        // Nothing may hold up the end of a session.
        let retries = if in_hand.ask == Ask::Close { 0 } else { self.retries };
        if in_hand.attempt < retries {
            in_hand.attempt = in_hand.attempt.saturating_add(1);
            return match self.attempt(now, rng) {
                Some(datagram) => Outcome::Send(datagram),
                None => self.finish(Err(CommandError::SessionLost)),
            };
        }
        let error = if in_hand.busy {
            CommandError::Completion(CompletionCode::BUSY)
        } else if in_hand.unreachable {
            CommandError::Unreachable
        } else {
            CommandError::Timeout
        };
        self.finish(Err(error))
    }

    /// A Close Session that is sent and not waited for.
    pub(crate) fn goodbye(&mut self, rng: &mut StdRng) -> Vec<u8> {
        let sequence = self.take_sequence();
        let rq_seq = self.next_rq_seq;
        close_session(&self.session.keys, self.session.bmc_id, sequence, rq_seq, rng)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_no_more_room_than_it_needs() {
        // Ten thousand BMCs have one each, for as long as they are polled.
        assert!(size_of::<Dialogue>() <= 208, "{}", size_of::<Dialogue>());
    }
}
