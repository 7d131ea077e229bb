//! What a server says of a zone: its messages as facts. No I/O, no clock.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use exporter_kit::config::visible;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::rr::{RData, Record, RecordType};

use super::canary;
use super::finding::Outcome;
use super::signature::{self, Signature};
use crate::exchange::message::Reply;
use crate::exchange::{Failure, HostName};
use crate::kind::Kind;
use crate::record;
use crate::ttl;

/// Name servers of one zone that are looked at: more than any zone has.
const MOST_NAMES: usize = 64;

/// All that one server said in one round.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Said {
    /// Its version of the zone.
    pub(crate) serial: Option<u32>,
    /// The servers that it names; none if it did not say.
    pub(crate) ns: Option<BTreeSet<HostName>>,
    /// Which of its machines answered, as it says itself.
    pub(crate) nsid: Option<String>,
    /// Signatures over the records at the top of the zone.
    pub(crate) signatures: Vec<Signature>,
    /// Its keys, as they are on the wire; none if it did not say.
    pub(crate) keys: Option<Vec<Vec<u8>>>,
    /// What it answers to each configured question; none where it did not answer.
    pub(crate) answers: Vec<Option<BTreeSet<String>>>,
    /// The TTL of those that are records of the name itself.
    pub(crate) ttls: Vec<(HostName, Kind, u32)>,
    /// The time in the canary's record.
    pub(crate) canary: Canary,
}

/// What a server says of the canary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Canary {
    /// It was not asked, or did not reply.
    #[default]
    Unknown,
    /// It has no such record.
    Absent,
    /// The time, in seconds since the epoch.
    Stamp(u64),
}

impl Canary {
    /// The time, if there is one.
    pub(crate) fn stamp(self) -> Option<u64> {
        match self {
            Self::Stamp(stamp) => Some(stamp),
            Self::Unknown | Self::Absent => None,
        }
    }
}

/// What the answer to the question for the zone's SOA says of the server.
pub(crate) fn outcome(answer: &Result<Reply, Failure>, server: IpAddr, zone: &HostName) -> Outcome {
    let message = match answer {
        Ok(Reply::Whole(whole)) => &whole.message,
        Ok(Reply::Code(2)) => return Outcome::Servfail,
        Ok(Reply::Code(5)) => return Outcome::Refused,
        Ok(Reply::Code(_)) => return Outcome::OtherRcode,
        Ok(Reply::Truncated) | Err(Failure::Truncated(_)) => return Outcome::Truncated,
        Err(Failure::Timeout) => return Outcome::Timeout,
        Err(Failure::Unreachable(Some(it))) if *it == server => return Outcome::Closed,
        Err(Failure::Unreachable(_)) => return Outcome::Unreachable,
        Err(Failure::Malformed) => return Outcome::Malformed,
        Err(Failure::Local(_)) => return Outcome::LocalError,
    };
    match message.metadata.response_code {
        ResponseCode::NoError
            if message.metadata.authoritative && serial(message, zone).is_some() =>
        {
            Outcome::Answers
        }
        ResponseCode::NoError => Outcome::NotAuthoritative,
        ResponseCode::ServFail => Outcome::Servfail,
        ResponseCode::Refused => Outcome::Refused,
        _ => Outcome::OtherRcode,
    }
}

/// The serial in an answer to the question for the zone's SOA.
pub(crate) fn serial(message: &Message, zone: &HostName) -> Option<u32> {
    of(&message.answers, zone).find_map(|record| match &record.data {
        RData::SOA(soa) => Some(soa.serial),
        _ => None,
    })
}

/// The servers that records name for a zone.
pub(crate) fn ns(records: &[Record], zone: &HostName) -> BTreeSet<HostName> {
    let names = of(records, zone).filter_map(|record| match &record.data {
        RData::NS(ns) => ns.0.to_ascii().parse().ok(),
        _ => None,
    });
    names.take(MOST_NAMES).collect()
}

/// The addresses that records give, by name.
pub(crate) fn addresses<'a>(
    records: impl Iterator<Item = &'a Record>,
) -> BTreeMap<HostName, BTreeSet<IpAddr>> {
    let mut addresses: BTreeMap<HostName, BTreeSet<IpAddr>> = BTreeMap::new();
    for record in records {
        let Some(address) = record.data.ip_addr() else { continue };
        let Ok(name) = record.name.to_ascii().parse() else { continue };
        addresses.entry(name).or_default().insert(address);
    }
    addresses
}

/// The signatures among records of a name.
pub(crate) fn signatures(records: &[Record], name: &HostName) -> Vec<Signature> {
    of(records, name).filter_map(signature::read).collect()
}

