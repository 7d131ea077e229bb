//! The paths by which the peers hear one prefix. No I/O, no clock.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use super::mrt::PathEnd;

/// Who announces the parts beyond these is told nevertheless, of so many.
const MOST_OTHERS: usize = 1_000;

/// The paths to what covers a prefix, and to parts of it.
#[derive(Clone, Debug, Default)]
pub(super) struct OfPrefix {
    pub(super) covering: BTreeMap<IpNet, Paths>,
    pub(super) parts: BTreeMap<IpNet, Paths>,
    /// Who announces parts beyond those: one of these, and who hears it.
    pub(super) others: BTreeMap<u32, (IpNet, BTreeSet<u16>)>,
    /// How many routes to parts there were beyond those.
    pub(super) left_out: usize,
}

/// The paths of each peer, by its number. It may have several to one prefix (RFC 8050).
pub(super) type Paths = BTreeMap<u16, BTreeSet<PathEnd>>;

impl OfPrefix {
    /// Of a part beyond those that are told apart it is kept who announces it.
    pub(super) fn beyond(&mut self, peer: u16, part: IpNet, path: PathEnd) {
        self.left_out += 1;
        let Some(origin) = path.origin else { return };
        if self.others.len() < MOST_OTHERS || self.others.contains_key(&origin) {
            self.others.entry(origin).or_insert((part, BTreeSet::new())).1.insert(peer);
        }
    }
}
