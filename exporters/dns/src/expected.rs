//! What the owner of a name says its answer must be, and whether it is. No I/O, no clock.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize, Serializer};

use crate::resolvers::Systems;

/// How the answer and the expected set must compare.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// The consensus has every expected entry and nothing else.
    #[default]
    Exact,
    /// Nothing else than what is expected, though not all of it need be seen.
    Subset,
    /// All that is expected; more is allowed.
    Superset,
}

/// The pinned set of one name and type.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    /// How to compare.
    #[serde(default)]
    pub(crate) mode: Mode,
    /// Addresses or prefixes, or the numbers of other records. None at all: the name must have no record of
    /// this type.
    #[serde(deserialize_with = "addresses_or_prefixes", serialize_with = "prefixes")]
    pub(crate) answers: Vec<IpNet>,
    /// Autonomous systems, all of whose addresses belong to the set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) systems: Vec<u32>,
}

impl Expected {
    /// Whether an address belongs to the set. One that no table knows is of none of the systems.
    pub(crate) fn allows(&self, address: &IpAddr, systems: &Systems) -> bool {
        self.answers.iter().any(|net| net.contains(address))
            || !self.systems.is_empty()
                && systems.of(*address).is_some_and(|system| self.systems.contains(&system))
    }

    /// Whether the name must have no record of this type.
    pub(crate) fn is_absence(&self) -> bool {
        self.answers.is_empty() && self.systems.is_empty()
    }

    /// The addresses that must be seen, one by one: none if a part of them is enough.
    pub(crate) fn must_be_seen(&self) -> Vec<IpAddr> {
        if self.mode == Mode::Subset {
            return Vec::new();
        }
        let is_host = |net: &&IpNet| net.prefix_len() == net.max_prefix_len();
        self.answers.iter().filter(is_host).map(IpNet::addr).collect()
    }

    /// Whether the consensus of the whole is as expected; `addresses` is empty if the consensus is
    /// that there are none.
    pub(crate) fn is_met_by_consensus(&self, addresses: &[IpAddr], systems: &Systems) -> bool {
        let has_system = |system: &u32| addresses.iter().any(|it| systems.of(*it) == Some(*system));
        let covered = || {
            self.answers.iter().all(|net| addresses.iter().any(|it| net.contains(it)))
                && self.systems.iter().all(has_system)
        };
        let within = || addresses.iter().all(|address| self.allows(address, systems));
        let some = !addresses.is_empty() || self.is_absence();
        match self.mode {
            Mode::Exact => within() && covered(),
            Mode::Subset => some && within(),
            Mode::Superset => covered(),
        }
    }

    /// Whether one resolver's addresses fit. A name that rotates shows each resolver but a part, so
    /// `exact` asks of one answer no more than `subset`.
    pub(crate) fn is_met_by_addresses(&self, addresses: &[IpAddr], systems: &Systems) -> bool {
        match self.mode {
            Mode::Exact | Mode::Subset => addresses.iter().all(|it| self.allows(it, systems)),
            Mode::Superset => self.is_met_by_consensus(addresses, systems),
        }
    }
}

/// What a pin may be: an address or a prefix.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Pinned(IpNet);

impl TryFrom<String> for Pinned {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let address = text.parse::<IpAddr>().map(IpNet::from);
        let net = address.or_else(|_| text.parse());
        net.map(Self).map_err(|_| "must be an IP address or a prefix, as in 192.0.2.0/24")
    }
}

fn addresses_or_prefixes<'de, D>(deserializer: D) -> Result<Vec<IpNet>, D::Error>
where
    D: serde::Deserializer<'de>,
{
    let pinned = Vec::<Pinned>::deserialize(deserializer)?;
    Ok(pinned.into_iter().map(|pinned| pinned.0).collect())
}

