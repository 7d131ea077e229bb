//! A question: name, type, flags and EDNS; and its message, encoded once and then given a fresh id and
//! letter case for each datagram. No I/O, no clock.

use std::net::IpAddr;

use hickory_proto::rr::{DNSClass, RecordType};
use ipnet::IpNet;

use super::name::HostName;

/// The UDP payload size that is offered (EDNS), and the most that is read of one datagram. It fits
/// every path without fragments (DNS flag day 2020), and keeps a reply about as small as it can be.
pub(crate) const MAX_UDP_PAYLOAD: u16 = 1232;

const HEADER: usize = 12;

/// What is asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Question {
    /// The name.
    pub name: HostName,
    /// The type.
    pub kind: RecordType,
    /// The class: IN, but for what a server says of itself.
    pub class: DNSClass,
    /// What the server is asked to do.
    pub flags: Flags,
    /// EDNS (RFC 6891); none makes a query as of 1987.
    pub edns: Option<Edns>,
}

/// The flags of a query.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Flags {
    /// RD: the server is to ask others, if it does not know itself.
    pub recursion_desired: bool,
    /// AD: it is to say whether it validated the answer (RFC 6840 §5.7).
    pub authentic_data: bool,
    /// CD: it is not to hold back an answer that is not valid (RFC 4035 §3.2.2).
    pub checking_disabled: bool,
}

/// What EDNS adds to a query.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Edns {
    /// Largest datagram that is taken, in bytes.
    pub payload: u16,
    /// DO: signatures are wanted.
    pub dnssec_ok: bool,
    /// NSID: the server is to say which one it is (RFC 5001).
    pub nsid: bool,
    /// A client's cookie (RFC 7873).
    pub cookie: Option<[u8; 8]>,
    /// ECS: for whom the answer is to be tailored (RFC 7871).
    pub client_subnet: Option<IpNet>,
}

impl Default for Edns {
    /// 1,232 bytes and nothing else.
    fn default() -> Self {
        Self {
            payload: MAX_UDP_PAYLOAD,
            dnssec_ok: false,
            nsid: false,
            cookie: None,
            client_subnet: None,
        }
    }
}

impl Question {
    /// What is asked of somebody's resolver: RD; AD, so that it says whether it validated; DO clear, so
    /// that replies are small.
    pub fn recursive(name: HostName, kind: RecordType) -> Self {
        let flags =
            Flags { recursion_desired: true, authentic_data: true, checking_disabled: false };
        Self { name, kind, class: DNSClass::IN, flags, edns: Some(Edns::default()) }
    }

    /// What is asked of a zone's own server: RD clear, and which of its machines it is.
    pub fn authoritative(name: HostName, kind: RecordType) -> Self {
        let edns = Edns { nsid: true, ..Edns::default() };
        let class = DNSClass::IN;
        Self { name, kind, class, flags: Flags::default(), edns: Some(edns) }
    }
}

impl Flags {
    /// The two bytes of flags in the header.
    fn wire(self) -> [u8; 2] {
        let bit = |is_set, bit| if is_set { bit } else { 0 };
        let second = bit(self.authentic_data, 0x20) | bit(self.checking_disabled, 0x10);
        [bit(self.recursion_desired, 0x01), second]
    }
}

impl Edns {
    /// The OPT record: the root's name, its type, the payload size, no extended code, version 0, DO
    /// and no other flag, the options.
    fn wire(&self) -> Vec<u8> {
        let mut options = Vec::new();
        let mut option = |code: u16, data: &[u8]| {
            let length = u16::try_from(data.len()).expect("the longest option has 20 bytes");
            options.extend(code.to_be_bytes());
            options.extend(length.to_be_bytes());
            options.extend(data);
        };
        if self.nsid {
            option(3, &[]);
        }
        if let Some(net) = self.client_subnet {
            let (family, address) = match net.network() {
                IpAddr::V4(v4) => (1, v4.octets().to_vec()),
                IpAddr::V6(v6) => (2, v6.octets().to_vec()),
            };
            let prefix = net.prefix_len();
            let address = &address[..usize::from(prefix.div_ceil(8))];
            option(8, &[&[0, family, prefix, 0], address].concat());
        }
        if let Some(cookie) = self.cookie {
            option(10, &cookie);
        }
        let mut record = vec![0];
        record.extend(u16::from(RecordType::OPT).to_be_bytes());
        record.extend(self.payload.to_be_bytes());
        record.extend([0, 0, u8::from(self.dnssec_ok) << 7, 0]);
        let length = u16::try_from(options.len()).expect("three options have 44 bytes");
        record.extend(length.to_be_bytes());
        record.extend(options);
        record
    }
}

/// How one query differs from its template.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Form {
    /// Without EDNS: for a server that does not understand it (RFC 6891 §6.2.2).
    pub(crate) is_plain: bool,
    /// CD: an answer is not to be held back for being invalid (RFC 4035 §3.2.2).
    pub(crate) is_unchecked: bool,
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
pub struct Template {
    kind: RecordType,
    message: Vec<u8>,
    /// Where the question section ends.
    question_end: usize,
    /// Where the letters of the name are: each carries one bit of the case.
    letters: Vec<usize>,
}

