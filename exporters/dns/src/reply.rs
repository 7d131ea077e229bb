//! A datagram, read as the answer to a question: what it says, and how far it can be believed. No I/O, no clock.

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use crate::answer::{Answer, Content, Flag, Flags};
use crate::exchange::message::{self, Flaw, Whole};
use crate::exchange::question::Template;
use crate::outcome::Ignored;
use crate::record::{self, Records};
use crate::ttl;

/// Longest chain of CNAMEs that is followed.
const MAX_CHAIN: usize = 16;

/// Bytes of a machine's name that are kept.
const MAX_NSID: usize = 64;

/// The option of an extended error.
const EXTENDED_ERROR: u16 = 15;

/// What a datagram is to the query whose id it carries and whose resolver it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// An answer.
    Answer(Answer),
    /// Cut to fit the datagram: the whole is to be had over TCP.
    Truncated,
    /// Not an answer; the query goes on waiting for one.
    Ignored(Ignored),
}

/// Reads a datagram whose id and sender match a query, as [`message::read`] does, and takes from it
/// the records that were asked for.
pub(crate) fn read(datagram: &[u8], template: &Template, case: u64) -> Reply {
    let whole = match message::read(datagram, template, case) {
        Ok(message::Reply::Whole(whole)) => whole,
        Ok(message::Reply::Truncated) => return Reply::Truncated,
        Ok(message::Reply::Code(rcode)) => {
            return Reply::Answer(Answer::new(content_of_rcode(rcode)));
        }
        Err(Flaw::WrongQuestion) => return Reply::Ignored(Ignored::WrongQuestion),
        Err(Flaw::Malformed) => return Reply::Ignored(Ignored::Malformed),
    };
    of_whole(&whole, template).map_or(Reply::Ignored(Ignored::Malformed), Reply::Answer)
}

/// What a whole message says to the question; nothing if it contradicts itself.
pub(crate) fn of_whole(whole: &Whole, template: &Template) -> Option<Answer> {
    let Whole { message, is_case_kept } = whole;
    let (mut flags, mut ttl) = (Flags::default(), 0);
    if !is_case_kept {
        flags.set(Flag::CaseMismatch);
    }
    let content = content(message, template, &mut flags, &mut ttl)?;
    let (extended_error, nsid) = (extended_error(message), nsid(message));
    Some(Answer { flags, extended_error, nsid, ttl, ..Answer::new(content) })
}

/// The code of the first extended error (RFC 8914 §2), if there is one.
fn extended_error(message: &Message) -> Option<u16> {
    let options = message.edns.as_ref()?.options();
    match options.get(EdnsCode::Unknown(EXTENDED_ERROR))? {
        EdnsOption::Unknown(_, data) => data.first_chunk().map(|code| u16::from_be_bytes(*code)),
        _ => None,
    }
}

/// Which machine it was (RFC 5001), as text, or in hexadecimal where it is none: whatever its owner wrote there.
fn nsid(message: &Message) -> Option<Box<str>> {
    let EdnsOption::NSID(payload) = message.edns.as_ref()?.option(EdnsCode::NSID)? else {
        return None;
    };
    let bytes = payload.as_ref();
    let bytes = &bytes[..bytes.len().min(MAX_NSID)];
    let is_text = bytes.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
    let hex = || bytes.iter().fold(String::from("0x"), |text, byte| format!("{text}{byte:02x}"));
    let text = if is_text { String::from_utf8_lossy(bytes).into_owned() } else { hex() };
    (!bytes.is_empty()).then(|| text.into_boxed_str())
}

fn content_of_rcode(rcode: u8) -> Content {
    match rcode {
        2 => Content::Servfail,
        5 => Content::Refused,
        _ => Content::OtherRcode,
    }
}

