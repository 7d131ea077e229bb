//! What the resolvers agree upon where nobody says what is right. No I/O, no clock.
//!
//! The reference is what the median place answers: neither many networks of one country nor a few in
//! many countries move it. Three kinds of names are told apart, in this order: one answer that dominates
//! everywhere; a pool out of which each place answers alike; answers that depend on the place.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::figures::{is_above, is_at_least, weighted_median};
use super::key::{Detail, Key};
use super::level::{Keys, Level, Voter};
use crate::resolvers::Systems;

/// Share of the median place that makes an answer the dominant one, and of the votes that a pool must
/// explain.
const DOMINANT: f64 = 0.85;
/// Above this share of large places that answer otherwise, a name is answered by place.
const TAILORED: f64 = 0.25;
/// Share of the votes or networks from which on a key may dominate, and how many are looked at.
const CANDIDATE: f64 = 0.25;
const CANDIDATES: usize = 64;
/// Share of the median place from which on a key goes with a dominant one.
const COMPANION: f64 = 0.1;
/// The keys of a pool that are tested for being spread alike.
const TESTED: usize = 40;
/// The median member of a pool has so many networks at least: else the pool is too large for these.
const SMALLEST_MEMBER: f64 = 5.0;
/// A prefix or system of a pool has this share of the votes, or a prefix so many addresses inside: many a system is a
/// cloud, where anybody has three.
const PREFIX_SHARE: f64 = 0.05;
const PREFIX_MEMBERS: usize = 3;
/// Members of a pool, one an answer, whose shares can be unequal by intent.
const SPLIT: std::ops::RangeInclusive<usize> = 2..=4;

/// What kind of name it is.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// One answer, everywhere.
    Dominant,
    /// A pool.
    Rotating,
    /// A few answers, one each, in unequal parts.
    Split,
    /// A pool too large to be counted.
    Spread,
    /// Nothing that is common to the places.
    #[default]
    None,
}

/// What is agreed upon.
#[derive(Debug)]
pub(super) struct Consensus<'a> {
    /// What kind of name it is.
    pub(super) kind: Kind,
    /// Whether its answer depends on the place.
    pub(super) is_tailored: bool,
    /// What is accepted; all that is data where nothing is common.
    pub(super) keys: Option<Keys>,
    /// At which level.
    pub(super) level: Level<'a>,
}

impl<'a> Consensus<'a> {
    /// What these voters of so many networks agree upon: at the first level at which they do, the last of which is that of
    /// the systems, where tables tell them.
    pub(super) fn find(
        answers: &[&[IpAddr]],
        voters: &'a [Voter],
        systems: &'a Systems,
        places: usize,
        networks: usize,
    ) -> Self {
        let mut is_tailored = false;
        let mut large_pool = None;
        let of_systems = systems.are_known().then_some(Detail::System(systems));
        for detail in [Detail::Address, Detail::Prefix].into_iter().chain(of_systems) {
            let level = Level::new(detail, answers, voters, places);
            match look(&level, answers, networks) {
                Look::Found(kind, keys) => {
                    return Self { kind, is_tailored, keys: Some(keys), level };
                }
                Look::Tailored => is_tailored = true,
                Look::TooLarge(keys) => {
                    if detail == Detail::Address {
                        large_pool = Some(keys);
                    }
                }
                Look::Nothing => is_tailored |= detail == Detail::Address,
            }
        }
        let level = Level::new(Detail::Address, answers, voters, places);
        match large_pool {
            Some(keys) => Self { kind: Kind::Spread, is_tailored: false, keys: Some(keys), level },
            None => Self { kind: Kind::None, is_tailored: true, keys: None, level },
        }
    }

    /// Whether an answer is accepted.
    pub(super) fn accepts(&self, answer: usize) -> bool {
        self.keys.as_ref().is_none_or(|keys| self.level.is_within(answer, keys))
    }

    /// For each place: whether most of it answers otherwise.
    pub(super) fn deviating(&self, places: usize) -> Vec<bool> {
        let mut deviates = vec![false; places];
        if let Some(keys) = self.keys.as_ref().filter(|_| self.level.has_places) {
            for (place, share, _) in self.level.coverage_by_place(keys) {
                deviates[place] = !is_at_least(share, 0.5);
            }
        }
        deviates
    }

    /// Whether each key of an answer is seen in fewer than three places.
    pub(super) fn is_of_few_places(&self, answer: usize) -> bool {
        self.level.numbers(answer).all(|key| self.level.places_of(key) < 3)
    }

    /// The addresses that are accepted, where they are counted one by one.
    pub(super) fn addresses(&self) -> Option<Vec<IpAddr>> {
        let keys = self.keys.as_ref().filter(|_| self.level.detail == Detail::Address)?;
        Some(keys.numbers().map(|key| address(self.level.keys[key])).collect())
    }
}

/// The address of a key at the level of addresses.
pub(super) fn address(key: Key) -> IpAddr {
    IpAddr::from(key.to_be_bytes()).to_canonical()
}

enum Look {
    Found(Kind, Keys),
    /// It depends on the place.
    Tailored,
    /// A pool that is too large; what is accepted then.
    TooLarge(Keys),
    Nothing,
}

