//! What validating resolvers make of a zone, asked no more often than politeness allows.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use tokio::time::{Instant, sleep};

use super::ask::{message, once};
use super::delegation::{Way, resolvers};
use super::judge::ROUNDS;
use super::said;
use crate::courtesy::{Refusal, Want};
use crate::exchange::message::Reply;
use crate::exchange::question::{Flags, Question};
use crate::resolvers::Resolver;
use crate::verdict;

/// Resolvers that are asked whether they can validate the zone.
pub(crate) const VALIDATORS: usize = 3;
/// After how long a resolver of others is asked again about a zone that was sound, and about one that was not: a little
/// less than five minutes, and than one, so that a round each minute does.
const AGAIN: (Duration, Duration) = (Duration::from_secs(295), Duration::from_secs(55));
/// For how long what was heard counts while nothing new is, as what is told of names.
const STANDS: Duration = Duration::from_secs(verdict::STANDS);
/// How long it is waited until a resolver may be asked, and how often.
const WAIT: (Duration, u32) = (Duration::from_secs(2), 3);

/// What was heard last.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Heard {
    /// When it was asked last, whatever came of it.
    asked: Option<Instant>,
    /// What was heard, when, and how often in a row.
    last: Option<(bool, Instant, u32)>,
}

impl Heard {
    fn is_due(self, now: Instant) -> bool {
        let is_bad = self.last.is_some_and(|(is_bad, ..)| is_bad);
        let pause = if is_bad { AGAIN.1 } else { AGAIN.0 };
        self.asked.is_none_or(|asked| now.saturating_duration_since(asked) >= pause)
    }

    fn note(&mut self, is_bad: bool, now: Instant) {
        let times = match self.last {
            Some((was, _, times)) if was == is_bad => times.saturating_add(1),
            _ => 1,
        };
        self.last = Some((is_bad, now, times));
    }

    /// What counts while nobody is asked. One bad answer counts once, until there were enough for a verdict.
    fn meanwhile(self, now: Instant) -> Option<bool> {
        let (is_bad, at, times) = self.last?;
        let is_certain = !is_bad || times >= ROUNDS;
        (is_certain && now.saturating_duration_since(at) <= STANDS).then_some(is_bad)
    }
}

/// Whether most resolvers that say anything take the zone for forged: one fails on its SOA, has it where it is told
/// not to validate, and does not fail on the zone above, so that its own clock and keys are sound. Nothing if no
/// resolver is known, or none says anything.
pub(super) async fn is_bogus(way: Way<'_>, heard: &mut Heard) -> Option<bool> {
    let resolvers: Vec<_> = resolvers(way.plan).into_iter().take(VALIDATORS).collect();
    if !resolvers.iter().any(|resolver| is_owed(way, *resolver)) {
        return vote(way, &resolvers).await;
    }
    let now = Instant::now();
    if heard.is_due(now) {
        heard.asked = Some(now);
        if let Some(is_bad) = vote(way, &resolvers).await {
            heard.note(is_bad, now);
            return Some(is_bad);
        }
    }
    heard.meanwhile(now)
}

async fn vote(way: Way<'_>, resolvers: &[SocketAddr]) -> Option<bool> {
    let mut votes = Vec::new();
    for resolver in resolvers {
        let question = Question::recursive(way.plan.zone.clone(), RecordType::SOA);
        let Some(reply) = ask(way, *resolver, &question).await else { continue };
        let is_failing = match &reply {
            Reply::Code(rcode) => *rcode == 2,
            Reply::Whole(whole) => whole.message.metadata.response_code == ResponseCode::ServFail,
            Reply::Truncated => continue,
        };
        if !is_failing {
            votes.push(false);
            continue;
        }
        let flags = Flags { checking_disabled: true, ..question.flags };
        let reply = ask(way, *resolver, &Question { flags, ..question }).await.map(Ok);
        let has_soa = reply.as_ref().and_then(message);
        let has_soa = has_soa.is_some_and(|it| said::serial(it, &way.plan.zone).is_some());
        if has_soa && is_sound(way, *resolver).await {
            votes.push(true);
        }
    }
    most(&votes)
}

/// Whether a resolver answers for the zone above with validation.
async fn is_sound(way: Way<'_>, resolver: SocketAddr) -> bool {
    let Some(above) = way.plan.zone.parent() else { return false };
    let question = Question::recursive(above, RecordType::SOA);
    let reply = ask(way, resolver, &question).await.map(Ok);
    let is_answer = |it: &Message| {
        matches!(it.metadata.response_code, ResponseCode::NoError | ResponseCode::NXDomain)
    };
    reply.as_ref().and_then(message).is_some_and(is_answer)
}

/// Whether a resolver is asked as somebody else's: those of this machine are there for its programs.
fn is_owed(way: Way<'_>, resolver: SocketAddr) -> bool {
    way.plan.resolvers.contains(&resolver) && way.courtesy.is_owed(resolver.ip())
}

