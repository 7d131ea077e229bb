//! The sets of endpoints that one service may be reached by: do they stand or fall alone?
//! No I/O, no clock.

use std::collections::{BTreeMap, BTreeSet};

use exporter_kit::LabelEnum;

use crate::cities::City;
use crate::class::{self, Class};
use crate::place::{self, Disc, SLACK_KM, Source};
use crate::verdict::TargetVerdict;
use crate::world::{Endpoint, Handover, Seen, World, network};

/// Sets of one service.
pub(crate) const MOST_SETS: usize = 16;
/// Kilometres from which on two cities are not one place.
const APART_KM: f64 = 300.0;
/// Kilometres within which all must lie that is the same place by distance alone.
const TOGETHER_KM: f64 = 100.0;
/// From that share of the regions on an endpoint is down for everyone, as its alert has it.
const DOWN: f64 = 0.75;

/// A service, as the config has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Service {
    /// Its name.
    pub(crate) name: String,
    /// How many of its sets should be independent of one another.
    pub(crate) expect_independent: Option<u32>,
    /// Its sets by name, each with its endpoints.
    pub(crate) sets: Vec<(String, Vec<Endpoint>)>,
}

/// What two sets may have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Dimension {
    /// Where they are.
    Place,
    /// The network that announces them.
    Asn,
    /// The prefix that they are announced in: /24 or /48.
    Prefix,
    /// Through whom, and where, packets come in.
    Upstreams,
}

impl LabelEnum for Dimension {
    const VALUES: &'static [Self] = &[Self::Place, Self::Asn, Self::Prefix, Self::Upstreams];

    fn name(self) -> &'static str {
        match self {
            Self::Place => "place",
            Self::Asn => "asn",
            Self::Prefix => "prefix",
            Self::Upstreams => "upstreams",
        }
    }

    fn place(self) -> usize {
        self as usize
    }
}

/// What is told of a service.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ServiceVerdict {
    /// Its name.
    pub(crate) name: String,
    /// How many of its sets should be independent.
    pub(crate) expect_independent: Option<u32>,
    /// The names of its sets.
    pub(crate) sets: Vec<String>,
    /// Of each two sets, by their numbers, whether they share it; what is not known is absent.
    pub(crate) shared: Vec<(usize, usize, Dimension, bool)>,
    /// How many sets share nothing of a kind with one another; absent where nothing is known of any two.
    pub(crate) independent: Vec<(Dimension, usize)>,
    /// The same, of those that are not down.
    pub(crate) independent_up: Vec<(Dimension, usize)>,
    /// How many sets are not down; absent where that is not known of all.
    pub(crate) up: Option<usize>,
}

/// What is known of one set.
#[derive(Default)]
struct Known<'a> {
    /// The round trips to each address.
    seen: Vec<Vec<Seen>>,
    /// The cities of its addresses, as routers next to them are named.
    cities: BTreeSet<&'a str>,
    places: Vec<&'static City>,
    asns: BTreeSet<u32>,
    networks: BTreeSet<(bool, u64)>,
    handovers: BTreeSet<&'a Handover>,
    is_down: Option<bool>,
}

/// Judges a service by what is told of its endpoints.
pub(crate) fn judge(
    service: &Service,
    world: &World,
    verdicts: &BTreeMap<Endpoint, TargetVerdict>,
) -> ServiceVerdict {
    let known: Vec<Known<'_>> =
        service.sets.iter().map(|(_, endpoints)| known(endpoints, world, verdicts)).collect();
    let mut shared = Vec::new();
    for (b, second) in known.iter().enumerate() {
        for (a, first) in known[..b].iter().enumerate() {
            for dimension in Dimension::VALUES {
                if let Some(same) = share(world, first, second, *dimension) {
                    shared.push((a, b, *dimension, same));
                }
            }
        }
    }
    let largest = |among: &dyn Fn(usize) -> bool| {
        let group = |dimension: &Dimension| {
            let of_it: Vec<_> = shared.iter().filter(|it| it.2 == *dimension).collect();
            let differ = |a, b| of_it.iter().any(|it| (it.0, it.1) == (a, b) && !it.3);
            let sets: Vec<usize> = (0..known.len()).filter(|set| among(*set)).collect();
            (!of_it.is_empty()).then(|| (*dimension, largest(&sets, &differ)))
        };
        Dimension::VALUES.iter().filter_map(group).collect::<Vec<_>>()
    };
    let is_up = |set: usize| known[set].is_down != Some(true);
    let up = known.iter().all(|it| it.is_down.is_some());
    ServiceVerdict {
        name: service.name.clone(),
        expect_independent: service.expect_independent,
        sets: service.sets.iter().map(|(name, _)| name.clone()).collect(),
        independent: largest(&|_| true),
        independent_up: largest(&is_up),
        up: up.then(|| (0..known.len()).filter(|set| is_up(*set)).count()),
        shared,
    }
}

