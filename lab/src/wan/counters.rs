//! What the switch counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::forward::Reason;

/// The switch's side: written by its thread alone, read by anyone.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) received: AtomicU64,
    pub(super) delivered: AtomicU64,
    pub(super) answered: AtomicU64,
    pub(super) refused: AtomicU64,
    malformed: AtomicU64,
    unroutable: AtomicU64,
    cut: AtomicU64,
    lost: AtomicU64,
    expired: AtomicU64,
    latest: AtomicU64,
    late: AtomicU64,
}

/// What became of the packets since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Packets that nodes sent.
    pub received: u64,
    /// Packets that nodes got, duplicates and routers' answers among them.
    pub delivered: u64,
    /// "Time exceeded" and "no route" of the virtual routers.
    pub answered: u64,
    /// Packets that the receiver's kernel did not take.
    pub refused: u64,
    /// What was no IP packet.
    pub malformed: u64,
    /// Packets that no node gets and no router answers, such as the kernels' own multicast.
    pub unroutable: u64,
    /// Packets from or to a node that is down or isolated.
    pub cut: u64,
    /// Packets lost by a link.
    pub lost: u64,
    /// Packets whose TTL ended at a silent router.
    pub expired: u64,
    /// Packets delivered more than a millisecond after they were due.
    pub late: u64,
    /// The most by which a packet was late.
    pub latest: Duration,
}

impl Counters {
    pub(super) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn lost(&self, reason: Reason) {
        Self::add(match reason {
            Reason::Malformed => &self.malformed,
            Reason::Unroutable => &self.unroutable,
            Reason::Cut => &self.cut,
            Reason::Link => &self.lost,
            Reason::Expired => &self.expired,
        });
    }

    pub(super) fn late(&self, by: Duration) {
        let micros = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
        self.latest.fetch_max(micros, Ordering::Relaxed);
        if micros > 1000 {
            Self::add(&self.late);
        }
    }

    pub(super) fn stats(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            received: read(&self.received),
            delivered: read(&self.delivered),
            answered: read(&self.answered),
            refused: read(&self.refused),
            malformed: read(&self.malformed),
            unroutable: read(&self.unroutable),
            cut: read(&self.cut),
            lost: read(&self.lost),
            expired: read(&self.expired),
            late: read(&self.late),
            latest: Duration::from_micros(read(&self.latest)),
        }
    }
}
