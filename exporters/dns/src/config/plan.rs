//! What one set is asked, and whether that is polite and feasible. No I/O, no clock.

use std::sync::Arc;
use std::time::Duration;

use exporter_kit::Buckets;
use exporter_kit::config::{self as kit, Labels, Vantage};

use super::Set;
use super::encrypted::MOST_RESOLVERS;
use super::set::Source;
pub(super) use super::size::Size;
use crate::courtesy::{MAX_PER_AND_HOUR, MAX_PER_NETWORK, MAX_PER_SYSTEM, MAX_RATE};
use crate::exchange::HostName;
use crate::expected::Expected;
use crate::kind::Kind;
use crate::known::Known;
use crate::resolvers::{ResolverList, Systems};

/// Above this many third-party resolvers, the operator must say that it is meant.
pub(super) const MAX_UNACKNOWLEDGED: usize = 200;

/// Above this many resolvers, some of which are always dead, a control question is needed.
pub(super) const MAX_WITHOUT_CONTROL: usize = 200;

/// The same where every resolver is on this machine: tests and benchmarks.
const MAX_LOOPBACK_RATE: u32 = 100_000;

/// Workers of a sweep, at least and at most. More of them mean more bits that a blind forger must guess, and shorter
/// receive queues.
const WORKERS: (usize, usize) = (4, 16);

/// Queries that one worker can hold well.
const QUERIES_PER_WORKER: usize = 5_000;

/// Queries in flight at one socket. What a default receive buffer (212,992 bytes) holds if all
/// answer at once, with room to spare.
pub(crate) const WINDOW: usize = 1_000;

/// How long connection, question and answer over TCP may take together.
pub(crate) const TCP_LIMIT: Duration = Duration::from_secs(5);

/// TCP connections of one sweep at the same time.
pub(crate) const MAX_CONNECTIONS: usize = 50;

/// What one set is asked, and how the answers are judged and shown: all that its task needs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    /// Where the exporter asks from.
    pub(crate) vantage: Vantage,
    /// By which bounds times are counted.
    pub(crate) buckets: Buckets,
    /// The set.
    pub(crate) set: Set,
    /// One entry for each name and type.
    pub(crate) questions: Vec<Asked>,
    /// So many more questions each resolver may be asked over TCP in a sweep: of those whose answers turn out to come
    /// cut.
    pub(crate) spare_tcp: usize,
    /// Addresses that are known by name.
    pub(crate) known: Arc<Known>,
    /// Whose addresses are whose, where a system is pinned.
    pub(crate) systems: Systems,
}

/// The part of a plan that a sweep does: other work is another task, with counters of its own. Where
/// the rest of the plan becomes another one (a pin, a threshold, the region, the contact, the
/// country of a resolver), the task goes on, and what it knows is judged and shown anew.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    /// A plan without all that a sweep does not need, and without its resolvers.
    plan: Plan,
    /// Where its names are is found out while it goes on: those that are written by their addresses are its work, and that
    /// there are names, for which it may hold more files open.
    list: Arc<ResolverList>,
}

impl PartialEq for Work {
    fn eq(&self, other: &Self) -> bool {
        let (list, of_other) = (&self.list, &other.list);
        let is_same = || {
            // Whoever asks to be left alone is, at once.
            list.opt_out == of_other.opt_out
                && (list.names > 0) == (of_other.names > 0)
                && list.written(self.plan.set.port).eq(of_other.written(self.plan.set.port))
        };
        self.plan == other.plan && (Arc::ptr_eq(list, of_other) || is_same())
    }
}

/// One name and type.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asked {
    /// The name.
    pub(crate) name: HostName,
    /// The type.
    pub(crate) kind: Kind,
    /// The pinned answer.
    pub(crate) expected: Option<Expected>,
}

impl Plan {
    /// The same plan, of others.
    pub(crate) fn of(&self, list: &Arc<ResolverList>) -> Self {
        let set = Set { list: Arc::clone(list), ..self.set.clone() };
        Self { set, ..self.clone() }
    }

    /// What a sweep does.
    pub(crate) fn work(&self) -> Work {
        let set = Set {
            source: Source::Inline(Vec::new()),
            list: Arc::default(),
            min_resolvers: None,
            min_networks: None,
            acknowledge_third_party_probing: false,
            contact: None,
            labels: Labels::default(),
            ..self.set.clone()
        };
        let asked = |asked: &Asked| Asked { expected: None, ..asked.clone() };
        let questions = self.questions.iter().map(asked).collect();
        let (vantage, buckets) = (Vantage::default(), Buckets::default());
        let (spare_tcp, known, systems) = (0, Arc::default(), Systems::default());
        let plan = Self { vantage, buckets, set, questions, spare_tcp, known, systems };
        Work { plan, list: Arc::clone(&self.set.list) }
    }

    /// How many queries one resolver gets in a sweep.
    pub(crate) fn queries_per_resolver(&self) -> usize {
        self.questions.len() + usize::from(self.set.control.is_some())
    }

