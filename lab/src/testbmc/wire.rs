//! Datagrams of RMCP and RMCP+, taken apart and put together by a BMC. No I/O, no clock.
//!
//! Layout: IPMI 2.0 tables 13-1 (RMCP), 13-8 (session header), 13-5 (presence ping), 13.8 (message).

use super::crypto::Keys;
use super::machine::BMC;
use super::quirks::Padding;

/// RMCP version 1, reserved, no RMCP acknowledge, class IPMI.
const RMCP_IPMI: [u8; 4] = [0x06, 0x00, 0xFF, 0x07];
const RMCP_ASF: [u8; 4] = [0x06, 0x00, 0xFF, 0x06];
const ASF_IANA: [u8; 4] = [0x00, 0x00, 0x11, 0xBE];
const ASF_PING: u8 = 0x80;
const ASF_PONG: u8 = 0x40;

/// Authentication type: none (IPMI 1.5 header), and RMCP+ (IPMI 2.0 header).
const TYPE_NONE: u8 = 0x00;
const TYPE_RMCP_PLUS: u8 = 0x06;

/// Payload types (table 13-16).
pub(super) const PAYLOAD_IPMI: u8 = 0x00;
pub(super) const PAYLOAD_OPEN_REQUEST: u8 = 0x10;
pub(super) const PAYLOAD_RAKP_1: u8 = 0x12;
pub(super) const PAYLOAD_RAKP_3: u8 = 0x14;
const ENCRYPTED: u8 = 0x80;
const AUTHENTICATED: u8 = 0x40;

/// What a datagram is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Datagram<'a> {
    /// An ASF presence ping, with its tag.
    Ping(u8),
    /// A message outside of any session, in the header of IPMI 1.5.
    Old(&'a [u8]),
    /// An RMCP+ payload outside of any session.
    Plain(u8, &'a [u8]),
    /// An RMCP+ payload of a session; the header's fields are not to be believed before `open`.
    Protected(Protected<'a>),
}

/// A packet of a session.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Protected<'a> {
    /// The BMC's session ID.
    pub(super) session: u32,
    /// Session sequence number.
    pub(super) sequence: u32,
    payload_type: u8,
    /// From the authentication type to the end of the datagram.
    all: &'a [u8],
}

/// Takes a datagram apart; none for what a BMC ignores.
pub(super) fn parse(bytes: &[u8]) -> Option<Datagram<'_>> {
    let (rmcp, rest) = bytes.split_first_chunk::<4>()?;
    // The RMCP sequence number may be anything: a request for an acknowledgement is not served.
    match [rmcp[0], 0, 0xFF, rmcp[3]] {
        RMCP_ASF => {
            let rest = rest.strip_prefix(&ASF_IANA)?;
            (*rest.first()? == ASF_PING).then_some(Datagram::Ping(*rest.get(1)?))
        }
        RMCP_IPMI => match *rest.first()? {
            TYPE_NONE => parse_old(rest),
            TYPE_RMCP_PLUS => parse_new(rest),
            _ => None,
        },
        _ => None,
    }
}

fn parse_old(rest: &[u8]) -> Option<Datagram<'_>> {
    let length = usize::from(*rest.get(9)?);
    (rest[1..9] == [0; 8]).then_some(())?;
    rest.get(10..10 + length).map(Datagram::Old)
}

fn parse_new(rest: &[u8]) -> Option<Datagram<'_>> {
    let payload_type = *rest.get(1)?;
    let session = u32::from_le_bytes(*rest.get(2..)?.first_chunk()?);
    let sequence = u32::from_le_bytes(*rest.get(6..)?.first_chunk()?);
    if payload_type & (ENCRYPTED | AUTHENTICATED) == 0 {
        let length = u16::from_le_bytes(*rest.get(10..)?.first_chunk()?);
        let payload = rest.get(12..12 + usize::from(length))?;
        return (session == 0).then_some(Datagram::Plain(payload_type, payload));
    }
    Some(Datagram::Protected(Protected { session, sequence, payload_type, all: rest }))
}

impl Protected<'_> {
    /// The message, if the packet is authentic and encrypted.
    pub(super) fn open(&self, keys: &Keys) -> Option<Vec<u8>> {
        (self.payload_type == ENCRYPTED | AUTHENTICATED | PAYLOAD_IPMI).then_some(())?;
        let signed = keys.verify(self.all)?;
        let length = u16::from_le_bytes(*signed.get(10..)?.first_chunk()?);
        keys.decrypt(signed.get(12..12 + usize::from(length))?)
    }
}

/// The answer to a presence ping: IPMI is spoken here.
pub(super) fn pong(tag: u8) -> Vec<u8> {
    let mut bytes = [RMCP_ASF, ASF_IANA].concat();
    bytes.extend([ASF_PONG, tag, 0, 16]);
    bytes.extend(ASF_IANA);
    bytes.extend([0; 4]);
    bytes.extend([0x81, 0, 0, 0, 0, 0, 0, 0]);
    bytes
}