fn known<'a>(
    endpoints: &[Endpoint],
    world: &'a World,
    verdicts: &'a BTreeMap<Endpoint, TargetVerdict>,
) -> Known<'a> {
    let mut known = Known::default();
    for endpoint in endpoints {
        let (Some(target), Some(verdict)) = (world.targets.get(endpoint), verdicts.get(endpoint))
        else {
            continue;
        };
        for address in &verdict.addresses {
            known.seen.push(address.judged.voters.clone());
            known.networks.insert(network(address.ip));
            if address.told != Class::OneSite {
                continue;
            }
            for (city, source) in address.judged.sites.iter().filter_map(|site| site.city) {
                if source == Source::Name {
                    known.cities.insert(&city.name);
                    known.places.push(city);
                }
            }
        }
        known.asns.extend(target.addresses.iter().flat_map(|address| &address.asns));
        known.handovers.extend(target.handovers.values().flatten());
        // It is up as long as one of its endpoints is.
        let is_down = target.down.map(|share| share >= DOWN);
        known.is_down = match (known.is_down, is_down) {
            (Some(before), Some(now)) => Some(before && now),
            (before, now) => before.or(now),
        };
    }
    known
}

/// Whether two sets have it in common, if that is known.
fn share(world: &World, a: &Known<'_>, b: &Known<'_>, dimension: Dimension) -> Option<bool> {
    fn overlap<T: Ord>(a: &BTreeSet<T>, b: &BTreeSet<T>) -> Option<bool> {
        (!a.is_empty() && !b.is_empty()).then(|| a.intersection(b).next().is_some())
    }
    match dimension {
        Dimension::Place => same_place(world, a, b),
        Dimension::Asn => overlap(&a.asns, &b.asns),
        Dimension::Prefix => overlap(&a.networks, &b.networks),
        Dimension::Upstreams => overlap(&a.handovers, &b.handovers),
    }
}

/// Whether two sets are at one place: by the names of routers, or by distances that leave no choice.
fn same_place(world: &World, a: &Known<'_>, b: &Known<'_>) -> Option<bool> {
    if overlap_of(&a.cities, &b.cities) {
        return Some(true);
    }
    let apart = |a: &City, b: &City| a.place.km_to(b.place) > APART_KM;
    let is_named = !a.places.is_empty() && !b.places.is_empty();
    if is_named && a.places.iter().all(|one| b.places.iter().all(|other| apart(one, other))) {
        return Some(false);
    }
    let pairs = || a.seen.iter().flat_map(|one| b.seen.iter().map(move |other| (one, other)));
    if pairs().next().is_some() && pairs().all(|(one, other)| are_apart(world, one, other)) {
        return Some(false);
    }
    let is_together = |(one, other): (&Vec<Seen>, &Vec<Seen>)| {
        let discs: Vec<Disc> =
            one.iter().chain(other).filter_map(|it| class::disc(world, it)).collect();
        let site = place::locate(&discs, &BTreeMap::new());
        !one.is_empty() && !other.is_empty() && site.is_some_and(|site| site.radius <= TOGETHER_KM)
    };
    pairs().any(is_together).then_some(true)
}

fn overlap_of(a: &BTreeSet<&str>, b: &BTreeSet<&str>) -> bool {
    a.intersection(b).next().is_some()
}

/// Whether two addresses cannot be at one place, whichever single vantage is wrong.
fn are_apart(world: &World, one: &[Seen], other: &[Seen]) -> bool {
    let reach = |it: &Seen| world.vantages[it.vantage].reach_km(it.rtt_ms);
    let mut centres: Option<BTreeSet<usize>> = None;
    for a in one {
        for b in other {
            let km = world.distances.km(a.vantage, b.vantage);
            if km.is_some_and(|km| km > reach(a) + reach(b) + SLACK_KM) {
                let pair = BTreeSet::from([a.vantage, b.vantage]);
                centres = Some(match centres {
                    Some(centres) => &centres & &pair,
                    None => pair,
                });
            }
        }
    }
    centres.is_some_and(|centres| centres.is_empty())
}

/// The size of the largest group of which each two differ. Exact: there are few sets.
fn largest(sets: &[usize], differ: &dyn Fn(usize, usize) -> bool) -> usize {
    let Some((first, rest)) = sets.split_first() else { return 0 };
    let with: Vec<usize> =
        rest.iter().copied().filter(|it| differ(*first.min(it), *first.max(it))).collect();
    let best = 1 + largest(&with, differ);
    if with.len() == rest.len() { best } else { best.max(largest(rest, differ)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_group_is_exact() {
        let apart = [(0, 1), (0, 2), (1, 2), (2, 3), (0, 3)];
        let differ = |a: usize, b: usize| apart.contains(&(a, b));
        assert_eq!(largest(&[0, 1, 2, 3], &differ), 3);
        assert_eq!(largest(&[1, 3], &differ), 1);
        assert_eq!(largest(&[], &differ), 0);
        let all: Vec<usize> = (0..MOST_SETS).collect();
        assert_eq!(largest(&all, &|_, _| true), MOST_SETS);
        assert_eq!(largest(&all, &|a, b| (a + b) % 2 == 1), 2);
    }
}
