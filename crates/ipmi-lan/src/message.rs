//! The IPMI message inside a packet: addresses, sequence, command, checksums. No I/O, no clock.

use crate::command::{Bridge, NET_FN_APP};
use crate::sensor::BMC_ADDRESS;

/// Bits 7:6 of Send Message's first byte: the BMC is to track the request.
const TRACK_REQUEST: u8 = 0x40;

/// Our software ID as requester (specification table 5-4: remote console software).
const CONSOLE_ADDRESS: u8 = 0x81;

/// A request to the BMC (specification table 13-8, IPMI LAN message).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request<'a> {
    pub(crate) net_fn: u8,
    pub(crate) lun: u8,
    /// Six bits that tell replies apart.
    pub(crate) rq_seq: u8,
    pub(crate) command: u8,
    pub(crate) data: &'a [u8],
}

/// Send Message (specification §22.7), network function App.
pub(crate) const SEND_MESSAGE: u8 = 0x34;

impl Request<'_> {
    pub(crate) fn encode(&self) -> Vec<u8> {
        self.encode_between(BMC_ADDRESS, CONSOLE_ADDRESS)
    }

    /// The request to another controller, inside a Send Message to the BMC under the same rqSeq.
    ///
    /// The BMC tracks the request and sends the answer on to us (specification §6.13).
    pub(crate) fn encode_bridged(&self, bridge: Bridge) -> Vec<u8> {
        let mut data = vec![TRACK_REQUEST | (bridge.channel & 0x0F)];
        data.extend(self.encode_between(bridge.address, BMC_ADDRESS));
        let outer =
            Request { net_fn: NET_FN_APP, lun: 0, command: SEND_MESSAGE, data: &data, ..*self };
        outer.encode()
    }

    fn encode_between(&self, to: u8, from: u8) -> Vec<u8> {
        let head = [to, (self.net_fn << 2) | (self.lun & 0x03)];
        let mut tail = vec![from, self.rq_seq << 2, self.command];
        tail.extend(self.data);
        let mut message = head.to_vec();
        message.push(checksum(&head));
        message.extend(&tail);
        message.push(checksum(&tail));
        message
    }
}

/// A reply, both checksums of which hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reply<'a> {
    /// The request's network function, plus one.
    pub(crate) net_fn: u8,
    /// The LUN that answers.
    pub(crate) lun: u8,
    pub(crate) rq_seq: u8,
    /// The slave address that answers.
    pub(crate) from: u8,
    pub(crate) command: u8,
    pub(crate) completion: u8,
    pub(crate) data: &'a [u8],
}

impl<'a> Reply<'a> {
    /// Takes a message apart; `None` when it is too short, a checksum is wrong, or it is not
    /// addressed to us.
    pub(crate) fn parse(message: &'a [u8]) -> Option<Reply<'a>> {
        let (head, tail) = message.split_first_chunk::<3>()?;
        if sum(head) != 0 || sum(tail) != 0 {
            return None;
        }
        Reply::parse_unchecked(message)
    }

    /// The same without a look at the checksums (FreeIPMI's `nochecksumcheck`).
    pub(crate) fn parse_unchecked(message: &'a [u8]) -> Option<Reply<'a>> {
        let (head, tail) = message.split_first_chunk::<3>()?;
        let [_address, net_fn_lun, _checksum] = *head;
        let [from, seq_lun, command, completion, data @ .., _last] = tail else { return None };
        Some(Reply {
            net_fn: net_fn_lun >> 2,
            lun: seq_lun & 0x03,
            rq_seq: seq_lun >> 2,
            from: *from,
            command: *command,
            completion: *completion,
            data,
        })
    }
}

/// Two's complement checksum: with it, the bytes sum to 0 (specification §13.8).
fn checksum(bytes: &[u8]) -> u8 {
    sum(bytes).wrapping_neg()
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Get Device ID's reply as a BMC sends it.
    const REPLY: [u8; 9] = [0x81, 0x1C, 0x63, 0x20, 0x14, 0x01, 0x00, 0x13, 0xB8];

    #[test]
    fn a_request_is_encoded_with_both_checksums() {
        let request = Request { net_fn: 0x06, lun: 0, rq_seq: 5, command: 1, data: &[] };
        assert_eq!(request.encode(), [0x20, 0x18, 0xC8, 0x81, 0x14, 0x01, 0x6A]);
        let on_lun = Request { net_fn: 0x04, lun: 1, rq_seq: 0, command: 0x2D, data: &[0x64] };
        assert_eq!(on_lun.encode(), [0x20, 0x11, 0xCF, 0x81, 0, 0x2D, 0x64, 0xEE]);
    }

    #[test]
    fn a_bridged_request_is_a_request_inside_send_message() {
        let request = Request { net_fn: 0x04, lun: 0, rq_seq: 5, command: 0x2D, data: &[0x08] };
        let bridge = Bridge { channel: 6, address: 0x2C };
        let inner = [0x2C, 0x10, 0xC4, 0x20, 0x14, 0x2D, 0x08, 0x97];
        let mut outer = vec![0x20, 0x18, 0xC8, 0x81, 0x14, 0x34, 0x46];
        outer.extend(inner);
        outer.push(checksum(&outer[3..]));
        assert_eq!(request.encode_bridged(bridge), outer);
    }

    #[test]
    fn a_reply_is_taken_apart() {
        let reply = Reply::parse(&REPLY).unwrap();
        assert_eq!((reply.net_fn, reply.lun, reply.rq_seq), (0x07, 0, 5));
        assert_eq!((reply.command, reply.completion, reply.data), (1, 0, &[0x13][..]));
    }

    #[test]
    fn a_wrong_checksum_or_a_cut_reply_is_refused() {
        for place in 0..REPLY.len() {
            let mut wrong = REPLY;
            wrong[place] ^= 0x40;
            assert_eq!(Reply::parse(&wrong), None, "byte {place}");
        }
        for length in 0..REPLY.len() {
            assert_eq!(Reply::parse(&REPLY[..length]), None);
        }
    }
}
