//! The few DNS messages that a resolver here reads and writes. No I/O, no clock.
//!
//! Written by hand because one thread answers some 100,000 questions a second; the tests hold it
//! against hickory-proto.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Type A (RFC 1035).
pub const A: u16 = 1;
/// Type AAAA (RFC 3596).
pub const AAAA: u16 = 28;

const OPT: u16 = 41;
const HEADER: usize = 12;

/// A question that can be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    name: [u8; 255],
    name_length: usize,
    /// The type that is asked for.
    pub kind: u16,
    class: u16,
    opcode: u8,
    edns: bool,
}

/// What to reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply<'a> {
    /// The name's addresses of type A; with none, the name exists and has no such record.
    V4(&'a [Ipv4Addr]),
    /// The name's addresses of type AAAA.
    V6(&'a [Ipv6Addr]),
    /// The name does not exist.
    NxDomain,
    /// The resolver failed.
    Servfail,
    /// The resolver does not want to.
    Refused,
}

impl Question {
    /// Reads a query of one question. None when it is not one: no resolver replies to that.
    pub fn parse(query: &[u8]) -> Option<Self> {
        let header = query.get(..HEADER)?;
        let count = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        let is_query = header[2] & 0x80 == 0;
        if !is_query || count(4) != 1 || count(6) != 0 || count(8) != 0 {
            return None;
        }
        let mut name = [0; 255];
        let mut at = HEADER;
        loop {
            let length = usize::from(*query.get(at)?);
            let label = query.get(at..=at + length)?;
            let start = at - HEADER;
            // No label is longer than 63 bytes, no name longer than 255; no pointer in a question.
            if length > 63 || start + length >= 255 {
                return None;
            }
            name[start..=start + length].copy_from_slice(label);
            name[start + 1..=start + length].make_ascii_lowercase();
            at += length + 1;
            if length == 0 {
                break;
            }
        }
        let tail = query.get(at..at + 4)?;
        let additional = query.get(at + 4..)?;
        // An OPT record begins with the root's name and its type.
        let [opt_high, opt_low] = OPT.to_be_bytes();
        let edns = count(10) > 0 && additional.starts_with(&[0, opt_high, opt_low]);
        Some(Self {
            name,
            name_length: at - HEADER,
            kind: u16::from_be_bytes([tail[0], tail[1]]),
            class: u16::from_be_bytes([tail[2], tail[3]]),
            opcode: header[2] >> 3 & 0xF,
            edns,
        })
    }

    /// The name in wire form, in lower case.
    pub fn name(&self) -> &[u8] {
        &self.name[..self.name_length]
    }

    /// The reply to the query that this question was read from, with `ttl` seconds to live.
    pub fn reply(&self, query: &[u8], reply: Reply<'_>, ttl: u32) -> Vec<u8> {
        let (code, reply) = match reply {
            _ if self.opcode != 0 => (4, Reply::V4(&[])),
            _ if self.class != 1 => (5, Reply::V4(&[])),
            Reply::V4(_) | Reply::V6(_) => (0, reply),
            Reply::Servfail => (2, reply),
            Reply::NxDomain => (3, reply),
            Reply::Refused => (5, reply),
        };
        let question = &query[HEADER..HEADER + self.name_length + 4];
        let answers = match reply {
            Reply::V4(addresses) => addresses.len(),
            Reply::V6(addresses) => addresses.len(),
            _ => 0,
        };
        let mut message = Vec::with_capacity(HEADER + question.len() + answers * 28 + 11);
        // The query's id; a response, with the query's opcode and RD; RA and the code.
        message.extend([query[0], query[1], 0x80 | query[2] & 0x79, 0x80 | code]);
        for count in [1, answers, 0, usize::from(self.edns)] {
            message.extend(u16::try_from(count).unwrap_or(u16::MAX).to_be_bytes());
        }
        // As it came, letter for letter: the asker compares.
        message.extend(question);
        match reply {
            Reply::V4(all) => {
                for one in all {
                    record(&mut message, A, ttl, &one.octets());
                }
            }
            Reply::V6(all) => {
                for one in all {
                    record(&mut message, AAAA, ttl, &one.octets());
                }
            }
            Reply::NxDomain | Reply::Servfail | Reply::Refused => {}
        }
        if self.edns {
            // The root, OPT, 1232 bytes, no extended code or flags, no options.
            message.extend([0, 0, 41, 0x04, 0xD0, 0, 0, 0, 0, 0, 0]);
        }
        message
    }
}

/// A name in wire form, in lower case. None when it is not a host's name.
pub fn wire_name(name: &str) -> Option<Vec<u8>> {
    let mut wire = Vec::new();
    for label in name.trim_end_matches('.').split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
        wire.push(length);
        wire.extend(label.bytes().map(|byte| byte.to_ascii_lowercase()));
    }
    wire.push(0);
    (wire.len() <= 255).then_some(wire)
}