fn prefixes<S: Serializer>(nets: &[IpNet], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(nets.iter().map(IpNet::to_string))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(list: &[&str]) -> Vec<IpAddr> {
        list.iter().map(|address| address.parse().unwrap()).collect()
    }

    fn expected(mode: Mode, answers: &[&str]) -> Expected {
        let net = |text: &&str| {
            text.parse().unwrap_or_else(|_| IpNet::from(text.parse::<IpAddr>().unwrap()))
        };
        Expected { mode, answers: answers.iter().map(net).collect(), systems: Vec::new() }
    }

    #[test]
    fn the_modes_compare_the_consensus_as_sets() {
        use Mode::{Exact, Subset, Superset};
        const PINNED: &[&str] = &["1.1.1.1", "2.2.2.0/24"];
        for (mode, consensus, met) in [
            (Exact, &["1.1.1.1", "2.2.2.2"][..], true),
            (Exact, &["1.1.1.1", "2.2.2.2", "2.2.2.3"], true),
            (Exact, &["1.1.1.1"], false),
            (Exact, &["1.1.1.1", "2.2.2.2", "3.3.3.3"], false),
            (Subset, &["1.1.1.1"], true),
            (Subset, &["1.1.1.1", "3.3.3.3"], false),
            (Subset, &[], false),
            (Superset, &["1.1.1.1", "2.2.2.2", "3.3.3.3"], true),
            (Superset, &["1.1.1.1"], false),
        ] {
            let expected = expected(mode, PINNED);
            assert_eq!(
                expected.is_met_by_consensus(&addresses(consensus), &Systems::default()),
                met,
                "{mode:?} {consensus:?}"
            );
        }
        assert!(expected(Exact, &[]).is_met_by_consensus(&[], &Systems::default()));
        assert!(
            !expected(Exact, &[])
                .is_met_by_consensus(&addresses(&["1.1.1.1"]), &Systems::default())
        );
    }

    #[test]
    fn one_resolver_may_see_a_part_of_an_exact_set() {
        let pinned = expected(Mode::Exact, &["1.1.1.1", "2.2.2.2"]);
        assert!(pinned.is_met_by_addresses(&addresses(&["1.1.1.1"]), &Systems::default()));
        assert!(
            !pinned.is_met_by_addresses(&addresses(&["1.1.1.1", "3.3.3.3"]), &Systems::default())
        );
        assert!(!pinned.is_absence());
        let none = expected(Mode::Exact, &[]);
        assert!(
            none.is_absence()
                && !none.is_met_by_addresses(&addresses(&["1.1.1.1"]), &Systems::default())
        );
        let superset = expected(Mode::Superset, &["1.1.1.1"]);
        assert!(
            superset.is_met_by_addresses(&addresses(&["1.1.1.1", "3.3.3.3"]), &Systems::default())
        );
        assert!(!superset.is_met_by_addresses(&addresses(&["3.3.3.3"]), &Systems::default()));
    }

    #[test]
    fn a_pin_is_read_as_it_was_written() {
        let pinned = expected(Mode::Superset, &["1.1.1.1", "2001:db8::/48"]);
        let text = serde_json::to_string(&pinned).unwrap();
        assert_eq!(serde_json::from_str::<Expected>(&text).unwrap(), pinned);
        assert_eq!(pinned.must_be_seen(), addresses(&["1.1.1.1"]));
    }

    #[test]
    fn a_system_is_pinned_with_all_of_its_addresses() {
        let table = "192.0.2.0\t192.0.2.255\t64500\n198.51.100.0\t198.51.100.255\t64501\n";
        let systems = Systems::read(table.as_bytes()).unwrap();
        let pinned = |mode, numbers: &[u32]| Expected {
            systems: numbers.to_vec(),
            ..expected(mode, &["203.0.113.7"])
        };
        let met = |mode, numbers: &[u32], list: &[&str]| {
            pinned(mode, numbers).is_met_by_addresses(&addresses(list), &systems)
        };
        for mode in [Mode::Exact, Mode::Subset] {
            assert!(met(mode, &[64500], &["192.0.2.1", "192.0.2.200", "203.0.113.7"]));
            assert!(!met(mode, &[64500], &["192.0.2.1", "198.51.100.1"]), "of another system");
            assert!(!met(mode, &[64500], &["203.0.113.8"]), "no table knows it");
            assert!(met(mode, &[64500, 64501], &["198.51.100.1"]));
        }
        let both = ["192.0.2.1", "198.51.100.1", "203.0.113.7"];
        assert!(met(Mode::Superset, &[64500, 64501], &both));
        assert!(!met(Mode::Superset, &[64500, 64501], &both[1..]), "not all were seen");
        let alone = Expected { answers: Vec::new(), ..pinned(Mode::Subset, &[64500]) };
        assert!(!alone.is_absence() && alone.must_be_seen().is_empty());
        let text = serde_json::to_string(&alone).unwrap();
        assert_eq!(serde_json::from_str::<Expected>(&text).unwrap(), alone);
        // What was remembered before there were systems, and what has none, is read as ever.
        let before = r#"{"mode":"exact","answers":["192.0.2.1/32"]}"#;
        let pin: Expected = serde_json::from_str(before).unwrap();
        assert_eq!(serde_json::to_string(&pin).unwrap(), before);
    }
}
