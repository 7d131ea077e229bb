//! Lists of resolvers as they are: a few countries have most of them, a few networks have many, some are dead.

use std::collections::{BTreeMap, BTreeSet};

use crate::outcome::Control;
use crate::verdict::tests::world::{Random, World, code};

/// How many resolvers there are, and in how many countries.
pub(super) const SIZES: [(usize, usize); 4] = [(8, 6), (30, 15), (200, 40), (2_000, 90)];

/// From how many on two of five are dead, and one operator is in many countries.
const LONG: usize = 200;

/// A country needs so many networks to lie in the grid, and so many for it to be an error if nobody is told.
const LIES: usize = 6;
pub(super) const IS_TOLD: usize = 7;

/// Who is asked.
pub(super) struct List {
    pub(super) world: World,
    /// The country of each; none of those that are in many places.
    pub(super) places: Vec<Option<usize>>,
    /// Those of the operator that is in many countries.
    pub(super) of_operator: Vec<bool>,
}

impl List {
    pub(super) fn new(size: usize, places: usize, random: &mut Random) -> Self {
        let (is_long, mut world) = (size >= LONG, World::empty());
        // After Zipf.
        let shares: Vec<f64> = (0..places).map(|n| (n as f64 + 1.0).powf(-0.9)).collect();
        let all: f64 = shares.iter().sum();
        let drawn: Vec<usize> = (0..size)
            .map(|_| {
                let mut left = random.below(1 << 24) as f64 / f64::from(1 << 24) * all;
                let is_it = |share: &f64| {
                    left -= share;
                    left < 0.0
                };
                shares.iter().position(is_it).unwrap_or(0)
            })
            .collect();
        let (mut of, mut of_operator) = (Vec::new(), Vec::new());
        for place in &drawn {
            let count = drawn.iter().filter(|it| *it == place).count();
            // More resolvers share a network where there are many.
            let networks = (1..=count).find(|n| n.pow(5) >= count.pow(4)).unwrap_or(1);
            let is_everywhere = random.is(0.06);
            let is_operator = !is_everywhere && is_long && random.is(0.04);
            // A third of a country's resolvers are with its largest carriers.
            let largest = if random.is(0.3) { networks.div_ceil(6) } else { networks };
            let network = match () {
                () if is_everywhere => 900_000 + random.below(if is_long { 8 } else { 30 }),
                () if is_operator => 990_000,
                () => place * 1_000 + random.below(largest),
            };
            let country = if is_everywhere { "anycast".to_owned() } else { code(*place) };
            world.add(&country, network, None);
            let is_alive = random.is(if is_long { 0.6 } else { 0.95 });
            world.control.push(if is_alive { Control::Passed } else { Control::Failed });
            of.push((!is_everywhere).then_some(*place));
            of_operator.push(is_operator);
        }
        Self { world, places: of, of_operator }
    }

    pub(super) fn is_alive(&self, at: usize) -> bool {
        self.world.control[at] == Control::Passed
    }

    /// How many networks of each country have a resolver that is alive.
    pub(super) fn networks(&self) -> BTreeMap<usize, usize> {
        let mut networks: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for (at, place) in self.places.iter().enumerate().filter(|(at, _)| self.is_alive(*at)) {
            if let Some(place) = place {
                networks.entry(*place).or_default().insert(self.world.members[at].1);
            }
        }
        networks.into_iter().map(|(place, of)| (place, of.len())).collect()
    }

    /// So many countries that may lie; nothing where there are too few beside them.
    pub(super) fn countries(&self, count: usize, random: &mut Random) -> Option<Vec<usize>> {
        let large = self.networks().into_iter().filter(|(_, networks)| *networks >= LIES);
        let large: Vec<usize> = large.map(|(place, _)| place).collect();
        if count > 0 && large.len() < count + 3 {
            return None;
        }
        let from = random.below(large.len().max(1));
        Some((0..count).map(|n| large[(from + n) % large.len()]).collect())
    }
}
