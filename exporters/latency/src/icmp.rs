//! ICMP echoes: one socket a family for all targets, times from the kernel.
//!
//! The time of arrival is the kernel's, so that a busy machine does not lengthen a round trip by
//! what it takes to read the socket. The time of departure is read before sending, so that a round
//! trip is never too short: 1 ms too short is 100 km too near.
//!
//! What an echo is sent with is said of each packet; only what may not be fragmented has sockets of
//! its own, because the kernel knows that of a socket alone.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::{debug, warn};

use crate::clock::Clock;
use crate::metrics::counts::{ReceiveQueue, Strays};
use crate::outcome::Failure;

mod channel;
mod echo;
pub(crate) mod options;
mod pending;
mod socket;

use channel::Channel;
use echo::Family;
pub(crate) use options::EchoOptions;
use socket::Kind;
pub(crate) use socket::Refusal;

/// Sends echoes to anybody.
#[derive(Clone, Debug)]
pub(crate) struct Icmp(Arc<Sockets>);

/// So many kinds of sockets there may be: the two families, what must not be fragmented, and IPv6
/// addresses that modules send from.
const MOST_KINDS: usize = 32;

/// The sockets of all kinds.
#[derive(Debug)]
struct Sockets {
    kinds: Mutex<Vec<(Kind, Place)>>,
    clock: Clock,
    queue: ReceiveQueue,
}

/// The socket of a kind.
#[derive(Debug)]
enum Place {
    /// It cannot be had.
    Refused,
    /// It is there.
    Open(Arc<Channel>),
}

/// What came back to an echo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The time there and back.
    pub(crate) rtt: Duration,
    /// The TTL or hop limit of the reply, where the kernel tells it.
    pub(crate) reply_hop_limit: Option<u8>,
}

/// What is to be shown of a socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SocketFigures {
    /// The network family, as a label has it.
    pub(crate) family: &'static str,
    /// `dgram` or `raw`.
    pub(crate) mode: &'static str,
    /// How many packets the kernel has dropped, where it says so.
    pub(crate) dropped: Option<u32>,
}

impl Icmp {
    /// Opens a socket for each family that there is and that we may use. Must be called inside the
    /// runtime. What cannot be opened is logged, and its probes fail as `local`.
    pub(crate) fn open(clock: Clock, queue: &ReceiveQueue) -> Self {
        let sockets = Sockets { kinds: Mutex::default(), clock, queue: queue.clone() };
        for family in Family::ALL {
            sockets.channel(Kind { family, dont_fragment: false, source: None });
        }
        Self(Arc::new(sockets))
    }

    /// The sockets for ordinary echoes.
    pub(crate) fn sockets(&self) -> Vec<SocketFigures> {
        let kinds = self.0.kinds();
        let ordinary = kinds.iter().filter_map(|(kind, place)| match place {
            Place::Open(channel) if kind.is_ordinary() => Some(channel.figures()),
            Place::Open(_) | Place::Refused => None,
        });
        ordinary.collect()
    }

    /// Sends one echo with these options and waits for what becomes of it, at most for `timeout`.
    /// Replies that decide nothing are counted as `strays`.
    pub(crate) async fn echo(
        &self,
        to: IpAddr,
        options: &EchoOptions,
        timeout: Duration,
        strays: &Arc<Strays>,
    ) -> Result<Answer, Refusal> {
        // An IPv4 address that is written as an IPv6 one is none of the other family's.
        let to = to.to_canonical();
        let kind = options.kind(Family::of(to));
        let channel = self.0.channel(kind).ok_or(Refusal::of(Failure::Local))?;
        channel.echo(to, options, timeout, strays).await
    }
}

impl Sockets {
    /// The socket of a kind, opened when it is first needed.
    fn channel(&self, kind: Kind) -> Option<Arc<Channel>> {
        let mut kinds = self.kinds();
        match kinds.iter().find(|(known, _)| *known == kind) {
            Some((_, Place::Open(channel))) => return Some(Arc::clone(channel)),
            Some((_, Place::Refused)) => return None,
            None if kinds.len() >= MOST_KINDS => {
                debug!(?kind, "no ICMP: there are {MOST_KINDS} kinds of sockets already");
                return None;
            }
            None => {}
        }
        match Channel::open(kind, self.clock, self.queue.clone()) {
            Ok(channel) => {
                let channel = Arc::new(channel);
                kinds.push((kind, Place::Open(Arc::clone(&channel))));
                Some(channel)
            }
            // The machine may get the address yet.
            Err(error) if kind.source.is_some() => {
                debug!(?kind, "no ICMP: {error}");
                None
            }
            Err(error) => {
                warn!(
                    family = kind.family.as_str(),
                    "no ICMP: {error}; allow it by net.ipv4.ping_group_range or CAP_NET_RAW"
                );
                kinds.push((kind, Place::Refused));
                None
            }
        }
    }

    fn kinds(&self) -> MutexGuard<'_, Vec<(Kind, Place)>> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kind {
    /// Whether it is for echoes of which nothing special is said.
    fn is_ordinary(self) -> bool {
        !self.dont_fragment && self.source.is_none()
    }
}
