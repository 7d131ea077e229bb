//! The verdict on each country: by its networks, against the rest of the world. No I/O, no clock.

use std::collections::{BTreeSet, HashMap};

use super::case::Case;
use super::country::{Country, Difference, FEWEST_NETWORKS as NETWORKS};
use super::figures::{is_above, is_at_least, lower_end};
use super::votes::Weight;
use super::whole::REST;
use crate::outcome::Class;

/// A country keeps its verdict from this share on, and from so many networks as it needs for one.
const STAYS: f64 = 0.5;

/// The resolvers of one network in one country.
#[derive(Debug, Default)]
struct Members {
    all: usize,
    bad: usize,
}

/// What is counted for one place.
#[derive(Debug, Default)]
struct Count {
    networks: HashMap<u32, Members>,
    votes: Weight,
    bad: Weight,
    kinds: [Weight; Difference::ALL.len()],
}

impl Count {
    fn share(&self) -> f64 {
        let bad: Weight = self.networks.values().map(Members::share).sum();
        bad.networks() / self.networks.len().max(1) as f64
    }

    /// Whether more than half of the networks are bad beyond chance.
    fn diverges(&self) -> bool {
        is_above(lower_end(self.share(), self.networks.len() as f64), STAYS)
    }
}

impl Members {
    fn share(&self) -> Weight {
        let part = Weight::shared_by(self.all);
        (0..self.bad).map(|_| part).sum()
    }
}

/// The verdict on each country, and the share of the rest of the world that is bad. `may_speak` is false
/// while too few answer in all, or while the whole is told already.
pub(super) fn judge(
    case: &Case<'_>,
    classes: &[Class],
    may_speak: bool,
    before: &BTreeSet<String>,
) -> (Vec<Country>, Option<f64>) {
    let (counts, all) = count(case, classes);
    let diverging = || counts.iter().filter(|count| count.diverges());
    let votes = all.votes.without(diverging().map(|count| count.votes).sum());
    let bad = all.bad.without(diverging().map(|count| count.bad).sum());
    let rest = (votes.networks() > 1e-9).then(|| bad.of(votes));
    let is_measure = is_measure(may_speak, rest);
    let country = |(place, count): (usize, &Count)| {
        let (code, networks, bad) =
            (case.places.code(place).to_owned(), count.networks.len(), count.share());
        let stays = || before.contains(&code) && is_at_least(bad, STAYS) && networks >= NETWORKS;
        let differs = is_measure && (count.diverges() || stays());
        let kinds = Difference::ALL.into_iter().zip(count.kinds);
        let largest = kinds.max_by_key(|(kind, weight)| (*weight, std::cmp::Reverse(*kind as u8)));
        let difference = largest.filter(|_| differs).map(|(kind, _)| kind);
        Country { code, networks, bad, difference }
    };
    let counted = counts.iter().enumerate().filter(|(_, count)| !count.networks.is_empty());
    (counted.map(country).collect(), rest)
}

/// Whether countries can differ from the rest of the world, of which such a share is bad.
pub(super) fn is_measure(may_speak: bool, rest: Option<f64>) -> bool {
    may_speak && rest.is_some_and(|rest| !is_at_least(rest, REST))
}

/// The verdicts with those that stand, of countries of which too little is known now: a country that goes dark has not
/// mended itself. All of them where the whole cannot be measured; but none of a country of which the list has not even
/// half of the networks any more: that one was taken out, and is not dark.
pub(super) fn with_standing<'a>(
    case: &Case<'_>,
    judged: &[Country],
    standing: impl Iterator<Item = &'a Country>,
    is_measured: bool,
) -> Vec<Country> {
    let mut countries = judged.to_vec();
    let standing: Vec<&Country> = standing.collect();
    let listed = listed(case, &standing);
    for (country, listed) in standing.into_iter().zip(listed) {
        let is_half = |networks: usize| 2 * networks >= country.networks;
        // Half of its networks say that it is over; fewer, that are good, are what does not go dark with the rest. Of a
        // few, some more must be good.
        let is_told = |it: &Country| {
            let is_enough = it.networks >= NETWORKS || it.bad < STAYS;
            it.difference.is_some() || is_half(it.networks) && is_enough
        };
        let now = countries.iter().find(|it| it.code == country.code);
        let is_over = is_measured && now.is_some_and(is_told);
        if is_over || !is_half(listed) {
            continue;
        }
        countries.retain(|it| it.code != country.code);
        countries.push(country.clone());
    }
    countries.sort_by(|one, other| one.code.cmp(&other.code));
    countries
}

