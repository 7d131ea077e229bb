//! Asks validating resolvers what they make of a zone, no more often than politeness allows.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::ask::{message, once};
use super::delegation::{Way, resolvers};
use super::heard::{Heard, SOUND, Vote};
use super::said;
use super::state::RunningZone;
use crate::config::ZonePlan;
use crate::courtesy::{Courtesy, Refusal, Room};
use crate::exchange::message::Reply;
use crate::exchange::question::{Flags, Question};

/// Resolvers that are asked whether they can validate the zone.
pub(crate) const VALIDATORS: usize = 3;
/// How long it is waited until a resolver may be asked, and how often.
const WAIT: (Duration, u32) = (Duration::from_secs(2), 3);

/// What validators say of a zone, who are asked beside its rounds: they have to be waited for now and then, and what the
/// zone's own servers say does not wait for long.
#[derive(Debug, Default)]
pub(super) struct Validation(JoinSet<Told>);

/// What was heard, what follows, and when they were asked.
type Told = (Heard, Option<bool>, Instant);

impl Validation {
    /// What they said, if that is known by now.
    pub(super) fn said(&mut self, heard: &mut Heard) -> Option<bool> {
        take(self.0.try_join_next()?.ok()?, heard)
    }

    /// What they say, if that is known within so long.
    pub(super) async fn said_within(
        &mut self,
        heard: &mut Heard,
        patience: Duration,
    ) -> Option<bool> {
        take(timeout(patience, self.0.join_next()).await.ok()??.ok()?, heard)
    }

    /// Asks them, unless they are asked still.
    pub(super) fn begin(
        &mut self,
        zone: &Arc<RunningZone>,
        plan: &Arc<ZonePlan>,
        courtesy: &Courtesy,
        heard: &Heard,
    ) {
        if !self.0.is_empty() {
            return;
        }
        let (zone, plan) = (Arc::clone(zone), Arc::clone(plan));
        let (courtesy, mut heard) = (courtesy.clone(), heard.clone());
        self.0.spawn(async move {
            let way = Way { plan: &plan, counts: &zone.counts, courtesy: &courtesy };
            let asked = Instant::now();
            let is_bogus = is_bogus(way, &mut heard).await;
            (heard, is_bogus, asked)
        });
    }
}

/// Takes what was heard for what is known. What speaks for the zone, and comes rounds later, may be true no more.
fn take((new, is_bogus, asked): Told, heard: &mut Heard) -> Option<bool> {
    *heard = new;
    is_bogus.filter(|is_bad| *is_bad || asked.elapsed() <= SOUND)
}

/// Whether most resolvers that say anything take the zone for forged: one fails on its SOA, has it where it is told
/// not to validate, and does not fail on the zone above, so that its own clock and keys are sound. Nothing if no
/// resolver is known, or none says anything.
async fn is_bogus(way: Way<'_>, heard: &mut Heard) -> Option<bool> {
    let resolvers = validators(way.plan);
    let is_owed = resolvers.iter().any(|resolver| is_owed(way, *resolver));
    let now = Instant::now();
    heard.keep(&resolvers);
    if is_owed && !heard.is_due(now) {
        return heard.meanwhile(now);
    }
    let mut said = Vec::new();
    for resolver in resolvers {
        let Some(asking) = Asking::of(way, resolver, heard) else { continue };
        said.push((resolver, asking.vote().await));
    }
    let new = heard.note(&said, now);
    // One's own are asked in each round, so that what they said before is of no use.
    if is_owed { new.or_else(|| heard.meanwhile(now)) } else { new }
}

/// What counts of what strangers said while they are asked.
pub(super) fn meanwhile(way: Way<'_>, heard: &Heard) -> Option<bool> {
    let is_owed = validators(way.plan).iter().any(|resolver| is_owed(way, *resolver));
    is_owed.then(|| heard.meanwhile(Instant::now())).flatten()
}

fn validators(plan: &ZonePlan) -> Vec<SocketAddr> {
    resolvers(plan).into_iter().take(VALIDATORS).collect()
}

/// Whether a resolver is asked as somebody else's: those of this machine are there for its programs.
fn is_owed(way: Way<'_>, resolver: SocketAddr) -> bool {
    way.plan.resolvers.contains(&resolver) && way.courtesy.is_owed(resolver.ip())
}

/// One resolver while it is asked.
struct Asking<'a> {
    way: Way<'a>,
    resolver: SocketAddr,
    /// What was set aside of its hour; none where that is not owed.
    room: Option<Room>,
    /// Whether one of the queries was lost.
    is_lost: bool,
}

impl<'a> Asking<'a> {
    /// It, if its hour has room for a proof and it is this zone's turn.
    fn of(way: Way<'a>, resolver: SocketAddr, heard: &Heard) -> Option<Self> {
        let mut room = None;
        if is_owed(way, resolver) {
            let errand = heard.errand(&way.plan.zone, way.plan.interval);
            room = Some(way.courtesy.reserve(resolver.ip(), &errand)?);
        }
        Some(Self { way, resolver, room, is_lost: false })
    }

