//! What is watched where the config names nothing: the networks of the addresses that are judged. No I/O, no clock.
//!
//! The network, and not the route that leads to it: a route to more counts for it, and the parts of a provider's block that are
//! somebody else's are none of its.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use super::Watched;

/// Networks that are followed.
pub(crate) const MOST: usize = 500;
/// Seconds for which one stays that has no address any more: as long as is remembered who announces it.
const STAYS: u64 = 7 * 86_400;
/// Seconds from one change to the next: all tables are read again for each.
const CHANGES_EACH: u64 = 600;
/// The length of a network, in IPv4 and in IPv6: what is longer is not routed.
const LENGTHS: (u8, u8) = (24, 48);

/// The networks, and when each had an address last, in seconds since the epoch.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    networks: BTreeMap<IpNet, u64>,
    /// When others were followed last.
    changed: Option<u64>,
    /// Networks beyond the most.
    pub(crate) left_out: usize,
}

impl Followed {
    /// Goes on with those of what is remembered: who announces one is not forgotten for want of an evaluation.
    pub(crate) fn go_on_with(&mut self, remembered: impl Iterator<Item = IpNet>, unix: u64) {
        let networks = remembered.filter(|it| network(it.addr()) == Some(*it));
        self.networks.extend(networks.take(MOST).map(|it| (it, unix)));
    }

    /// Takes the addresses that an evaluation judges.
    pub(crate) fn follow(&mut self, addresses: impl Iterator<Item = IpAddr>, unix: u64) {
        let mut new = BTreeSet::new();
        for network in addresses.filter_map(network) {
            match self.networks.get_mut(&network) {
                Some(last) => *last = unix,
                None => _ = new.insert(network),
            }
        }
        if self.changed.is_some_and(|at| at + CHANGES_EACH > unix) {
            return;
        }
        let before = self.networks.len();
        self.networks.retain(|_, last| *last + STAYS >= unix);
        let is_less = self.networks.len() < before;
        let room = MOST.saturating_sub(self.networks.len());
        self.left_out = new.len().saturating_sub(room);
        if is_less || room > 0 && !new.is_empty() {
            self.changed = Some(unix);
        }
        self.networks.extend(new.into_iter().take(room).map(|it| (it, unix)));
    }

    /// As the config would have them: whoever announces one at first may.
    pub(crate) fn watch(&self) -> Vec<Watched> {
        let watched = |prefix: &IpNet| Watched {
            prefix: *prefix,
            origins: BTreeSet::new(),
            upstreams: BTreeSet::new(),
            max_length: None,
        };
        self.networks.keys().map(watched).collect()
    }
}

/// The network of an address that others route to; none of one that is another one for each who asks.
fn network(ip: IpAddr) -> Option<IpNet> {
    let length = if ip.is_ipv4() { LENGTHS.0 } else { LENGTHS.1 };
    let network = IpNet::new(ip, length).ok().map(|it| it.trunc());
    network.filter(|_| crate::suspects::is_everyones(ip))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = exporter_kit::WRITTEN;

    fn watched(followed: &Followed) -> Vec<String> {
        followed.watch().iter().map(|it| it.prefix.to_string()).collect()
    }

    fn ips<'a>(all: &'a [&str]) -> impl Iterator<Item = IpAddr> + 'a {
        all.iter().map(|it| it.parse().unwrap())
    }

    #[test]
    fn the_networks_of_addresses_are_followed_and_stay_for_a_week() {
        let mut followed = Followed::default();
        let all = ["149.154.167.220", "149.154.167.50", "2001:db8:1::5", "10.0.0.1", "::1"];
        followed.follow(ips(&all), NOW);
        assert_eq!(watched(&followed), ["149.154.167.0/24", "2001:db8:1::/48"]);
        // Tables are not read again for each address that comes.
        followed.follow(ips(&["149.154.175.50"]), NOW + CHANGES_EACH - 1);
        assert_eq!(followed.networks.len(), 2);
        followed.follow(ips(&["149.154.175.50"]), NOW + CHANGES_EACH);
        assert_eq!(followed.networks.len(), 3);
        followed.follow(ips(&["149.154.175.50"]), NOW + STAYS);
        assert_eq!(followed.networks.len(), 3, "the others may come back");
        followed.follow(ips(&["149.154.175.50"]), NOW + STAYS + 1);
        assert_eq!(watched(&followed), ["149.154.175.0/24"]);
    }

    #[test]
    fn those_that_are_followed_go_before_those_that_come() {
        let mut followed = Followed::default();
        let remembered = ["192.0.2.0/24", "192.0.0.0/16", "2001:db8::/32"];
        followed.go_on_with(remembered.iter().map(|it| it.parse().unwrap()), NOW);
        assert_eq!(watched(&followed), ["192.0.2.0/24"], "the others were the config's");
        let many = (0..507_u32).map(|it| IpAddr::from((0x0101_0000 + it * 256).to_be_bytes()));
        followed.follow(many, NOW);
        assert_eq!((followed.networks.len(), followed.left_out), (MOST, 8));
        assert!(watched(&followed).contains(&"192.0.2.0/24".to_owned()));
        followed.follow(ips(&["1.1.0.1"]), NOW + STAYS + 1);
        assert_eq!((followed.networks.len(), followed.left_out), (1, 0));
    }
}
