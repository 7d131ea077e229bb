//! Votes: one a resolver, and one a network, divided among its resolvers. No I/O, no clock.

use crate::answer::Content;
use crate::resolvers::ResolverList;

/// A share, counted once with one vote a resolver and once with one vote a network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratios {
    /// One vote a resolver.
    pub resolver: f64,
    /// One vote a network, divided among its resolvers.
    pub network: f64,
}

/// Who votes: the resolvers with a conclusive answer, network by network.
#[derive(Debug)]
pub struct Votes {
    /// Conclusive answers of each network.
    of_network: Vec<u32>,
    /// How many resolvers vote.
    pub resolvers: usize,
    /// How many networks they are in.
    pub networks: usize,
}

impl Votes {
    /// Counts who has a conclusive answer.
    pub fn count(list: &ResolverList, contents: &[Option<&Content>]) -> Self {
        let mut of_network = vec![0; list.networks];
        for (resolver, _) in list.resolvers.iter().zip(contents).filter(|(_, c)| c.is_some()) {
            of_network[resolver.network as usize] += 1;
        }
        let resolvers = contents.iter().flatten().count();
        let networks = of_network.iter().filter(|count| **count > 0).count();
        Self { of_network, resolvers, networks }
    }

    /// The part of its network's vote that a voter has.
    pub fn weight(&self, network: u32) -> f64 {
        1.0 / f64::from(self.of_network[network as usize].max(1))
    }

    /// The share of the voters for which `holds`, or nothing if nobody votes.
    pub fn ratios(
        &self,
        list: &ResolverList,
        contents: &[Option<&Content>],
        holds: impl Fn(usize) -> bool,
    ) -> Option<Ratios> {
        if self.resolvers == 0 {
            return None;
        }
        let mut holding = vec![0_u32; list.networks];
        for (at, resolver) in list.resolvers.iter().enumerate() {
            holding[resolver.network as usize] += u32::from(contents[at].is_some() && holds(at));
        }
        // By network, not by resolver: where all hold, each network adds exactly 1.
        let share = |(holding, of): (&u32, &u32)| f64::from(*holding) / f64::from((*of).max(1));
        let network: f64 = holding.iter().zip(&self.of_network).map(share).sum();
        let resolver = holding.iter().sum::<u32>();
        Some(Ratios {
            resolver: f64::from(resolver) / self.resolvers as f64,
            network: network / self.networks as f64,
        })
    }
}
