//! What is broken in the world right now. No I/O, no clock.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use super::topology::Router;

/// Any node, in the place of a name.
pub const ANY: &str = "*";

/// The faults in force. Plain data: what they do to a packet is decided in [`super::routes`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Broken {
    /// Nodes without power: nothing gets in or out, and their anycast addresses move.
    pub down: BTreeSet<String>,
    /// Nodes whose uplink is cut: nothing gets in or out, and nobody else notices.
    pub isolated: BTreeSet<String>,
    /// Anycast addresses that a node does not announce any more.
    pub withdrawn: BTreeSet<(IpAddr, String)>,
    /// The share of packets lost on the way from one node to another; either may be [`ANY`].
    pub loss: BTreeMap<(String, String), f64>,
    /// The share of packets that arrive twice, likewise.
    pub duplicates: BTreeMap<(String, String), f64>,
    /// Round trips other than the distance says, either way round.
    pub round_trips: BTreeMap<(String, String), Duration>,
    /// Nodes that stand where another does, by the ways and times to it, with their own addresses.
    pub moved: BTreeMap<String, String>,
    /// Other transit routers than the world says between two nodes, in this direction only.
    pub paths: BTreeMap<(String, String), Vec<Router>>,
}

impl Broken {
    /// The entry for a direction: the most exact of those that match.
    pub(super) fn of<'a, V>(
        table: &'a BTreeMap<(String, String), V>,
        from: &str,
        to: &str,
    ) -> Option<&'a V> {
        [(from, to), (ANY, to), (from, ANY), (ANY, ANY)]
            .iter()
            .find_map(|(from, to)| table.get(&((*from).to_owned(), (*to).to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_exact_entry_counts() {
        let entry = |from: &str, to: &str, share| ((from.to_owned(), to.to_owned()), share);
        let table =
            [entry("*", "*", 0.1), entry("*", "shop", 0.2), entry("fra", "shop", 0.3)].into();
        assert_eq!(Broken::of(&table, "fra", "shop"), Some(&0.3));
        assert_eq!(Broken::of(&table, "lon", "shop"), Some(&0.2));
        assert_eq!(Broken::of(&table, "lon", "blog"), Some(&0.1));
    }
}
