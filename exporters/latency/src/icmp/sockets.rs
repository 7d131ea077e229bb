//! The sockets of one kind: that of all its echoes, and fresh ones for addresses that stay silent (I/O).

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tracing::debug;

use super::channel::Channel;
use super::flow::{Flows, Via};
use super::socket::Kind;
use crate::clock::Clock;
use crate::metrics::counts::ReceiveQueue;

/// The sockets of a kind, one at least.
#[derive(Debug)]
pub(super) struct Sockets {
    kind: Kind,
    home: Arc<Channel>,
    fresh: Vec<(u32, Arc<Channel>)>,
    flows: Flows,
    /// What the sockets dropped that are closed.
    dropped: u64,
}

impl Sockets {
    /// Opens the socket of all. Must be called inside the runtime.
    pub(super) fn open(kind: Kind, clock: Clock, queue: ReceiveQueue) -> io::Result<Self> {
        let home = Arc::new(Channel::open(kind, clock, queue)?);
        Ok(Self { kind, home, fresh: Vec::new(), flows: Flows::default(), dropped: 0 })
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// The socket of all.
    pub(super) fn home(&self) -> &Channel {
        &self.home
    }

    /// The socket that the next echo to an address goes through.
    pub(super) fn to(
        &mut self,
        to: IpAddr,
        now: Duration,
        clock: Clock,
        queue: &ReceiveQueue,
    ) -> Arc<Channel> {
        let Via::Fresh(number) = self.flows.via(to, now) else { return Arc::clone(&self.home) };
        if let Some((_, channel)) = self.fresh.iter().find(|(known, _)| *known == number) {
            return Arc::clone(channel);
        }
        let opened = Channel::open(self.kind, clock, queue.clone());
        match opened {
            Ok(channel) => self.fresh.push((number, Arc::new(channel))),
            Err(error) => {
                debug!(kind = ?self.kind, "no fresh socket for a silent address: {error}");
                self.flows.unopened(number);
            }
        }
        self.close();
        let channel = self.fresh.iter().find(|(known, _)| *known == number);
        Arc::clone(channel.map_or(&self.home, |(_, channel)| channel))
    }

    /// An echo to an address was answered.
    pub(super) fn answered(&mut self, to: IpAddr) {
        self.flows.answered(to);
    }

    /// An echo to an address stayed without an answer; returns how many in a row that makes.
    pub(super) fn silent(&mut self, to: IpAddr, now: Duration) -> u32 {
        let silent = self.flows.silent(to, now);
        self.close();
        silent
    }

    /// The silence of an address was this machine's own.
    pub(super) fn excused(&mut self, to: IpAddr, now: Duration) {
        self.flows.excused(to, now);
    }

    /// How many sockets are open.
    pub(super) fn count(&self) -> usize {
        1 + self.fresh.len()
    }

    /// How often an address was given a fresh socket.
    pub(super) fn moves(&self) -> u64 {
        self.flows.moves()
    }

    /// How many packets the kernel has dropped of all of them; `None` where it does not say.
    pub(super) fn dropped(&self) -> Option<u64> {
        let home = self.home.socket().dropped()?;
        let fresh = self.fresh.iter().filter_map(|(_, channel)| channel.socket().dropped());
        Some(self.dropped + fresh.chain([home]).map(u64::from).sum::<u64>())
    }

    /// Closes fresh sockets that nobody uses; echoes that are under way still have them.
    fn close(&mut self) {
        let closed = self.fresh.extract_if(.., |(number, _)| !self.flows.has(*number));
        let dropped = closed.filter_map(|(_, channel)| channel.socket().dropped());
        self.dropped += dropped.map(u64::from).sum::<u64>();
    }
}