    /// What it says, if anything.
    async fn vote(mut self) -> Option<Vote> {
        let zone = &self.way.plan.zone;
        let question = Question::recursive(zone.clone(), RecordType::SOA);
        if !is_failing(&self.ask(&question).await?)? {
            return Some(Vote::Sound);
        }
        let flags = Flags { checking_disabled: true, ..question.flags };
        let unchecked = Question { flags, ..question };
        let Some(reply) = self.ask(&unchecked).await else { return Some(Vote::Doubtful) };
        message(&Ok(reply)).and_then(|it| said::serial(it, zone))?;
        // Whether it answers for the zone above with validation.
        let question = Question::recursive(zone.parent()?, RecordType::SOA);
        let Some(reply) = self.ask(&question).await else { return Some(Vote::Doubtful) };
        (!is_failing(&reply)?).then_some(Vote::Forged)
    }

    /// Asks it, once more if nothing comes.
    async fn ask(&mut self, question: &Question) -> Option<Reply> {
        let reply = self.once(question).await;
        if reply.is_some() || std::mem::replace(&mut self.is_lost, true) {
            return reply;
        }
        self.once(question).await
    }

    /// Asks it as soon as it may be asked: room was set aside for it, but its second and its network may be used up.
    async fn once(&mut self, question: &Question) -> Option<Reply> {
        let Way { plan, counts, .. } = self.way;
        let Some(room) = &mut self.room else {
            return once(self.resolver, question, plan, counts).await.ok();
        };
        for _ in 0..WAIT.1 {
            match room.ask() {
                Ok(()) => return once(self.resolver, question, plan, counts).await.ok(),
                Err(Refusal::For(wait)) => sleep(wait.min(WAIT.0)).await,
                Err(Refusal::ForThisHour) => return None,
            }
        }
        None
    }
}