/// What a decoded message says, or nothing if it contradicts itself.
fn content(
    message: &Message,
    template: &Template,
    flags: &mut Flags,
    longest: &mut u32,
) -> Option<Content> {
    if message.metadata.authentic_data {
        flags.set(Flag::Ad);
    }
    if !message.metadata.recursion_available {
        flags.set(Flag::RaMissing);
    }
    match message.metadata.response_code {
        ResponseCode::NoError => {}
        ResponseCode::NXDomain => return Some(Content::Nxdomain),
        ResponseCode::ServFail => return Some(Content::Servfail),
        ResponseCode::Refused => return Some(Content::Refused),
        _ => return Some(Content::OtherRcode),
    }
    let kind = template.kind();
    let owner = match kind {
        RecordType::CNAME => message.queries.first()?.name(),
        _ => canonical_name(message)?,
    };
    let (mut addresses, mut records) = (Vec::new(), Vec::new());
    for record in &message.answers {
        let wanted = record.record_type() == kind
            && record.dns_class == DNSClass::IN
            && &record.name == owner;
        if !wanted {
            continue;
        }
        match record.data.ip_addr() {
            Some(address) => addresses.push(address),
            None => records.push(record::canonical(kind, &record.data)?),
        }
        let of_record = ttl::meant(record.ttl);
        *longest = of_record.max(*longest);
        if of_record == 0 {
            flags.set(Flag::TtlZero);
        }
    }
    addresses.sort_unstable();
    addresses.dedup();
    if let Some(records) = Records::new(kind, records) {
        return Some(Content::Records(records));
    }
    Some(match &addresses[..] {
        [] if !message.answers.iter().all(is_on_the_way) => Content::Offtype,
        [] if is_referral(message) => Content::Referral,
        [] => Content::Nodata,
        _ => Content::Addresses(addresses.into()),
    })
}

/// Whether a record may stand in an answer that has none of the type that was asked for: a step of the
/// chain, or a signature of one.
fn is_on_the_way(record: &Record) -> bool {
    let kind = record.record_type();
    matches!(kind, RecordType::CNAME | RecordType::DNAME) || kind.is_dnssec()
}

/// Whether an answer without records points to other servers (RFC 2308 §2.2): it names them, gives no
/// SOA for the absence, and does not speak for the zone.
fn is_referral(message: &Message) -> bool {
    let has = |kind| message.authorities.iter().any(|record| record.record_type() == kind);
    !message.metadata.authoritative
        && has(RecordType::NS)
        && !has(RecordType::SOA)
        && message.answers.is_empty()
}

