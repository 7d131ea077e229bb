//! Asks validating resolvers what they make of a zone, no more often than politeness allows.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use tokio::time::{Instant, sleep};

use super::ask::{message, once};
use super::delegation::{Way, resolvers};
use super::heard::{Heard, PROOF, Vote, most};
use super::said;
use crate::courtesy::{Refusal, Room};
use crate::exchange::message::Reply;
use crate::exchange::question::{Flags, Question};

/// Resolvers that are asked whether they can validate the zone.
pub(crate) const VALIDATORS: usize = 3;
/// How long it is waited until a resolver may be asked, and how often.
const WAIT: (Duration, u32) = (Duration::from_secs(2), 3);

/// Whether most resolvers that say anything take the zone for forged: one fails on its SOA, has it where it is told
/// not to validate, and does not fail on the zone above, so that its own clock and keys are sound. Nothing if no
/// resolver is known, or none says anything.
pub(super) async fn is_bogus(way: Way<'_>, heard: &mut Heard) -> Option<bool> {
    let resolvers: Vec<_> = resolvers(way.plan).into_iter().take(VALIDATORS).collect();
    let is_owed = resolvers.iter().any(|resolver| is_owed(way, *resolver));
    let now = Instant::now();
    heard.keep(&resolvers);
    if is_owed && !heard.is_due(now) {
        return heard.meanwhile(now);
    }
    let spare = heard.spare();
    let mut said = Vec::new();
    for resolver in resolvers {
        said.extend(vote(way, resolver, spare).await.map(|vote| (resolver, vote)));
    }
    if !is_owed {
        return most(said.iter().filter_map(|(_, vote)| *vote));
    }
    heard.note(&said, now).or_else(|| heard.meanwhile(now))
}

/// What a resolver says, if anything. The outer is nothing where its hour has no room for a proof.
async fn vote(way: Way<'_>, resolver: SocketAddr, spare: u32) -> Option<Option<Vote>> {
    let mut room = None;
    if is_owed(way, resolver) {
        room = Some(way.courtesy.reserve(resolver.ip(), PROOF, spare)?);
    }
    let question = Question::recursive(way.plan.zone.clone(), RecordType::SOA);
    let Some(reply) = ask(way, resolver, &question, &mut room).await else { return Some(None) };
    let is_failing = match &reply {
        Reply::Code(rcode) => *rcode == 2,
        Reply::Whole(whole) => whole.message.metadata.response_code == ResponseCode::ServFail,
        Reply::Truncated => return Some(None),
    };
    if !is_failing {
        return Some(Some(Vote::Sound));
    }
    let flags = Flags { checking_disabled: true, ..question.flags };
    let unchecked = Question { flags, ..question };
    let Some(reply) = ask(way, resolver, &unchecked, &mut room).await else {
        return Some(Some(Vote::Doubtful));
    };
    let reply = Ok(reply);
    if message(&reply).is_none_or(|it| said::serial(it, &way.plan.zone).is_none()) {
        return Some(None);
    }
    // Whether it answers for the zone above with validation.
    let Some(above) = way.plan.zone.parent() else { return Some(None) };
    let question = Question::recursive(above, RecordType::SOA);
    let Some(reply) = ask(way, resolver, &question, &mut room).await else {
        return Some(Some(Vote::Doubtful));
    };
    let is_answer = |it: &Message| {
        matches!(it.metadata.response_code, ResponseCode::NoError | ResponseCode::NXDomain)
    };
    let is_sound = message(&Ok(reply)).is_some_and(is_answer);
    Some(is_sound.then_some(Vote::Forged))
}

/// Whether a resolver is asked as somebody else's: those of this machine are there for its programs.
fn is_owed(way: Way<'_>, resolver: SocketAddr) -> bool {
    way.plan.resolvers.contains(&resolver) && way.courtesy.is_owed(resolver.ip())
}

