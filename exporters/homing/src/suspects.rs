//! Vantages that are not where they say, or whose packets do not go the way they seem to.
//! No I/O, no clock.

use std::collections::{BTreeMap, BTreeSet};

use crate::class;
use crate::world::{Endpoint, World, network};

/// A vantage that alone explains what is impossible at so many networks of different endpoints is
/// suspected: an endpoint may be at several sites, the whole world is not.
const LEAST_NETWORKS: usize = 2;
/// Pairs of vantages that must contradict each other over one canary: of one pair nobody knows which of
/// the two is wrong.
const LEAST_PAIRS: usize = 2;

/// Where a vantage is in all contradictions: the endpoints, and the networks of the addresses.
type Explained<'a> = BTreeSet<(&'a Endpoint, (bool, u64))>;

/// The vantages, by their numbers, that are in all contradictions over two networks of different
/// endpoints, or over one canary.
pub(crate) fn suspects(world: &World) -> BTreeSet<usize> {
    let nobody = BTreeSet::new();
    let mut explained: BTreeMap<usize, Explained<'_>> = BTreeMap::new();
    let mut suspects = BTreeSet::new();
    for (endpoint, target) in &world.targets {
        for address in &target.addresses {
            let voters = class::voters(world, &address.seen, &nobody);
            let graph = class::contradictions(world, &voters);
            for centre in graph.centres() {
                explained.entry(centre).or_default().insert((endpoint, network(address.ip)));
                if target.is_canary && graph.len() >= LEAST_PAIRS {
                    suspects.insert(centre);
                }
            }
        }
    }
    for (vantage, of) in explained {
        let endpoints: BTreeSet<_> = of.iter().map(|(endpoint, _)| endpoint).collect();
        let networks: BTreeSet<_> = of.iter().map(|(_, network)| network).collect();
        if endpoints.len().min(networks.len()) >= LEAST_NETWORKS {
            suspects.insert(vantage);
        }
    }
    suspects
}