    /// The same, and how often it may be asked over TCP.
    pub(crate) fn most_per_resolver(&self) -> usize {
        let tries = 1 + usize::from(self.set.retries);
        self.queries_per_resolver() * tries + self.often_cut() + self.spare_tcp
    }

    /// Questions whose answers are often cut, and asked for over TCP.
    fn often_cut(&self) -> usize {
        let is_often_cut = |asked: &&Asked| !self.is_whole() && asked.kind.is_often_cut();
        self.questions.iter().filter(is_often_cut).count()
    }

    /// Whether no answer comes cut, over connections.
    fn is_whole(&self) -> bool {
        self.set.encrypted.is_some()
    }

    /// What depends on the list of resolvers and is wrong: politeness, and that a sweep fits its
    /// interval. Each begins with the field that mends it.
    pub(super) fn faults(&self, size: &Size) -> Vec<String> {
        let set = &self.set;
        let strangers = size.strangers;
        let mut faults = Vec::new();
        if strangers > MAX_UNACKNOWLEDGED && !set.acknowledge_third_party_probing {
            faults.push(format!(
                "acknowledge_third_party_probing: {strangers} resolvers of others would be probed; above \
                 {MAX_UNACKNOWLEDGED}, say that it is meant with `acknowledge_third_party_probing: true`"
            ));
        }
        if strangers > MAX_UNACKNOWLEDGED && set.contact.is_none() {
            faults.push(format!(
                "contact: {strangers} resolvers of others would be probed; above {MAX_UNACKNOWLEDGED}, \
                 say whom they can write to"
            ));
        }
        if size.resolvers > MAX_WITHOUT_CONTROL && set.control.is_none() {
            faults.push(format!(
                "control: {} resolvers are asked; above {MAX_WITHOUT_CONTROL}, name what any healthy resolver \
                 resolves, as in `control: example.com`, so that a name that fails is told from a \
                 resolver that does",
                size.resolvers
            ));
        }
        let cap =
            if set.allow_private && size.is_loopback() { MAX_LOOPBACK_RATE } else { MAX_RATE };
        if !(1..=cap).contains(&set.rate) {
            faults.push(format!("rate: must be from 1 to {cap}"));
            return faults;
        }
        if set.encrypted.is_some() && size.resolvers > MOST_RESOLVERS {
            faults.push(format!(
                "transport: {} resolvers are asked; over a connection each, {MOST_RESOLVERS} are the most",
                size.resolvers
            ));
        }
        let each = self.queries_per_resolver();
        let hourly = self.hourly();
        if strangers > 0 && hourly > f64::from(MAX_PER_AND_HOUR) {
            let retries = if set.retries == 0 { "" } else { ", each of which may be sent twice," };
            let tcp = match self.often_cut() {
                0 => String::new(),
                count => format!(" and TCP for {count} of type TXT or DNSKEY"),
            };
            faults.push(format!(
                "interval: {each} queries each {}{retries}{tcp} are {hourly:.0} an hour for each resolver; the most \
                 for resolvers of others is {MAX_PER_AND_HOUR}",
                kit::Duration::new(set.interval)
            ));
        }
        let (sweep, slowest) = self.longest_sweep(size);
        if sweep >= set.interval {
            faults.push(format!(
                "interval: a sweep of {} resolvers x {each} queries {slowest} takes up to {}, which is longer \
                 than {}",
                size.resolvers,
                kit::Duration::new(sweep),
                kit::Duration::new(set.interval)
            ));
        }
        faults
    }

    /// Queries an hour that each resolver gets at most.
    pub(super) fn hourly(&self) -> f64 {
        self.most_per_resolver() as f64 * 3600.0 / self.set.interval.as_secs_f64()
    }

    /// With as much room for TCP as the hour of a resolver has that may be asked so many queries more, and the interval:
    /// one for each question that is not counted already at most.
    pub(super) fn with_spare_tcp(self, size: &Size, room: f64) -> Self {
        let each = 3600.0 / self.set.interval.as_secs_f64();
        let more = if self.is_whole() { 0 } else { self.questions.len() - self.often_cut() };
        let fits = |count: usize| {
            let plan = Self { spare_tcp: count, ..self.clone() };
            let is_polite = size.strangers == 0 || count as f64 * each <= room;
            (is_polite && plan.longest_sweep(size).0 < plan.set.interval).then_some(plan)
        };
        (0..=more).rev().find_map(fits).unwrap_or(self)
    }

    /// Whether each resolver may be asked for an answer that comes cut, of a type of which that is not counted.
    pub(super) fn may_fetch_what_is_cut(&self) -> bool {
        self.is_whole() || self.spare_tcp > 0 || self.often_cut() == self.questions.len()
    }

