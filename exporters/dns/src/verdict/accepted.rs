//! The addresses that a name may have. No I/O, no clock.

use std::net::IpAddr;

use crate::expected::Expected;
use crate::resolvers::Systems;

/// The addresses that a name may have, as a sweep found it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Accepted {
    /// Those that its owner pinned.
    Pinned(Expected, Systems),
    /// Those of the reference, in their order.
    These(Vec<IpAddr>),
    /// It is not known which.
    Any,
}

impl Accepted {
    /// Whether an address is among them.
    pub(crate) fn has(&self, address: &IpAddr) -> bool {
        match self {
            Self::Pinned(expected, systems) => expected.allows(address, systems),
            Self::These(addresses) => addresses.binary_search(address).is_ok(),
            Self::Any => true,
        }
    }
}
