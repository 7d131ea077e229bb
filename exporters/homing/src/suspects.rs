//! Vantages that are not where they say, or whose packets do not go the way they seem to.
//! No I/O, no clock.

use std::collections::{BTreeMap, BTreeSet};

use crate::class;
use crate::world::{Endpoint, Seen, World, network};

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
            let (centres, pairs) = centres(world, &voters);
            for centre in centres {
                explained.entry(centre).or_default().insert((endpoint, network(address.ip)));
                if target.is_canary && pairs >= LEAST_PAIRS {
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

/// The vantages that are in every contradiction, and how many there are; of many that have none in common,
/// not all are looked at.
fn centres(world: &World, voters: &[Seen]) -> (Vec<usize>, usize) {
    let (mut centres, mut pairs) = (Vec::new(), 0);
    class::each_contradiction(world, voters, |one, other| {
        pairs += 1;
        if pairs == 1 {
            centres = vec![one, other];
        }
        centres.retain(|centre| *centre == one || *centre == other);
        !centres.is_empty()
    });
    (centres, pairs)
}
