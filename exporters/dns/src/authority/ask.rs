//! What one server of a zone is asked in a round: its version of the zone, its list of servers, the signatures, and
//! what is configured. One question after the other; a lost packet is asked for once more.

use std::net::SocketAddr;

use hickory_proto::op::Message;
use hickory_proto::rr::RecordType;

use super::chain;
use super::counts::Counts;
use super::finding::Outcome;
use super::said::{self, Said};
use crate::config::ZonePlan;
use crate::exchange::message::Reply;
use crate::exchange::question::{Edns, Question};
use crate::exchange::{Failure, HostName, Transport, ask};

/// Asks a server all that it is asked in a round.
pub(super) async fn server(
    address: SocketAddr,
    plan: &ZonePlan,
    counts: &Counts,
) -> (Outcome, Said) {
    let mut said = Said::default();
    let zone = &plan.zone;
    let reply = patiently(address, &signed(zone, RecordType::SOA), plan, counts).await;
    let outcome = said::outcome(&reply, address.ip(), zone);
    let Some(first) = message(&reply) else { return (outcome, said) };
    said.nsid = said::nsid(first);
    if outcome != Outcome::Answers {
        return (outcome, said);
    }
    said.serial = said::serial(first, zone);
    said.signatures = said::signatures(&first.answers, zone);
    let reply = patiently(address, &signed(zone, RecordType::NS), plan, counts).await;
    if let Some(message) = authoritative(&reply) {
        said.ns = Some(said::ns(&message.answers, zone));
        said.signatures.extend(said::signatures(&message.answers, zone));
    }
    if said.signatures.is_empty() {
        said.keys = Some(Vec::new());
    } else {
        let reply = patiently(address, &signed(zone, RecordType::DNSKEY), plan, counts).await;
        if let Some(message) = authoritative(&reply) {
            said.signatures.extend(said::signatures(&message.answers, zone));
            said.keys = Some(chain::of(&message.answers, zone, RecordType::DNSKEY).collect());
        }
    }
    if let Some(name) = &plan.canary {
        let question = Question::authoritative(name.clone(), RecordType::TXT);
        let reply = patiently(address, &question, plan, counts).await;
        said.canary = authoritative(&reply).map(said::canary).unwrap_or_default();
    }
    for (name, kind) in &plan.questions {
        let question = Question::authoritative(name.clone(), kind.record_type());
        let reply = patiently(address, &question, plan, counts).await;
        let (message, record) = (message(&reply), kind.record_type());
        said.answers.push(message.and_then(|it| said::content(it, name, record)));
        let ttl = message.and_then(|it| said::ttl(it, name, record));
        said.ttls.extend(ttl.map(|ttl| (name.clone(), *kind, ttl)));
    }
    (outcome, said)
}

/// Asks one question; twice if nothing comes, and a third time without EDNS, which some servers and boxes
/// before them still cannot bear (RFC 6891 §6.2.2, §7).
pub(super) async fn patiently(
    address: SocketAddr,
    question: &Question,
    plan: &ZonePlan,
    counts: &Counts,
) -> Result<Reply, Failure> {
    let mut reply = once(address, question, plan, counts).await;
    if let Err(Failure::Timeout) = reply {
        reply = once(address, question, plan, counts).await;
    }
    let is_averse = match &reply {
        Err(Failure::Timeout | Failure::Malformed) => true,
        Ok(Reply::Code(rcode)) => matches!(rcode, 1 | 4),
        Ok(Reply::Whole(whole)) => {
            matches!(u16::from(whole.message.metadata.response_code), 1 | 4)
        }
        _ => false,
    };
    if question.edns.is_some() && is_averse {
        let bare = Question { edns: None, ..question.clone() };
        let again = once(address, &bare, plan, counts).await;
        if again.is_ok() {
            return again;
        }
    }
    reply
}

/// Asks one question once.
pub(super) async fn once(
    address: SocketAddr,
    question: &Question,
    plan: &ZonePlan,
    counts: &Counts,
) -> Result<Reply, Failure> {
    counts.query(Transport::Udp);
    let answer = ask(address, question, plan.timeout).await;
    match &answer {
        Ok(answer) if answer.transport == Transport::Tcp => counts.query(Transport::Tcp),
        Err(Failure::Truncated(_)) => counts.query(Transport::Tcp),
        _ => {}
    }
    if let Ok(answer) = &answer {
        counts.answered(answer.took);
    }
    answer.map(|answer| answer.reply)
}

/// A question for records at the top of the zone, with their signatures.
fn signed(zone: &HostName, kind: RecordType) -> Question {
    let edns = Edns { nsid: true, dnssec_ok: true, ..Edns::default() };
    Question { edns: Some(edns), ..Question::authoritative(zone.clone(), kind) }
}

/// The message of a reply, if there is a whole one.
pub(super) fn message(reply: &Result<Reply, Failure>) -> Option<&Message> {
    match reply {
        Ok(Reply::Whole(whole)) => Some(&whole.message),
        _ => None,
    }
}

/// The same, if the server speaks for the zone.
pub(super) fn authoritative(reply: &Result<Reply, Failure>) -> Option<&Message> {
    message(reply).filter(|message| message.metadata.authoritative)
}
