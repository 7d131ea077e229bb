//! What the owner of a name says its answer must be, and whether it is. No I/O, no clock.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize, Serializer};

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
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    /// How to compare.
    #[serde(default)]
    pub(crate) mode: Mode,
    /// Addresses or prefixes, or the numbers of other records. None at all: the name must have no record of
    /// this type.
    #[serde(deserialize_with = "addresses_or_prefixes", serialize_with = "prefixes")]
    pub(crate) answers: Vec<IpNet>,
}

impl Expected {
    /// Whether an address belongs to the set.
    pub(crate) fn allows(&self, address: &IpAddr) -> bool {
        self.answers.iter().any(|net| net.contains(address))
    }

    /// Whether the name must have no record of this type.
    pub(crate) fn is_absence(&self) -> bool {
        self.answers.is_empty()
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
    pub(crate) fn is_met_by_consensus(&self, addresses: &[IpAddr]) -> bool {
        let covered = || self.answers.iter().all(|net| addresses.iter().any(|it| net.contains(it)));
        let within = || addresses.iter().all(|address| self.allows(address));
        let some = !addresses.is_empty() || self.answers.is_empty();
        match self.mode {
            Mode::Exact => within() && covered(),
            Mode::Subset => some && within(),
            Mode::Superset => covered(),
        }
    }

    /// Whether one resolver's addresses fit. A name that rotates shows each resolver but a part, so
    /// `exact` asks of one answer no more than `subset`.
    pub(crate) fn is_met_by_addresses(&self, addresses: &[IpAddr]) -> bool {
        match self.mode {
            Mode::Exact | Mode::Subset => addresses.iter().all(|address| self.allows(address)),
            Mode::Superset => self.is_met_by_consensus(addresses),
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
        Expected { mode, answers: answers.iter().map(net).collect() }
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
                expected.is_met_by_consensus(&addresses(consensus)),
                met,
                "{mode:?} {consensus:?}"
            );
        }
        assert!(expected(Exact, &[]).is_met_by_consensus(&[]));
        assert!(!expected(Exact, &[]).is_met_by_consensus(&addresses(&["1.1.1.1"])));
    }

    #[test]
    fn one_resolver_may_see_a_part_of_an_exact_set() {
        let pinned = expected(Mode::Exact, &["1.1.1.1", "2.2.2.2"]);
        assert!(pinned.is_met_by_addresses(&addresses(&["1.1.1.1"])));
        assert!(!pinned.is_met_by_addresses(&addresses(&["1.1.1.1", "3.3.3.3"])));
        assert!(!pinned.is_absence());
        let none = expected(Mode::Exact, &[]);
        assert!(none.is_absence() && !none.is_met_by_addresses(&addresses(&["1.1.1.1"])));
        let superset = expected(Mode::Superset, &["1.1.1.1"]);
        assert!(superset.is_met_by_addresses(&addresses(&["1.1.1.1", "3.3.3.3"])));
        assert!(!superset.is_met_by_addresses(&addresses(&["3.3.3.3"])));
    }

    #[test]
    fn a_pin_is_read_as_it_was_written() {
        let pinned = expected(Mode::Superset, &["1.1.1.1", "2001:db8::/48"]);
        let text = serde_json::to_string(&pinned).unwrap();
        assert_eq!(serde_json::from_str::<Expected>(&text).unwrap(), pinned);
        assert_eq!(pinned.must_be_seen(), addresses(&["1.1.1.1"]));
    }
}
