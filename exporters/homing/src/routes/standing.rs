//! What is remembered of a prefix from table to table, and what should not be. No I/O, no clock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::figures::{Covered, Figures};
use super::{Rules, Watched, pairs};
use crate::outcome::RouteChange;

const DAY: u64 = 86_400;
/// Seconds that who announces a prefix stays known, and after which a stranger is one no more, where nobody is named.
const KNOWN_FOR: u64 = 7 * DAY;
/// The same after which a neighbour is known: networks change theirs by plan, and more often than their number.
const NEIGHBOUR_KNOWN_AFTER: u64 = DAY;
/// Seconds over which the usual visibility is taken, and between two figures of it.
const USUAL_OVER: u64 = DAY;
const USUAL_EACH: u64 = 300;
/// A share of the usual visibility below which a prefix is withdrawn.
const WITHDRAWN: f64 = 0.5;
/// With fewer peers than these one of them is believed.
const FEW_PEERS: usize = 3;
/// What should not be of one prefix that is shown one by one, of each kind.
const MOST_SHOWN: usize = 10;

/// What the last two tables of one router say of a prefix.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tables<'a> {
    /// The router, by the pattern of its files.
    pub(crate) router: &'a str,
    pub(crate) now: &'a Figures,
    /// None where there was one table only.
    pub(crate) before: Option<&'a Figures>,
}

/// Something that may be as it should not.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Thing {
    Origin(u32),
    Upstream(u32),
    Part(IpNet),
    Withdrawn,
}

/// What is remembered of one prefix. Times are in seconds since the epoch.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub(crate) struct Memory {
    /// When what is known was seen last.
    #[serde(with = "pairs")]
    known: BTreeMap<Thing, u64>,
    /// Since when what is not known has been there, once enough peers said so.
    #[serde(with = "pairs")]
    strangers: BTreeMap<Thing, u64>,
    visible: VecDeque<(u64, f64)>,
    /// Routers of which a table was seen.
    routers: BTreeSet<String>,
    /// When the prefix itself was announced last, at as many peers as are believed.
    announced: Option<u64>,
    /// Routes to more than the prefix that were heard from who may announce it, and when they were there last.
    #[serde(with = "pairs")]
    blocks: BTreeMap<IpNet, u64>,
    /// When it was judged last.
    judged: Option<u64>,
    /// Whether there once were two tables of each router, so that what is told goes on from there.
    was_whole: bool,
    /// What was told.
    told: BTreeSet<Thing>,
}

/// What is told of one prefix.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RouteVerdict {
    /// The share of the peers that have a route.
    pub(crate) visible: Option<f64>,
    /// Origins that should not be; none where not of every router there are two tables, and nothing is known of before.
    pub(crate) unexpected: Option<usize>,
    /// What became another since the table before.
    pub(crate) changes: Vec<RouteChange>,
    /// What should not be, each by itself; the first ten of each kind.
    pub(crate) told: Vec<Told>,
    /// What the tables say.
    pub(crate) figures: Figures,
}

/// One thing that should not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) kind: RouteChange,
    /// The prefix, or the part of it.
    pub(crate) announced: IpNet,
    /// Who announces it, or through whom it is heard.
    pub(crate) asn: Option<u32>,
}

