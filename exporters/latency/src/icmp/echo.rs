//! ICMP echo messages as bytes, and what their times mean. No I/O, no clock.

use std::net::IpAddr;
use std::time::Duration;

use crate::outcome::Failure;

/// The header of an echo: type, code, checksum, identifier, sequence number (RFC 792, RFC 4443).
const HEADER: usize = 8;
/// The cookie that tells our replies from everybody else's.
const COOKIE: usize = 16;
/// Where the two bytes are that even out the checksum.
const BALANCE: usize = HEADER + COOKIE;
/// What an ordinary echo carries: as much as that of `ping`.
pub(super) const ORDINARY_PAYLOAD: usize = 56;
/// What an echo carries at least: the cookie, and two bytes that even out the checksum.
pub(crate) const SHORTEST_PAYLOAD: usize = COOKIE + 2;

/// A network family; its constants are those of RFC 792 and RFC 4443.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    pub(crate) const ALL: [Self; 2] = [Self::V4, Self::V6];

    pub(crate) fn of(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// The label's value, in the word that `preferred_ip_protocol` has for it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::V4 => "ip4",
            Self::V6 => "ip6",
        }
    }

    pub(crate) const fn request_type(self) -> u8 {
        match self {
            Self::V4 => 8,
            Self::V6 => 128,
        }
    }

    pub(crate) const fn reply_type(self) -> u8 {
        match self {
            Self::V4 => 0,
            Self::V6 => 129,
        }
    }
}

/// What identifies one echo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Echo {
    pub(crate) identifier: u16,
    pub(crate) sequence: u16,
    /// Absent in what a router quotes of a packet when it quotes only the header.
    pub(crate) cookie: Option<u128>,
}