impl Template {
    /// Encodes a question. Every question has a template, so none that a config may hold can fail.
    pub fn new(question: &Question) -> Self {
        let [first, second] = question.flags.wire();
        // One question, and one record in the additional section if there is EDNS.
        let additional = u8::from(question.edns.is_some());
        let mut message = vec![0, 0, first, second, 0, 1, 0, 0, 0, 0, 0, additional];
        message.extend(question.name.wire());
        let name_end = message.len();
        message.extend(u16::from(question.kind).to_be_bytes());
        message.extend(u16::from(question.class).to_be_bytes());
        let question_end = message.len();
        message.extend(question.edns.iter().flat_map(Edns::wire));
        // A length byte of a label is at most 63, below every letter.
        let letters = (HEADER..name_end).filter(|&at| message[at].is_ascii_alphabetic()).collect();
        Self { kind: question.kind, message, question_end, letters }
    }

    /// The type asked for.
    pub fn kind(&self) -> RecordType {
        self.kind
    }

    /// Writes the query with this id; bit `n` of `case` makes letter `n` (modulo 64) a capital
    /// (draft-vixie-dnsext-dns0x20).
    pub fn write(&self, id: u16, case: u64, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&self.message);
        out[..2].copy_from_slice(&id.to_be_bytes());
        for (n, &at) in self.letters.iter().enumerate() {
            if case >> (n % 64) & 1 == 1 {
                out[at] = out[at].to_ascii_uppercase();
            }
        }
    }

    /// The same in another form.
    pub(crate) fn write_as(&self, form: Form, id: u16, case: u64, out: &mut Vec<u8>) {
        self.write(id, case, out);
        if form.is_plain {
            out.truncate(self.question_end);
            out[11] = 0;
        }
        if form.is_unchecked {
            out[3] |= 0x10;
        }
    }

    /// Compares the question section of a reply (its bytes after the header) with the one sent.
    pub(crate) fn echoed(&self, case: u64, after_header: &[u8]) -> Echo {
        let sent = &self.message[HEADER..self.question_end];
        let Some(got) = after_header.get(..sent.len()) else { return Echo::Different };
        if !got.eq_ignore_ascii_case(sent) {
            return Echo::Different;
        }
        // Type and class are compared with the rest: those of all that is asked have no letters' bytes.
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
    use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};

    use super::*;

    fn template(name: &str) -> Template {
        Template::new(&Question::recursive(name.parse().unwrap(), RecordType::A))
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
    fn flags_and_options_are_read_by_another_decoder() {
        let flags = Flags { checking_disabled: true, ..Flags::default() };
        let edns = Edns {
            payload: 4096,
            dnssec_ok: true,
            nsid: true,
            cookie: Some([7; 8]),
            client_subnet: Some("192.0.2.77/23".parse().unwrap()),
        };
        let name: HostName = "a.example".parse().unwrap();
        let kind = RecordType::SOA;
        let question =
            Question { name: name.clone(), kind, class: DNSClass::CH, flags, edns: Some(edns) };
        let mut bytes = Vec::new();
        Template::new(&question).write(7, 0, &mut bytes);
        let message = Message::from_vec(&bytes).unwrap();
        assert_eq!(message.queries[0].query_type(), RecordType::SOA);
        assert_eq!(message.queries[0].query_class(), DNSClass::CH);
        let read = message.metadata;
        assert!(read.checking_disabled && !read.recursion_desired && !read.authentic_data);
        let edns = message.edns.unwrap();
        assert!(edns.flags().dnssec_ok && edns.max_payload() == 4096);
        let Some(EdnsOption::Subnet(subnet)) = edns.option(EdnsCode::Subnet) else { panic!() };
        assert_eq!((subnet.addr().to_string().as_str(), subnet.source_prefix()), ("192.0.2.0", 23));
        assert!(edns.option(EdnsCode::NSID).is_some() && edns.option(EdnsCode::Cookie).is_some());

        let plain = Question { edns: None, ..Question::authoritative(name, RecordType::NS) };
        Template::new(&plain).write(7, 0, &mut bytes);
        let message = Message::from_vec(&bytes).unwrap();
        assert!(message.edns.is_none() && !message.metadata.recursion_desired);
    }

    #[test]
    fn a_query_in_another_form_is_read_by_another_decoder() {
        let (template, mut bytes) = (template("a.example"), Vec::new());
        for (is_plain, is_unchecked) in [(false, false), (true, false), (false, true), (true, true)]
        {
            template.write_as(Form { is_plain, is_unchecked }, 7, 0, &mut bytes);
            let message = Message::from_vec(&bytes).unwrap();
            assert_eq!(message.to_vec().unwrap().len(), bytes.len());
            assert_eq!(message.edns.is_none(), is_plain);
            assert_eq!(message.metadata.checking_disabled, is_unchecked);
            assert!(message.metadata.recursion_desired);
        }
    }

    #[test]
    fn an_echo_is_told_from_another_case_and_another_question() {
        let (template, mut bytes) = (template("a-1.example"), Vec::new());
        template.write(7, 0b11, &mut bytes);
        assert_eq!(template.echoed(0b11, &bytes[12..]), Echo::Exact);
        assert_eq!(template.echoed(0b10, &bytes[12..]), Echo::OtherCase);
        assert_eq!(template.echoed(0b11, &bytes[12..20]), Echo::Different);
        let aaaa =
            Template::new(&Question::recursive("a-1.example".parse().unwrap(), RecordType::AAAA));
        assert_eq!(aaaa.echoed(0b11, &bytes[12..]), Echo::Different);
        assert_eq!(aaaa.kind(), RecordType::AAAA);
    }
}
