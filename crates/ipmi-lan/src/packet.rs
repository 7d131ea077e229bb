//! RMCP and IPMI session headers: what surrounds a payload. No I/O, no clock.

use crate::crypto::{AES_BLOCK, SessionKeys, equal};

/// RMCP version 1.0, sequence 255 (no acknowledge), class IPMI (specification table 13-1).
const RMCP_HEADER: [u8; 4] = [0x06, 0x00, 0xFF, 0x07];

/// The authentication type that says "IPMI 2.0 header follows" (table 13-8).
const AUTH_TYPE_RMCP_PLUS: u8 = 0x06;

/// Bytes before the payload of an IPMI 2.0 packet, RMCP header included.
const V20_HEADER_BYTES: usize = 16;

/// Payload types (specification table 13-16).
pub(crate) mod payload_type {
    pub(crate) const IPMI: u8 = 0x00;
    pub(crate) const OPEN_SESSION_REQUEST: u8 = 0x10;
    pub(crate) const OPEN_SESSION_RESPONSE: u8 = 0x11;
    pub(crate) const RAKP_1: u8 = 0x12;
    pub(crate) const RAKP_2: u8 = 0x13;
    pub(crate) const RAKP_3: u8 = 0x14;
    pub(crate) const RAKP_4: u8 = 0x15;
    /// Set on a type whose payload is encrypted.
    pub(super) const ENCRYPTED: u8 = 0x80;
    /// Set on a type whose packet has an integrity code.
    pub(super) const AUTHENTICATED: u8 = 0x40;
}

/// A message outside any session in the IPMI 1.5 format (specification table 13-8).
pub(crate) fn v15_outside_session(message: &[u8]) -> Vec<u8> {
    let mut packet = RMCP_HEADER.to_vec();
    packet.extend([0; 9]); // No authentication, sequence 0, session 0.
    packet.push(u8::try_from(message.len()).unwrap_or(0));
    packet.extend(message);
    packet
}

/// A payload outside any session in the IPMI 2.0 format.
pub(crate) fn outside_session(payload_type: u8, payload: &[u8]) -> Vec<u8> {
    v20(payload_type, 0, 0, payload)
}

/// An encrypted and authenticated IPMI message inside a session.
pub(crate) fn inside_session(
    keys: &SessionKeys,
    session_id: u32,
    sequence: u32,
    iv: [u8; AES_BLOCK],
    message: &[u8],
) -> Vec<u8> {
    use payload_type::{AUTHENTICATED, ENCRYPTED, IPMI};
    let payload = keys.encrypt(iv, message);
    let mut packet = v20(IPMI | ENCRYPTED | AUTHENTICATED, session_id, sequence, &payload);
    // From the authentication type to the next header the length is a multiple of four.
    let padding = (4 - (packet.len() - RMCP_HEADER.len() + 2) % 4) % 4;
    packet.extend(std::iter::repeat_n(0xFF, padding));
    packet.push(u8::try_from(padding).unwrap_or(0));
    packet.push(RMCP_HEADER[3]);
    let code = keys.integrity_code(packet.get(RMCP_HEADER.len()..).unwrap_or_default());
    packet.extend(code);
    packet
}

fn v20(payload_type: u8, session_id: u32, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = RMCP_HEADER.to_vec();
    packet.extend([AUTH_TYPE_RMCP_PLUS, payload_type]);
    packet.extend(session_id.to_le_bytes());
    packet.extend(sequence.to_le_bytes());
    packet.extend(u16::try_from(payload.len()).unwrap_or(0).to_le_bytes());
    packet.extend(payload);
    packet
}

/// A packet as it came in; nothing in it is proven yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Packet<'a> {
    /// An IPMI 1.5 message outside any session.
    V15(&'a [u8]),
    /// An IPMI 2.0 payload outside any session.
    Outside {
        /// Payload type.
        payload_type: u8,
        /// Payload.
        payload: &'a [u8],
    },
    /// An IPMI 2.0 packet that claims to belong to a session and to be protected.
    Inside(Protected<'a>),
}

/// A packet whose integrity code has still to be checked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Protected<'a> {
    /// The receiver's session ID.
    pub(crate) session_id: u32,
    /// The sender's sequence number.
    pub(crate) sequence: u32,
    payload: &'a [u8],
    /// Everything after the RMCP header: code and what it covers.
    covered_and_code: &'a [u8],
}

/// Why a datagram is no packet for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotForUs {
    /// Not RMCP, or cut.
    Garbage,
    /// RMCP, but another class, another format, or without the protection a session has.
    Foreign,
}

