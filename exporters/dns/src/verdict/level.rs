//! The answers at one level of detail: which addresses, or which networks of theirs, how many votes each
//! has, and where. No I/O, no clock.

use std::net::IpAddr;

use super::figures::{is_above, is_at_least, weighted_median};
use super::key::{Answer, Detail, Key, common_keys, in_keys};
use super::votes::Weight;

/// Networks that make a place a large one.
const LARGE: f64 = 3.0;
/// With fewer large places there is no median place.
const FEWEST_PLACES: usize = 4;
/// A place weighs no more than this share of the large ones.
const MOST: f64 = 0.2;
/// Standard deviations beyond which places differ.
const DIFFERENT: f64 = 5.0;

/// One that voted with one set of addresses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Voter {
    /// Its place, if it has one.
    pub(super) place: Option<usize>,
    /// Its answer's number.
    pub(super) answer: usize,
    /// Its part of its network.
    pub(super) share: Weight,
    /// Its vote.
    pub(super) vote: Weight,
}

/// Some of the keys, by number, and whether the rare ones are among them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Keys {
    has: Vec<bool>,
    rare: bool,
}

/// One level.
#[derive(Debug)]
pub(super) struct Level<'a> {
    /// What the keys are made of.
    pub(super) detail: Detail<'a>,
    voters: &'a [Voter],
    /// The keys that are not rare, in their order.
    pub(super) keys: Vec<Key>,
    answers: Vec<Answer>,
    /// Votes and networks of each key.
    support: Vec<Weight>,
    count: Vec<Weight>,
    /// Networks of each key in each place that has any.
    cells: Vec<Vec<(usize, Weight)>>,
    /// Votes and networks of all.
    votes: Weight,
    networks: Weight,
    /// Networks of each place, and the weight of each that is large.
    places: Vec<Weight>,
    large: Vec<(usize, f64)>,
    /// Whether there is a median place.
    pub(super) has_places: bool,
}

impl<'a> Level<'a> {
    /// Counts the voters; `answers` are all answers that were heard, `places` how many places there are.
    pub(super) fn new(
        detail: Detail<'a>,
        answers: &[&[IpAddr]],
        voters: &'a [Voter],
        places: usize,
    ) -> Self {
        let keys = common_keys(detail, answers, voters.iter().map(|voter| voter.answer));
        let answers: Vec<_> = answers.iter().map(|answer| in_keys(detail, answer, &keys)).collect();
        let mut level = Self {
            detail,
            voters,
            support: vec![Weight::default(); keys.len()],
            count: vec![Weight::default(); keys.len()],
            cells: vec![Vec::new(); keys.len()],
            keys,
            answers,
            votes: voters.iter().map(|voter| voter.vote).sum(),
            networks: voters.iter().map(|voter| voter.share).sum(),
            places: vec![Weight::default(); places],
            large: Vec::new(),
            has_places: false,
        };
        let mut in_place_order: Vec<&Voter> = voters.iter().collect();
        in_place_order.sort_by_key(|voter| voter.place);
        for voter in in_place_order {
            level.add(voter);
        }
        let large = |at: &usize| is_at_least(level.places[*at].networks(), LARGE);
        let large: Vec<usize> = (0..places).filter(large).collect();
        let all: f64 = large.iter().map(|at| level.places[*at].networks()).sum();
        let most = (MOST * all).max(1.0);
        level.large =
            large.iter().map(|at| (*at, level.places[*at].networks().min(most))).collect();
        level.has_places = level.large.len() >= FEWEST_PLACES;
        level
    }

    fn add(&mut self, voter: &Voter) {
        if let Some(place) = voter.place {
            self.places[place] += voter.share;
        }
        for key in &self.answers[voter.answer].keys {
            let key = *key as usize;
            self.support[key] += voter.vote;
            self.count[key] += voter.share;
            let Some(place) = voter.place else { continue };
            match self.cells[key].last_mut() {
                Some((last, sum)) if *last == place => *sum += voter.share,
                _ => self.cells[key].push((place, voter.share)),
            }
        }
    }

    /// The numbers of all keys.
    pub(super) fn all(&self) -> std::ops::Range<usize> {
        0..self.keys.len()
    }

    /// The number of a key, unless it is rare.
    pub(super) fn number(&self, key: Key) -> Option<usize> {
        self.keys.binary_search(&key).ok()
    }

