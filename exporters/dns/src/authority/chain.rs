//! Whether the parent's DS records lead to a key of the zone (RFC 4035 §5.2). No I/O, no clock.

use hickory_proto::rr::{Record, RecordType};
use sha2::{Digest as _, Sha256, Sha384};

use super::signature::data;
use crate::exchange::HostName;

/// The data of records of a type, as they are on the wire, of this name.
pub(crate) fn of<'a>(
    records: &'a [Record],
    name: &'a HostName,
    kind: RecordType,
) -> impl Iterator<Item = Vec<u8>> + 'a {
    let is_of = move |record: &&Record| {
        record.record_type() == kind
            && record.name.to_ascii().trim_end_matches('.').eq_ignore_ascii_case(name.as_str())
    };
    records.iter().filter(is_of).filter_map(data)
}

/// Whether the parent's DS records lead to a key; nothing where they are of kinds that are not known here, or there
/// are none: then the zone is not to be validated.
pub(crate) fn leads(zone: &HostName, ds: &[Vec<u8>], keys: &[Vec<u8>]) -> Option<bool> {
    let mut is_known = false;
    for ds in ds {
        let Some(([tag_high, tag_low, algorithm, kind], digest)) = ds.split_first_chunk::<4>()
        else {
            continue;
        };
        // SHA-1 is no more, and what is newer is for others to say.
        if ![2, 4].contains(kind) {
            return None;
        }
        is_known = true;
        let tag = u16::from_be_bytes([*tag_high, *tag_low]);
        let is_of = |key: &&Vec<u8>| {
            key.get(3) == Some(algorithm)
                && key_tag(key) == tag
                && digest_of(zone, key, *kind) == digest
        };
        if keys.iter().any(|key| is_of(&key)) {
            return Some(true);
        }
    }
    is_known.then_some(false)
}

/// The tag of a key (RFC 4034, appendix B).
fn key_tag(key: &[u8]) -> u16 {
    let sum = key.iter().enumerate().fold(0_u32, |sum, (at, byte)| {
        sum + if at % 2 == 0 { u32::from(*byte) << 8 } else { u32::from(*byte) }
    });
    let [_, _, high, low] = (sum + (sum >> 16 & 0xffff)).to_be_bytes();
    u16::from_be_bytes([high, low])
}

fn digest_of(zone: &HostName, key: &[u8], kind: u8) -> Vec<u8> {
    let input: Vec<u8> = zone.wire().chain(key.iter().copied()).collect();
    if kind == 4 { Sha384::digest(&input).to_vec() } else { Sha256::digest(&input).to_vec() }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;

    use super::*;

    /// The key and the DS record of RFC 4509 §2.3, of dskey.example.com.
    fn example() -> (HostName, Vec<u8>, Vec<u8>) {
        let key = "AQOeiiR0GOMYkDshWoSKz9XzfwJr1AYtsmx3TGkJaNXVbfi/2pHm822aJ5iI9BMzNXxeYCmZDRD99WYwYqUSdjMm\
                   mAphXdvxegXd/M5+X7OrzKBaMbCVdFLUUh6DhweJBjEVv5f2wwjM9XzcnOf+EPbtG9DMBmADjFDc2w/rljwvFw==";
        let key = [&[1, 0, 3, 5][..], &BASE64_STANDARD.decode(key).unwrap()].concat();
        let digest = "D4B7D520E7BB5F0F67674A0CCEB1E3E0614B93C4F9E99B8383F6A1E4469DA50A";
        let hex = |at: usize| u8::from_str_radix(&digest[at..at + 2], 16).unwrap();
        let digest: Vec<u8> = (0..digest.len()).step_by(2).map(hex).collect();
        let [high, low] = 60_485_u16.to_be_bytes();
        ("dskey.example.com".parse().unwrap(), key, [&[high, low, 5, 2][..], &digest].concat())
    }

    #[test]
    fn the_published_example_leads_to_its_key_and_to_no_other() {
        let (zone, key, ds) = example();
        assert_eq!(key_tag(&key), 60_485);
        assert_eq!(leads(&zone, std::slice::from_ref(&ds), std::slice::from_ref(&key)), Some(true));
        let mut other = key.clone();
        other[7] ^= 1;
        assert_eq!(leads(&zone, std::slice::from_ref(&ds), &[other]), Some(false));
        assert_eq!(
            leads(&zone, std::slice::from_ref(&ds), &[]),
            Some(false),
            "the zone is not signed"
        );
        assert_eq!(leads(&zone, &[], &[key]), None, "the parent does not say that it is");
        let old = [&ds[..3], &[1], &ds[4..24]].concat();
        assert_eq!(leads(&zone, &[old], &[]), None);
    }
}
