//! The star's centre: one thread that owns every node's TUN device and passes packets on in time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{ErrorKind, PipeReader, Read, Write};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::prctl;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::time::Instant;
use tracing::{debug, error};

use super::counters::Counters;
use super::faults::Faults;
use super::forward::{Fate, forward};
use super::routes::{NodeId, Routes};
use super::turns::Turns;
use crate::netns::kernel::{self, Waiter};

/// A TUN device never gives more than its MTU.
const PACKET: usize = 2048;
/// Packets taken from one node before the others get their turn.
const BATCH: usize = 64;

/// A packet on its way. Ordered by when it is due, then by when it was sent.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct OnTheWay {
    due: Instant,
    number: u64,
    to: NodeId,
    packet: Vec<u8>,
}

/// The switch: everything its thread works on.
pub(super) struct Switch {
    /// By node.
    tuns: Vec<File>,
    // The far end is closed to say that it is over.
    stop: PipeReader,
    faults: Faults,
    edition: u64,
    routes: Arc<Routes>,
    queue: BinaryHeap<Reverse<OnTheWay>>,
    /// When the last packet of each direction is due, by sender and receiver: none overtakes it.
    last: Vec<Vec<Instant>>,
    sent: u64,
    turns: Turns,
    dice: SmallRng,
    counters: Arc<Counters>,
}

impl Switch {
    pub(super) fn new(
        tuns: Vec<File>,
        stop: PipeReader,
        faults: Faults,
        counters: Arc<Counters>,
    ) -> Self {
        let (edition, routes) = (faults.edition(), faults.routes());
        Self {
            last: vec![vec![Instant::now(); tuns.len()]; tuns.len()],
            tuns,
            stop,
            faults,
            edition,
            routes,
            queue: BinaryHeap::new(),
            sent: 0,
            turns: Turns::default(),
            dice: SmallRng::from_rng(&mut rand::rng()),
            counters,
        }
    }

    /// Passes packets on until the far end of `stop` is closed.
    pub(super) fn run(mut self) {
        // Both are about punctuality; without them the emulator works, only less exactly.
        if let Err(error) = prctl::set_timerslack(1) {
            debug!(%error, "the timer slack stays as it is");
        }
        if let Err(error) = kernel::schedule_in_real_time() {
            debug!(%error, "no real-time scheduling");
        }
        let stop = self.tuns.len();
        let descriptors = self.tuns.iter().map(AsRawFd::as_raw_fd).chain([self.stop.as_raw_fd()]);
        let mut waiter = Waiter::new(descriptors);
        loop {
            if let Err(error) = waiter.wait(self.until_next()) {
                error!(%error, "the WAN stands still");
                return;
            }
            if waiter.is_ready(stop) {
                return;
            }
            self.take_over_faults();
            for node in (0..self.tuns.len()).filter(|node| waiter.is_ready(*node)) {
                self.receive(node);
            }
            self.deliver();
        }
    }

    fn until_next(&self) -> Option<Duration> {
        let Reverse(next) = self.queue.peek()?;
        Some(next.due.saturating_duration_since(Instant::now()))
    }

    fn take_over_faults(&mut self) {
        let edition = self.faults.edition();
        if edition != self.edition {
            self.edition = edition;
            self.routes = self.faults.routes();
        }
    }

    fn receive(&mut self, node: NodeId) {
        let mut buffer = [0; PACKET];
        for _ in 0..BATCH {
            // The clock of each packet is read after the packet: a delay is never cut short.
            match (&self.tuns[node]).read(&mut buffer) {
                Ok(length) => self.dispatch(node, &mut buffer[..length]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
    }

    fn dispatch(&mut self, from: NodeId, packet: &mut [u8]) {
        let now = Instant::now();
        Counters::add(&self.counters.received);
        match forward(&self.routes, from, packet, &mut self.turns, &mut || self.dice.random()) {
            Fate::Deliver { to, after, copies } => {
                let due = (now + after).max(self.last[from][to]);
                self.last[from][to] = due;
                for _ in 0..copies {
                    self.send(due, to, packet.to_vec());
                }
            }
            Fate::Answer { packet, after } => {
                Counters::add(&self.counters.answered);
                self.send(now + after, from, packet);
            }
            Fate::Lost(reason) => self.counters.lost(reason),
        }
    }

    fn send(&mut self, due: Instant, to: NodeId, packet: Vec<u8>) {
        self.sent += 1;
        self.queue.push(Reverse(OnTheWay { due, number: self.sent, to, packet }));
    }

    fn deliver(&mut self) {
        let mut now = Instant::now();
        while let Some(Reverse(next)) = self.queue.pop() {
            if next.due > now {
                now = Instant::now();
                if next.due > now {
                    self.queue.push(Reverse(next));
                    return;
                }
            }
            self.hand_over(&next, now);
        }
    }

    fn hand_over(&self, next: &OnTheWay, now: Instant) {
        // It may have lost its power while the packet was on the way.
        if self.routes.is_cut(next.to) {
            return self.counters.lost(super::forward::Reason::Cut);
        }
        self.counters.late(now.saturating_duration_since(next.due));
        match (&self.tuns[next.to]).write_all(&next.packet) {
            Ok(()) => Counters::add(&self.counters.delivered),
            Err(_) => Counters::add(&self.counters.refused),
        }
    }
}
