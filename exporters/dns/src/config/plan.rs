//! What one set is asked, and whether that is polite and feasible. No I/O, no clock.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use exporter_kit::Buckets;
use exporter_kit::config::{self as kit, Vantage};

use super::Set;
use super::set::Source;
use crate::exchange::HostName;
use crate::expected::Expected;
use crate::kind::Kind;
use crate::resolvers::ResolverList;
use crate::special;

/// Above this many third-party resolvers, the operator must say that it is meant.
const MAX_UNACKNOWLEDGED: usize = 200;

/// Above this many resolvers, some of which are always dead, a control question is needed.
const MAX_WITHOUT_CONTROL: usize = 200;

/// Queries per second that may be sent to others; with 60 byte queries, half a megabit a second.
const MAX_RATE: u32 = 1_000;

/// The same where every resolver is on this machine: tests and benchmarks.
const MAX_LOOPBACK_RATE: u32 = 100_000;

/// Queries an hour that a third-party resolver gets at most: less than one person's browser.
const MAX_PER_RESOLVER_AND_HOUR: f64 = 60.0;

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
}

/// The part of a plan that a sweep does: other work is another task, with counters of its own. Where
/// the rest of the plan becomes another one (a pin, a threshold, the region, the contact, the
/// country of a resolver), the task goes on, and what it knows is judged and shown anew.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    /// A plan without all that a sweep does not need, and without its resolvers.
    plan: Plan,
    list: Arc<ResolverList>,
}

impl PartialEq for Work {
    fn eq(&self, other: &Self) -> bool {
        let addresses = |work: &'_ Self| {
            work.list.resolvers.iter().map(|resolver| resolver.address).collect::<Vec<_>>()
        };
        let same_list = Arc::ptr_eq(&self.list, &other.list) || addresses(self) == addresses(other);
        self.plan == other.plan && same_list
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

/// How many resolvers a set has, as its politeness counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Size {
    resolvers: usize,
    /// Anybody on the public internet.
    strangers: usize,
    /// On this very machine.
    loopback: usize,
}

impl Size {
    /// The size of a list.
    pub(super) fn of(list: &ResolverList) -> Self {
        let addresses = list.resolvers.iter().map(|resolver| resolver.address);
        addresses.fold(Self::default(), Self::with)
    }

    /// The size with one more.
    pub(super) fn with(self, address: IpAddr) -> Self {
        Self {
            resolvers: self.resolvers + 1,
            strangers: self.strangers + usize::from(!special::is_special(address)),
            loopback: self.loopback + usize::from(address.is_loopback()),
        }
    }

    fn is_loopback(self) -> bool {
        self.loopback == self.resolvers
    }
}

impl Plan {
    /// What a sweep does.
    pub(crate) fn work(&self) -> Work {
        let set = Set {
            source: Source::Inline(Vec::new()),
            list: Arc::default(),
            min_resolvers: None,
            min_networks: None,
            acknowledge_third_party_probing: false,
            contact: None,
            ..self.set.clone()
        };
        let asked = |asked: &Asked| Asked { expected: None, ..asked.clone() };
        let questions = self.questions.iter().map(asked).collect();
        let (vantage, buckets) = (Vantage::default(), Buckets::default());
        let plan = Self { vantage, buckets, set, questions };
        Work { plan, list: Arc::clone(&self.set.list) }
    }

    /// How many queries one resolver gets in a sweep.
    pub(crate) fn queries_per_resolver(&self) -> usize {
        self.questions.len() + usize::from(self.set.control.is_some())
    }

    /// What depends on the list of resolvers and is wrong: politeness, and that a sweep fits its
    /// interval. Each begins with the field that mends it.
    pub(super) fn faults(&self, size: Size) -> Vec<String> {
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
        let each = self.queries_per_resolver();
        let hourly = each as f64 * 3600.0 / set.interval.as_secs_f64();
        if strangers > 0 && hourly > MAX_PER_RESOLVER_AND_HOUR {
            faults.push(format!(
                "interval: {each} queries each {} are {hourly:.0} an hour for each resolver; the most for \
                 resolvers of others is {MAX_PER_RESOLVER_AND_HOUR}",
                kit::Duration::new(set.interval)
            ));
        }
        let sweep = self.longest_sweep(size);
        if sweep >= set.interval {
            faults.push(format!(
                "interval: a sweep of {} resolvers x {each} queries at {} a second takes up to {}, which \
                 is longer than {}",
                size.resolvers,
                set.rate,
                kit::Duration::new(sweep),
                kit::Duration::new(set.interval)
            ));
        }
        faults
    }

    /// How long a sweep takes if every resolver is silent.
    fn longest_sweep(&self, size: Size) -> Duration {
        let queries = self.queries_per_resolver() * size.resolvers;
        let paced = Duration::from_secs_f64(queries as f64 / f64::from(self.set.rate));
        let passes =
            u32::try_from(self.queries_per_resolver().saturating_sub(1)).unwrap_or(u32::MAX);
        let spaced = gap(size.is_loopback()).saturating_mul(passes);
        paced.max(spaced) + self.set.timeout * (u32::from(self.set.retries) + 1)
    }

    /// For how long a sweep uses up what third parties may be asked; nothing if there are none.
    pub(crate) fn pause(&self) -> Option<Duration> {
        let hours = self.queries_per_resolver() as f64 / MAX_PER_RESOLVER_AND_HOUR;
        let has_strangers = self.set.list.third_parties() > 0;
        has_strangers.then(|| Duration::from_secs_f64(hours * 3600.0))
    }

    /// Least time between two queries to the same resolver.
    pub(crate) fn gap(&self) -> Duration {
        gap(self.set.list.is_loopback())
    }
}

fn gap(is_loopback: bool) -> Duration {
    if is_loopback { Duration::ZERO } else { Duration::from_secs(1) }
}