    /// Share of the votes.
    pub(super) fn support(&self, key: usize) -> f64 {
        self.support[key].of(self.votes)
    }

    /// Networks that give a key.
    pub(super) fn count(&self, key: usize) -> f64 {
        self.count[key].networks()
    }

    /// Share of the networks that give a key.
    pub(super) fn share(&self, key: usize) -> f64 {
        self.count[key].of(self.networks)
    }

    /// The keys with at least this share of votes or networks, those with the most votes first.
    pub(super) fn frequent(&self, share: f64) -> Vec<usize> {
        let is = |key: &usize| {
            is_at_least(self.share(*key), share) || is_at_least(self.support(*key), share)
        };
        let mut keys: Vec<usize> = self.all().filter(is).collect();
        keys.sort_by_key(|key| std::cmp::Reverse(self.support[*key]));
        keys
    }

    /// Orders keys by the networks that give them, the most first.
    pub(super) fn sort(&self, keys: &mut [usize]) {
        keys.sort_by_key(|key| (std::cmp::Reverse(self.count[*key]), *key));
    }

    /// Share of a key in the median place; of all networks where there are too few places.
    pub(super) fn median_share(&self, key: usize) -> f64 {
        if !self.has_places {
            return self.share(key);
        }
        let cells = &self.cells[key];
        let share = |&(place, weight): &(usize, f64)| {
            let found = cells.binary_search_by_key(&place, |(place, _)| *place);
            let here = found.map_or(0.0, |at| cells[at].1.of(self.places[place]));
            (here, weight)
        };
        weighted_median(self.large.iter().map(share).collect())
    }

    /// How many places a key is seen in.
    pub(super) fn places_of(&self, key: usize) -> usize {
        self.cells[key].len()
    }

    /// Whether a key is spread over the places as if it did not depend on them. One that is hardly seen
    /// counts as even.
    pub(super) fn is_even(&self, key: usize) -> bool {
        let cells = &self.cells[key];
        let seen: f64 = cells.iter().map(|(_, weight)| weight.networks()).sum();
        if !self.has_places || !is_at_least(seen, LARGE) {
            return true;
        }
        let all: f64 = self.places.iter().map(|weight| weight.networks()).sum();
        let chance = (seen / all).min(1.0 - 1e-9);
        let (mut expected, mut variance) = (0.0, 0.0);
        for place in self.places.iter().filter(|weight| !weight.is_zero()) {
            let is_seen = 1.0 - (1.0 - chance).powf(place.networks());
            expected += is_seen;
            variance += is_seen * (1.0 - is_seen);
        }
        let places = cells.len() as f64;
        // Seen in too few places.
        if places < 0.8 * expected && is_above(expected - places, 4.0 * variance.sqrt()) {
            return false;
        }
        // Half of it in one place, and more than chance puts there.
        let crowds = |&(place, weight): &(usize, Weight)| {
            let (here, there) = (weight.networks(), self.places[place].networks());
            let deviation = (chance * (1.0 - chance) * there).max(0.25).sqrt();
            is_at_least(here, 0.5 * seen)
                && is_at_least(here, LARGE)
                && is_above(here - chance * there, DIFFERENT * deviation)
        };
        !cells.iter().any(crowds) && self.is_homogeneous(&[key])
    }

    /// Whether the places share one distribution of keys (Pearson, with the exact variance for small
    /// expectations). The worst tenth of the places is left out: they are judged one by one, and one
    /// that is poisoned must not make the honest answer look like an answer by place.
    pub(super) fn is_homogeneous(&self, keys: &[usize]) -> bool {
        let places: Vec<(usize, f64)> = self
            .places
            .iter()
            .enumerate()
            .filter(|(_, weight)| !weight.is_zero())
            .map(|(place, weight)| (place, weight.networks()))
            .collect();
        let all: f64 = places.iter().map(|(_, networks)| networks).sum();
        let mut deviations = vec![0.0; places.len()];
        let (mut variance, mut tested) = (0.0, 0.0);
        for key in keys {
            let cells = &self.cells[*key];
            let seen: f64 = cells.iter().map(|(_, weight)| weight.networks()).sum();
            let p = seen / all;
            if p <= 0.0 || p >= 1.0 - 1e-9 {
                continue;
            }
            let q = 1.0 - p;
            tested += 1.0;
            let mut cells = cells.iter().peekable();
            for ((place, networks), deviation) in places.iter().zip(&mut deviations) {
                let here = cells.next_if(|(at, _)| at == place);
                *deviation += match here {
                    Some((_, weight)) => {
                        (weight.networks() - p * networks).powi(2) / (p * q * networks)
                    }
                    None => p / q * networks,
                };
                variance += 2.0 + (1.0 - 6.0 * p * q).max(0.0) / (networks * p * q);
            }
        }
        if tested == 0.0 {
            return true;
        }
        deviations.sort_unstable_by(f64::total_cmp);
        let worst = if places.len() >= 8 { (places.len() / 10).max(1) } else { 0 };
        let kept = &deviations[..places.len() - worst];
        let freedom = tested * (kept.len() as f64 - 1.0);
        !is_above((kept.iter().sum::<f64>() - freedom) / f64::sqrt(variance), DIFFERENT)
    }

