//! What a server sends back: is it an answer to the question, and can it be read. No I/O, no clock.

use hickory_proto::op::Message;

use super::effort;
use super::question::{Echo, MAX_UDP_PAYLOAD, Template};

/// Most records that are looked at in a datagram: as many addresses as fit one, and an OPT record. The decoder is
/// linear in them, but hostile ones are costly: a message of nothing but long names takes milliseconds.
const MAX_RECORDS: u32 = 80;

/// The same for what came over TCP because it does not fit a datagram: more addresses than 64 KiB hold.
/// There are at most fifty such answers at a time, and none makes more than bounded work.
const MAX_TCP_RECORDS: u32 = 4_096;

const HEADER: usize = 12;

/// A reply to a question.
#[derive(Clone, Debug)]
pub enum Reply {
    /// The whole answer.
    Whole(Whole),
    /// An answer that was cut to fit the datagram: the whole is to be had over TCP.
    Truncated,
    /// A response code alone, without the question: FORMERR, SERVFAIL, NOTIMP or REFUSED of a server
    /// that did not parse or did not want it.
    Code(u8),
}

/// An answer that could be read. Records of a type that the decoder does not know are carried raw.
#[derive(Clone, Debug)]
pub struct Whole {
    /// The message.
    pub message: Message,
    /// Whether the question came back in the letter case in which it was sent.
    pub is_case_kept: bool,
}

/// Why a message is no reply to a question.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flaw {
    /// It answers another question.
    WrongQuestion,
    /// It is not a reply that can be read.
    Malformed,
}

/// The id of a message, if it is long enough to be one.
pub fn id(message: &[u8]) -> Option<u16> {
    (message.len() >= HEADER).then(|| u16::from_be_bytes([message[0], message[1]]))
}

/// Reads a message whose id and sender match a query. The checks, in this order: it is long
/// enough; it is a reply (QR) of a plain query (opcode 0); its question is the one that was sent,
/// or, with a response code that says the question was not understood or not served, it has none;
/// it is whole (TC); its records are few enough, and make bounded work; it can be decoded.
pub fn read(bytes: &[u8], template: &Template, case: u64) -> Result<Reply, Flaw> {
    let (header, rest) = bytes.split_first_chunk::<HEADER>().ok_or(Flaw::Malformed)?;
    let count = |at: usize| u32::from(u16::from_be_bytes([header[at], header[at + 1]]));
    let (is_reply, opcode, rcode) = (header[2] & 0x80 != 0, header[2] >> 3 & 0xf, header[3] & 0xf);
    if !is_reply || opcode != 0 {
        return Err(Flaw::Malformed);
    }
    let is_case_kept = match (count(4), template.echoed(case, rest)) {
        (1, Echo::Exact) => true,
        (1, Echo::OtherCase) => false,
        // FORMERR, SERVFAIL, NOTIMP, REFUSED.
        (0, _) if matches!(rcode, 1 | 2 | 4 | 5) => return Ok(Reply::Code(rcode)),
        _ => return Err(Flaw::WrongQuestion),
    };
    if header[2] & 0x02 != 0 {
        return Ok(Reply::Truncated);
    }
    let is_datagram = bytes.len() <= usize::from(MAX_UDP_PAYLOAD);
    let most = if is_datagram { MAX_RECORDS } else { MAX_TCP_RECORDS };
    if count(6) + count(8) + count(10) > most || !is_datagram && !effort::is_bounded(bytes) {
        return Err(Flaw::Malformed);
    }
    let message = Message::from_vec(bytes).ok().or_else(|| of_the_answer(bytes));
    let message = message.ok_or(Flaw::Malformed)?;
    Ok(Reply::Whole(Whole { message, is_case_kept }))
}

/// The message without what comes after its answer section: a record that is broken there takes nothing from the answer.
/// Nothing where there is no answer, of whose absence the rest would tell.
fn of_the_answer(bytes: &[u8]) -> Option<Message> {
    let mut bytes = bytes.to_vec();
    let header = bytes.first_chunk_mut::<HEADER>()?;
    let has_answers = header[6..8] != [0, 0];
    header[8..].fill(0);
    Message::from_vec(&bytes).ok().filter(|_| has_answers)
}