/// Whether a resolver fails on a question, or answers it; nothing where it says neither, as one that does not want to be
/// asked.
fn is_failing(reply: &Reply) -> Option<bool> {
    match reply {
        Reply::Code(2) => Some(true),
        Reply::Code(_) | Reply::Truncated => None,
        Reply::Whole(whole) => match whole.message.metadata.response_code {
            ResponseCode::ServFail => Some(true),
            ResponseCode::NoError | ResponseCode::NXDomain => Some(false),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use hickory_proto::rr::rdata::{NS, SOA};
    use hickory_proto::rr::{Name, RData, Record};
    use peers::{DnsServer, answer_to};
    use tokio::net::UdpSocket;

    use super::super::counts::Counts;
    use super::super::delegation::Finder;
    use super::super::finding::ROUNDS;
    use super::*;
    use crate::config::{Config, ZonePlan};
    use crate::courtesy::Courtesy;
    use crate::exchange::HostName;

    /// A server that says of all zones that they are delegated to one server, or have one; and, if it validates, takes
    /// `a.example` for forged. Those of its replies with these numbers are lost.
    fn server(is_validating: bool, lost: &'static [usize]) -> DnsServer {
        slow_server(is_validating, lost, Duration::ZERO)
    }

    /// The same, which takes so long for each SOA.
    fn slow_server(is_validating: bool, lost: &'static [usize], takes: Duration) -> DnsServer {
        let asked = AtomicUsize::new(0);
        DnsServer::start(move |query| {
            if lost.contains(&asked.fetch_add(1, Ordering::Relaxed)) {
                return None;
            }
            let mut reply = answer_to(query, ResponseCode::NoError);
            let question = &query.queries[0];
            reply.metadata.authoritative = !is_validating;
            let name = |text: &str| Name::from_ascii(text).unwrap();
            let is_checked = is_validating && !query.metadata.checking_disabled;
            let data = match question.query_type() {
                RecordType::NS => RData::NS(NS(name("ns.example."))),
                RecordType::A => RData::A(std::net::Ipv4Addr::LOCALHOST.into()),
                RecordType::SOA => {
                    std::thread::sleep(takes);
                    if is_checked && *question.name() == name("a.example.") {
                        return Some(answer_to(query, ResponseCode::ServFail));
                    }
                    RData::SOA(SOA::new(name("ns."), name("h."), 7, 1, 1, 1, 1))
                }
                _ => return Some(reply),
            };
            reply.add_answer(Record::from_rdata(question.name().clone(), 60, data));
            Some(reply)
        })
    }

    /// The plan of `a.example`, with one server as the parent's and as resolver.
    fn plan(address: SocketAddr) -> ZonePlan {
        plan_with(address, &address.to_string(), "")
    }

    fn plan_with(parent: SocketAddr, resolvers: &str, more: &str) -> ZonePlan {
        let text = format!(
            "vantage: {{ name: fra, region: EMEA }}\nzones:\n  a.example: {{ parents: ['{parent}'], resolvers: \
             ['{resolvers}'], allow_private: true{more} }}\n"
        );
        let config: Config = exporter_kit::config::parse(&text, "test.yml").unwrap();
        let config = config.complete(Path::new(".")).unwrap();
        config.zone_plans().remove("a.example").unwrap()
    }

    #[tokio::test]
    async fn a_resolver_is_asked_for_a_whole_proof_or_for_nothing() {
        let localhost = ["127.0.0.1".parse().unwrap()];
        // So often it was asked just now, of what an hour has room for at once; and which of its replies are lost.
        for (times, lost, queries, wanted) in [
            (0, &[][..], 3, Some(true)),
            (0, &[0], 4, Some(true)),
            (0, &[1], 4, Some(true)),
            (0, &[0, 1], 2, None),
            (0, &[0, 2], 3, None),
            (12, &[], 0, None),
            (18, &[], 0, None),
        ] {
            let server = server(true, lost);
            let address = server.address;
            let plan = plan_with(address, &address.to_string(), ", timeout: 1s");
            let courtesy = Courtesy::after_asking(&localhost, times);
            let counts = Counts::new(&plan.buckets);
            let way = Way { plan: &plan, counts: &counts, courtesy: &courtesy };
            let mut heard = Heard::default();
            assert_eq!(is_bogus(way, &mut heard).await, wanted, "{times} {lost:?}");
            assert_eq!(server.asked().len(), queries, "{times} {lost:?}");
            // One that has begun to say so is asked with what is left.
            assert!(heard.is_due(Instant::now()) == (queries == 0), "{times}");
        }
    }

    #[tokio::test]
    async fn a_zone_is_judged_while_its_validators_are_silent() {
        let address = server(false, &[]).address;
        let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = address.port();
        let more = format!(", port: {port}, servers: ['{address}'], interval: 1s, timeout: 10s");
        let resolvers = format!("{address}', '{}", silent.local_addr().unwrap());
        let plan = plan_with(address, &resolvers, &more);
        let now = crate::state::Moment::Real(Instant::now());
        let zone = Arc::new(RunningZone::new(plan, now));
        let run = super::super::poll::run(
            Arc::clone(&zone),
            exporter_kit::Rounds::default(),
            Courtesy::default(),
            None,
        );
        let run = tokio::spawn(run);
        let rounds = || zone.counts.rounds.get(super::super::counts::RoundResult::Complete);
        while rounds() < 4 {
            sleep(Duration::from_millis(10)).await;
        }
        run.abort();
        let (mut queries, mut bytes) = (0, [0; 512]);
        while silent.try_recv(&mut bytes).is_ok() {
            queries += 1;
        }
        assert!((1..=2).contains(&queries), "once in all, and once more: {queries}");
    }

    #[tokio::test]
    async fn a_round_is_judged_by_what_validators_say_of_it_while_servers_answer_and_after_a_restart()
     {
        let good = server(false, &[]).address;
        let slow = slow_server(true, &[], Duration::from_millis(100)).address;
        let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let dead = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        for (served, validators, interval, is_awaited, wanted) in [
            (good, vec![slow], "5m", false, Some(true)),
            (dead, vec![slow], "5m", true, Some(true)),
            // It is waited no longer than a part of the interval.
            (good, vec![good, silent.local_addr().unwrap()], "1s", false, None),
        ] {
            let (port, validators) = (served.port(), validators.iter().map(SocketAddr::to_string));
            let more = format!(
                ", port: {port}, servers: ['{served}'], interval: {interval}, timeout: 10s"
            );
            let plan = plan_with(served, &validators.collect::<Vec<_>>().join("', '"), &more);
            let now = crate::state::Moment::Real(Instant::now());
            let (zone, plan) = (Arc::new(RunningZone::new(plan.clone(), now)), Arc::new(plan));
            let (courtesy, mut known) = (Courtesy::default(), zone.known().clone());
            let (of, mut validation) = ((&zone, &plan, &courtesy), Validation::default());
            let own = BTreeMap::new();
            let round =
                super::super::poll::validated(of, &mut known, &own, &mut validation, is_awaited);
            assert_eq!(round.await.bogus, wanted, "{served} {interval} {is_awaited}");
            assert_eq!(validation.0.is_empty(), wanted.is_some(), "they are asked still");
        }
    }

    #[tokio::test]
    async fn strangers_are_asked_about_a_zone_once_a_minute_at_most_and_ones_own_each_round() {
        for (courtesy, most) in [(Courtesy::after_asking(&[], 0), 1), (Courtesy::default(), 5)] {
            let server = server(false, &[]);
            let plan = plan(server.address);
            let counts = Counts::new(&plan.buckets);
            let way = Way { plan: &plan, counts: &counts, courtesy: &courtesy };
            let (mut finder, mut heard) = (Finder::default(), Heard::default());
            let count = |kind: RecordType| {
                server.asked().iter().filter(|asked| asked.query_type() == kind).count()
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
