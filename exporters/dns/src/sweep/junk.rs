//! Whose datagrams a full receive buffer was full of. No I/O, no clock.
//!
//! A resolver that floods us, or somebody in its name, must not be able to make a sweep look
//! degraded: alerts are held back then.

use std::collections::VecDeque;
use std::net::IpAddr;

/// How many datagrams are remembered: those that were in the buffer beside the one just read.
const REMEMBERED: usize = 64;

/// What was read from one socket, and how many datagrams the kernel dropped meanwhile.
#[derive(Debug, Default)]
pub(super) struct Junk {
    /// Who sent the latest datagrams; nobody for one that was of use.
    latest: VecDeque<Option<IpAddr>>,
    /// The kernel's count of drops so far.
    dropped: u64,
    /// How many of those one peer's junk explains.
    explained: u64,
}

impl Junk {
    /// Takes note of a datagram and of the kernel's count of drops, which comes with it.
    pub(super) fn received(&mut self, from: IpAddr, is_junk: bool, dropped: u64) {
        self.dropped(dropped);
        self.latest.truncate(REMEMBERED - 1);
        self.latest.push_front(is_junk.then_some(from));
    }

    /// Takes note of the kernel's count of drops. A new drop is explained if more than half of what
    /// was in the buffer is one peer's junk: without that, there would have been room.
    pub(super) fn dropped(&mut self, dropped: u64) {
        let new = dropped.saturating_sub(self.dropped);
        if new > 0 && self.is_one_peers() {
            self.explained += new;
        }
        self.dropped += new;
    }

    /// How many drops remain that no single peer's junk explains.
    pub(super) fn unexplained(&self) -> u64 {
        self.dropped - self.explained
    }

    fn is_one_peers(&self) -> bool {
        // The majority vote of Boyer and Moore: if somebody has more than half, it is this one.
        let (mut candidate, mut lead) = (None, 0_usize);
        for sender in &self.latest {
            match (lead, *sender == candidate) {
                (0, _) => (candidate, lead) = (*sender, 1),
                (_, true) => lead += 1,
                (_, false) => lead -= 1,
            }
        }
        let count = self.latest.iter().filter(|sender| **sender == candidate).count();
        candidate.is_some() && count * 2 > REMEMBERED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(n: u8) -> IpAddr {
        [127, 0, 0, n].into()
    }

    #[test]
    fn drops_amid_one_peers_junk_are_explained_and_no_others() {
        let mut junk = Junk::default();
        for n in 0..50 {
            junk.received(peer(n), false, 0);
        }
        // A burst of true answers overflows the buffer.
        junk.received(peer(50), false, 7);
        assert_eq!(junk.unexplained(), 7);
        // A flood, with a true answer here and there.
        for n in 0..1_000 {
            let is_junk = n % 10 > 0;
            let from = if is_junk { peer(99) } else { peer(3) };
            junk.received(from, is_junk, 7 + if n < 100 { 0 } else { 14 * n });
        }
        assert_eq!(junk.unexplained(), 7);
        junk.dropped(20_000);
        assert_eq!(junk.unexplained(), 7, "what came after the last datagram, too");
    }

    #[test]
    fn junk_of_many_explains_nothing() {
        let mut junk = Junk::default();
        for n in 0..1_000_u64 {
            junk.received(peer(u8::try_from(n % 3).unwrap()), true, n);
        }
        assert_eq!(junk.unexplained(), 999);
        assert_eq!(Junk::default().unexplained(), 0);
        let mut silent = Junk::default();
        silent.dropped(3);
        assert_eq!(silent.unexplained(), 3);
    }
}
