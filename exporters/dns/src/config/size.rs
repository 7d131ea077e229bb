//! How many resolvers a set has, and where they are crowded. No I/O, no clock.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::courtesy::is_stranger;
use crate::exchange::HostName;
use crate::resolvers::{ResolverList, network};

/// How many resolvers a set has, as its politeness counts them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Size {
    /// All of them.
    pub(super) resolvers: usize,
    /// Anybody on the public internet.
    pub(super) strangers: usize,
    /// On this very machine.
    loopback: usize,
    /// Strangers in each /24 or /48, and in each autonomous system; and how many the fullest has.
    networks: HashMap<IpAddr, usize>,
    systems: HashMap<u32, usize>,
    pub(super) fullest: (usize, usize),
}

impl Size {
    /// The size of a list.
    pub(super) fn of(list: &ResolverList) -> Self {
        let mut size = Self::default();
        for resolver in &list.resolvers {
            size.add(resolver.address, resolver.asn);
        }
        size
    }

    /// Counts one more, of this system; returns what [`Size::remove`] takes it back with.
    pub(super) fn add(&mut self, address: IpAddr, system: u32) -> (usize, usize) {
        let before = self.fullest;
        self.resolvers += 1;
        self.loopback += usize::from(address.is_loopback());
        if is_stranger(address) {
            self.strangers += 1;
            let of_network = self.networks.entry(network(address)).or_default();
            *of_network += 1;
            self.fullest.0 = before.0.max(*of_network);
            if system != 0 {
                let of_system = self.systems.entry(system).or_default();
                *of_system += 1;
                self.fullest.1 = before.1.max(*of_system);
            }
        }
        before
    }

    /// Counts one of which no address is known yet: somebody else's, unless the set may ask one's own.
    pub(super) fn expect(&mut self, name: &HostName, may_be_own: bool) {
        self.resolvers += 1;
        self.loopback += usize::from(name.as_str() == "localhost");
        self.strangers += usize::from(!may_be_own);
    }

    /// Takes back the one that was added last.
    pub(super) fn remove(&mut self, address: IpAddr, system: u32, before: (usize, usize)) {
        self.resolvers -= 1;
        self.loopback -= usize::from(address.is_loopback());
        if is_stranger(address) {
            self.strangers -= 1;
            self.networks.entry(network(address)).and_modify(|count| *count -= 1);
            self.systems.entry(system).and_modify(|count| *count -= 1);
        }
        self.fullest = before;
    }

    /// Whether all are on this very machine.
    pub(super) fn is_loopback(&self) -> bool {
        self.loopback == self.resolvers
    }
}