/// The bytes of a request. The kernel fills in the identifier of a dgram socket and each checksum of
/// IPv6; the rest stands here. Two bytes after the cookie are such that every request to a target has
/// the same checksum: routers that spread load by it then send all of them over one path. `payload` is
/// how many bytes follow the header, [`SHORTEST_PAYLOAD`] at least.
pub(crate) fn request(
    family: Family,
    identifier: u16,
    sequence: u16,
    cookie: u128,
    payload: usize,
) -> Vec<u8> {
    let mut bytes = vec![0; HEADER + payload.max(SHORTEST_PAYLOAD)];
    bytes[0] = family.request_type();
    bytes[4..6].copy_from_slice(&identifier.to_be_bytes());
    bytes[6..8].copy_from_slice(&sequence.to_be_bytes());
    bytes[HEADER..BALANCE].copy_from_slice(&cookie.to_be_bytes());
    let balance = checksum(&bytes[6..BALANCE]);
    bytes[BALANCE..BALANCE + 2].copy_from_slice(&balance.to_be_bytes());
    if family == Family::V4 {
        let sum = checksum(&bytes);
        bytes[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    bytes
}

/// The requests of ordinary length of one socket: all but what tells them apart is the same, also the checksum.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ordinary([u8; HEADER + ORDINARY_PAYLOAD]);

impl Ordinary {
    /// Those with this identifier.
    pub(crate) fn new(family: Family, identifier: u16) -> Self {
        let mut bytes = [0; HEADER + ORDINARY_PAYLOAD];
        bytes.copy_from_slice(&request(family, identifier, 0, 0, ORDINARY_PAYLOAD));
        Self(bytes)
    }

    /// One of them, as [`request`] makes it.
    pub(crate) fn request(&self, sequence: u16, cookie: u128) -> [u8; HEADER + ORDINARY_PAYLOAD] {
        let mut bytes = self.0;
        bytes[6..8].copy_from_slice(&sequence.to_be_bytes());
        bytes[HEADER..BALANCE].copy_from_slice(&cookie.to_be_bytes());
        let balance = checksum(&bytes[6..BALANCE]);
        bytes[BALANCE..BALANCE + 2].copy_from_slice(&balance.to_be_bytes());
        bytes
    }
}

/// Reads an echo reply; `None` for anything else.
pub(crate) fn reply(family: Family, bytes: &[u8]) -> Option<Echo> {
    echo(family.reply_type(), bytes)
}

/// Reads what an ICMP error quotes of the packet that caused it; `None` if that was no echo request.
pub(crate) fn quoted(family: Family, bytes: &[u8]) -> Option<Echo> {
    echo(family.request_type(), bytes)
}

fn echo(kind: u8, bytes: &[u8]) -> Option<Echo> {
    let header = bytes.first_chunk::<HEADER>()?;
    if header[0] != kind || header[1] != 0 {
        return None;
    }
    let cookie = bytes[HEADER..].first_chunk::<COOKIE>().map(|cookie| u128::from_be_bytes(*cookie));
    Some(Echo {
        identifier: u16::from_be_bytes([header[4], header[5]]),
        sequence: u16::from_be_bytes([header[6], header[7]]),
        cookie,
    })
}

/// The ICMP message in what a raw IPv4 socket gives, which begins with the IP header.
pub(crate) fn after_ipv4_header(packet: &[u8]) -> Option<&[u8]> {
    let length = usize::from(packet.first()? & 0x0f) * 4;
    packet.get(length..)
}

/// What an ICMP error means for the probe; `None` if it does not decide it.
pub(crate) fn verdict(family: Family, kind: u8, code: u8, dont_fragment: bool) -> Option<Failure> {
    match (family, kind, code) {
        // "Fragmentation needed" and "packet too big" say something of the path's MTU only, unless the
        // echo must arrive in one piece.
        (Family::V4, 3, 4) | (Family::V6, 2, _) => dont_fragment.then_some(Failure::Unreachable),
        (Family::V4, 3 | 12, _) | (Family::V6, 1 | 4, _) => Some(Failure::Unreachable),
        (Family::V4, 11, _) | (Family::V6, 3, _) => Some(Failure::TtlExceeded),
        _ => None,
    }
}

/// Whether an ICMP error is what a firewall says that rejects: from an address of this machine, it is its own. That a
/// neighbour does not answer, this machine says in other words.
pub(crate) fn is_rejection(family: Family, kind: u8, code: u8) -> bool {
    match family {
        Family::V4 => kind == 3 && matches!(code, 2 | 3 | 9 | 10 | 13),
        Family::V6 => kind == 1 && matches!(code, 1 | 4 | 5 | 6),
    }
}

/// The round trip of an echo that was sent at `sent`, read at `now` (one clock that never goes
/// back), and had waited in the socket's buffer for `queued` (by the wall clock, which may have been
/// set in between: what cannot be is left out). The clock is read before sending, so the result may
/// be too long by the time that sending takes; it is never too short.
pub(crate) fn round_trip(sent: Duration, now: Duration, queued: Duration) -> Duration {
    let elapsed = now.saturating_sub(sent);
    elapsed.checked_sub(queued).filter(|rtt| !rtt.is_zero()).unwrap_or(elapsed)
}

/// The internet checksum (RFC 1071).
pub(crate) fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).expect("folded to 16 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_reply_carries_the_cookie_of_its_request() {
        for family in Family::ALL {
            let mut bytes = request(family, 7, 0x1234, 0xfeed_beef, 56);
            let echo = Echo { identifier: 7, sequence: 0x1234, cookie: Some(0xfeed_beef) };
            assert_eq!(quoted(family, &bytes), Some(echo));
            assert_eq!(reply(family, &bytes), None, "a request is no reply");
            bytes[0] = family.reply_type();
            assert_eq!(reply(family, &bytes).unwrap().cookie, Some(0xfeed_beef));
        }
    }

    #[test]
    fn a_request_sums_up_to_nothing() {
        assert_eq!(checksum(&request(Family::V4, 0xabcd, 3, u128::MAX / 3, 56)), 0);
        assert_eq!(checksum(&[0, 1, 0xf2, 3, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2, "RFC 1071, 3");
    }

    #[test]
    fn every_request_of_a_socket_has_the_same_checksum() {
        let sum = |sequence, cookie| {
            let bytes = request(Family::V4, 0xabcd, sequence, cookie, 57);
            u16::from_be_bytes([bytes[2], bytes[3]])
        };
        let first = sum(0, 0);
        for sequence in [1, 2, 0x8000, 0xffff] {
            for cookie in [1, u128::MAX, u128::MAX / 7, 0xfeed << 64] {
                assert_eq!(sum(sequence, cookie), first);
            }
        }
    }

    #[test]
    fn an_ordinary_request_is_made_in_place_as_any_other() {
        for family in Family::ALL {
            let ordinary = Ordinary::new(family, 0xabcd);
            for sequence in [0, 1, 0x8000, 0xffff] {
                for cookie in [0, 1, u128::MAX, u128::MAX / 7, 0xfeed << 64] {
                    let wanted = request(family, 0xabcd, sequence, cookie, ORDINARY_PAYLOAD);
                    assert_eq!(ordinary.request(sequence, cookie)[..], wanted);
                }
            }
        }
    }

    #[test]
    fn a_router_that_quotes_little_still_gives_the_sequence_number() {
        let bytes = request(Family::V4, 7, 99, 5, 18);
        assert_eq!(
            quoted(Family::V4, &bytes[..8]),
            Some(Echo { identifier: 7, sequence: 99, cookie: None })
        );
        assert_eq!(quoted(Family::V4, &bytes[..7]), None);
    }

    #[test]
    fn an_ipv4_header_with_options_is_skipped_whole() {
        let mut packet = vec![0x46; 24];
        packet.extend([1, 2, 3]);
        assert_eq!(after_ipv4_header(&packet), Some(&[1, 2, 3][..]));
        assert_eq!(after_ipv4_header(&[0x4f, 0]), None);
        assert_eq!(after_ipv4_header(&[]), None);
    }

    #[test]
    fn the_time_in_the_socket_is_not_the_networks() {
        assert_eq!(round_trip(10 * MS, 130 * MS, 100 * MS), 20 * MS);
    }

    #[test]
    fn a_wall_clock_that_was_set_makes_no_round_trip_short() {
        let hour = Duration::from_secs(3600);
        assert_eq!(round_trip(10 * MS, 30 * MS, hour), 20 * MS);
        assert_eq!(round_trip(10 * MS, 30 * MS, Duration::ZERO), 20 * MS);
    }

    #[test]
    fn an_echo_has_the_length_that_is_asked_for_and_sums_up_to_nothing() {
        for payload in [18, 19, 56, 1472, 65_507] {
            let bytes = request(Family::V4, 0xabcd, 3, u128::MAX / 3, payload);
            assert_eq!((bytes.len(), checksum(&bytes)), (8 + payload, 0));
        }
    }

    #[test]
    fn what_a_firewall_says_is_told_from_a_neighbour_that_is_silent() {
        let (v4, v6) = (Family::V4, Family::V6);
        for (family, kind, code) in [(v4, 3, 3), (v4, 3, 13), (v4, 3, 10), (v6, 1, 4), (v6, 1, 1)] {
            assert!(is_rejection(family, kind, code), "{family:?} {kind}/{code}");
        }
        // Host unreachable, address unreachable; the way is too long.
        for (family, kind, code) in [(v4, 3, 1), (v6, 1, 3), (v4, 11, 3), (v6, 3, 1)] {
            assert!(!is_rejection(family, kind, code), "{family:?} {kind}/{code}");
        }
    }

    #[test]
    fn errors_that_only_tell_the_mtu_decide_what_must_not_be_fragmented() {
        let verdict_of = |family, kind, code| verdict(family, kind, code, false);
        assert_eq!(verdict_of(Family::V4, 3, 1), Some(Failure::Unreachable));
        assert_eq!(verdict_of(Family::V4, 3, 4), None);
        assert_eq!(verdict_of(Family::V4, 11, 0), Some(Failure::TtlExceeded));
        assert_eq!(verdict_of(Family::V4, 5, 0), None);
        assert_eq!(verdict_of(Family::V6, 1, 4), Some(Failure::Unreachable));
        assert_eq!(verdict_of(Family::V6, 2, 0), None);
        assert_eq!(verdict_of(Family::V6, 3, 0), Some(Failure::TtlExceeded));
        for (family, kind, code) in [(Family::V4, 3, 4), (Family::V6, 2, 0)] {
            assert_eq!(verdict(family, kind, code, true), Some(Failure::Unreachable));
        }
    }
}