/// The end of the chain of CNAMEs that begins at the name asked for; nothing if it is a loop or
/// longer than any honest one.
fn canonical_name(message: &Message) -> Option<&Name> {
    let mut owner = message.queries.first()?.name();
    for _ in 0..=MAX_CHAIN {
        let next = message.answers.iter().find_map(|record| match &record.data {
            RData::CNAME(cname) if &record.name == owner => Some(&cname.0),
            _ => None,
        });
        match next {
            Some(next) => owner = next,
            None => return Some(owner),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use hickory_proto::op::OpCode;
    use hickory_proto::rr::rdata::{A, AAAA, CNAME, NS};

    use super::*;
    use crate::exchange::question::Question;

    const NAME: &str = "api.messenger.example";
    const CASE: u64 = 0b1011;

    fn template() -> Template {
        Template::new(&Question::recursive(NAME.parse().unwrap(), RecordType::A))
    }

    /// A reply to the template's question, changed by `change`.
    fn reply(change: impl FnOnce(&mut Message)) -> Vec<u8> {
        let mut query = Vec::new();
        template().write(7, CASE, &mut query);
        let asked = Message::from_vec(&query).unwrap();
        let mut message = Message::response(7, OpCode::Query);
        message.metadata.recursion_available = true;
        message.add_query(asked.queries[0].clone());
        change(&mut message);
        message.to_vec().unwrap()
    }

    fn a(owner: &str, address: &str) -> Record {
        Record::from_rdata(
            Name::from_ascii(owner).unwrap(),
            60,
            RData::A(A(address.parse().unwrap())),
        )
    }

    fn cname(owner: &str, target: &str) -> Record {
        let target = Name::from_ascii(target).unwrap();
        Record::from_rdata(Name::from_ascii(owner).unwrap(), 60, RData::CNAME(CNAME(target)))
    }

    fn read(datagram: &[u8]) -> Reply {
        super::read(datagram, &template(), CASE)
    }

    #[track_caller]
    fn content(change: impl FnOnce(&mut Message)) -> Content {
        match read(&reply(change)) {
            Reply::Answer(answer) => answer.content,
            other => panic!("{other:?}"),
        }
    }

    fn addresses(list: &[&str]) -> Content {
        Content::Addresses(list.iter().map(|address| address.parse().unwrap()).collect())
    }

    const FQDN: &str = "api.messenger.example.";

    #[test]
    fn order_repetition_case_ttl_and_the_path_do_not_change_the_content() {
        let plain = content(|m| {
            m.add_answers([a(FQDN, "1.1.1.1"), a(FQDN, "2.2.2.2")]);
        });
        let other = content(|m| {
            let mut record = a("EDGE.example.", "1.1.1.1");
            record.ttl = 9;
            m.add_answers([a("edge.example.", "2.2.2.2"), record.clone(), record]);
            m.add_answer(cname("Api.Messenger.Example.", "edge.EXAMPLE."));
        });
        assert_eq!(plain, addresses(&["1.1.1.1", "2.2.2.2"]));
        assert_eq!(plain, other);
        assert_eq!(plain.fingerprint(), other.fingerprint());
        assert!(
            plain.fingerprint() < 1 << 48
                && plain.fingerprint() != addresses(&["1.1.1.1"]).fingerprint()
        );
    }

    #[test]
    fn response_codes_become_contents() {
        for (rcode, wanted) in [
            (ResponseCode::NXDomain, Content::Nxdomain),
            (ResponseCode::ServFail, Content::Servfail),
            (ResponseCode::Refused, Content::Refused),
            (ResponseCode::FormErr, Content::OtherRcode),
            (ResponseCode::NotImp, Content::OtherRcode),
            (ResponseCode::NoError, Content::Nodata),
        ] {
            assert_eq!(content(|m| m.metadata.response_code = rcode), wanted, "{rcode:?}");
        }
    }

    #[test]
    fn records_of_another_owner_or_type_are_no_answer() {
        assert_eq!(
            content(|m| {
                m.add_answer(a("evil.example.", "6.6.6.6"));
            }),
            Content::Offtype
        );
        let aaaa = RData::AAAA(AAAA("2606:4700::1".parse().unwrap()));
        let aaaa = Record::from_rdata(Name::from_ascii(FQDN).unwrap(), 60, aaaa);
        assert_eq!(
            content(|m| {
                m.add_answer(aaaa);
            }),
            Content::Offtype
        );
    }

    #[test]
    fn a_pointer_to_other_servers_is_no_absence() {
        let ns = |m: &mut Message| {
            let server = RData::NS(NS(Name::from_ascii("ns.example.").unwrap()));
            m.add_authority(Record::from_rdata(Name::from_ascii("example.").unwrap(), 60, server));
        };
        assert_eq!(content(ns), Content::Referral);
        assert_eq!(
            content(|m| {
                ns(m);
                m.metadata.authoritative = true;
            }),
            Content::Nodata
        );
        assert_eq!(
            content(|m| {
                ns(m);
                m.add_answer(cname(FQDN, "x.example."));
            }),
            Content::Nodata
        );
    }

    #[test]
    fn what_a_resolver_says_of_its_reasons_is_kept() {
        let bytes = reply(|m| {
            let mut edns = hickory_proto::op::Edns::new();
            edns.options_mut().insert(EdnsOption::Unknown(EXTENDED_ERROR, vec![0, 17, b'x']));
            m.set_edns(edns);
            m.metadata.response_code = ResponseCode::NXDomain;
        });
        let Reply::Answer(answer) = read(&bytes) else { panic!() };
        assert_eq!((answer.content, answer.extended_error), (Content::Nxdomain, Some(17)));
    }

    #[test]
    fn a_chain_is_followed_but_not_for_ever() {
        let chain = |length: usize| {
            reply(|m| {
                m.add_answer(cname(FQDN, "c0.example."));
                m.add_answers(
                    (1..length)
                        .map(|n| cname(&format!("c{}.example.", n - 1), &format!("c{n}.example."))),
                );
                m.add_answer(a(&format!("c{}.example.", length - 1), "1.1.1.1"));
            })
        };
        assert!(matches!(
            read(&chain(16)),
            Reply::Answer(Answer { content: Content::Addresses(_), .. })
        ));
        assert_eq!(read(&chain(17)), Reply::Ignored(Ignored::Malformed));
        let looped = reply(|m| {
            m.add_answers([cname(FQDN, "b.example."), cname("b.example.", FQDN)]);
        });
        assert_eq!(read(&looped), Reply::Ignored(Ignored::Malformed));
        assert_eq!(
            content(|m| {
                m.add_answer(cname(FQDN, "gone.example."));
            }),
            Content::Nodata
        );
    }

    #[test]
    fn as_many_addresses_as_fit_a_datagram_are_an_answer() {
        let full = reply(|m| {
            m.add_answers((0..72_u8).map(|n| a(FQDN, &format!("149.154.167.{n}"))));
            m.set_edns(hickory_proto::op::Edns::new());
        });
        assert!(full.len() > 1_190 && full.len() <= 1_232, "{}", full.len());
        let Reply::Answer(answer) = read(&full) else { panic!() };
        assert_eq!(answer.content.len(), 72);
    }

    #[test]
    fn a_broken_record_behind_the_answer_takes_nothing_from_it() {
        let with = |has_answer: bool| {
            let mut bytes = reply(|m| {
                if has_answer {
                    m.add_answer(a(FQDN, "1.1.1.1"));
                }
            });
            // An address of three bytes, in the additional section.
            bytes.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 3, 9, 9, 9]);
            bytes[11] += 1;
            read(&bytes)
        };
        let Reply::Answer(answer) = with(true) else { panic!() };
        assert_eq!(answer.content, addresses(&["1.1.1.1"]));
        assert_eq!(with(false), Reply::Ignored(Ignored::Malformed));
    }

    #[test]
    fn what_is_no_reply_to_this_question_is_ignored() {
        let good = reply(|m| {
            m.add_answer(a(FQDN, "1.1.1.1"));
        });
        let broken = |change: fn(&mut Vec<u8>)| {
            let mut bytes = good.clone();
            change(&mut bytes);
            read(&bytes)
        };
        assert_eq!(broken(|b| b.truncate(11)), Reply::Ignored(Ignored::Malformed));
        assert_eq!(
            broken(|b| b[2] &= 0x7f),
            Reply::Ignored(Ignored::Malformed),
            "a query reflected"
        );
        assert_eq!(broken(|b| b[2] |= 0x20), Reply::Ignored(Ignored::Malformed), "another opcode");
        assert_eq!(broken(|b| b[14] ^= 1), Reply::Ignored(Ignored::WrongQuestion));
        assert_eq!(broken(|b| b[5] = 2), Reply::Ignored(Ignored::WrongQuestion), "two questions");
        assert_eq!(
            broken(|b| b[5] = 0),
            Reply::Ignored(Ignored::WrongQuestion),
            "no question, no error"
        );
        assert_eq!(
            broken(|b| b[7] = 65),
            Reply::Ignored(Ignored::Malformed),
            "more records than read"
        );
        assert_eq!(broken(|b| b[7] = 2), Reply::Ignored(Ignored::Malformed), "a record is missing");
        assert_eq!(read(&[]), Reply::Ignored(Ignored::Malformed));
    }

    #[test]
    fn a_server_that_did_not_understand_may_leave_the_question_out() {
        let header_only = |rcode: u8| [0, 7, 0x81, 0x80 | rcode, 0, 0, 0, 0, 0, 0, 0, 0];
        for (rcode, wanted) in [
            (1, Content::OtherRcode),
            (2, Content::Servfail),
            (4, Content::OtherRcode),
            (5, Content::Refused),
        ] {
            let Reply::Answer(answer) = read(&header_only(rcode)) else { panic!("rcode {rcode}") };
            assert_eq!(answer.content, wanted);
        }
        assert_eq!(read(&header_only(3)), Reply::Ignored(Ignored::WrongQuestion));
    }

    #[test]
    fn truncation_is_seen_before_the_message_is_parsed() {
        let mut cut = reply(|m| {
            m.metadata.truncation = true;
            m.add_answer(a(FQDN, "1.1.1.1"));
        });
        cut.truncate(cut.len() - 3);
        assert_eq!(read(&cut), Reply::Truncated);
    }

    #[test]
    fn flags_are_noted() {
        let bytes = reply(|m| {
            m.metadata.recursion_available = false;
            m.metadata.authentic_data = true;
            let mut record = a(FQDN, "1.1.1.1");
            record.ttl = 0;
            m.add_answer(record);
        });
        let Reply::Answer(answer) = super::read(&bytes, &template(), 0) else { panic!() };
        let noted: Vec<_> = Flag::ALL.into_iter().filter(|flag| answer.flags.has(*flag)).collect();
        assert_eq!(noted, [Flag::Ad, Flag::RaMissing, Flag::CaseMismatch, Flag::TtlZero]);
    }

    #[test]
    fn no_mutation_of_a_reply_panics_and_none_is_read_as_another_address_family() {
        let good = reply(|m| {
            m.add_answers([a(FQDN, "1.1.1.1"), cname("x.example.", FQDN)]);
        });
        let mut state = 1_u64;
        let mut random = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap()
        };
        for _ in 0..20_000 {
            let mut bytes = good.clone();
            for _ in 0..=random() % 6 {
                let at = random() % bytes.len();
                bytes[at] = random().to_le_bytes()[0];
            }
            bytes.truncate(random() % (2 * bytes.len()) + 1);
            if let Reply::Answer(Answer { content: Content::Addresses(addresses), .. }) =
                read(&bytes)
            {
                assert!(!addresses.is_empty() && addresses.iter().all(IpAddr::is_ipv4));
            }
        }
    }
}