/// Asks a resolver, as soon as it may be asked: room was set aside for it, but its second and its network may be used up.
async fn ask(
    way: Way<'_>,
    resolver: SocketAddr,
    question: &Question,
    room: &mut Option<Room>,
) -> Option<Reply> {
    let Some(room) = room else {
        return once(resolver, question, way.plan, way.counts).await.ok();
    };
    for _ in 0..WAIT.1 {
        match room.ask() {
            Ok(()) => return once(resolver, question, way.plan, way.counts).await.ok(),
            Err(Refusal::For(wait)) => sleep(wait.min(WAIT.0)).await,
            Err(Refusal::ForThisHour) => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use hickory_proto::op::OpCode;
    use hickory_proto::rr::rdata::{NS, SOA};
    use hickory_proto::rr::{Name, RData, Record};
    use tokio::net::UdpSocket;

    use super::super::counts::Counts;
    use super::super::delegation::Finder;
    use super::super::finding::ROUNDS;
    use super::*;
    use crate::config::{Config, ZonePlan};
    use crate::courtesy::Courtesy;
    use crate::exchange::HostName;

    type Asked = std::sync::Arc<std::sync::Mutex<Vec<RecordType>>>;

    /// A server that says of all zones that they are delegated to one server, or have one; counts what it is asked; and, if
    /// it validates, takes `a.example` for forged.
    async fn server(is_validating: bool) -> (SocketAddr, Asked) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (address, asked) = (socket.local_addr().unwrap(), Asked::default());
        let counts = Asked::clone(&asked);
        tokio::spawn(async move {
            let mut bytes = [0; 1_500];
            loop {
                let (length, from) = socket.recv_from(&mut bytes).await.unwrap();
                let query = Message::from_vec(&bytes[..length]).unwrap();
                let mut reply = Message::response(query.metadata.id, OpCode::Query);
                let question = query.queries[0].clone();
                counts.lock().unwrap().push(question.query_type());
                let name = |text: &str| Name::from_ascii(text).unwrap();
                let is_checked = is_validating && !query.metadata.checking_disabled;
                let data = match question.query_type() {
                    RecordType::NS => Some(RData::NS(NS(name("ns.example.")))),
                    RecordType::A => Some(RData::A(std::net::Ipv4Addr::new(127, 0, 0, 9).into())),
                    RecordType::SOA if is_checked && *question.name() == name("a.example.") => {
                        reply.metadata.response_code = ResponseCode::ServFail;
                        None
                    }
                    RecordType::SOA => {
                        Some(RData::SOA(SOA::new(name("ns."), name("h."), 7, 1, 1, 1, 1)))
                    }
                    _ => None,
                };
                let records =
                    data.map(|data| Record::from_rdata(question.name().clone(), 60, data));
                if let Some(record) = records {
                    reply.add_answer(record);
                }
                reply.add_query(question);
                socket.send_to(&reply.to_vec().unwrap(), from).await.unwrap();
            }
        });
        (address, asked)
    }

    /// The plan of `a.example`, with one server as the parent's and as resolver.
    fn plan(address: SocketAddr) -> ZonePlan {
        let text = format!(
            "vantage: {{ name: fra, region: EMEA }}\nzones:\n  a.example: {{ parents: ['{address}'], resolvers: \
             ['{address}'], allow_private: true }}\n"
        );
        let config: Config = exporter_kit::config::parse(&text, "test.yml").unwrap();
        let config = config.complete(Path::new(".")).unwrap();
        config.zone_plans().remove("a.example").unwrap()
    }

    #[tokio::test]
    async fn a_resolver_is_asked_for_a_whole_proof_or_for_nothing() {
        let localhost = ["127.0.0.1".parse().unwrap()];
        // So often it was asked just now, of what an hour has room for at once.
        for (times, queries, wanted) in [(0, 3, Some(true)), (12, 0, None), (18, 0, None)] {
            let (address, asked) = server(true).await;
            let (plan, courtesy) = (plan(address), Courtesy::after_asking(&localhost, times));
            let counts = Counts::new(&plan.buckets);
            let way = Way { plan: &plan, counts: &counts, courtesy: &courtesy };
            let mut heard = Heard::default();
            assert_eq!(is_bogus(way, &mut heard).await, wanted, "{times}");
            assert_eq!(asked.lock().unwrap().len(), queries, "{times}");
            // One that has begun to say so is asked with what is left.
            assert!(heard.is_due(Instant::now()) == (queries == 0), "{times}");
        }
    }

    #[tokio::test]
    async fn strangers_are_asked_about_a_zone_once_a_minute_at_most_and_ones_own_each_round() {
        for (courtesy, most) in [(Courtesy::after_asking(&[], 0), 1), (Courtesy::default(), 5)] {
            let (address, asked) = server(false).await;
            let plan = plan(address);
            let counts = Counts::new(&plan.buckets);
            let way = Way { plan: &plan, counts: &counts, courtesy: &courtesy };
            let (mut finder, mut heard) = (Finder::default(), Heard::default());
            let count = |kind: RecordType| {
                asked.lock().unwrap().iter().filter(|asked| **asked == kind).count()
            };
            for round in 0..5 {
                let found = finder.find(way, &BTreeMap::new()).await;
                let ns = &found.parent.as_ref().unwrap().ns;
                assert!(ns.iter().map(HostName::as_str).eq(["ns.example"]));
                assert_eq!(found.is_parent_kept, most == 1 && round > 0);
                assert_eq!(found.is_online, !found.is_parent_kept);
                assert_eq!(found.servers.len(), 1);
                assert_eq!(is_bogus(way, &mut heard).await, Some(false));
            }
            assert_eq!((count(RecordType::NS), count(RecordType::SOA)), (most, most));
            // Where no server answers, the parent is asked what is new, as often at once as makes a verdict.
            for round in 1..6 {
                let mut found = finder.find(way, &BTreeMap::new()).await;
                finder.look_for_life(way, &mut found).await;
                assert_eq!(found.is_parent_kept, most == 1 && round >= ROUNDS, "{round}");
                assert_eq!(found.is_online, !found.is_parent_kept);
            }
        }
    }
}