    /// The keys for which it holds.
    pub(super) fn keys(&self, keys: &[usize], rare: bool) -> Keys {
        let mut has = vec![false; self.keys.len()];
        for key in keys {
            has[*key] = true;
        }
        Keys { has, rare }
    }

    /// Whether an answer is made of these keys alone.
    pub(super) fn is_within(&self, answer: usize, keys: &Keys) -> bool {
        let answer = &self.answers[answer];
        (keys.rare || !answer.has_rare) && answer.keys.iter().all(|key| keys.has[*key as usize])
    }

    /// Whether any voter's answer has two of these keys or more.
    pub(super) fn any_answer_has_several(&self, keys: &Keys) -> bool {
        let several =
            |voter: &Voter| self.numbers(voter.answer).filter(|key| keys.has(*key)).count() > 1;
        self.voters.iter().any(several)
    }

    /// The numbers of an answer's keys, without the rare ones.
    pub(super) fn numbers(&self, answer: usize) -> impl Iterator<Item = usize> {
        self.answers[answer].keys.iter().map(|key| *key as usize)
    }

    /// Share of the votes for answers that are made of these keys alone.
    pub(super) fn coverage(&self, keys: &Keys) -> f64 {
        let covered = self.voters.iter().filter(|voter| self.is_within(voter.answer, keys));
        covered.map(|voter| voter.vote).sum::<Weight>().of(self.votes)
    }

    /// For each large place: its number, the share of it whose answers are made of these keys alone,
    /// and its weight.
    pub(super) fn coverage_by_place(&self, keys: &Keys) -> Vec<(usize, f64, f64)> {
        let mut covered = vec![Weight::default(); self.places.len()];
        for voter in self.voters {
            if let Some(place) = voter.place
                && self.is_within(voter.answer, keys)
            {
                covered[place] += voter.share;
            }
        }
        let large = self.large.iter();
        large.map(|&(at, weight)| (at, covered[at].of(self.places[at]), weight)).collect()
    }

    /// The addresses of the voters that a key at the level of prefixes stands for, up to `most`.
    pub(super) fn members(&self, answers: &[&[IpAddr]], most: usize) -> Vec<usize> {
        let mut given = vec![false; answers.len()];
        for voter in self.voters {
            given[voter.answer] = true;
        }
        let given = answers.iter().zip(given).filter(|(_, given)| *given);
        let mut pairs: Vec<(usize, IpAddr)> = given
            .flat_map(|(answer, _)| answer.iter())
            .filter_map(|address| Some((self.number(self.detail.key(*address))?, *address)))
            .collect();
        pairs.sort_unstable();
        pairs.dedup();
        let mut members = vec![0; self.keys.len()];
        for (key, _) in pairs {
            members[key] = most.min(members[key] + 1);
        }
        members
    }
}

impl Keys {
    /// Takes others in.
    pub(super) fn join(&mut self, others: &[usize]) {
        for key in others {
            self.has[*key] = true;
        }
    }

    /// The numbers of those that are in, without the rare ones.
    pub(super) fn numbers(&self) -> impl Iterator<Item = usize> {
        self.has.iter().enumerate().filter(|(_, has)| **has).map(|(key, _)| key)
    }

    /// Whether a key is in.
    pub(super) fn has(&self, key: usize) -> bool {
        self.has[key]
    }
}