    /// How long a sweep takes if every resolver is silent, and which measure makes it so long.
    fn longest_sweep(&self, size: &Size) -> (Duration, String) {
        let Set { rate, timeout, retries, .. } = self.set;
        let each = self.queries_per_resolver();
        if self.set.encrypted.is_some() {
            return self.longest_by_connections(size);
        }
        let (queries, tries) = (each * size.resolvers, u32::from(retries) + 1);
        let most = self.most_per_resolver();
        let at = |count: usize, rate: f64| Duration::from_secs_f64(count as f64 / rate);
        let most_of = |count: usize, rate: u32| at(count * most, f64::from(rate));
        // So many may be on their way at once, and each is for so long if nobody answers.
        let waits = timeout * tries;
        let window = in_flight(queries) as f64 / waits.as_secs_f64();
        let passes = u32::try_from(each.saturating_sub(1)).unwrap_or(u32::MAX);
        // Each that brings nothing for so long; and the last of them after the last datagram.
        let tcp = if size.is_loopback() { Duration::ZERO } else { TCP_LIMIT };
        let connections = (self.often_cut() + self.spare_tcp) * size.resolvers;
        let over_tcp = tcp.mul_f64(connections as f64 / MAX_CONNECTIONS as f64);
        let spaced = gap(size.is_loopback()).saturating_mul(passes);
        let measures = [
            (at(most * size.resolvers, f64::from(rate)), format!("at {rate} a second")),
            (
                at(queries, window),
                format!("of which {} wait for an answer at once", in_flight(queries)),
            ),
            (spaced, "one a second for each".to_owned()),
            (
                most_of(size.fullest.0, MAX_PER_NETWORK),
                format!(
                    "at {MAX_PER_NETWORK} a second for each /24 and /48, the fullest of which has {}",
                    size.fullest.0
                ),
            ),
            (
                most_of(size.fullest.1, MAX_PER_SYSTEM),
                format!(
                    "at {MAX_PER_SYSTEM} a second for each AS, the largest of which has {}",
                    size.fullest.1
                ),
            ),
        ];
        let slowest = measures.into_iter().max_by_key(|(time, _)| *time);
        let (time, measure) = slowest.unwrap_or_default();
        let over = format!("over TCP, of which {MAX_CONNECTIONS} are open at once,");
        // TCP comes beside the datagrams, and fills the same window.
        (time + over_tcp + waits + tcp, if over_tcp > time { over } else { measure })
    }

    /// The same where each is asked over a connection of its own, of which so many are open at once. Who fails on a name is
    /// asked once more, and connected to once more who is silent; one that waits for its network holds a connection as well.
    fn longest_by_connections(&self, size: &Size) -> (Duration, String) {
        let most = self.queries_per_resolver() + self.questions.len();
        let at = |count: usize, rate: u32| {
            Duration::from_secs_f64((count * most) as f64 / f64::from(rate))
        };
        let turns = u32::try_from(size.resolvers.div_ceil(MAX_CONNECTIONS)).unwrap_or(u32::MAX);
        let each = self.set.timeout + gap(size.is_loopback());
        let one = 2 * TCP_LIMIT + each.saturating_mul(u32::try_from(most).unwrap_or(u32::MAX));
        let open = one.saturating_mul(turns);
        let (networks, systems) = size.fullest;
        let measures = [
            (open, format!("over connections, of which {MAX_CONNECTIONS} are open at once,")),
            (at(size.resolvers, self.set.rate), format!("at {} a second", self.set.rate)),
            (
                at(networks, MAX_PER_NETWORK),
                format!(
                    "at {MAX_PER_NETWORK} a second for each /24 and /48, the fullest of which has {networks}"
                ),
            ),
            (
                at(systems, MAX_PER_SYSTEM),
                format!(
                    "at {MAX_PER_SYSTEM} a second for each AS, the largest of which has {systems}"
                ),
            ),
        ];
        let waits = measures[1..].iter().map(|(time, _)| *time).max().unwrap_or_default();
        let slowest = measures.into_iter().max_by_key(|(time, _)| *time).unwrap_or_default();
        (open.saturating_add(waits), slowest.1)
    }

    /// For how long a sweep in which so much of the spare TCP is planned uses up what third parties may be asked; nothing
    /// if there are none.
    pub(crate) fn pause(&self, spare_tcp: usize) -> Option<Duration> {
        let most = self.most_per_resolver() - self.spare_tcp + spare_tcp;
        let hours = most as f64 / f64::from(MAX_PER_AND_HOUR);
        let has_strangers = self.set.list.third_parties() > 0;
        has_strangers.then(|| Duration::from_secs_f64(hours * 3600.0))
    }

    /// Least time between two queries to the same resolver.
    pub(crate) fn gap(&self) -> Duration {
        gap(self.set.list.is_loopback())
    }
}

/// Queries of a sweep that may be on their way at once.
fn in_flight(queries: usize) -> usize {
    workers(queries) * WINDOW
}

/// Between how many workers, each with sockets of its own, a sweep of so many queries is divided.
pub(crate) fn workers(queries: usize) -> usize {
    (queries / QUERIES_PER_WORKER).clamp(WORKERS.0, WORKERS.1)
}

fn gap(is_loopback: bool) -> Duration {
    if is_loopback { Duration::ZERO } else { Duration::from_secs(1) }
}