/// A message outside of any session, in the header of IPMI 1.5.
pub(super) fn old(message: &[u8]) -> Vec<u8> {
    let mut bytes = RMCP_IPMI.to_vec();
    bytes.extend([TYPE_NONE, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.push(u8::try_from(message.len()).expect("a message has less than 256 bytes"));
    bytes.extend(message);
    bytes
}

/// An RMCP+ payload outside of any session.
pub(super) fn plain(payload_type: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = RMCP_IPMI.to_vec();
    bytes.extend(header(payload_type, 0, 0, payload));
    bytes
}

/// A message inside a session: `session` is the console's ID.
pub(super) fn protected(
    keys: &Keys,
    session: u32,
    sequence: u32,
    vector: [u8; 16],
    filler: Padding,
    message: &[u8],
) -> Vec<u8> {
    let secret = keys.encrypt(vector, filler, message);
    let mut packet = header(ENCRYPTED | AUTHENTICATED | PAYLOAD_IPMI, session, sequence, &secret);
    // Padding, so that what is signed ends at a multiple of four; its length; "next header" 07h.
    let padding = (4 - (packet.len() + 2) % 4) % 4;
    let (filling, next) = if filler == Padding::Zeroes { (0, 0) } else { (0xFF, 0x07) };
    packet.extend(std::iter::repeat_n(filling, padding));
    packet.extend([u8::try_from(padding).expect("below four"), next]);
    let trailer = keys.sign(&packet);
    [RMCP_IPMI.as_slice(), &packet, &trailer].concat()
}

fn header(payload_type: u8, session: u32, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).expect("a payload has less than 64 KiB");
    let mut bytes = vec![TYPE_RMCP_PLUS, payload_type];
    bytes.extend(session.to_le_bytes());
    bytes.extend(sequence.to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes.extend(payload);
    bytes
}

/// A request as the console sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) net_fn: u8,
    /// The LUN of the BMC that is asked.
    pub(super) lun: u8,
    pub(super) command: u8,
    pub(super) data: Vec<u8>,
    /// Slave address of the responder.
    pub(super) to: u8,
    /// Address of the requester: a slave address, or a software ID.
    pub(super) from: u8,
    /// Sequence and LUN of the requester.
    pub(super) sequence_lun: u8,
}

impl Request {
    /// Reads a message for the BMC; none when a checksum is wrong, or it is no request.
    pub(super) fn parse(message: &[u8]) -> Option<Self> {
        Self::parse_for_any(message).filter(|request| request.to == BMC)
    }

    /// Reads a message to whomever.
    pub(super) fn parse_for_any(message: &[u8]) -> Option<Self> {
        let &[to, net_fn_lun, _, from, sequence_lun, command, ref rest @ ..] = message else {
            return None;
        };
        let (_, data) = rest.split_last()?;
        let sums = sum(&message[..3]) == 0 && sum(&message[3..]) == 0;
        let net_fn = net_fn_lun >> 2;
        (sums && net_fn & 1 == 0).then(|| Self {
            net_fn,
            lun: net_fn_lun & 3,
            command,
            data: data.to_vec(),
            to,
            from,
            sequence_lun,
        })
    }

    /// The response: completion code, then data.
    pub(super) fn respond(&self, code: u8, data: &[u8]) -> Vec<u8> {
        let net_fn_lun = (self.net_fn | 1) << 2 | self.sequence_lun & 3;
        let mut bytes = vec![self.from, net_fn_lun];
        bytes.push(sum(&bytes).wrapping_neg());
        bytes.extend([self.to, self.sequence_lun & !3 | self.lun, self.command, code]);
        bytes.extend(data);
        bytes.push(sum(&bytes[3..]).wrapping_neg());
        bytes
    }
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_answered_to_its_sender() {
        // Get Device ID as ipmitool sends it: rqSeq 1.
        let request = Request::parse(&[0x20, 0x18, 0xC8, 0x81, 0x04, 0x01, 0x7A]).unwrap();
        assert_eq!((request.net_fn, request.command, request.lun), (6, 1, 0));
        let reply = request.respond(0, &[0x20]);
        assert_eq!(reply, [0x81, 0x1C, 0x63, 0x20, 0x04, 0x01, 0x00, 0x20, 0xBB]);
    }

    #[test]
    fn a_wrong_checksum_is_no_request() {
        assert_eq!(Request::parse(&[0x20, 0x18, 0xC8, 0x81, 0x04, 0x01, 0x7B]), None);
    }

    #[test]
    fn no_start_of_a_datagram_panics() {
        let ping = [0x06, 0, 0xFF, 0x06, 0, 0, 0x11, 0xBE, 0x80, 9, 0, 0];
        let old = old(&[0x20, 0x18, 0xC8, 0x81, 0x04, 0x01, 0x7A]);
        let new = plain(PAYLOAD_RAKP_1, &[0; 30]);
        for whole in [ping.as_slice(), &old, &new] {
            for end in 0..whole.len() {
                parse(&whole[..end]);
            }
        }
        assert_eq!(parse(&ping), Some(Datagram::Ping(9)));
        assert!(matches!(parse(&old), Some(Datagram::Old(_))));
        assert_eq!(parse(&new), Some(Datagram::Plain(PAYLOAD_RAKP_1, &[0; 30])));
    }
}
