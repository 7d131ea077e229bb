//! The sets of endpoints that one service may be reached by: do they stand or fall alone?
//! No I/O, no clock.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use earth::SLACK_KM;
use exporter_kit::LabelEnum;

use crate::cities::City;
use crate::class::{Class, Judged};
use crate::place::Source;
use crate::verdict::{AddressVerdict, TargetVerdict};
use crate::world::{Endpoint, Handover, Seen, Target, World, network};

/// Sets of one service.
pub(crate) const MOST_SETS: usize = 16;
/// Kilometres from which on two cities are not one place.
pub(crate) const APART_KM: f64 = 300.0;
/// Kilometres within which each must lie, and both, that are one place by distance alone.
const TOGETHER_KM: f64 = 100.0;
/// From that share of the regions on an endpoint is down for everyone, as its alert has it.
const DOWN: f64 = 0.75;

/// A service, as the config has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Service {
    /// Its name.
    pub(crate) name: String,
    /// Who owns it; empty where that is not said.
    pub(crate) team: String,
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
    /// The prefix that they are announced in: the longest route, or where no table tells of it /24 or /48.
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
    /// Who owns it; empty where that is not said.
    pub(crate) team: String,
    /// How many of its sets should be independent.
    pub(crate) expect_independent: Option<u32>,
    /// The names of its sets.
    pub(crate) sets: Vec<String>,
    /// Of each two sets, by their numbers, whether they share it; what is not known is absent.
    pub(crate) shared: Vec<(usize, usize, Dimension, bool)>,
    /// How many sets share nothing of a kind with one another; absent where nothing is known of any two.
    pub(crate) independent: Vec<(Dimension, usize)>,
    /// How many may be: of which no two are known to share it.
    pub(crate) possible: Vec<(Dimension, usize)>,
    /// The same as those that are, of those that are not down.
    pub(crate) independent_up: Vec<(Dimension, usize)>,
    /// How many sets are not down; absent where that is not known of all.
    pub(crate) up: Option<usize>,
}

/// What is known of one set.
#[derive(Default)]
struct Known<'a> {
    /// Its addresses.
    addresses: BTreeMap<IpAddr, &'a AddressVerdict>,
    /// Whether there is an endpoint of which no address is known.
    has_unknown: bool,
    handovers: BTreeSet<&'a Handover>,
    is_down: Option<bool>,
}

/// Judges a service by what is told of its endpoints.
pub(crate) fn judge(
    service: &Service,
    world: &World,
    verdicts: &BTreeMap<Endpoint, TargetVerdict>,
    suspects: &BTreeSet<usize>,
) -> ServiceVerdict {
    let known =
        |(_, endpoints): &(String, Vec<Endpoint>)| known(endpoints, world, verdicts, suspects);
    let known: Vec<Known<'_>> = service.sets.iter().map(known).collect();
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
    let largest = |takes_unknown: bool, among: &dyn Fn(usize) -> bool| {
        let group = |dimension: &Dimension| {
            let of_it: Vec<_> = shared.iter().filter(|it| it.2 == *dimension).collect();
            let differ = |a, b| {
                let pair = of_it.iter().find(|it| (it.0, it.1) == (a, b));
                pair.map_or(takes_unknown, |it| !it.3)
            };
            let sets: Vec<usize> = (0..known.len()).filter(|set| among(*set)).collect();
            (!of_it.is_empty()).then(|| (*dimension, largest(&sets, &differ)))
        };
        Dimension::VALUES.iter().filter_map(group).collect::<Vec<_>>()
    };
    // What nobody knows is not up; where nobody knows anything, nothing is said.
    let is_up = |set: usize| known[set].is_down == Some(false);
    let is_any_known = known.iter().any(|it| it.is_down.is_some());
    let up = known.iter().all(|it| it.is_down.is_some());
    ServiceVerdict {
        name: service.name.clone(),
        team: service.team.clone(),
        expect_independent: service.expect_independent,
        sets: service.sets.iter().map(|(name, _)| name.clone()).collect(),
        independent: largest(false, &|_| true),
        possible: largest(true, &|_| true),
        independent_up: if is_any_known { largest(false, &is_up) } else { Vec::new() },
        up: up.then(|| (0..known.len()).filter(|set| is_up(*set)).count()),
        shared,
    }
}

fn known<'a>(
    endpoints: &[Endpoint],
    world: &'a World,
    verdicts: &'a BTreeMap<Endpoint, TargetVerdict>,
    suspects: &BTreeSet<usize>,
) -> Known<'a> {
    let mut known = Known::default();
    let mut down = Vec::new();
    for endpoint in endpoints {
        let verdict = verdicts.get(endpoint);
        let addresses = verdict.iter().flat_map(|it| &it.addresses);
        known.addresses.extend(addresses.map(|it| (it.ip, it)));
        known.has_unknown |= verdict.is_none_or(|it| it.addresses.is_empty());
        let target = world.targets.get(endpoint);
        let heard = target.iter().flat_map(|it| &it.handovers);
        let heard =
            heard.filter(|(at, _)| world.vantages[**at].is_trusted && !suspects.contains(at));
        known.handovers.extend(heard.flat_map(|(_, handovers)| handovers));
        down.push(target.and_then(|it| it.down).map(|share| share >= DOWN));
    }
    // It is up as long as one of its endpoints is; one of which nothing is known may be.
    known.is_down = if down.contains(&Some(false)) {
        Some(false)
    } else {
        (!down.contains(&None)).then_some(true)
    };
    known
}

