//! One evaluation: everything that can be told of a world at one moment. No I/O, no clock.

use std::collections::{BTreeMap, BTreeSet};

use crate::class::{self, Class};
use crate::edge;
use crate::handover::Table;
use crate::place;
use crate::sets::{self, APART_KM, Service, ServiceVerdict};
use crate::standing::Standing;
use crate::suspects;
use crate::verdict::{AddressVerdict, TargetVerdict};
use crate::world::{Address, Endpoint, Target, World};

/// That share of a region's vantages must have an address that no other region has.
const OF_A_REGION: f64 = 0.8;

/// What is told of a world.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Verdict {
    /// Vantages that are left out, by their numbers.
    pub(crate) suspects: BTreeSet<usize>,
    /// Of every endpoint.
    pub(crate) targets: BTreeMap<Endpoint, TargetVerdict>,
    /// Of every service of the config.
    pub(crate) services: Vec<ServiceVerdict>,
}

/// Evaluates once.
pub(crate) fn judge(world: &World, services: &[Service], standing: &mut Standing) -> Verdict {
    standing.begin(&world.vantages);
    let suspects = suspects::suspects(world);
    let mut targets = BTreeMap::new();
    for (endpoint, target) in &world.targets {
        targets.insert(endpoint.clone(), of_target(world, endpoint, target, &suspects, standing));
    }
    standing.end_of_evaluation(|endpoint, ip| {
        let target = world.targets.get(endpoint);
        target.is_some_and(|it| sets::is_down(it) || it.addresses.iter().any(|it| it.ip == ip))
    });
    let services = services.iter().map(|it| sets::judge(it, world, &targets, &suspects)).collect();
    Verdict { suspects, targets, services }
}

fn of_target(
    world: &World,
    endpoint: &Endpoint,
    target: &Target,
    suspects: &BTreeSet<usize>,
    standing: &mut Standing,
) -> TargetVerdict {
    // Of what is down for everyone nothing new can be learnt, and what was known is needed most.
    let kept = if sets::is_down(target) { standing.keep(endpoint) } else { Vec::new() };
    let mut judged: BTreeMap<_, _> = kept.into_iter().collect();
    for address in &target.addresses {
        judged.entry(address.ip).or_insert_with(|| {
            standing.tell(endpoint, address.ip, class::judge(world, address, suspects))
        });
    }
    let addresses = judged.into_iter();
    let addresses: Vec<_> =
        addresses.map(|(ip, judged)| AddressVerdict { ip, told: judged.class, judged }).collect();
    let has_an_edge = addresses.iter().any(|it| it.told == Class::SeveralSites);
    let origin = has_an_edge.then(|| edge::judge(world, &target.requests, suspects)).flatten();
    TargetVerdict {
        origin,
        is_at_one_site: is_at_one_site(world, &addresses),
        addresses,
        has_several_addresses: has_several_addresses(world, &target.addresses),
        handovers: Table::new(target, |vantage| {
            let region = world.vantages[vantage].region.as_str();
            class::is_heard(world, vantage, suspects).then_some(region)
        }),
    }
}

/// Whether all addresses of an endpoint are consistent with one and the same site.
fn is_at_one_site(world: &World, addresses: &[AddressVerdict]) -> bool {
    if addresses.is_empty() || addresses.iter().any(|it| it.told != Class::OneSite) {
        return false;
    }
    let names = || addresses.iter().filter_map(|it| sets::named(&it.judged));
    if names().any(|one| names().any(|other| one.place.km_to(other.place) > APART_KM)) {
        return false;
    }
    let voters = addresses.iter().flat_map(|it| &it.judged.voters);
    let discs: Vec<_> = voters.filter_map(|it| class::disc(world, it)).collect();
    addresses.len() == 1 || place::locate(&discs, &BTreeMap::new()).is_some()
}

/// Whether most vantages of some region have an address that no other region has, family by family.
fn has_several_addresses(world: &World, addresses: &[Address]) -> bool {
    [true, false].into_iter().any(|is_v4| {
        let of_family: Vec<&Address> =
            addresses.iter().filter(|address| address.ip.is_ipv4() == is_v4).collect();
        // The vantages of each region, and those of them that have an address of their region alone.
        let mut regions: BTreeMap<&str, (BTreeSet<usize>, BTreeSet<usize>)> = BTreeMap::new();
        for address in &of_family {
            let region = |vantage: usize| world.vantages[vantage].region.as_str();
            let here: BTreeSet<&str> = address.seen.iter().map(|it| region(it.vantage)).collect();
            for seen in &address.seen {
                let entry = regions.entry(region(seen.vantage)).or_default();
                entry.0.insert(seen.vantage);
                if here.len() == 1 {
                    entry.1.insert(seen.vantage);
                }
            }
        }
        regions.len() > 1
            && regions.values().any(|(all, own)| own.len() as f64 >= OF_A_REGION * all.len() as f64)
    })
}
