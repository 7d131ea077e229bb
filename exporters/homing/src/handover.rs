//! Who hands packets over to the network of an endpoint, and where: "a path only to Amsterdam".
//! No I/O, no clock.

use std::collections::{BTreeMap, BTreeSet};

use crate::world::{Handover, Target};

/// Pairs of a network and a city that are told one by one.
const MOST_PAIRS: usize = 12;

/// Vantages whose handover's city is known, and regions of theirs, from which on one city is told to be the only one.
const LEAST_VANTAGES: usize = 4;
const LEAST_REGIONS: usize = 3;

/// The handovers of an endpoint, and how many vantages come in by each.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Table {
    /// The most frequent first.
    pub(crate) rows: Vec<(Handover, usize)>,
    /// Vantages that come in by others than those.
    pub(crate) rest: usize,
    /// How many different cities are known.
    pub(crate) cities: usize,
    /// The networks through which vantages come in, and how many by each, the most frequent first. Who comes in by two
    /// is with both.
    pub(crate) networks: Vec<(u32, usize)>,
    /// The one city in which everybody comes in, if there is one.
    pub(crate) only_city: Option<OnlyCity>,
    /// Vantages whose handover is known.
    pub(crate) vantages: usize,
}

/// A city, and how many vantages are known to come in there, and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OnlyCity {
    pub(crate) name: String,
    pub(crate) vantages: usize,
}

impl Table {
    /// Counts each vantage once for each way on which it comes in. `region` is that of a vantage; none where it is left out.
    pub(crate) fn new<'a>(target: &Target, region: impl Fn(usize) -> Option<&'a str>) -> Self {
        let mut counts: BTreeMap<&Handover, usize> = BTreeMap::new();
        let mut networks: BTreeMap<u32, BTreeSet<usize>> = BTreeMap::new();
        let mut cities: BTreeMap<&str, BTreeMap<usize, &str>> = BTreeMap::new();
        let mut all = BTreeSet::new();
        for (vantage, handovers) in &target.handovers {
            let Some(region) = region(*vantage) else { continue };
            all.insert(*vantage);
            for handover in handovers {
                *counts.entry(handover).or_default() += 1;
                networks.entry(handover.asn).or_default().insert(*vantage);
                if !handover.city.is_empty() {
                    cities.entry(&handover.city).or_default().insert(*vantage, region);
                }
            }
        }
        let mut rows: Vec<_> = counts.into_iter().map(|(it, count)| (it.clone(), count)).collect();
        rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let rest = rows.split_off(rows.len().min(MOST_PAIRS));
        let mut networks: Vec<_> = networks.into_iter().map(|(asn, by)| (asn, by.len())).collect();
        networks.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        Self {
            rows,
            rest: rest.iter().map(|(_, count)| count).sum(),
            cities: cities.len(),
            networks,
            only_city: only_city(&cities),
            vantages: all.len(),
        }
    }
}

/// One city alone, from so many vantages and regions that it is no chance.
fn only_city(cities: &BTreeMap<&str, BTreeMap<usize, &str>>) -> Option<OnlyCity> {
    let (name, vantages) = cities.first_key_value().filter(|_| cities.len() == 1)?;
    let regions: BTreeSet<&str> = vantages.values().copied().collect();
    let are_enough = vantages.len() >= LEAST_VANTAGES && regions.len() >= LEAST_REGIONS;
    are_enough.then(|| OnlyCity { name: (*name).to_owned(), vantages: vantages.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vantages of three regions, of which the last is left out.
    fn table(all: &[(usize, u32, &str)]) -> Table {
        let mut target = Target::default();
        for (vantage, asn, city) in all {
            let handover = Handover { asn: *asn, city: (*city).to_owned() };
            target.handovers.entry(*vantage).or_default().insert(handover);
        }
        Table::new(&target, |at| (at != 99).then(|| ["AMER", "APAC", "EMEA"][at % 3]))
    }

    const AMS: &str = "Amsterdam";

    #[test]
    fn the_ways_of_2018_lead_to_amsterdam_alone() {
        let table = table(&[
            (0, 6762, AMS),
            (1, 6762, AMS),
            (2, 6762, AMS),
            (3, 1273, AMS),
            (4, 1273, AMS),
            (5, 3356, AMS),
            (99, 174, "Sydney"),
        ]);
        assert_eq!(table.networks, [(6762, 3), (1273, 2), (3356, 1)]);
        let only = OnlyCity { name: AMS.to_owned(), vantages: 6 };
        assert_eq!((table.only_city, table.cities, table.rest), (Some(only), 1, 0));
    }

    #[test]
    fn a_vantage_with_two_slots_is_one() {
        // One of IPv4 with a city, one of IPv6 without; and two cities of one network.
        let table = table(&[
            (0, 6762, AMS),
            (0, 6762, ""),
            (1, 6762, AMS),
            (1, 6762, "London"),
            (2, 174, ""),
        ]);
        assert_eq!((table.networks, table.vantages), (vec![(6762, 2), (174, 1)], 3));
        assert_eq!(table.only_city, None, "two cities are not one");
    }

    #[test]
    fn few_vantages_or_regions_say_nothing_of_everybody() {
        let of = |vantages: &[usize]| {
            let all: Vec<_> = vantages.iter().map(|at| (*at, 6762, AMS)).collect();
            table(&all).only_city.map(|it| it.vantages)
        };
        assert_eq!(of(&[0]), None);
        assert_eq!(of(&[0, 1, 2]), None, "three vantages");
        assert_eq!(of(&[0, 1, 3, 4]), None, "two regions");
        assert_eq!(of(&[0, 1, 2, 3]), Some(4));
    }

    #[test]
    fn more_ways_than_are_told_are_added_up() {
        let many: Vec<_> =
            (0..20).map(|it| (it, 64_500 + u32::try_from(it).unwrap(), "")).collect();
        let table = table(&many);
        assert_eq!((table.rows.len(), table.rest, table.cities), (12, 8, 0));
        assert_eq!((table.only_city, table.networks.len()), (None, 20));
    }
}
