//! One question on the wire: encoded once, then given a fresh id and letter case for each datagram. No I/O, no clock.

use std::fmt;
use std::str::FromStr;

use hickory_proto::rr::{DNSClass, RecordType};
use serde::Deserialize;

/// The UDP payload size that is offered (EDNS), and the most that is read of one datagram. It fits
/// every path without fragments (DNS flag day 2020), and keeps a reply about as small as it can be.
pub(crate) const MAX_UDP_PAYLOAD: u16 = 1232;

const HEADER: usize = 12;

/// RD, in the first of the two bytes of flags.
const RECURSION_DESIRED: u8 = 0x01;

/// AD, in the second one.
const AUTHENTIC_DATA: u8 = 0x20;

/// A record type that can be asked for. A closed set, since it is a label.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Kind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
}

impl Kind {
    /// The label value.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
        }
    }

    pub(crate) fn record_type(self) -> RecordType {
        match self {
            Self::A => RecordType::A,
            Self::Aaaa => RecordType::AAAA,
        }
    }
}

/// A host name: lower case, no full stop at the end, at most 253 characters, letters, digits,
/// hyphens and underscores only, so that it can stand in a label as it is.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[serde(try_from = "String")]
pub(crate) struct HostName(String);

impl HostName {
    /// The name as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as it goes over the wire: at most 255 bytes (RFC 1035 §3.1).
    fn wire(&self) -> impl Iterator<Item = u8> {
        let label = |label: &str| {
            let length = u8::try_from(label.len()).expect("a label has at most 63 characters");
            std::iter::once(length).chain(label.to_owned().into_bytes())
        };
        self.0.split('.').flat_map(label).chain([0])
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for HostName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for HostName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let good = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        if name.len() <= 253 && name.split('.').all(good) {
            Ok(Self(name))
        } else {
            Err(format!(
                "{text:?} is not a host name: letters, digits, hyphens, underscores and full stops \
                 only (an internationalised name in its xn-- form)"
            ))
        }
    }
}

/// What came back as the question of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Echo {
    /// The very bytes that were sent.
    Exact,
    /// The same question, in other letter case.
    OtherCase,
    /// Another question, or none.
    Different,
}

/// A query message, complete but for its id and its letter case.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    kind: Kind,
    message: Vec<u8>,
    /// Where the question section ends.
    question_end: usize,
    /// Where the letters of the name are: each carries one bit of the case.
    letters: Vec<usize>,
}

impl Template {
    /// Encodes the question: recursion desired, AD set (the resolver is asked to say whether it
    /// validated, RFC 6840 §5.7), DO clear (no signatures: small replies), EDNS with 1,232 bytes.
    ///
    /// Every host name has a template, so no name that a config may hold can fail a sweep.
    pub(crate) fn new(name: &HostName, kind: Kind) -> Self {
        // One question, and one record in the additional section: EDNS.
        let mut message = vec![0, 0, RECURSION_DESIRED, AUTHENTIC_DATA, 0, 1, 0, 0, 0, 0, 0, 1];
        message.extend(name.wire());
        let name_end = message.len();
        message.extend(u16::from(kind.record_type()).to_be_bytes());
        message.extend(u16::from(DNSClass::IN).to_be_bytes());
        let question_end = message.len();
        // The root's name, OPT, the payload size; no extended code, version 0, no flag, no option.
        message.push(0);
        message.extend(u16::from(RecordType::OPT).to_be_bytes());
        message.extend(MAX_UDP_PAYLOAD.to_be_bytes());
        message.extend([0; 6]);
        // A length byte of a label is at most 63, below every letter.
        let letters = (HEADER..name_end).filter(|&at| message[at].is_ascii_alphabetic()).collect();
        Self { kind, message, question_end, letters }
    }