impl<'a> Packet<'a> {
    /// Takes a datagram apart.
    pub(crate) fn parse(datagram: &'a [u8]) -> Result<Packet<'a>, NotForUs> {
        let (rmcp, rest) = datagram.split_first_chunk::<4>().ok_or(NotForUs::Garbage)?;
        if rmcp[0] != RMCP_HEADER[0] {
            return Err(NotForUs::Garbage);
        }
        if rmcp[3] != RMCP_HEADER[3] {
            return Err(NotForUs::Foreign);
        }
        match rest.first() {
            Some(&AUTH_TYPE_RMCP_PLUS) => parse_v20(datagram, rest),
            Some(0) => parse_v15(rest),
            Some(_) => Err(NotForUs::Foreign),
            None => Err(NotForUs::Garbage),
        }
    }
}

fn parse_v15(rest: &[u8]) -> Result<Packet<'_>, NotForUs> {
    let (header, message) = rest.split_first_chunk::<10>().ok_or(NotForUs::Garbage)?;
    // A byte of padding may follow the message (specification §13.6).
    let message = message.get(..usize::from(header[9])).ok_or(NotForUs::Garbage)?;
    Ok(Packet::V15(message))
}

fn parse_v20<'a>(datagram: &'a [u8], rest: &'a [u8]) -> Result<Packet<'a>, NotForUs> {
    let (header, after) =
        datagram.split_first_chunk::<V20_HEADER_BYTES>().ok_or(NotForUs::Garbage)?;
    let [_, _, _, _, _, kind, i0, i1, i2, i3, s0, s1, s2, s3, l0, l1] = *header;
    let length = usize::from(u16::from_le_bytes([l0, l1]));
    let payload = after.get(..length).ok_or(NotForUs::Garbage)?;
    let session_id = u32::from_le_bytes([i0, i1, i2, i3]);
    let sequence = u32::from_le_bytes([s0, s1, s2, s3]);
    let protection = payload_type::ENCRYPTED | payload_type::AUTHENTICATED;
    match (kind & protection, session_id) {
        (0, 0) => Ok(Packet::Outside { payload_type: kind, payload }),
        (bits, _) if bits == protection && kind & !protection == payload_type::IPMI => {
            Ok(Packet::Inside(Protected { session_id, sequence, payload, covered_and_code: rest }))
        }
        _ => Err(NotForUs::Foreign),
    }
}

impl Protected<'_> {
    /// Checks the integrity code and decrypts the payload; `None` if either fails.
    pub(crate) fn open(&self, keys: &SessionKeys) -> Option<Vec<u8>> {
        let end = self.covered_and_code.len().checked_sub(keys.integrity_bytes())?;
        let (covered, code) = self.covered_and_code.split_at_checked(end)?;
        // The code must not overlap the payload: header, payload, pad length, next header.
        let least = V20_HEADER_BYTES - RMCP_HEADER.len() + self.payload.len() + 2;
        if covered.len() < least || !equal(&keys.integrity_code(covered), code) {
            return None;
        }
        keys.decrypt(self.payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::CipherSuite;

    fn keys() -> SessionKeys {
        SessionKeys::derive(CipherSuite::Suite3, &[3; 20])
    }

    fn opened(datagram: &[u8]) -> Option<Vec<u8>> {
        match Packet::parse(datagram) {
            Ok(Packet::Inside(protected)) => protected.open(&keys()),
            _ => None,
        }
    }

    #[test]
    fn the_first_message_is_the_specifications() {
        let packet = v15_outside_session(&[1, 2, 3]);
        assert_eq!(packet, [6, 0, 0xFF, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3]);
        assert_eq!(Packet::parse(&packet), Ok(Packet::V15(&[1, 2, 3])));
    }

    #[test]
    fn a_protected_packet_opens_again_and_its_code_is_aligned() {
        for length in 0..40_u8 {
            let message: Vec<u8> = (0..length).collect();
            let packet = inside_session(&keys(), 0x1234_5678, 7, [1; 16], &message);
            assert_eq!((packet.len() - 4 - 12) % 4, 0);
            assert_eq!(opened(&packet), Some(message));
        }
    }

    #[test]
    fn any_changed_bit_breaks_a_protected_packet() {
        let packet = inside_session(&keys(), 1, 1, [1; 16], &[0x20, 0x18, 0xC8]);
        // The RMCP header is not covered; everything behind it is.
        for bit in 32..packet.len() * 8 {
            let mut changed = packet.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(opened(&changed), None, "bit {bit}");
        }
        for length in 0..packet.len() {
            assert_eq!(opened(&packet[..length]), None);
        }
    }

    #[test]
    fn unprotected_packets_of_a_session_are_foreign() {
        let plain = v20(payload_type::IPMI, 5, 1, &[0x81, 0x1C]);
        assert_eq!(Packet::parse(&plain), Err(NotForUs::Foreign));
        let only_encrypted = v20(0x80, 5, 1, &[0; 32]);
        assert_eq!(Packet::parse(&only_encrypted), Err(NotForUs::Foreign));
    }

    #[test]
    fn what_is_not_rmcp_is_garbage() {
        for datagram in [&b""[..], b"HTTP/1.1 200 OK", &[6, 0, 0xFF, 7], &[6, 0, 0xFF, 7, 6, 0]] {
            assert_eq!(Packet::parse(datagram), Err(NotForUs::Garbage));
        }
        assert_eq!(Packet::parse(&[6, 0, 0xFF, 6, 0, 0]), Err(NotForUs::Foreign));
    }
}