/// Asks a resolver, if it may be asked: whoever is in a set as well is asked no more for that.
async fn ask(way: Way<'_>, resolver: SocketAddr, question: &Question) -> Option<Reply> {
    if !is_owed(way, resolver) {
        return once(resolver, question, way.plan, way.counts).await.ok();
    }
    let asked = Resolver { address: resolver.ip(), country: 0, network: 0, asn: 0 };
    for _ in 0..WAIT.1 {
        match way.courtesy.ask(&asked, Want::Besides) {
            Ok(()) => return once(resolver, question, way.plan, way.counts).await.ok(),
            Err(Refusal::For(wait)) => sleep(wait.min(WAIT.0)).await,
            Err(Refusal::ForThisHour) => return None,
        }
    }
    None
}

/// What most say; of as many, no.
fn most(votes: &[bool]) -> Option<bool> {
    let bad = votes.iter().filter(|is_bad| **is_bad).count();
    (!votes.is_empty()).then_some(2 * bad > votes.len())
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
    use super::*;
    use crate::config::Config;
    use crate::courtesy::Courtesy;
    use crate::exchange::HostName;

    #[test]
    fn one_resolver_of_three_makes_no_zone_forged() {
        assert_eq!(most(&[]), None);
        assert_eq!(most(&[true]), Some(true));
        assert_eq!(most(&[true, false]), Some(false));
        assert_eq!(most(&[true, false, false]), Some(false));
        assert_eq!(most(&[true, true, false]), Some(true));
    }

    #[tokio::test(start_paused = true)]
    async fn a_sound_zone_is_asked_about_each_five_minutes_and_one_bad_answer_counts_once() {
        let (began, minute) = (Instant::now(), Duration::from_secs(60));
        let mut heard = Heard::default();
        assert!(heard.is_due(began) && heard.meanwhile(began).is_none());
        (heard.asked, heard.last) = (Some(began), Some((false, began, 1)));
        assert!(!heard.is_due(began + 4 * minute) && heard.is_due(began + 5 * minute));
        assert_eq!(heard.meanwhile(began + STANDS), Some(false));
        assert_eq!(heard.meanwhile(began + STANDS + minute), None);
        for times in 1..=ROUNDS {
            let now = began + times * minute;
            assert!(times == 1 || heard.is_due(now), "a doubtful one is, each minute");
            heard.asked = Some(now);
            heard.note(true, now);
            let wanted = (times == ROUNDS).then_some(true);
            assert_eq!(heard.meanwhile(now + minute / 2), wanted, "{times}");
        }
    }

    /// A server that says of all zones that they are delegated to one server, or have one; and counts what it is asked.
    async fn server() -> (SocketAddr, std::sync::Arc<std::sync::Mutex<Vec<RecordType>>>) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (address, asked) = (socket.local_addr().unwrap(), std::sync::Arc::default());
        let counts: std::sync::Arc<std::sync::Mutex<Vec<RecordType>>> =
            std::sync::Arc::clone(&asked);
        tokio::spawn(async move {
            let mut bytes = [0; 1_500];
            loop {
                let (length, from) = socket.recv_from(&mut bytes).await.unwrap();
                let query = Message::from_vec(&bytes[..length]).unwrap();
                let mut reply = Message::response(query.metadata.id, OpCode::Query);
                let question = query.queries[0].clone();
                counts.lock().unwrap().push(question.query_type());
                let name = |text: &str| Name::from_ascii(text).unwrap();
                let data = match question.query_type() {
                    RecordType::NS => Some(RData::NS(NS(name("ns.example.")))),
                    RecordType::A => Some(RData::A(std::net::Ipv4Addr::new(127, 0, 0, 9).into())),
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

    #[tokio::test]
    async fn strangers_are_asked_about_a_zone_once_a_minute_at_most_and_ones_own_each_round() {
        for (courtesy, most) in [(Courtesy::after_asking(&[], 0), 1), (Courtesy::default(), 5)] {
            let (address, asked) = server().await;
            let text = format!(
                "vantage: {{ name: fra, region: EMEA }}\nzones:\n  a.example: {{ parents: ['{address}'], resolvers: \
                 ['{address}'], allow_private: true }}\n"
            );
            let config: Config = exporter_kit::config::parse(&text, "test.yml").unwrap();
            let plan = config.complete(Path::new(".")).unwrap().zone_plans().remove("a.example");
            let plan = plan.unwrap();
            let counts = Counts::new(&plan.buckets);
            let way = Way { plan: &plan, counts: &counts, courtesy: &courtesy };
            let (mut finder, mut heard) = (Finder::default(), Heard::default());
            let count = |kind: RecordType| {
                asked.lock().unwrap().iter().filter(|asked| **asked == kind).count()
            };
            for round in 0..5 {
                let found = finder.find(way, &BTreeMap::new(), false).await;
                let ns = &found.parent.as_ref().unwrap().ns;
                assert!(ns.iter().map(HostName::as_str).eq(["ns.example"]));
                assert_eq!(found.is_parent_kept, most == 1 && round > 0);
                assert_eq!(found.is_online, !found.is_parent_kept);
                assert_eq!(found.servers.len(), 1);
                assert_eq!(is_bogus(way, &mut heard).await, Some(false));
            }
            assert_eq!((count(RecordType::NS), count(RecordType::SOA)), (most, most));
            // Where no server answers, the parent is asked what is new.
            assert!(!finder.find(way, &BTreeMap::new(), true).await.is_parent_kept);
        }
    }
}