fn look(level: &Level<'_>, answers: &[&[IpAddr]], networks: usize) -> Look {
    if let Some(keys) = dominant(level, networks) {
        return match deviation(level, &keys) {
            Some(_) => Look::Found(Kind::Dominant, keys),
            None => Look::Tailored,
        };
    }
    let even: Vec<usize> = level.all().filter(|key| level.is_even(*key)).collect();
    let mut pool = pool(level, &even);
    let is_countable = pool.is_some();
    if let Some(members) = pool.as_mut().filter(|_| level.detail != Detail::Address) {
        // Prefixes and systems hold unequal parts of a pool.
        let is_prefix = level.detail == Detail::Prefix;
        let inside = is_prefix.then(|| level.members(answers, PREFIX_MEMBERS));
        let is_full = |key: usize| inside.as_ref().is_some_and(|it| it[key] >= PREFIX_MEMBERS);
        let has_part =
            |key: &usize| is_at_least(level.support(*key), PREFIX_SHARE) || is_full(*key);
        *members = even.iter().copied().filter(has_part).collect();
    }
    let mut tailored = false;
    if let Some(members) = pool.filter(|members| !members.is_empty()) {
        let keys = level.keys(&members, false);
        if deviation(level, &keys).is_some_and(|median| is_at_least(median, DOMINANT)) {
            if level.detail == Detail::Address && level.has_places && !is_alike(level, &members) {
                tailored = true;
            } else {
                let kind =
                    if is_split(level, &keys, &members) { Kind::Split } else { Kind::Rotating };
                return Look::Found(kind, keys);
            }
        }
    }
    let all = level.keys(&even, true);
    match level.coverage(&all) {
        _ if tailored => Look::Tailored,
        coverage if !is_countable && is_at_least(coverage, DOMINANT) => Look::TooLarge(all),
        _ => Look::Nothing,
    }
}

/// The keys that dominate, with those that go with them.
fn dominant(level: &Level<'_>, networks: usize) -> Option<Keys> {
    let needed = if level.has_places {
        DOMINANT
    } else {
        // Seven of eight are enough.
        DOMINANT.min(1.0 - 1.0 / networks.max(1) as f64)
    };
    let mut candidates = level.frequent(CANDIDATE);
    candidates.truncate(CANDIDATES);
    let shares: Vec<(usize, f64)> =
        candidates.into_iter().map(|key| (key, level.median_share(key))).collect();
    let dominates = |share: f64| is_at_least(share, needed);
    if !shares.iter().any(|(_, share)| dominates(*share)) {
        return None;
    }
    let goes_with = |&&(key, share): &&(usize, f64)| {
        is_at_least(share, COMPANION) && (dominates(share) || level.is_even(key))
    };
    let chosen: Vec<usize> = shares.iter().filter(goes_with).map(|(key, _)| *key).collect();
    let mut keys = level.keys(&chosen, false);
    if is_at_least(level.coverage(&keys), DOMINANT) {
        return Some(keys);
    }
    // A fixed address, and others beside it that rotate.
    let even = |key: &usize| !keys.has(*key) && level.is_even(*key);
    let rest: Vec<usize> = level.all().filter(even).collect();
    if let Some(tail) = pool(level, &rest) {
        keys.join(&tail);
    }
    if is_at_least(level.coverage(&keys), 0.5) {
        return Some(keys);
    }
    let even: Vec<usize> = level.all().filter(|key| level.is_even(*key)).collect();
    Some(level.keys(&even, true))
}

/// The keys whose count agrees with an equal share of one pool; nothing if the pool is too large for
/// so few networks.
fn pool(level: &Level<'_>, keys: &[usize]) -> Option<Vec<usize>> {
    let mut keys = keys.to_vec();
    level.sort(&mut keys);
    let all: f64 = keys.iter().map(|key| level.count(*key)).sum();
    let mut sum = 0.0;
    let mut core = 0;
    while core < keys.len() && !is_at_least(sum, DOMINANT * all) {
        sum += level.count(keys[core]);
        core += 1;
    }
    let median = level.count(*keys[..core].get(core / 2)?);
    if !is_at_least(median, SMALLEST_MEMBER) {
        return None;
    }
    let least = (median - 4.0 * median.sqrt()).max(0.2 * median);
    keys.retain(|key| is_at_least(level.count(*key), least));
    Some(keys)
}

/// The share of the median place that answers out of these keys alone; nothing if too many places do
/// not.
fn deviation(level: &Level<'_>, keys: &Keys) -> Option<f64> {
    if !level.has_places {
        return Some(level.coverage(keys));
    }
    let places = level.coverage_by_place(keys);
    let deviate = places.iter().filter(|(_, share, _)| !is_at_least(*share, 0.5)).count();
    let is_tailored = is_above(deviate as f64 / places.len() as f64, TAILORED);
    let pairs = places.into_iter().map(|(_, share, weight)| (share, weight)).collect();
    (!is_tailored).then(|| weighted_median(pairs))
}

/// Whether a pool is spread over the places alike.
fn is_alike(level: &Level<'_>, members: &[usize]) -> bool {
    let mut members = members.to_vec();
    level.sort(&mut members);
    members.truncate(TESTED);
    level.is_homogeneous(&members)
}

/// Whether a few answers, one each, are given in unequal parts.
fn is_split(level: &Level<'_>, keys: &Keys, members: &[usize]) -> bool {
    if level.detail != Detail::Address
        || !SPLIT.contains(&members.len())
        || level.any_answer_has_several(keys)
    {
        return false;
    }
    let counts: Vec<f64> = members.iter().map(|key| level.count(*key)).collect();
    let expected = counts.iter().sum::<f64>() / counts.len() as f64;
    let deviation: f64 = counts.iter().map(|it| (it - expected).powi(2) / expected).sum();
    is_above(deviation, 15.0 + 3.0 * (counts.len() as f64 - 2.0))
}
