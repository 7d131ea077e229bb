//! Send Message: requests to controllers behind the BMC, and how their answers come back. No I/O, no clock.
//!
//! IPMI 2.0 sections 6.13 (bridging) and 22.7 (Send Message). A request is tracked: the answer goes
//! to the session that asked, with the sequence number that it gave.

use std::time::Duration;

use super::TestBmc;
use super::commands::{
    APP, Access, Answer, INSUFFICIENT_PRIVILEGE, INVALID_COMMAND, INVALID_FIELD, INVALID_LENGTH,
    OK, SENSOR, TIMEOUT, device_id, needed, refusal,
};
use super::quirks::{BridgeReply, ControllerFault};
use super::wire::Request;

/// Nobody took the message on that channel.
const NAK_ON_WRITE: u8 = 0x83;

/// How long a BMC that embeds answers waits for one: the longest that the IPMB protocol gives a
/// controller (IPMB 1.0, table 4-1).
const PATIENCE: Duration = Duration::from_millis(250);

/// Bits 7:6 of the first byte: 1, the request is tracked.
const TRACKED: u8 = 0x40;

impl TestBmc {
    /// Send Message to a controller on another channel (table 22-8).
    pub(super) fn send_message(&mut self, request: &Request, now: Duration) -> Answer {
        let Some((&first, message)) = request.data.split_first() else {
            return refusal(INVALID_LENGTH).into();
        };
        let Some(inner) = Request::parse_for_any(message) else {
            return refusal(INVALID_FIELD).into();
        };
        let channel = first & 0x0F;
        if !self.machine.controllers.iter().any(|one| one.channel == channel) {
            return refusal(INVALID_FIELD).into();
        }
        let Some(controller) = self.machine.controller(inner.to) else {
            return refusal(NAK_ON_WRITE).into();
        };
        if controller.channel != channel {
            return refusal(NAK_ON_WRITE).into();
        }
        self.counters.bridged += 1;
        let (delay, code, data) = self.controller_answers(&inner, now);
        let fault = self.quirks.controllers.get(&inner.to).copied();
        if fault == Some(ControllerFault::Silent) {
            return match self.quirks.bridge {
                BridgeReply::OwnMessage => Answer::default(),
                BridgeReply::Embedded => {
                    Answer { code: TIMEOUT, delay: PATIENCE, ..Answer::default() }
                }
            };
        }
        // An answer to an untracked request stays in the BMC's queue, which nobody reads.
        if first & 0xC0 != TRACKED {
            return Answer::default();
        }
        let to = match fault {
            Some(ControllerFault::AnswersAs(other)) => other,
            _ => inner.to,
        };
        let own = || Request { to, from: request.from, ..inner.clone() }.respond(code, &data);
        match self.quirks.bridge {
            BridgeReply::OwnMessage => Answer { behind: Some((delay, own())), ..Answer::default() },
            BridgeReply::Embedded if delay > PATIENCE => Answer {
                code: TIMEOUT,
                delay: PATIENCE,
                behind: Some((delay, own())),
                ..Answer::default()
            },
            BridgeReply::Embedded => {
                let data = Request { to, ..inner.clone() }.respond(code, &data);
                Answer { code: OK, data, delay, ..Answer::default() }
            }
        }
    }

    /// What the controller that `inner` is for answers, and after how long.
    fn controller_answers(&mut self, inner: &Request, now: Duration) -> (Duration, u8, Vec<u8>) {
        self.controllers_answers = self.controllers_answers.wrapping_add(1);
        let delay = match self.quirks.controllers.get(&inner.to) {
            Some(ControllerFault::Slow(time)) => *time,
            Some(ControllerFault::Late(late))
                if self.controllers_answers.is_multiple_of(late.every.max(1)) =>
            {
                late.by
            }
            Some(ControllerFault::Code(code)) => return (Duration::ZERO, *code, Vec::new()),
            _ => Duration::ZERO,
        };
        let answer = match (inner.net_fn, inner.command) {
            _ if needed(&self.machine, inner.net_fn, inner.command) == Some(Access::Change) => {
                self.counters.refused_changes += 1;
                refusal(INSUFFICIENT_PRIVILEGE).into()
            }
            (SENSOR, _) => self.sensor(inner.to, inner, now),
            (APP, 0x01) => self.controller_id(inner.to).into(),
            _ => refusal(INVALID_COMMAND).into(),
        };
        (delay.max(answer.delay), answer.code, answer.data)
    }

    /// Get Device ID of another controller: a sensor device, with device SDRs where it has any.
    fn controller_id(&self, address: u8) -> (u8, Vec<u8>) {
        let Some(controller) = self.machine.controller(address) else {
            return refusal(INVALID_COMMAND);
        };
        (OK, device_id(controller.device, !controller.records.is_empty(), 0x01))
    }
}
