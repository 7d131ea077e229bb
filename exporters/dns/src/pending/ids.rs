//! The ids of one socket's queries: which query has which, and who was asked with one that is over. No I/O, no clock.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::net::SocketAddr;

/// Queries whose id is remembered, so that a late or repeated answer is known as such. Half of all
/// ids: a free one is found in two draws.
const REMEMBERED: usize = 1 << 15;

/// What is remembered of an id.
#[derive(Clone, Copy, Debug)]
pub(super) enum Known {
    /// The query that has it, by its index.
    Open(u32),
    /// The query that had it is over, and whether it was given up. Who was asked, as a number.
    Over { peer: u32, is_late: bool },
    /// The query that had it has another.
    Exchanged,
}

/// The ids that are remembered: no two queries share one.
#[derive(Debug, Default)]
pub(super) struct Ids {
    known: HashMap<u16, Known>,
    /// The oldest first.
    order: VecDeque<u16>,
    /// Numbers for peers, which nobody can foresee.
    hasher: RandomState,
}

impl Ids {
    /// An id that no remembered query has.
    pub(super) fn free(&self, mut draw: impl FnMut() -> u16) -> u16 {
        loop {
            let id = draw();
            if !self.known.contains_key(&id) {
                return id;
            }
        }
    }

    /// What is remembered of an id.
    pub(super) fn get(&self, id: u16) -> Option<Known> {
        self.known.get(&id).copied()
    }

    /// The query with this index has this id.
    pub(super) fn remember(&mut self, id: u16, index: usize) {
        self.known.insert(id, Known::Open(number_of(index)));
        self.order.push_back(id);
        while self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    /// The query with this index is over, and went to this peer.
    pub(super) fn note_over(&mut self, id: u16, index: usize, peer: SocketAddr, is_late: bool) {
        let peer = self.number(peer);
        if let Some(known) = self.known.get_mut(&id)
            && matches!(known, Known::Open(its) if *its == number_of(index))
        {
            *known = Known::Over { peer, is_late };
        }
    }

    /// The query with this index has this id instead of its former one.
    pub(super) fn exchange(&mut self, former: u16, id: u16, index: usize) {
        self.known.insert(former, Known::Exchanged);
        self.remember(id, index);
    }

    /// A peer as a number.
    pub(super) fn number(&self, peer: SocketAddr) -> u32 {
        let [high, low] = [32, 0].map(|by| self.hasher.hash_one((peer.ip(), peer.port())) >> by);
        u32::try_from((high ^ low) & u64::from(u32::MAX)).unwrap_or_default()
    }
}

/// An index, as it is remembered: each worker remembers tens of thousands.
fn number_of(index: usize) -> u32 {
    u32::try_from(index).expect("fewer queries of one worker than IPv4 addresses")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_of_an_id_is_no_more_than_eight_bytes() {
        // Two bytes of the id, and one of the table.
        assert!(size_of::<(u16, Known)>() <= 12, "{}", size_of::<(u16, Known)>());
    }
}
