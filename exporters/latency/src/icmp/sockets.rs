//! The sockets of one kind: that of all its echoes, and fresh ones for addresses that stay silent (I/O).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tracing::debug;

use super::channel::{Channel, Told};
use super::flow::{Flows, Via};
use super::options::Asked;
use super::socket::Kind;
use super::waiter::LateAnswers;
use crate::clock::Clock;

/// The sockets of a kind, one at least.
#[derive(Debug)]
pub(super) struct Sockets {
    kind: Kind,
    home: Arc<Channel>,
    fresh: Vec<(u32, Arc<Channel>)>,
    flows: Flows,
    /// Told by the channels.
    late: LateAnswers,
    /// What the sockets dropped that are closed.
    dropped: u64,
    /// When an echo last went through one of them.
    used: Duration,
}

impl Sockets {
    /// Opens the socket of all. Must be called inside the runtime.
    pub(super) fn open(kind: Kind, clock: Clock, told: Told) -> io::Result<Self> {
        let late = LateAnswers::default();
        let home = Arc::new(Channel::open(kind, clock, told, late.clone())?);
        let (fresh, flows) = (Vec::new(), Flows::default());
        Ok(Self { kind, home, fresh, flows, late, dropped: 0, used: clock.monotonic() })
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// The socket of all.
    pub(super) fn home(&self) -> &Channel {
        &self.home
    }

    /// When an echo last went through one of them.
    pub(super) fn used(&self) -> Duration {
        self.used
    }

    /// The socket that the next echo to an address goes through.
    pub(super) fn to(
        &mut self,
        asked: Asked,
        now: Duration,
        clock: Clock,
        told: &Told,
    ) -> Arc<Channel> {
        self.used = self.used.max(now);
        let (mut via, wants_fresh) = self.flows.via(asked, now);
        if wants_fresh {
            match Channel::open(self.kind, clock, told.clone(), self.late.clone()) {
                Ok(channel) => {
                    let number = self.flows.opened(asked, now);
                    self.fresh.push((number, Arc::new(channel)));
                    via = Via::Fresh(number);
                }
                Err(error) => {
                    debug!(kind = ?self.kind, "no fresh socket for a silent address: {error}");
                    self.flows.refused(now);
                }
            }
        }
        self.close();
        let channel = self.fresh.iter().find(|(number, _)| Via::Fresh(*number) == via);
        Arc::clone(channel.map_or(&self.home, |(_, channel)| channel))
    }

    /// An echo to an address was answered.
    pub(super) fn answered(&mut self, asked: Asked) {
        self.flows.answered(asked);
    }

    /// An echo to an address stayed without an answer; returns how many in a row that makes.
    pub(super) fn silent(&mut self, asked: Asked, now: Duration) -> u32 {
        for asked in self.late.take() {
            self.flows.answered(asked);
        }
        let silent = self.flows.silent(asked, now);
        self.close();
        silent
    }

    /// The silence of an address was this machine's own.
    pub(super) fn excused(&mut self, asked: Asked, now: Duration) {
        self.flows.excused(asked, now);
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
        if self.fresh.is_empty() {
            return;
        }
        let closed = self.fresh.extract_if(.., |(number, _)| !self.flows.has(*number));
        let dropped = closed.filter_map(|(_, channel)| channel.socket().dropped());
        self.dropped += dropped.map(u64::from).sum::<u64>();
    }
}