/// Whether it is down for everyone.
pub(crate) fn is_down(target: &Target) -> bool {
    target.down.is_some_and(|share| share >= DOWN)
}

/// Whether two sets have it in common, if that is known.
fn share(world: &World, a: &Known<'_>, b: &Known<'_>, dimension: Dimension) -> Option<bool> {
    match dimension {
        Dimension::Place => same_place(world, a, b),
        Dimension::Asn => {
            let asns = |it: &Known<'_>| -> BTreeSet<u32> {
                it.addresses.values().flat_map(|it| &it.judged.asns).copied().collect()
            };
            let (a, b) = (asns(a), asns(b));
            (!a.is_empty() && !b.is_empty()).then(|| !a.is_disjoint(&b))
        }
        Dimension::Prefix => same_prefix(world, a, b),
        Dimension::Upstreams => same_upstreams(a, b),
    }
}

/// Whether they are in one prefix, as far as they have addresses of one family.
fn same_prefix(world: &World, a: &Known<'_>, b: &Known<'_>) -> Option<bool> {
    let pairs = a.addresses.keys().flat_map(|a| b.addresses.keys().map(move |b| (*a, *b)));
    let alike = pairs.filter(|(a, b)| a.is_ipv4() == b.is_ipv4());
    let all: Vec<_> = alike.map(|(a, b)| are_in_one_prefix(world, a, b)).collect();
    if all.contains(&Some(true)) {
        return Some(true);
    }
    (!all.is_empty() && !all.contains(&None)).then_some(false)
}

/// By the routes to them; what no table tells of may be in the route to the other, or have one of its own.
fn are_in_one_prefix(world: &World, a: IpAddr, b: IpAddr) -> Option<bool> {
    match (world.route_to(a), world.route_to(b)) {
        (Some(a), Some(b)) => Some(a == b),
        _ if network(a) == network(b) => Some(true),
        (Some(route), None) if route.contains(&b) => None,
        (None, Some(route)) if route.contains(&a) => None,
        _ => Some(false),
    }
}

/// Whether packets come in from one network in one city. Of a city that nobody knows nothing is known.
fn same_upstreams(a: &Known<'_>, b: &Known<'_>) -> Option<bool> {
    if a.handovers.is_empty() || b.handovers.is_empty() {
        return None;
    }
    let pairs = a.handovers.iter().flat_map(|a| b.handovers.iter().map(move |b| (*a, *b)));
    let alike: Vec<_> = pairs.filter(|(a, b)| a.asn == b.asn).collect();
    if alike.iter().any(|(a, b)| a.city == b.city && !a.city.is_empty()) {
        return Some(true);
    }
    let is_known = alike.iter().all(|(a, b)| !a.city.is_empty() && !b.city.is_empty());
    is_known.then_some(false)
}

/// Whether two sets are at one place: by their addresses, by the names of routers, or by distances that
/// leave no choice. What may be at several sites may be where the other is.
fn same_place(world: &World, a: &Known<'_>, b: &Known<'_>) -> Option<bool> {
    let pairs = || a.addresses.values().flat_map(|a| b.addresses.values().map(move |b| (*a, *b)));
    if pairs().any(|(a, b)| a.ip == b.ip || is_together(a, b)) {
        return Some(true);
    }
    let is_whole = pairs().next().is_some() && !a.has_unknown && !b.has_unknown;
    (is_whole && pairs().all(|(a, b)| is_apart(world, a, b))).then_some(false)
}

/// The city that routers next to the one site of an address are named after.
pub(crate) fn named(judged: &Judged) -> Option<&'static City> {
    let (city, source) = judged.sites.first()?.city?;
    (judged.class == Class::OneSite && source == Source::Name).then_some(city)
}

/// Whether each of two addresses has one site, and these are in one city, or each is small by itself and near
/// the other.
fn is_together(a: &AddressVerdict, b: &AddressVerdict) -> bool {
    if let (Some(a), Some(b)) = (named(&a.judged), named(&b.judged)) {
        return a.name == b.name;
    }
    let one = |it: &AddressVerdict| {
        let site = it.judged.sites.first().filter(|site| site.radius <= TOGETHER_KM);
        site.filter(|_| it.told == Class::OneSite).map(|site| site.place)
    };
    one(a).zip(one(b)).is_some_and(|(a, b)| a.km_to(b) <= TOGETHER_KM)
}

/// Whether each of two addresses has one site, and these are far apart.
fn is_apart(world: &World, a: &AddressVerdict, b: &AddressVerdict) -> bool {
    if a.told != Class::OneSite || b.told != Class::OneSite {
        return false;
    }
    let by_name = named(&a.judged).zip(named(&b.judged));
    by_name.is_some_and(|(a, b)| a.place.km_to(b.place) > APART_KM)
        || are_apart(world, &a.judged.voters, &b.judged.voters)
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