    /// The type asked for.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Writes the query with this id; bit `n` of `case` makes letter `n` (modulo 64) a capital
    /// (draft-vixie-dnsext-dns0x20).
    pub(crate) fn write(&self, id: u16, case: u64, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&self.message);
        out[..2].copy_from_slice(&id.to_be_bytes());
        for (n, &at) in self.letters.iter().enumerate() {
            if case >> (n % 64) & 1 == 1 {
                out[at] = out[at].to_ascii_uppercase();
            }
        }
    }

    /// Compares the question section of a reply (its bytes after the header) with the one sent.
    pub(crate) fn echoed(&self, case: u64, after_header: &[u8]) -> Echo {
        let sent = &self.message[HEADER..self.question_end];
        let Some(got) = after_header.get(..sent.len()) else { return Echo::Different };
        if !got.eq_ignore_ascii_case(sent) {
            return Echo::Different;
        }
        // Type and class are compared as bytes, without regard to case: both are below 0x20.
        let as_sent =
            self.letters.iter().enumerate().all(|(n, &at)| {
                got[at - HEADER].is_ascii_uppercase() == (case >> (n % 64) & 1 == 1)
            });
        if as_sent { Echo::Exact } else { Echo::OtherCase }
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::Message;

    use super::*;

    fn template(name: &str) -> Template {
        Template::new(&name.parse().unwrap(), Kind::A)
    }

    #[test]
    fn a_template_is_a_query_that_another_decoder_reads() {
        let mut bytes = Vec::new();
        template("api.messenger.example").write(0xABCD, 0b101, &mut bytes);
        let message = Message::from_vec(&bytes).unwrap();
        assert_eq!(message.metadata.id, 0xABCD);
        assert!(message.metadata.recursion_desired && message.metadata.authentic_data);
        assert_eq!(message.queries[0].name().to_ascii(), "ApI.messenger.example.");
        assert_eq!(message.queries[0].query_type(), RecordType::A);
        assert_eq!(message.edns.as_ref().unwrap().max_payload(), MAX_UDP_PAYLOAD);
        assert!(!message.edns.unwrap().flags().dnssec_ok);
    }

    #[test]
    fn every_host_name_makes_a_query_that_another_decoder_reads() {
        let long = ["x".repeat(63).as_str(); 4].join(".")[..253].to_owned();
        for name in
            ["-a.example", "a-.example", "--", "_dmarc.example", "7", "xn--bcher-kva", &long]
        {
            let mut bytes = Vec::new();
            template(name).write(7, u64::MAX, &mut bytes);
            let message = Message::from_vec(&bytes).unwrap();
            let labels = message.queries[0].name().iter().map(|it| String::from_utf8_lossy(it));
            let read = labels.map(|it| it.to_ascii_lowercase()).collect::<Vec<_>>().join(".");
            assert_eq!(read, name);
            assert_eq!(message.to_vec().unwrap().len(), bytes.len());
        }
    }

    #[test]
    fn an_echo_is_told_from_another_case_and_another_question() {
        let (template, mut bytes) = (template("a-1.example"), Vec::new());
        template.write(7, 0b11, &mut bytes);
        assert_eq!(template.echoed(0b11, &bytes[12..]), Echo::Exact);
        assert_eq!(template.echoed(0b10, &bytes[12..]), Echo::OtherCase);
        assert_eq!(template.echoed(0b11, &bytes[12..20]), Echo::Different);
        let aaaa = Template::new(&"a-1.example".parse().unwrap(), Kind::Aaaa);
        assert_eq!(aaaa.echoed(0b11, &bytes[12..]), Echo::Different);
        assert_eq!(aaaa.kind(), Kind::Aaaa);
    }

    #[test]
    fn host_names_are_normalised_and_checked() {
        assert_eq!("API.Example.".parse::<HostName>().unwrap().as_str(), "api.example");
        for bad in ["", ".", "a..b", "a b", "a\"b", "ä.example", &"x".repeat(64), "*.example"] {
            assert!(bad.parse::<HostName>().is_err(), "{bad:?}");
        }
    }
}
