//! Records other than addresses, in the one form in which they are compared: RDATA as it goes over
//! the wire, names in full and in lower case. No I/O, no clock.
//!
//! The serial of an SOA is left out of it: a cache holds another one for as long as its TTL, and
//! which of a zone's servers has which is asked of these. The strings of a TXT record are compared
//! byte by byte, one by one.

mod escape;
mod layout;
mod params;
mod parse;
mod text;
mod wire;
mod word;

pub(crate) use parse::parse;
pub(crate) use wire::canonical;

use std::net::{IpAddr, Ipv6Addr};

use hickory_proto::rr::{RData, RecordType};
use sha2::{Digest as _, Sha256};

/// Bytes of text that are kept of one answer: enough for a person to know it by.
const MAX_TEXT: usize = 1024;

/// The records of an answer: a set, whose order says nothing.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Records {
    ids: Box<[IpAddr]>,
    texts: Box<[Box<str>]>,
}

impl Records {
    /// The set of these, given in canonical form; `None` if there are none.
    pub(crate) fn new(kind: RecordType, mut canonical: Vec<Vec<u8>>) -> Option<Self> {
        canonical.sort_unstable();
        canonical.dedup();
        let mut ids: Vec<IpAddr> = canonical.iter().map(|record| id(kind, record)).collect();
        ids.sort_unstable();
        let mut texts: Vec<String> =
            canonical.iter().map(|record| text::write(kind, record)).collect();
        texts.sort_unstable();
        let all = texts.len();
        let mut room = MAX_TEXT;
        let fits = |text: &String| {
            let fits = text.len() <= room;
            room = room.saturating_sub(text.len());
            fits
        };
        let mut kept: Vec<Box<str>> =
            texts.into_iter().take_while(fits).map(String::into_boxed_str).collect();
        if let more @ 1.. = all - kept.len() {
            kept.push(format!("(and {more} more)").into());
        }
        (!ids.is_empty()).then(|| Self { ids: ids.into(), texts: kept.into() })
    }

    /// A number for each record, by which it is counted; in their order.
    pub(crate) fn ids(&self) -> &[IpAddr] {
        &self.ids
    }

    /// The records as `dig +short` prints them, as far as they are not too long.
    pub(crate) fn texts(&self) -> &[Box<str>] {
        &self.texts
    }
}

/// A record as `dig +short` prints it; nothing if it is of a type that is not compared.
pub(crate) fn text(kind: RecordType, data: &RData) -> Option<String> {
    canonical(kind, data).map(|record| text::write(kind, &record))
}

/// The number that stands for a record where votes are counted, in the guise of an address, since addresses are
/// what most names have: 120 bits of SHA-256 in a range that IANA has given to nobody, so that none is an
/// address and none is a special one.
pub(crate) fn id(kind: RecordType, canonical: &[u8]) -> IpAddr {
    let digest = Sha256::new()
        .chain_update(u16::from(kind).to_be_bytes())
        .chain_update(canonical)
        .finalize();
    let mut bytes = [0x2f; 16];
    bytes[1..].copy_from_slice(&digest[..15]);
    Ipv6Addr::from(bytes).into()
}

#[cfg(test)]
mod tests;
