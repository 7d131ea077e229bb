//! What is remembered of a prefix from table to table, and what a new one changes. No I/O, no clock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::figures::Figures;
use super::{Rules, Watched};
use crate::outcome::RouteChange;

/// Seconds after which who announced a prefix is a stranger again, where nobody is pinned.
const KNOWN_FOR: u64 = 7 * 86_400;
/// Seconds over which the usual visibility is taken, and between two figures of it.
const USUAL_OVER: u64 = 86_400;
const USUAL_EACH: u64 = 300;
/// A share of the usual visibility below which a prefix is withdrawn.
const WITHDRAWN: f64 = 0.5;
/// With fewer peers than these one of them is believed.
const FEW_PEERS: usize = 3;

/// What is remembered of one prefix.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    /// When each origin was seen last, in seconds since the epoch.
    origins: BTreeMap<u32, u64>,
    upstreams: BTreeMap<u32, u64>,
    parts: BTreeMap<String, u64>,
    visible: VecDeque<(u64, f64)>,
    /// What the table before said that should not be: by the kind, and who or what.
    before: BTreeSet<(RouteChange, String)>,
    /// What was told.
    told: BTreeSet<(RouteChange, String)>,
    is_new: bool,
}

/// What is told of one prefix.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RouteVerdict {
    /// The share of the peers that have a route.
    pub(crate) visible: Option<f64>,
    /// Origins that should not be.
    pub(crate) unexpected: usize,
    /// What became another since the table before.
    pub(crate) changes: Vec<RouteChange>,
    /// What the table says.
    pub(crate) figures: Figures,
}

impl Memory {
    /// Nothing is known.
    pub(crate) fn new() -> Self {
        Self { is_new: true, ..Self::default() }
    }

    /// Judges a prefix by a new table. What two tables in a row say is told.
    pub(crate) fn judge(
        &mut self,
        watched: &Watched,
        rules: &Rules,
        figures: Figures,
        unix: u64,
    ) -> RouteVerdict {
        let needed = if figures.peers < FEW_PEERS {
            1
        } else {
            rules.min_peers.max(figures.peers.div_ceil(10))
        };
        let visible = (figures.peers > 0).then(|| figures.visible as f64 / figures.peers as f64);
        let odd = self.odd(watched, &figures, needed, visible);
        let confirmed: BTreeSet<_> = odd.intersection(&self.before).cloned().collect();
        let told_before = std::mem::take(&mut self.told);
        let mut changes: Vec<RouteChange> =
            confirmed.difference(&told_before).map(|(kind, _)| *kind).collect();
        changes.dedup();
        let is_origin = |it: &&(RouteChange, String)| it.0 == RouteChange::Origin;
        let unexpected = confirmed.iter().filter(is_origin).count();
        self.remember(&figures, visible, &odd, unix);
        (self.before, self.told, self.is_new) = (odd, confirmed, false);
        RouteVerdict { visible, unexpected, changes, figures }
    }

    /// What should not be, by this table alone.
    fn odd(
        &self,
        watched: &Watched,
        figures: &Figures,
        needed: usize,
        visible: Option<f64>,
    ) -> BTreeSet<(RouteChange, String)> {
        let mut odd = BTreeSet::new();
        let is_stranger = |asn: &u32, pinned: &BTreeSet<u32>, known: &BTreeMap<u32, u64>| {
            if pinned.is_empty() {
                !self.is_new && !known.contains_key(asn)
            } else {
                !pinned.contains(asn)
            }
        };
        for (asn, paths) in &figures.origins {
            if *paths >= needed && is_stranger(asn, &watched.origins, &self.origins) {
                odd.insert((RouteChange::Origin, asn.to_string()));
            }
        }
        for (asn, paths) in &figures.upstreams {
            if *paths >= needed && is_stranger(asn, &watched.upstreams, &self.upstreams) {
                odd.insert((RouteChange::Upstream, asn.to_string()));
            }
        }
        for (part, peers) in &figures.parts {
            let name = part.to_string();
            let is_odd = match watched.max_length {
                Some(most) => part.prefix_len() > most,
                None => !self.is_new && !self.parts.contains_key(&name),
            };
            if *peers >= needed && is_odd {
                odd.insert((RouteChange::MoreSpecific, name));
            }
        }
        let usual = self.usual();
        if visible.zip(usual).is_some_and(|(now, usual)| now < WITHDRAWN * usual) {
            odd.insert((RouteChange::Withdrawn, String::new()));
        }
        odd
    }

    fn usual(&self) -> Option<f64> {
        let mut all: Vec<f64> = self.visible.iter().map(|(_, ratio)| *ratio).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied()
    }

    /// What is well is known from now on; what is odd does not become usual by being seen.
    fn remember(
        &mut self,
        figures: &Figures,
        visible: Option<f64>,
        odd: &BTreeSet<(RouteChange, String)>,
        unix: u64,
    ) {
        let is_well = |kind, name: String| !odd.contains(&(kind, name));
        for asn in figures.origins.keys().filter(|it| is_well(RouteChange::Origin, it.to_string()))
        {
            self.origins.insert(*asn, unix);
        }
        for asn in
            figures.upstreams.keys().filter(|it| is_well(RouteChange::Upstream, it.to_string()))
        {
            self.upstreams.insert(*asn, unix);
        }
        for part in figures.parts.keys().map(ToString::to_string) {
            if is_well(RouteChange::MoreSpecific, part.clone()) {
                self.parts.insert(part, unix);
            }
        }
        let is_known = |at: u64| at + KNOWN_FOR >= unix;
        self.origins.retain(|_, at| is_known(*at));
        self.upstreams.retain(|_, at| is_known(*at));
        self.parts.retain(|_, at| is_known(*at));
        let is_due = self.visible.back().is_none_or(|(at, _)| at + USUAL_EACH <= unix);
        if let Some(ratio) = visible.filter(|_| is_due) {
            self.visible.push_back((unix, ratio));
        }
        while self.visible.front().is_some_and(|(at, _)| at + USUAL_OVER < unix) {
            self.visible.pop_front();
        }
    }
}