/// Which machine answered (RFC 5001), as far as it can be shown.
pub(crate) fn nsid(message: &Message) -> Option<String> {
    match message.edns.as_ref()?.option(EdnsCode::NSID)? {
        EdnsOption::NSID(payload) => {
            let text = String::from_utf8_lossy(payload.as_ref());
            Some(visible(&text).into_owned()).filter(|text| !text.is_empty())
        }
        _ => None,
    }
}

/// An answer in a form in which the same is equal: the name's own records of the type asked for, or its alias,
/// since what stands behind that may be another's; or that there are none. Nothing for an error, and
/// without AA: then it is what a cache has, or of a zone below.
pub(crate) fn content(
    message: &Message,
    name: &HostName,
    kind: RecordType,
) -> Option<BTreeSet<String>> {
    let is_asked = |record: &&Record| [kind, RecordType::CNAME].contains(&record.record_type());
    if !message.metadata.authoritative {
        return None;
    }
    let own: Vec<&Record> = of(&message.answers, name).filter(is_asked).collect();
    match message.metadata.response_code {
        ResponseCode::NoError => {}
        // Of an alias, it is the name behind that there is not.
        ResponseCode::NXDomain if !own.is_empty() => {}
        ResponseCode::NXDomain => return Some(["NXDOMAIN".to_owned()].into()),
        _ => return None,
    }
    let text = |record: &Record| match record.data.ip_addr() {
        Some(address) => Some(address.to_string()),
        None => record::text(record.record_type(), &record.data),
    };
    own.into_iter().map(text).collect()
}

/// The TTL of a name's own records, as the server has them; nothing without AA, and of an alias, since what stands behind
/// that has another.
pub(crate) fn ttl(message: &Message, name: &HostName, kind: RecordType) -> Option<u32> {
    let own = || of(&message.answers, name).filter(|it| it.record_type() != RecordType::RRSIG);
    let is_its = message.metadata.authoritative && own().all(|it| it.record_type() == kind);
    own().map(|record| ttl::meant(record.ttl)).max().filter(|_| is_its)
}

/// The time in the canary's record.
pub(crate) fn canary(message: &Message) -> Canary {
    let stamp = message.answers.iter().find_map(|record| match &record.data {
        RData::TXT(text) => canary::parse(&String::from_utf8_lossy(&text.txt_data.concat())),
        _ => None,
    });
    stamp.map_or(Canary::Absent, Canary::Stamp)
}

/// The records of one name.
fn of<'a>(records: &'a [Record], name: &HostName) -> impl Iterator<Item = &'a Record> {
    records.iter().filter(move |record| {
        let text = record.name.to_ascii();
        text.strip_suffix('.').unwrap_or(&text).eq_ignore_ascii_case(name.as_str())
    })
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::OpCode;
    use hickory_proto::rr::Name;
    use hickory_proto::rr::rdata::{A, CNAME};

    use super::*;

    #[test]
    fn an_answer_ends_at_the_alias_of_the_name_that_was_asked() {
        let name = |text: &str| Name::from_ascii(text).unwrap();
        let answer = |behind: [u8; 4], rcode| {
            let mut message = Message::response(7, OpCode::Query);
            message.metadata.authoritative = true;
            message.metadata.response_code = rcode;
            let alias = RData::CNAME(CNAME(name("cdn.example.")));
            message.add_answer(Record::from_rdata(name("API.a.example."), 60, alias));
            let address = RData::A(A(behind.into()));
            message.add_answer(Record::from_rdata(name("cdn.example."), 60, address));
            content(&message, &"api.a.example".parse().unwrap(), RecordType::A)
        };
        let one = answer([192, 0, 2, 1], ResponseCode::NoError);
        assert_eq!(one.as_ref().map(BTreeSet::len), Some(1));
        assert_eq!(answer([192, 0, 2, 2], ResponseCode::NoError), one);
        assert_eq!(answer([192, 0, 2, 2], ResponseCode::NXDomain), one);
        let mut absent = Message::response(7, OpCode::Query);
        let said =
            |message: &Message| content(message, &"api.a.example".parse().unwrap(), RecordType::A);
        assert_eq!(said(&absent), None, "no AA");
        absent.metadata.authoritative = true;
        assert_eq!(said(&absent), Some(BTreeSet::new()));
        absent.metadata.response_code = ResponseCode::NXDomain;
        assert_eq!(said(&absent), Some(["NXDOMAIN".to_owned()].into()));
        absent.metadata.response_code = ResponseCode::ServFail;
        assert_eq!(said(&absent), None);
    }
}
