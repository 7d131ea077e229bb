//! One site or several: what the round trips of all vantages to one address allow. No I/O, no clock.

use std::collections::{BTreeMap, BTreeSet};

use earth::{FARTHEST_KM, SLACK_KM};
use exporter_kit::LabelEnum;

use crate::graph::Graph;
use crate::place::{self, Disc, Site};
use crate::world::{Address, Seen, World};

/// With fewer vantages than these, or fewer regions, nothing is said.
const LEAST_VANTAGES: usize = 6;
const LEAST_REGIONS: usize = 3;
/// Below so many vantages what is said of one site is called weak: half of all pairs of sites in one
/// continent look like one site to ten vantages, by the simulation that the limits come from.
pub(crate) const WEAK_BELOW: usize = 10;
/// Milliseconds below which a site is in the region of a vantage, not beyond an ocean.
const NEAR_MS: f64 = 60.0;
/// From so many kilometres on, the way of a packet is compared with the straight line.
const FAR_KM: f64 = 2_000.0;
/// How many times as long as by light on the straight line round trips are, in the median.
const USUAL_STRETCH: (f64, f64) = (1.2, 4.0);
/// More sites are not told one by one.
pub(crate) const MOST_SITES: usize = 16;

/// What is told of an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Class {
    /// Too few vantages, or in too few regions.
    #[default]
    Insufficient,
    /// All fits one site, or several near one another.
    OneSite,
    /// No single site explains it, and no single wrong vantage does.
    SeveralSites,
    /// Anything else.
    Undetermined,
}

impl LabelEnum for Class {
    const VALUES: &'static [Self] =
        &[Self::Insufficient, Self::OneSite, Self::SeveralSites, Self::Undetermined];

    fn name(self) -> &'static str {
        match self {
            Self::Insufficient => "insufficient",
            Self::OneSite => "one_site",
            Self::SeveralSites => "several_sites",
            Self::Undetermined => "undetermined",
        }
    }

    fn place(self) -> usize {
        match self {
            Self::Insufficient => 0,
            Self::OneSite => 1,
            Self::SeveralSites => 2,
            Self::Undetermined => 3,
        }
    }
}

/// The judgement on one address at one moment, with what it rests on.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Judged {
    /// What is told.
    pub(crate) class: Class,
    /// At least so many sites there are; 0 where that is not known.
    pub(crate) sites_min: usize,
    /// Pairs of vantages that contradict one site.
    pub(crate) violations: usize,
    /// So many vantages at least must be wrong for there to be one site after all.
    pub(crate) proof: usize,
    /// Vantages that took part.
    pub(crate) voters: Vec<Seen>,
    /// Regions that took part.
    pub(crate) regions: usize,
    /// Where the sites are, as far as that can be said.
    pub(crate) sites: Vec<Site>,
    /// The autonomous systems that announce it.
    pub(crate) asns: BTreeSet<u32>,
}

impl Judged {
    /// The same figures, of which nothing is made.
    pub(crate) fn doubted(self) -> Self {
        let class = Class::Undetermined;
        Self { class, sites_min: self.sites_min.min(1), sites: Vec::new(), ..self }
    }
}

/// The pairs of vantages whose round trips to an address no single place explains.
pub(crate) fn contradictions(world: &World, seen: &[Seen], ms: impl Fn(&Seen) -> f64) -> Graph {
    let mut graph = Graph::default();
    each_contradiction(world, seen, ms, |one, other| {
        graph.add(one, other);
        true
    });
    graph
}

/// Calls with each two vantages that contradict each other, until it says that this is enough.
pub(crate) fn each_contradiction(
    world: &World,
    seen: &[Seen],
    ms: impl Fn(&Seen) -> f64,
    mut contradict: impl FnMut(usize, usize) -> bool,
) {
    let mut reach: Vec<(f64, usize)> =
        seen.iter().map(|it| (world.vantages[it.vantage].reach_km(ms(it)), it.vantage)).collect();
    reach.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    for (at, (near, one)) in reach.iter().enumerate() {
        for (far, other) in &reach[at + 1..] {
            let most = near + far + SLACK_KM;
            // No two places are farther apart, and the others only reach farther.
            if most >= FARTHEST_KM {
                break;
            }
            let km = world.distances.km(*one, *other);
            if km.is_some_and(|km| km > most) && !contradict(*one, *other) {
                return;
            }
        }
    }
}

/// The measurements that count: of vantages that have a network and a place, and are not suspected.
pub(crate) fn voters(world: &World, seen: &[Seen], suspects: &BTreeSet<usize>) -> Vec<Seen> {
    let counts = |it: &&Seen| {
        let vantage = &world.vantages[it.vantage];
        vantage.is_trusted && vantage.place.is_some() && !suspects.contains(&it.vantage)
    };
    seen.iter().filter(counts).copied().collect()
}

/// Whether what a vantage says of its paths counts: its network works, and it is where it says.
pub(crate) fn is_heard(world: &World, vantage: usize, suspects: &BTreeSet<usize>) -> bool {
    world.vantages[vantage].is_trusted && !suspects.contains(&vantage)
}

/// Whether so many, in so many regions, can say anything.
pub(crate) fn are_enough(world: &World, voters: &[Seen]) -> bool {
    voters.len() >= LEAST_VANTAGES && regions(world, voters) >= LEAST_REGIONS
}

/// How many regions they are in.
fn regions(world: &World, voters: &[Seen]) -> usize {
    let regions = voters.iter().map(|it| world.vantages[it.vantage].region.as_str());
    regions.collect::<BTreeSet<_>>().len()
}