/// How many networks the list has in each of these countries. It is gone through once, and marks a bit for each network of
/// a country: it may have a million resolvers, and so is each name.
fn listed(case: &Case<'_>, countries: &[&Country]) -> Vec<usize> {
    if countries.is_empty() {
        return Vec::new();
    }
    let of_code = |code| countries.iter().position(|country| country.code == code);
    let of_place: Vec<Option<usize>> =
        (0..case.places.len()).map(|place| of_code(case.places.code(place))).collect();
    let mut marks = vec![vec![0_u64; case.list.networks.div_ceil(64)]; countries.len()];
    for resolver in &case.list.resolvers {
        if let Some(country) = case.places.of(resolver).and_then(|place| of_place[place]) {
            marks[country][resolver.network as usize / 64] |= 1 << (resolver.network % 64);
        }
    }
    let count = |marks: Vec<u64>| marks.iter().map(|marks| marks.count_ones() as usize).sum();
    marks.into_iter().map(count).collect()
}

fn count(case: &Case<'_>, classes: &[Class]) -> (Vec<Count>, Count) {
    let mut counts: Vec<Count> = Vec::new();
    counts.resize_with(case.places.len(), Count::default);
    let mut all = Count::default();
    let mut sizes = vec![0_usize; case.list.networks];
    for (at, resolver) in case.list.resolvers.iter().enumerate() {
        sizes[resolver.network as usize] +=
            usize::from(case.health.silent[at] || case.health.works[at]);
    }
    for (at, resolver) in case.list.resolvers.iter().enumerate() {
        let class = classes[at];
        let is_silent = case.health.silent[at];
        // One that is silent has no vote of its own; it has its part of its network's here.
        let part = || Weight::shared_by(sizes[resolver.network as usize]);
        let (vote, share) = match case.health.works[at] {
            _ if is_silent => (part(), part()),
            true if class.is_judged() => (case.votes.vote[at], case.votes.share[at]),
            _ => continue,
        };
        let is_bad = is_silent || class.is_outlier() || class.is_failure();
        let kind = if is_silent { Difference::Silent } else { Difference::of(class) };
        let add = |count: &mut Count| {
            count.votes += vote;
            if is_bad {
                count.bad += vote;
                count.kinds[kind as usize] += share;
            }
        };
        add(&mut all);
        if let Some(place) = case.places.of(resolver) {
            add(&mut counts[place]);
            let members = counts[place].networks.entry(resolver.network).or_default();
            members.all += 1;
            members.bad += usize::from(is_bad);
        }
    }
    (counts, all)
}

/// The share of the votes that is bad, of all and outside of the countries that diverge as such.
pub(super) fn outside(
    case: &Case<'_>,
    counts: impl Fn(usize) -> bool,
    is_bad: impl Fn(usize) -> bool,
) -> (f64, f64) {
    let mut of_places: Vec<Count> = Vec::new();
    of_places.resize_with(case.places.len(), Count::default);
    let (mut votes, mut bad) = (Weight::default(), Weight::default());
    for (at, resolver) in case.list.resolvers.iter().enumerate() {
        if !case.health.works[at] || !counts(at) {
            continue;
        }
        let (vote, is_bad) = (case.votes.vote[at], is_bad(at));
        votes += vote;
        if is_bad {
            bad += vote;
        }
        let Some(place) = case.places.of(resolver) else { continue };
        let count = &mut of_places[place];
        count.votes += vote;
        if is_bad {
            count.bad += vote;
        }
        let members = count.networks.entry(resolver.network).or_default();
        members.all += 1;
        members.bad += usize::from(is_bad);
    }
    let share = bad.of(votes);
    for count in of_places.iter().filter(|count| count.diverges()) {
        votes = votes.without(count.votes);
        bad = bad.without(count.bad);
    }
    (share, if votes.networks() > 1e-9 { bad.of(votes) } else { 1.0 })
}
