//! What is known about one zone: written by its task, read by the pages.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use exporter_kit::{Health, LabelEnum as _, Targets};
use tokio::time::Instant;

use super::counts::Counts;
use super::delegation::Finder;
use super::finding::Finding;
use super::heard::Heard;
use super::judge::{Memory, Round, Verdict};
use crate::config::{ZonePlan, ZoneWork};
use crate::exchange::HostName;
use crate::kind::Kind;
use crate::state::Moment;

/// All zones, by name.
pub(crate) type Zones = Targets<ZoneWork, RunningZone, ZonePlan>;

/// A zone that is asked about.
#[derive(Debug)]
pub(crate) struct RunningZone {
    /// Whether the last round was good.
    pub(crate) health: Arc<Health>,
    /// Counters and histograms.
    pub(crate) counts: Counts,
    plan: Mutex<Arc<ZonePlan>>,
    latest: Mutex<Latest>,
    /// Written by its task after each round; read where a reload starts the zone anew.
    known: Mutex<Known>,
}

/// What a zone's task knows beside its last round.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// What is remembered from round to round; nothing before the first.
    pub(super) memory: Option<Memory>,
    /// Who its servers are.
    pub(super) finder: Finder,
    /// What validating resolvers said last.
    pub(super) heard: Heard,
    /// By which its rounds are dated.
    pub(super) clock: Clock,
}

/// Seconds since the epoch, as the clock said when this began, and what was counted since: nobody sets it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    unix: u64,
    began: Instant,
}

impl Clock {
    /// From this second on.
    pub(super) fn new(unix: u64) -> Self {
        Self { unix, began: Instant::now() }
    }

    /// The second that it is.
    pub(super) fn now(self) -> u64 {
        self.unix.saturating_add(self.began.elapsed().as_secs())
    }
}

/// The latest round.
#[derive(Clone, Debug)]
pub(crate) struct Latest {
    /// What it brought; absent before the first one that could be judged, and after one that could not.
    pub(crate) snapshot: Option<Arc<Snapshot>>,
    /// When the latest round that could be judged ended, or else when the zone's task began.
    pub(crate) since: Moment,
}

/// One round, judged. Never changed once it is published.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    /// Who said what.
    pub(crate) round: Round,
    /// What follows.
    pub(crate) verdict: Verdict,
}

impl RunningZone {
    /// Nothing is known yet.
    pub(crate) fn new(plan: ZonePlan, now: Moment) -> Self {
        let clock = Clock::new(crate::clock::unix_seconds());
        let health = Health::new(plan.zone.as_str(), "the zone's own name servers");
        Self {
            health: Arc::new(health),
            counts: Counts::new(&plan.buckets),
            plan: Mutex::new(Arc::new(plan)),
            latest: Mutex::new(Latest { snapshot: None, since: now }),
            known: Mutex::new(Known {
                memory: None,
                finder: Finder::default(),
                heard: Heard::default(),
                clock,
            }),
        }
    }

    /// Takes over what was known of the zone before a reload, but of what is asked no more: another delegation is no
    /// better known for a name that is compared besides.
    pub(crate) fn takes_over(&self, before: &Self) {
        let (was, is) = (before.plan(), self.plan());
        let mut known = before.known().clone();
        if (&was.parents, &was.resolvers, was.port) != (&is.parents, &is.resolvers, is.port) {
            (known.finder, known.heard) = (Finder::default(), Heard::default());
        }
        let gone = no_longer_asked(&was, &is);
        let mut latest = before.latest();
        for finding in gone {
            known.memory.iter_mut().for_each(|memory| memory.forget(finding));
        }
        latest.snapshot = latest.snapshot.map(|snapshot| Arc::new(snapshot.under(&was, &is)));
        *self.known() = known;
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = latest;
    }

    /// What the zone's task knows.
    pub(super) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is asked, and how it is judged and shown.
    pub(crate) fn plan(&self) -> Arc<ZonePlan> {
        Arc::clone(&self.plan.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Exchanges a plan for one with the same work. The next round is judged by it.
    pub(crate) fn relabel(&self, plan: &ZonePlan) {
        self.counts.response_seconds.set_buckets(&plan.buckets);
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(plan.clone());
    }

    /// The latest round.
    pub(crate) fn latest(&self) -> Latest {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts a round in the place of the one before; none if it could not be judged.
    pub(crate) fn publish(&self, snapshot: Option<Snapshot>, now: Moment) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if snapshot.as_ref().is_some_and(|it| it.verdict.is_judged()) {
            latest.since = now;
        }
        latest.snapshot = snapshot.map(Arc::new);
    }
}

/// What the servers of all zones give as the TTL of a name's records, in their last rounds.
pub(crate) fn ttls(zones: &Zones, name: &HostName, kind: Kind) -> Vec<u32> {
    let mut ttls = Vec::new();
    for snapshot in zones.states().iter().filter_map(|zone| zone.latest().snapshot) {
        let said = snapshot.round.servers.iter().flat_map(|server| &server.said.ttls);
        ttls.extend(said.filter(|(of, its, _)| of == name && *its == kind).map(|(_, _, ttl)| *ttl));
    }
    ttls.sort_unstable();
    ttls.dedup();
    ttls
}

impl Snapshot {
    /// The servers that most of the zone's servers name, with the addresses that it gives for those within itself.
    pub(super) fn named(&self) -> BTreeMap<HostName, BTreeSet<IpAddr>> {
        let Round { servers, own, .. } = &self.round;
        let named = servers.iter().filter_map(|server| server.said.ns.as_ref()).flatten();
        named.map(|name| (name.clone(), own.get(name).cloned().unwrap_or_default())).collect()
    }

    /// It, without what another plan does not ask.
    fn under(&self, was: &ZonePlan, is: &ZonePlan) -> Self {
        let mut verdict = self.verdict.clone();
        let place = |asked| was.questions.iter().position(|it| it == asked);
        let known = is.questions.iter().map(place);
        verdict.answers_consistent =
            known.map(|at| *self.verdict.answers_consistent.get(at?)?).collect();
        if was.canary != is.canary {
            verdict.canary_age = None;
        }
        for gone in no_longer_asked(was, is) {
            verdict.findings.retain(|(finding, _)| *finding != gone);
            verdict.culprits.retain(|culprit| culprit.finding != gone.name());
        }
        Self { verdict, ..self.clone() }
    }
}

/// The findings that rest on what another plan does not ask any more.
fn no_longer_asked(was: &ZonePlan, is: &ZonePlan) -> impl Iterator<Item = Finding> {
    let is_less = was.questions.iter().any(|asked| !is.questions.contains(asked));
    let is_other = was.canary != is.canary;
    let gone = [(is_less, Finding::AnswersDiffer), (is_other, Finding::CanaryStale)];
    gone.into_iter().filter(|(is, _)| *is).map(|(_, finding)| finding)
}
