//! The datagrams of a trace as bytes. No I/O, no clock.
//!
//! All have the same checksum: routers that spread load by the first bytes behind the IP header then send all
//! of them one way, those to one target today and after a restart. What differs is the sequence number, a
//! cookie, and two bytes that even both out.

use crate::icmp::{Family, checksum};

/// The header of an echo: type, code, checksum, identifier, sequence number (RFC 792, RFC 4443).
const HEADER: usize = 8;
/// Where the cookie begins, behind the two bytes that even out the checksum.
const COOKIE: usize = HEADER + 2;
/// Where it ends.
const END: usize = COOKIE + 14;

/// What tells the reply to an echo of ours from everybody else's.
pub(crate) type Cookie = [u8; END - COOKIE];

/// An echo request of 24 bytes. The kernel fills in the identifier of a dgram socket and each checksum of IPv6.
pub(crate) fn request(
    family: Family,
    identifier: u16,
    sequence: u16,
    cookie: &Cookie,
) -> [u8; END] {
    let mut bytes = [0; END];
    bytes[0] = family.request_type();
    bytes[4..6].copy_from_slice(&identifier.to_be_bytes());
    bytes[6..8].copy_from_slice(&sequence.to_be_bytes());
    bytes[COOKIE..].copy_from_slice(cookie);
    let balance = checksum(&bytes[6..]);
    bytes[HEADER..COOKIE].copy_from_slice(&balance.to_be_bytes());
    if family == Family::V4 {
        let sum = checksum(&bytes);
        bytes[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    bytes
}

/// The identifier and the sequence number of an echo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numbers {
    pub(crate) identifier: u16,
    pub(crate) sequence: u16,
}

/// Reads an echo reply of a trace, with the cookie that it carries; `None` for anything else.
pub(crate) fn reply(family: Family, bytes: &[u8]) -> Option<(Numbers, Cookie)> {
    let numbers = numbers(family.reply_type(), bytes)?;
    Some((numbers, *bytes.get(COOKIE..)?.first_chunk()?))
}

/// Reads what a router quotes of an echo request, which may be its header and no more.
pub(crate) fn quoted(family: Family, bytes: &[u8]) -> Option<Numbers> {
    numbers(family.request_type(), bytes)
}

fn numbers(kind: u8, bytes: &[u8]) -> Option<Numbers> {
    let header = bytes.first_chunk::<HEADER>()?;
    (header[0] == kind && header[1] == 0).then(|| Numbers {
        identifier: u16::from_be_bytes([header[4], header[5]]),
        sequence: u16::from_be_bytes([header[6], header[7]]),
    })
}

/// One entry of a stack of MPLS labels (RFC 3032).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MplsLabel {
    /// The label, of 20 bits.
    pub(crate) label: u32,
    /// Its TTL.
    pub(crate) ttl: u8,
}

/// So many labels of one router are kept.
const MOST_LABELS: usize = 8;

/// The stack of MPLS labels with which a datagram reached a router (RFC 4950), out of what that router quotes
/// (RFC 4884): the datagram padded to 128 bytes, IP header and all, and then the extension.
pub(crate) fn mpls(family: Family, quoted: &[u8]) -> Vec<MplsLabel> {
    let header = match family {
        Family::V4 => 20,
        Family::V6 => 40,
    };
    let labels = quoted.get(128 - header..).and_then(stack);
    labels.unwrap_or_default()
}

fn stack(extension: &[u8]) -> Option<Vec<MplsLabel>> {
    let is_version_2 = extension.first()? >> 4 == 2;
    // A sum of zero says that there is none.
    let sum = extension.get(2..4)?;
    if !is_version_2 || (sum != [0, 0] && checksum(extension) != 0) {
        return None;
    }
    let mut rest = extension.get(4..)?;
    while let Some([high, low, class, kind]) = rest.first_chunk::<4>() {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let object = rest.get(4..length)?;
        if (*class, *kind) == (1, 1) {
            let entries = object.chunks_exact(4).take(MOST_LABELS);
            let entry = |bytes: &[u8]| MplsLabel {
                label: u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]) >> 4,
                ttl: bytes[3],
            };
            return Some(entries.map(entry).collect());
        }
        rest = rest.get(length..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_probe_has_the_same_checksum_whatever_it_carries() {
        let sums: std::collections::BTreeSet<[u8; 2]> = (0..=u16::MAX)
            .step_by(97)
            .map(|sequence| {
                let cookie =
                    u128::from(sequence).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced);
                let cookie: Cookie = cookie.to_be_bytes()[2..].try_into().unwrap();
                let bytes = request(Family::V4, 4711, sequence, &cookie);
                assert_eq!(checksum(&bytes), 0, "it is a good one");
                [bytes[2], bytes[3]]
            })
            .collect();
        assert_eq!(sums.len(), 1);
    }

    #[test]
    fn a_reply_carries_the_cookie_and_a_quote_need_not() {
        let mut bytes = request(Family::V6, 7, 9, &[3; 14]);
        let numbers = Numbers { identifier: 7, sequence: 9 };
        assert_eq!(quoted(Family::V6, &bytes[..8]), Some(numbers));
        assert_eq!(quoted(Family::V6, &bytes[..7]), None, "less than a header");
        assert_eq!(quoted(Family::V4, &bytes), None);
        bytes[0] = 129;
        assert_eq!(reply(Family::V6, &bytes), Some((numbers, [3; 14])));
        assert_eq!(reply(Family::V6, &bytes[..23]), None);
        bytes[1] = 1;
        assert_eq!(reply(Family::V6, &bytes), None);
    }

    #[test]
    fn labels_stand_behind_a_padded_quote() {
        let mut quote = vec![0; 108];
        let object = [0, 12, 1, 1, 0x04, 0x93, 0xe0, 1, 0, 1, 0x01, 254];
        quote.extend([0x20, 0, 0, 0]);
        quote.extend(object);
        let wanted = [MplsLabel { label: 18_750, ttl: 1 }, MplsLabel { label: 16, ttl: 254 }];
        assert_eq!(mpls(Family::V4, &quote), wanted);
        let sum = checksum(&quote[108..]);
        quote[110..112].copy_from_slice(&sum.to_be_bytes());
        assert_eq!(mpls(Family::V4, &quote), wanted);
        quote[111] ^= 1;
        assert_eq!(mpls(Family::V4, &quote), [], "damaged");
        for length in 0..quote.len() {
            assert_eq!(mpls(Family::V4, &quote[..length]), []);
        }
        // An object that says it is longer than it is, or has no length.
        for length in [0, 200] {
            quote[110..114].copy_from_slice(&[0, 0, 0, length]);
            assert_eq!(mpls(Family::V4, &quote), []);
        }
    }
}
