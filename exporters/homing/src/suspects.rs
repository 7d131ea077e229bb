//! Vantages that are not where they say, or whose packets do not go the way they seem to.
//! No I/O, no clock.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::class;
use crate::world::{Endpoint, Seen, World, network};

/// A vantage that alone explains what is impossible at so many networks of different endpoints is
/// suspected: an endpoint may be at several sites, the whole world is not.
const LEAST_NETWORKS: usize = 2;
/// Pairs of vantages that must contradict each other over one address: of one pair nobody knows which of
/// the two is wrong.
const LEAST_PAIRS: usize = 2;
/// The share of the endpoints that a vantage measures over which it must be alone in every contradiction:
/// the others say that it is where it says.
const LEAST_SHARE: f64 = 0.5;

/// What endpoints say of one vantage.
#[derive(Default)]
struct Heard<'a> {
    /// Endpoints that it measures, as many others do.
    measured: BTreeSet<&'a Endpoint>,
    /// Those over which it is in all contradictions, and the networks of the addresses.
    explained: BTreeSet<(&'a Endpoint, (bool, u64))>,
    /// Whether one of these is a canary.
    has_canary: bool,
}

/// The vantages, by their numbers, that are in all contradictions over two networks of different
/// endpoints, or over one canary, and over half of the endpoints that they measure.
pub(crate) fn suspects(world: &World) -> BTreeSet<usize> {
    let nobody = BTreeSet::new();
    let mut heard: BTreeMap<usize, Heard<'_>> = BTreeMap::new();
    for (endpoint, target) in &world.targets {
        let mut is_several = false;
        let mut centres_of_it = BTreeSet::new();
        for address in target.addresses.iter().filter(|it| is_everyones(it.ip)) {
            let voters = class::voters(world, &address.seen, &nobody);
            if !class::are_enough(world, &voters) {
                continue;
            }
            for it in &voters {
                heard.entry(it.vantage).or_default().measured.insert(endpoint);
            }
            let (centres, pairs) = centres(world, &voters);
            is_several |= pairs > 0 && centres.is_empty();
            if let ([centre], LEAST_PAIRS..) = (&centres[..], pairs) {
                let of = heard.entry(*centre).or_default();
                of.explained.insert((endpoint, network(address.ip)));
                centres_of_it.insert(*centre);
            }
        }
        // One that is proved to be at several sites may well have one near that vantage.
        for centre in centres_of_it.into_iter().filter(|_| target.is_canary && !is_several) {
            heard.entry(centre).or_default().has_canary = true;
        }
    }
    let is_suspect = |of: &Heard<'_>| {
        let endpoints: BTreeSet<_> = of.explained.iter().map(|(endpoint, _)| endpoint).collect();
        let networks: BTreeSet<_> = of.explained.iter().map(|(_, network)| network).collect();
        let is_shown = endpoints.len().min(networks.len()) >= LEAST_NETWORKS || of.has_canary;
        is_shown && endpoints.len() as f64 >= LEAST_SHARE * of.measured.len() as f64
    };
    heard.into_iter().filter(|(_, of)| is_suspect(of)).map(|(vantage, _)| vantage).collect()
}

/// Whether all vantages mean the same by an address: a private one is another one for each.
pub(crate) fn is_everyones(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            let is_shared = a == 100 && (64..128).contains(&b);
            !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || is_shared)
        }
        IpAddr::V6(ip) => !(ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()),
    }
}

/// The vantages that are in every contradiction, and how many of these there are; of many that have none in
/// common, not all are looked at.
fn centres(world: &World, voters: &[Seen]) -> (Vec<usize>, usize) {
    let (mut centres, mut pairs) = (Vec::new(), 0);
    class::each_contradiction(
        world,
        voters,
        |it| it.rtt_ms,
        |one, other| {
            pairs += 1;
            if pairs == 1 {
                centres = vec![one, other];
            }
            centres.retain(|centre| *centre == one || *centre == other);
            !centres.is_empty()
        },
    );
    (centres, pairs)
}