/// A record of the question's name.
fn record(message: &mut Vec<u8>, kind: u16, ttl: u32, data: &[u8]) {
    message.extend([0xC0, 0x0C]);
    message.extend(kind.to_be_bytes());
    message.extend([0, 1]);
    message.extend(ttl.to_be_bytes());
    message.extend(u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes());
    message.extend(data);
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::{Edns, Message, OpCode, Query, ResponseCode};
    use hickory_proto::rr::{DNSClass, Name, RData, RecordType};

    use super::*;

    const ANSWER: [Ipv4Addr; 1] = [Ipv4Addr::new(149, 154, 167, 220)];

    fn query(name: &str, kind: RecordType) -> Message {
        let mut message = Message::query();
        message.metadata.recursion_desired = true;
        message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
        message
    }

    fn answer(message: &Message, reply: Reply<'_>) -> Message {
        let bytes = message.to_vec().unwrap();
        let question = Question::parse(&bytes).unwrap();
        Message::from_vec(&question.reply(&bytes, reply, 60)).unwrap()
    }

    #[test]
    fn an_answer_is_a_message_that_others_read() {
        let asked = query("Api.MESSENGER.example.", RecordType::A);
        let answer = answer(&asked, Reply::V4(&ANSWER));
        assert_eq!(answer.metadata.id, asked.metadata.id);
        assert_eq!(answer.metadata.response_code, ResponseCode::NoError);
        assert!(answer.metadata.recursion_available && answer.metadata.recursion_desired);
        assert_eq!(answer.queries[0].name().to_string(), "Api.MESSENGER.example.");
        let record = &answer.answers[0];
        assert_eq!((record.ttl, record.dns_class), (60, DNSClass::IN));
        assert_eq!(record.data, RData::A(ANSWER[0].into()));
        assert!(answer.edns.is_none());
    }

    #[test]
    fn edns_is_answered_with_edns() {
        let mut asked = query("api.messenger.example.", RecordType::AAAA);
        asked.set_edns(Edns::new());
        let address: Ipv6Addr = "2001:67c:4e8:f004::9".parse().unwrap();
        let answer = answer(&asked, Reply::V6(&[address]));
        assert_eq!(answer.answers[0].data, RData::AAAA(address.into()));
        assert_eq!(answer.edns.unwrap().max_payload(), 1232);
    }

    #[test]
    fn a_refusal_has_its_code_and_no_answer() {
        let asked = query("api.messenger.example.", RecordType::A);
        let codes = [
            (Reply::NxDomain, ResponseCode::NXDomain),
            (Reply::Servfail, ResponseCode::ServFail),
            (Reply::Refused, ResponseCode::Refused),
            (Reply::V4(&[]), ResponseCode::NoError),
        ];
        for (reply, code) in codes {
            let answer = answer(&asked, reply);
            assert_eq!((answer.metadata.response_code, answer.answers.len()), (code, 0));
        }
    }

    #[test]
    fn other_operations_and_classes_are_refused() {
        let mut asked = query("api.messenger.example.", RecordType::A);
        asked.metadata.op_code = OpCode::Notify;
        let code = answer(&asked, Reply::V4(&ANSWER)).metadata.response_code;
        assert_eq!(code, ResponseCode::NotImp);
        let mut asked = query("version.bind.", RecordType::TXT);
        asked.queries[0].set_query_class(DNSClass::CH);
        let code = answer(&asked, Reply::V4(&ANSWER)).metadata.response_code;
        assert_eq!(code, ResponseCode::Refused);
    }

    #[test]
    fn the_name_is_compared_in_lower_case() {
        let bytes = query("Api.MESSENGER.example.", RecordType::A).to_vec().unwrap();
        let question = Question::parse(&bytes).unwrap();
        assert_eq!(question.name(), wire_name("api.messenger.EXAMPLE.").unwrap());
    }

    #[test]
    fn what_is_no_query_gets_no_reply() {
        let good = query("api.messenger.example.", RecordType::A).to_vec().unwrap();
        for cut in 0..good.len() {
            assert_eq!(Question::parse(&good[..cut]), None, "cut at {cut}");
        }
        let mut response = good.clone();
        response[2] |= 0x80;
        assert_eq!(Question::parse(&response), None, "a response");
        let mut pointer = good.clone();
        pointer[12] = 0xC0;
        assert_eq!(Question::parse(&pointer), None, "a pointer as the name");
        let mut endless = good[..HEADER].to_vec();
        endless.extend([63; 64].repeat(8));
        assert_eq!(Question::parse(&endless), None, "a name without end");
    }

    #[test]
    fn no_host_has_an_empty_or_a_long_label() {
        assert_eq!(wire_name("a..b"), None);
        assert_eq!(wire_name(&"a".repeat(64)), None);
        assert_eq!(wire_name(&"a.".repeat(128)), None);
    }
}
