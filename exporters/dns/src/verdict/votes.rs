//! Votes: one a network, shared by its resolvers, and no place with more than a fifth of them. No I/O, no clock.

use std::collections::HashSet;
use std::iter::Sum;
use std::ops::{Add, AddAssign};

use super::places::Places;
use crate::resolvers::ResolverList;

/// Binary places of the factor by which a place's votes are made less.
const SCALE: u32 = 20;

/// One place has no more than one in so many of the votes.
const MOST: u64 = 5;

/// Fewer places than these are left as they are: a fifth of so few cannot be had.
const FEWEST: usize = 5;

/// Rounds until the cap stands still, with room.
const ROUNDS: usize = 200;

/// A sum of votes, in whole parts of one: it is the same in any order, and a tie is a tie.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Weight(u128);

impl Weight {
    /// The parts of one vote: the least number that can be divided by every number up to 40, so that
    /// a network of so many divides its vote without a rest.
    const ONE: u128 = 5_342_931_457_063_200 << SCALE;

    /// The vote of a network, shared by so many.
    pub(super) fn shared_by(count: usize) -> Self {
        Self(Self::ONE / count.max(1) as u128)
    }

    /// So many networks.
    pub(super) fn networks(self) -> f64 {
        self.0 as f64 / Self::ONE as f64
    }

    /// The share of a whole; 0 of nothing.
    pub(super) fn of(self, whole: Self) -> f64 {
        if whole.0 == 0 { 0.0 } else { self.0 as f64 / whole.0 as f64 }
    }

    /// What is left without a part.
    pub(super) fn without(self, part: Self) -> Self {
        Self(self.0.saturating_sub(part.0))
    }

    /// Whether nothing is there.
    pub(super) fn is_zero(self) -> bool {
        self.0 == 0
    }

    fn times(self, factor: u64) -> Self {
        Self((self.0 >> SCALE) * u128::from(factor))
    }
}

impl Add for Weight {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for Weight {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl Sum for Weight {
    fn sum<I: Iterator<Item = Self>>(weights: I) -> Self {
        weights.fold(Self::default(), Add::add)
    }
}

/// Who votes, and with how much.
#[derive(Debug)]
pub(super) struct Votes {
    /// Each resolver's part of its network; nothing if it does not vote.
    pub(super) share: Vec<Weight>,
    /// The same, less where its place has too many.
    pub(super) vote: Vec<Weight>,
    /// How many networks vote.
    pub(super) networks: usize,
}

impl Votes {
    /// The votes of the resolvers that are known to work.
    pub(super) fn count(list: &ResolverList, places: &Places, works: &[bool]) -> Self {
        let mut sizes = vec![0_usize; list.networks];
        let mut pairs = HashSet::new();
        for (resolver, _) in list.resolvers.iter().zip(works).filter(|(_, works)| **works) {
            sizes[resolver.network as usize] += 1;
            pairs.insert((places.of(resolver), resolver.network));
        }
        let mut of_place = vec![0_u64; places.len()];
        let mut alone = 0;
        for (place, _) in &pairs {
            match place {
                Some(place) => of_place[*place] += 1,
                None => alone += 1,
            }
        }
        let factors = factors(&of_place, alone);
        let mut votes = Self {
            share: Vec::with_capacity(works.len()),
            vote: Vec::with_capacity(works.len()),
            networks: sizes.iter().filter(|size| **size > 0).count(),
        };
        for (resolver, works) in list.resolvers.iter().zip(works) {
            let share = match works {
                true => Weight::shared_by(sizes[resolver.network as usize]),
                false => Weight::default(),
            };
            let factor = places.of(resolver).map_or(1 << SCALE, |place| factors[place]);
            votes.share.push(share);
            votes.vote.push(share.times(factor));
        }
        votes
    }

    /// The votes of those for whom it holds.
    pub(super) fn sum(&self, holds: impl Fn(usize) -> bool) -> Weight {
        (0..self.vote.len()).filter(|at| holds(*at)).map(|at| self.vote[at]).sum()
    }
}

/// The factor of each place, in parts of 2^20, so that none has more than a fifth of the votes. What
/// stands alone is a place of its own with one network.
fn factors(of_place: &[u64], alone: usize) -> Vec<u64> {
    let sizes = || of_place.iter().copied().filter(|size| *size > 0);
    let places = sizes().count() + alone;
    if places < FEWEST {
        return vec![1 << SCALE; of_place.len()];
    }
    let one = 1 << SCALE;
    let mut cap = (sizes().sum::<u64>() + alone as u64) << SCALE;
    for _ in 0..ROUNDS {
        let capped = sizes().map(|size| (size << SCALE).min(cap)).sum::<u64>();
        let lower = (capped + one.min(cap) * alone as u64) / MOST;
        if lower >= cap {
            break;
        }
        cap = lower;
    }
    let cap = cap.max(one);
    of_place.iter().map(|size| one.min(cap / (*size).max(1))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_with_up_to_forty_resolvers_divides_its_vote_exactly() {
        for of in 1..=40_usize {
            let sum: Weight = (0..of).map(|_| Weight::shared_by(of)).sum();
            assert_eq!(sum, Weight::shared_by(1), "{of}");
        }
    }

    #[test]
    fn no_place_has_more_than_a_fifth() {
        let sizes = [110, 20, 15, 12, 10, 8, 5];
        let factors = factors(&sizes, 0);
        let votes: Vec<_> = sizes.iter().zip(&factors).map(|(n, f)| n * f).collect();
        let all: u64 = votes.iter().sum();
        let largest = *votes.iter().max().unwrap() as f64 / all as f64;
        assert!((0.19..0.201).contains(&largest), "{largest}");
        assert_eq!(factors[4..], [1 << SCALE; 3]);
    }

    #[test]
    fn few_places_are_left_as_they_are() {
        assert_eq!(factors(&[50, 1, 1, 0], 0), [1 << SCALE; 4]);
        assert!(factors(&[50, 1, 1, 0], 2)[0] < 1 << SCALE);
    }
}