/// Judges one address.
pub(crate) fn judge(world: &World, address: &Address, suspects: &BTreeSet<usize>) -> Judged {
    let voters = voters(world, &address.seen, suspects);
    let regions = regions(world, &voters);
    // Who is left out says nothing of places, by distance or by name.
    let hints = address.cities(|at| is_heard(world, at, suspects));
    let mut judged = Judged { voters, regions, asns: address.asns.clone(), ..Judged::default() };
    if !are_enough(world, &judged.voters) {
        return judged;
    }
    let mut graph = contradictions(world, &judged.voters, |it| it.rtt_ms);
    // What moves leaves its old minima behind: only what is so in the newest minute too is at several sites.
    let now = graph
        .is_proof()
        .then(|| contradictions(world, &judged.voters, |it| it.now_ms.max(it.rtt_ms)))
        .filter(Graph::is_proof);
    judged.class = Class::Undetermined;
    judged.sites_min = 1;
    if let Some(now) = now {
        let order = nearest_first(world, &judged.voters);
        let (chosen, without_one) = now.independent(&order);
        judged.class = Class::SeveralSites;
        judged.sites_min = without_one.max(2);
        judged.sites = sites(world, &hints, &judged.voters, &chosen);
        graph = now;
    } else if graph.is_empty() {
        let discs: Vec<_> = judged.voters.iter().filter_map(|it| disc(world, it)).collect();
        let site = place::locate(&discs, &hints);
        if site.is_some()
            && is_everywhere(world, address, suspects)
            && looks_like_one(world, &judged.voters)
        {
            judged.class = Class::OneSite;
        }
        judged.sites.extend(site);
    }
    (judged.violations, judged.proof) = (graph.len(), graph.matching());
    judged
}

/// Whether every vantage that is believed and has an address of this family has this one.
fn is_everywhere(world: &World, address: &Address, suspects: &BTreeSet<usize>) -> bool {
    let mut absent = address.absent.iter().map(|at| (*at, &world.vantages[*at]));
    !absent.any(|(at, it)| it.is_trusted && it.place.is_some() && !suspects.contains(&at))
}

/// The conditions under which round trips without a contradiction look like those to one site:
/// 1. the nearest is near;
/// 2. one region alone is near;
/// 3. nobody far away is nearer than light, measured from the nearest vantage;
/// 4. those far away are as much slower than light as packets usually are.
fn looks_like_one(world: &World, voters: &[Seen]) -> bool {
    let Some(nearest) = voters.iter().min_by(|a, b| a.rtt_ms.total_cmp(&b.rtt_ms)) else {
        return false;
    };
    let near: BTreeSet<&str> = voters
        .iter()
        .filter(|it| it.rtt_ms < NEAR_MS)
        .map(|it| world.vantages[it.vantage].region.as_str())
        .collect();
    let mut stretches: Vec<f64> = voters
        .iter()
        .filter_map(|it| {
            let km = world.distances.km(it.vantage, nearest.vantage)?;
            (km > FAR_KM).then(|| world.vantages[it.vantage].reach_km(it.rtt_ms) / km)
        })
        .collect();
    stretches.sort_by(f64::total_cmp);
    let median = stretches.get(stretches.len() / 2);
    near.len() == 1
        && stretches.first().is_some_and(|least| *least >= 1.0)
        && median.is_some_and(|it| (USUAL_STRETCH.0..=USUAL_STRETCH.1).contains(it))
}

/// Where an address can be as one vantage sees it.
pub(crate) fn disc(world: &World, seen: &Seen) -> Option<Disc> {
    let vantage = &world.vantages[seen.vantage];
    Some(Disc { centre: vantage.place?, radius: vantage.reach_km(seen.rtt_ms) })
}

/// The vantages, those with the smallest discs first.
fn nearest_first(world: &World, voters: &[Seen]) -> Vec<usize> {
    let mut order: Vec<&Seen> = voters.iter().collect();
    let reach = |it: &Seen| world.vantages[it.vantage].reach_km(it.rtt_ms);
    order.sort_by(|a, b| reach(a).total_cmp(&reach(b)).then(a.vantage.cmp(&b.vantage)));
    order.into_iter().map(|it| it.vantage).collect()
}

/// The site of each of the chosen: where it and those can all be right that see this site or none of the others.
/// What one vantage alone sees is no site: it may be the vantage that is wrong.
fn sites(
    world: &World,
    hints: &BTreeMap<String, usize>,
    voters: &[Seen],
    chosen: &[usize],
) -> Vec<Site> {
    let overlap = |a: &Disc, b: &Disc| a.centre.km_to(b.centre) <= a.radius + b.radius + SLACK_KM;
    let discs: Vec<(usize, Disc)> =
        voters.iter().filter_map(|it| Some((it.vantage, disc(world, it)?))).collect();
    let heads: Vec<&Disc> = chosen
        .iter()
        .filter_map(|it| discs.iter().find(|(at, _)| at == it))
        .map(|it| &it.1)
        .collect();
    // Of each disc the one head that it overlaps; who overlaps several may see any of them.
    let own = |disc: &Disc| {
        let mut overlapped = heads.iter().enumerate().filter(|(_, head)| overlap(disc, head));
        overlapped.next().filter(|_| overlapped.next().is_none()).map(|(at, _)| at)
    };
    let own: Vec<(Option<usize>, Disc)> =
        discs.iter().map(|(_, disc)| (own(disc), *disc)).collect();
    let site = |(at, head): (usize, &&Disc)| {
        let of_it = own.iter().filter(|(of, _)| *of == Some(at)).map(|(_, disc)| *disc);
        let of_it: Vec<Disc> = of_it.collect();
        if of_it.len() < 2 {
            return None;
        }
        let alone = || place::locate(std::slice::from_ref(*head), hints);
        place::locate(&of_it, hints).or_else(alone)
    };
    heads.iter().enumerate().take(MOST_SITES).filter_map(site).collect()
}
