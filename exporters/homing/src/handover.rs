//! Who hands packets over to the network of an endpoint, and where: "a path only to Amsterdam".
//! No I/O, no clock.

use std::collections::{BTreeMap, BTreeSet};

use crate::world::{Handover, Target};

/// Pairs of a network and a city that are told one by one.
const MOST_PAIRS: usize = 12;

/// The handovers of an endpoint, and how many vantages come in by each.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Table {
    /// The most frequent first.
    pub(crate) rows: Vec<(Handover, usize)>,
    /// Vantages that come in by others than those.
    pub(crate) rest: usize,
    /// How many different cities are known.
    pub(crate) cities: usize,
}

impl Table {
    /// Counts each vantage once for each way on which it comes in.
    pub(crate) fn new(target: &Target, is_left_out: impl Fn(usize) -> bool) -> Self {
        let mut counts: BTreeMap<&Handover, usize> = BTreeMap::new();
        let heard = target.handovers.iter().filter(|(vantage, _)| !is_left_out(**vantage));
        for handover in heard.flat_map(|(_, handovers)| handovers) {
            *counts.entry(handover).or_default() += 1;
        }
        let known: BTreeSet<&str> =
            counts.keys().map(|it| it.city.as_str()).filter(|city| !city.is_empty()).collect();
        let cities = known.len();
        let mut rows: Vec<_> = counts.into_iter().map(|(it, count)| (it.clone(), count)).collect();
        rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let rest = rows.split_off(rows.len().min(MOST_PAIRS));
        Self { rows, rest: rest.iter().map(|(_, count)| count).sum(), cities }
    }

    /// The city in which every vantage whose path is known comes in, if there is one.
    pub(crate) fn only_city(&self) -> Option<&str> {
        let named = self.rows.iter().map(|(it, _)| it.city.as_str()).find(|it| !it.is_empty())?;
        let all_there = self.rows.iter().all(|(it, _)| it.city == named);
        (all_there && self.rest == 0).then_some(named)
    }

    /// The networks through which vantages come in, and how many by each, the most frequent first.
    pub(crate) fn networks(&self) -> Vec<(u32, usize)> {
        let mut networks: BTreeMap<u32, usize> = BTreeMap::new();
        for (handover, count) in &self.rows {
            *networks.entry(handover.asn).or_default() += count;
        }
        let mut networks: Vec<_> = networks.into_iter().collect();
        networks.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        networks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(all: &[(usize, u32, &str)]) -> Table {
        let mut target = Target::default();
        for (vantage, asn, city) in all {
            let handover = Handover { asn: *asn, city: (*city).to_owned() };
            target.handovers.entry(*vantage).or_default().insert(handover);
        }
        Table::new(&target, |vantage| vantage == 99)
    }

    #[test]
    fn the_ways_of_2018_lead_to_amsterdam_alone() {
        let ams = "Amsterdam";
        let table = table(&[
            (0, 6762, ams),
            (1, 6762, ams),
            (2, 6762, ams),
            (3, 1273, ams),
            (4, 1273, ams),
            (5, 3356, ams),
            (99, 174, "Sydney"),
        ]);
        assert_eq!(table.networks(), [(6762, 3), (1273, 2), (3356, 1)]);
        assert_eq!((table.only_city(), table.cities, table.rest), (Some(ams), 1, 0));
    }

    #[test]
    fn more_ways_than_are_told_are_added_up() {
        let many: Vec<_> =
            (0..20).map(|it| (it, 64_500 + u32::try_from(it).unwrap(), "")).collect();
        let table = table(&many);
        assert_eq!((table.rows.len(), table.rest, table.cities), (12, 8, 0));
        assert_eq!(table.only_city(), None);
    }
}