impl Memory {
    /// Judges a prefix by the tables that there are, at least one. What two tables in a row of the same routers say is
    /// told: nothing is told once more by tables that were judged before.
    pub(crate) fn judge(
        &mut self,
        watched: &Watched,
        rules: &Rules,
        tables: &[Tables<'_>],
        unix: u64,
    ) -> RouteVerdict {
        let is_first = self.routers.is_empty();
        let (figures, before) = sums(tables);
        let needed = needed(rules, figures.peers);
        let enough = |all: &Figures| needed.min(all.peers.max(1));
        let is_announced = [&before, &figures].iter().any(|all| all.visible >= enough(all));
        self.announced = if is_announced { Some(unix) } else { self.announced };
        self.announced = self.announced.filter(|at| at + KNOWN_FOR >= unix);
        self.learn_of_new_routers(tables, needed, unix);
        self.leave_out_silence(rules, unix);
        for all in [&before, &figures] {
            self.learn_of_blocks(watched, all, enough(all), unix);
        }
        let (mut figures, mut before) = (Figures::default(), Figures::default());
        let mut twice: BTreeMap<Thing, usize> = BTreeMap::new();
        for table in tables {
            let now = table.now.with_covered(|it| self.counts(watched, it));
            figures.add(&now);
            let Some(last) = table.before else { continue };
            let last = last.with_covered(|it| self.counts(watched, it));
            before.add(&last);
            let last: BTreeMap<Thing, usize> = things(&last).collect();
            for (thing, peers) in things(&now) {
                let both = last.get(&thing).map_or(0, |it| peers.min(*it));
                *twice.entry(thing).or_default() += both;
            }
        }
        // Of the first tables of all it is known what was usual, if there are some before them.
        if is_first {
            self.visible.extend(share(&before).map(|share| (unix, share)));
        }
        // What was told stays so while it is there, also by one table after a start.
        let is_told = |(thing, peers): &(Thing, usize)| {
            let twice = twice.get(thing).is_some_and(|both| *both >= needed);
            *peers >= needed
                && (twice || self.told.contains(thing))
                && self.is_strange(watched, *thing)
        };
        let mut told: BTreeSet<Thing> =
            things(&figures).filter(is_told).map(|(thing, _)| thing).collect();
        let visible = share(&figures);
        let is_low = |share: Option<f64>| {
            share.zip(self.usual()).is_some_and(|(now, usual)| now < WITHDRAWN * usual)
        };
        let was_low = is_low(share(&before)) || self.told.contains(&Thing::Withdrawn);
        if is_low(visible) && was_low {
            told.insert(Thing::Withdrawn);
        }
        self.remember(&figures, needed, visible.filter(|_| !is_low(visible)), unix);
        let mut changes: Vec<RouteChange> =
            told.difference(&self.told).map(|it| it.kind()).collect();
        changes.dedup();
        let unexpected = told.iter().filter(|it| it.kind() == RouteChange::Origin).count();
        // Who is not told by the tables of some may be so by those of all.
        self.was_whole |= tables.iter().all(|it| it.before.is_some());
        let unexpected = (self.was_whole || unexpected > 0).then_some(unexpected);
        let shown = all_shown(&told, watched.prefix, &figures);
        self.told = told;
        RouteVerdict { visible, unexpected, changes, told: shown, figures }
    }

    /// Whether a route to more than the prefix is one to it: of who may announce it, or a stranger's in the place of, or
    /// within, one that was heard from them. A provider's block is none: it stays when a customer's part is withdrawn.
    fn counts(&self, watched: &Watched, covered: &Covered) -> bool {
        self.is_theirs(watched, covered)
            || self.blocks.keys().any(|block| block.contains(&covered.route))
    }

    /// Whether somebody announces it who may announce the prefix.
    fn is_theirs(&self, watched: &Watched, covered: &Covered) -> bool {
        covered.origins().into_iter().any(|asn| !self.is_strange(watched, Thing::Origin(asn)))
    }

    /// Whether it should not be: by the config, or, where that names nobody, by what is known.
    fn is_strange(&self, watched: &Watched, thing: Thing) -> bool {
        let pinned = |asn, pinned: &BTreeSet<u32>| {
            if pinned.is_empty() {
                !self.known.contains_key(&thing)
            } else {
                !pinned.contains(&asn)
            }
        };
        match thing {
            Thing::Origin(asn) => pinned(asn, &watched.origins),
            Thing::Upstream(asn) => pinned(asn, &watched.upstreams),
            Thing::Part(part) => match watched.max_length {
                Some(most) => part.prefix_len() > most,
                None => !self.known.contains_key(&thing),
            },
            Thing::Withdrawn => true,
        }
    }

    /// What the first table of a router says is taken for usual, where as many of its peers say it as would be believed;
    /// where there are two, the older one. A route to more than the prefix says who announces that only where the prefix
    /// itself is not announced.
    fn learn_of_new_routers(&mut self, tables: &[Tables<'_>], needed: usize, unix: u64) {
        for table in tables {
            if self.routers.insert(table.router.to_owned()) {
                let first = table.before.unwrap_or(table.now);
                let first = first.with_covered(|_| self.announced.is_none());
                let enough = needed.min(first.peers.max(1));
                let said = things(&first).filter(|(_, peers)| *peers >= enough);
                self.known.extend(said.map(|(thing, _)| (thing, unix)));
            }
        }
    }

    /// Which routes to more than the prefix enough peers hear from who may announce it; such a one is forgotten when
    /// nobody has announced it for a week.
    fn learn_of_blocks(&mut self, watched: &Watched, all: &Figures, enough: usize, unix: u64) {
        let mut theirs: BTreeMap<IpNet, usize> = BTreeMap::new();
        for (covered, peers) in &all.covered {
            if let Some(last) = self.blocks.get_mut(&covered.route) {
                *last = unix;
            } else if self.is_theirs(watched, covered) {
                *theirs.entry(covered.route).or_default() += peers;
            }
        }
        let theirs = theirs.into_iter().filter(|(_, peers)| *peers >= enough);
        self.blocks.extend(theirs.map(|(route, _)| (route, unix)));
        self.blocks.retain(|_, at| *at + KNOWN_FOR >= unix);
    }

    /// While no table stands nobody is there to be known.
    fn leave_out_silence(&mut self, rules: &Rules, unix: u64) {
        let silence = self.judged.replace(unix).map_or(0, |at| unix.saturating_sub(at));
        if silence > rules.max_age.as_secs() {
            self.strangers.values_mut().for_each(|since| *since += silence);
        }
    }

    /// Keeps what is known, and makes known who has been there long enough. Whom few peers hear is not believed, and
    /// not learnt either: who begins like that would be no stranger when all hear him.
    fn remember(&mut self, figures: &Figures, needed: usize, visible: Option<f64>, unix: u64) {
        let there: BTreeMap<Thing, usize> = things(figures).collect();
        self.strangers.retain(|thing, _| there.contains_key(thing));
        for (thing, peers) in there {
            if let Some(last) = self.known.get_mut(&thing) {
                *last = unix;
                continue;
            }
            if peers >= needed {
                self.strangers.entry(thing).or_insert(unix);
            }
            let after =
                if matches!(thing, Thing::Upstream(_)) { NEIGHBOUR_KNOWN_AFTER } else { KNOWN_FOR };
            if self.strangers.get(&thing).is_some_and(|since| since + after <= unix) {
                self.strangers.remove(&thing);
                self.known.insert(thing, unix);
            }
        }
        self.known.retain(|_, at| *at + KNOWN_FOR >= unix);
        let is_due = self.visible.back().is_none_or(|(at, _)| at + USUAL_EACH <= unix);
        if let Some(share) = visible.filter(|_| is_due) {
            self.visible.push_back((unix, share));
        }
        // What is withdrawn stays so for a week, and then it is what is usual.
        let over = if visible.is_some() { USUAL_OVER } else { KNOWN_FOR };
        while self.visible.front().is_some_and(|(at, _)| at + over < unix) {
            self.visible.pop_front();
        }
    }

    /// What was told last, without a table that says it still; none where nothing was, or that is as old as a table may be.
    pub(crate) fn last(&self, watched: &Watched, rules: &Rules, unix: u64) -> Option<RouteVerdict> {
        self.judged.filter(|at| at + rules.max_age.as_secs() >= unix)?;
        let told = self.told.iter().copied().filter(|it| self.is_strange(watched, *it));
        let told: BTreeSet<Thing> = told.collect();
        let unexpected = told.iter().filter(|it| it.kind() == RouteChange::Origin).count();
        let shown = all_shown(&told, watched.prefix, &Figures::default());
        (!told.is_empty()).then(|| RouteVerdict {
            unexpected: (self.was_whole || unexpected > 0).then_some(unexpected),
            told: shown,
            ..RouteVerdict::default()
        })
    }

    /// What was told last, and until when that stands without a table.
    pub(crate) fn left(&self, rules: &Rules) -> (BTreeSet<Thing>, u64) {
        let until = self.judged.map_or(0, |at| at + rules.max_age.as_secs());
        (self.told.clone(), until)
    }

    /// Goes on telling what the tables that there are do not say: another may.
    pub(crate) fn hold(
        &mut self,
        held: &BTreeSet<Thing>,
        watched: &Watched,
        verdict: &mut RouteVerdict,
    ) {
        let held: Vec<Thing> =
            held.iter().copied().filter(|it| self.is_strange(watched, *it)).collect();
        self.told.extend(held);
        let unexpected = self.told.iter().filter(|it| it.kind() == RouteChange::Origin).count();
        verdict.unexpected = (self.was_whole || unexpected > 0).then_some(unexpected);
        verdict.told = all_shown(&self.told, watched.prefix, &verdict.figures);
    }

    /// What was told last.
    pub(crate) fn told(&self) -> &BTreeSet<Thing> {
        &self.told
    }

    /// As it was kept, on a machine whose clock may have been another one: no time in it is of the future, and no share is none.
    pub(crate) fn kept(mut self, unix: u64) -> Self {
        let times = self.known.values_mut().chain(self.strangers.values_mut());
        let times = times.chain(self.blocks.values_mut());
        let times = times.chain(&mut self.announced).chain(&mut self.judged);
        times.chain(self.visible.iter_mut().map(|(at, _)| at)).for_each(|at| *at = unix.min(*at));
        self.visible.retain(|(_, share)| (0.0..=1.0).contains(share));
        self
    }

    fn usual(&self) -> Option<f64> {
        let mut all: Vec<f64> = self.visible.iter().map(|(_, ratio)| *ratio).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied()
    }
}

impl Thing {
    fn kind(self) -> RouteChange {
        match self {
            Self::Origin(_) => RouteChange::Origin,
            Self::Upstream(_) => RouteChange::Upstream,
            Self::Part(_) => RouteChange::MoreSpecific,
            Self::Withdrawn => RouteChange::Withdrawn,
        }
    }
}

/// So many peers must say it.
fn needed(rules: &Rules, peers: usize) -> usize {
    if peers < FEW_PEERS { 1 } else { rules.min_peers.max(peers.div_ceil(10)) }
}

/// What all routers say, and said before.
fn sums(tables: &[Tables<'_>]) -> (Figures, Figures) {
    let (mut now, mut before) = (Figures::default(), Figures::default());
    for table in tables {
        now.add(table.now);
        table.before.into_iter().for_each(|it| before.add(it));
    }
    (now, before)
}

fn share(figures: &Figures) -> Option<f64> {
    (figures.peers > 0).then(|| figures.visible as f64 / figures.peers as f64)
}

/// What may be as it should not, with the peers that say so.
fn things(figures: &Figures) -> impl Iterator<Item = (Thing, usize)> {
    let origins = figures.announcers.iter().map(|(asn, peers)| (Thing::Origin(*asn), *peers));
    let upstreams = figures.upstreams.iter().map(|(asn, peers)| (Thing::Upstream(*asn), *peers));
    let parts = figures.parts.iter().map(|(part, peers)| (Thing::Part(*part), *peers));
    origins.chain(upstreams).chain(parts)
}

/// Of each kind some: rules read what is shown, and many parts must not hide a withdrawal.
fn all_shown(told: &BTreeSet<Thing>, prefix: IpNet, figures: &Figures) -> Vec<Told> {
    let mut of_kind: BTreeMap<RouteChange, usize> = BTreeMap::new();
    let shown = told.iter().flat_map(|it| shown(*it, prefix, figures));
    let shown = shown.filter(|it| {
        let count = of_kind.entry(it.kind).or_default();
        *count += 1;
        *count <= MOST_SHOWN
    });
    shown.collect()
}

/// Where a thing is to be seen; where no table says it, at the prefix.
fn shown(thing: Thing, prefix: IpNet, figures: &Figures) -> Vec<Told> {
    let kind = thing.kind();
    let told = |announced, asn| Told { kind, announced, asn };
    match thing {
        Thing::Origin(asn) => {
            let whole = figures.announced.get(&asn).copied();
            let parts = figures.part_origins.keys().filter(|it| it.1 == asn).map(|it| it.0);
            let all = whole.into_iter().chain(parts).map(|it| told(it, Some(asn)));
            let all: Vec<Told> = all.collect();
            if all.is_empty() { vec![told(prefix, Some(asn))] } else { all }
        }
        Thing::Upstream(asn) => vec![told(prefix, Some(asn))],
        Thing::Part(part) => {
            let origins = figures.part_origins.iter().filter(|((it, _), _)| *it == part);
            let most = origins.max_by_key(|(_, peers)| **peers).map(|((_, asn), _)| *asn);
            vec![told(part, most)]
        }
        Thing::Withdrawn => vec![told(prefix, None)],
    }
}
