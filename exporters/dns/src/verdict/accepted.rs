//! The addresses that a name may have. No I/O, no clock.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use crate::expected::Expected;
use crate::resolvers::Systems;

/// The addresses that a name may have, as a sweep found it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Accepted {
    /// Those that its owner pinned.
    Pinned(Expected, Systems),
    /// Those of the reference, in their order.
    These(Vec<IpAddr>),
    /// Any: they depend on the place, or are too many to be counted.
    Within {
        /// The networks of those that were given, in their order.
        networks: Vec<Ipv4Addr>,
        /// Whether these are agreed upon, and not whatever anybody gave.
        is_agreed: bool,
    },
}

impl Accepted {
    /// Whether an address is among them.
    pub(crate) fn has(&self, address: &IpAddr) -> bool {
        match self {
            Self::Pinned(expected, systems) => expected.allows(address, systems),
            Self::These(addresses) => addresses.binary_search(address).is_ok(),
            Self::Within { .. } => true,
        }
    }

    /// Whether an address is among them, or beside one that is, where they are not counted.
    pub(crate) fn is_near(&self, address: Ipv4Addr) -> bool {
        match self {
            Self::Within { networks, .. } => networks.binary_search(&network(address)).is_ok(),
            Self::Pinned(..) | Self::These(_) => self.has(&address.into()),
        }
    }

    /// Whether they are known, or agreed upon.
    pub(crate) fn is_agreed(&self) -> bool {
        !matches!(self, Self::Within { is_agreed: false, .. })
    }

    /// Any, and near to these.
    pub(crate) fn within<'a>(given: impl Iterator<Item = &'a IpAddr>, is_agreed: bool) -> Self {
        let v4 = |address: &IpAddr| match address {
            IpAddr::V4(v4) => Some(network(*v4)),
            IpAddr::V6(_) => None,
        };
        let networks: BTreeSet<_> = given.filter_map(v4).collect();
        Self::Within { networks: networks.into_iter().collect(), is_agreed }
    }
}

/// The /24 of an address.
fn network(address: Ipv4Addr) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(address) & !0xff)
}
