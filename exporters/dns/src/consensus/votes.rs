//! Votes: one a resolver, and one a network, divided among its resolvers. No I/O, no clock.

use std::collections::HashMap;

use crate::answer::Content;
use crate::resolvers::ResolverList;

/// A share, counted once with one vote a resolver and once with one vote a network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ratios {
    /// One vote a resolver.
    pub(crate) resolver: f64,
    /// One vote a network, divided among its resolvers.
    pub(crate) network: f64,
}

/// A share of the networks that decides something: so many of so many.
pub(crate) type Share = (u32, u32);

/// Network votes, in whole parts of one: a sum is the same in any order, and a tie is a tie.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Weight(u128);

impl Weight {
    /// The parts of one vote: the least number that can be divided by every number up to 40. A
    /// network with more resolvers has a rounding error of less than 10^-15 of its vote.
    const ONE: u128 = 5_342_931_457_063_200;

    /// The votes of whole networks.
    pub(crate) fn networks(count: usize) -> Self {
        Self(Self::ONE * count as u128)
    }

    /// What some of a network's voters have of its vote.
    fn part(some: u32, of: u32) -> Self {
        Self(Self::ONE * u128::from(some) / u128::from(of.max(1)))
    }

    /// Whether this is at least that share of the whole.
    pub(crate) fn is_at_least(self, share: Share, whole: Self) -> bool {
        self.0 * u128::from(share.1) >= whole.0 * u128::from(share.0)
    }

    fn ratio(self, whole: Self) -> f64 {
        self.0 as f64 / whole.0 as f64
    }
}

/// Who votes: the resolvers with a conclusive answer, network by network.
#[derive(Debug)]
pub(crate) struct Votes {
    /// Conclusive answers of each network.
    of_network: Vec<u32>,
    /// The resolvers with a conclusive answer, network by network: indices into the list.
    voters: Vec<usize>,
    /// How many resolvers vote.
    pub(crate) resolvers: usize,
    /// How many networks they are in.
    pub(crate) networks: usize,
}

impl Votes {
    /// Counts who has a conclusive answer.
    pub(crate) fn count(list: &ResolverList, contents: &[Option<&Content>]) -> Self {
        let mut voters: Vec<usize> =
            (0..contents.len()).filter(|at| contents[*at].is_some()).collect();
        voters.sort_by_key(|at| list.resolvers[*at].network);
        let mut of_network = vec![0; list.networks];
        for at in &voters {
            of_network[list.resolvers[*at].network as usize] += 1;
        }
        let networks = of_network.iter().filter(|count| **count > 0).count();
        Self { of_network, resolvers: voters.len(), voters, networks }
    }

    /// The voters, network by network: their indices in the list.
    pub(crate) fn voters(&self) -> impl Iterator<Item = usize> {
        self.voters.iter().copied()
    }

    /// The votes of all networks.
    pub(crate) fn whole(&self) -> Weight {
        Weight::networks(self.networks)
    }

    /// One more voter for a tally. Voters are to be added in the order of [`Votes::voters`].
    pub(crate) fn add(&self, tally: &mut Tally, network: u32) {
        if tally.network != network {
            *tally = Tally { done: tally.weight(), network, ..Tally::default() };
        }
        tally.some += 1;
        tally.of = self.of_network[network as usize];
    }

    /// The network votes of the voters for which `holds`.
    pub(crate) fn weight(&self, list: &ResolverList, holds: impl Fn(usize) -> bool) -> Weight {
        let mut tally = Tally::default();
        for at in self.voters().filter(|at| holds(*at)) {
            self.add(&mut tally, list.resolvers[at].network);
        }
        tally.weight()
    }

    /// The network votes of the answer that has most of them.
    pub(crate) fn largest_answer(
        &self,
        list: &ResolverList,
        contents: &[Option<&Content>],
    ) -> Weight {
        let mut tallies: HashMap<Option<&Content>, Tally> = HashMap::new();
        for at in self.voters() {
            self.add(tallies.entry(contents[at]).or_default(), list.resolvers[at].network);
        }
        tallies.values().map(Tally::weight).max().unwrap_or_default()
    }

    /// The share of the voters for which `holds`, or nothing if nobody votes.
    pub(crate) fn ratios(
        &self,
        list: &ResolverList,
        holds: impl Fn(usize) -> bool,
    ) -> Option<Ratios> {
        let holding = self.voters().filter(|at| holds(*at)).count();
        (self.resolvers > 0).then(|| Ratios {
            resolver: holding as f64 / self.resolvers as f64,
            network: self.weight(list, holds).ratio(self.whole()),
        })
    }
}

/// The votes for one thing in the counting.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// What the networks before have given.
    done: Weight,
    /// The network that is being counted,
    network: u32,
    /// how many of its voters are for it,
    some: u32,
    /// and how many voters it has.
    of: u32,
}

impl Tally {
    /// The network votes that were counted.
    pub(crate) fn weight(&self) -> Weight {
        Weight(self.done.0 + Weight::part(self.some, self.of).0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_with_up_to_forty_resolvers_divides_its_vote_exactly() {
        for of in 1..=40 {
            assert_eq!(Weight::ONE % u128::from(of), 0, "{of}");
            assert_eq!(Weight::part(1, of).0 * u128::from(of), Weight::ONE);
        }
        for of in 41..10_000 {
            assert_eq!(Weight::part(of, of), Weight::networks(1));
        }
        // Two per cent of fifty networks are one, however many resolvers it has.
        assert!(Weight::part(123, 123).is_at_least((1, 50), Weight::networks(50)));
        assert!(!Weight::part(122, 123).is_at_least((1, 50), Weight::networks(50)));
    }
}
