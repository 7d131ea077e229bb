//! ICMP echoes: one socket a family for all targets, times from the kernel.
//!
//! The time of arrival is the kernel's, so that a busy machine does not lengthen a round trip by
//! what it takes to read the socket. The time of departure is read before sending, so that a round
//! trip is never too short: 1 ms too short is 100 km too near.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use datagram::Buffer;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tracing::{debug, warn};

use crate::clock::Clock;
use crate::metrics::counts::{ReceiveQueue, Strays};
use crate::outcome::Failure;

mod echo;
mod pending;
mod socket;

use echo::Family;
use pending::{Arrival, Pending};
pub(crate) use socket::Refusal;
use socket::{EchoSocket, LONGEST_PACKET};

/// How long a reply may lie in the socket before it is too late to look at its time stamp. A loaded
/// machine was seen to take 100 ms.
const GRACE: Duration = Duration::from_millis(200);
/// So many packets are read before other tasks have their turn.
const BATCH: usize = 256;

/// Sends echoes to anybody.
#[derive(Clone, Debug)]
pub(crate) struct Icmp(Arc<[Option<Opened>; 2]>);

/// The socket of one family, and the task that reads it.
#[derive(Debug)]
struct Opened {
    shared: Arc<Shared>,
    reader: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    socket: EchoSocket,
    pending: Mutex<Pending<Waiter>>,
    clock: Clock,
}

#[derive(Debug)]
struct Waiter {
    /// Taken by what decides the echo.
    verdict: Option<oneshot::Sender<Result<Duration, Refusal>>>,
    /// The first ICMP error about the echo. Boxed: hardly any has one, and many wait.
    refusal: Option<Box<Refusal>>,
    strays: Arc<Strays>,
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
        Self(Arc::new(Family::ALL.map(|family| match Opened::open(family, clock, queue.clone()) {
            Ok(opened) => Some(opened),
            Err(error) => {
                warn!(
                    family = family.as_str(),
                    "no ICMP: {error}; allow it by net.ipv4.ping_group_range or CAP_NET_RAW"
                );
                None
            }
        })))
    }

    /// The sockets that there are.
    pub(crate) fn sockets(&self) -> Vec<SocketFigures> {
        let sockets = self.0.iter().flatten().map(|opened| &opened.shared.socket);
        sockets
            .map(|socket| SocketFigures {
                family: socket.family.as_str(),
                mode: socket.mode.as_str(),
                dropped: socket.dropped(),
            })
            .collect()
    }

    /// Sends one echo and waits for what becomes of it, at most for `timeout`; returns the round trip.
    pub(crate) async fn ping(
        &self,
        to: IpAddr,
        timeout: Duration,
        strays: &Arc<Strays>,
    ) -> Result<Duration, Refusal> {
        let opened = self.0[Family::of(to) as usize].as_ref().ok_or(Refusal::of(Failure::Local))?;
        opened.shared.ping(to, timeout, strays).await
    }
}

impl Opened {
    fn open(family: Family, clock: Clock, queue: ReceiveQueue) -> io::Result<Self> {
        let socket = EchoSocket::open(family)?;
        let shared = Arc::new(Shared { socket, pending: Mutex::default(), clock });
        let reader = tokio::spawn(read(Arc::clone(&shared), queue)).abort_handle();
        Ok(Self { shared, reader })
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Shared {
    async fn ping(
        &self,
        to: IpAddr,
        timeout: Duration,
        strays: &Arc<Strays>,
    ) -> Result<Duration, Refusal> {
        let cookie = rand::random();
        let (sender, verdict) = oneshot::channel();
        let waiter = Waiter { verdict: Some(sender), refusal: None, strays: Arc::clone(strays) };
        let sequence = self.send(cookie, to, timeout, waiter).map_err(Refusal::of)?;
        if let Ok(verdict) = tokio::time::timeout(timeout + GRACE, verdict).await {
            return verdict.unwrap_or(Err(Refusal::of(Failure::Local)));
        }
        let mut pending = self.pending();
        Err(pending.give_up(sequence, cookie).map_or(TIMEOUT, |waiter| waiter.without_reply()))
    }

    fn send(
        &self,
        cookie: u128,
        to: IpAddr,
        limit: Duration,
        waiter: Waiter,
    ) -> Result<u16, Failure> {
        // The echo is recorded before it is sent, at a time read before that: the reply may be faster
        // than we are. Sending does not block, so the lock may be held meanwhile.
        let mut pending = self.pending();
        let sequence = pending.send(cookie, to, self.clock.now().monotonic, limit, waiter);
        match self.socket.send(to, sequence, cookie) {
            Ok(()) => Ok(sequence),
            Err(error) => {
                debug!(%to, "echo not sent: {error}");
                pending.unsend();
                Err(Failure::of_io(&error))
            }
        }
    }

    fn pending(&self) -> MutexGuard<'_, Pending<Waiter>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads packets; returns whether there may be more.
    fn read_replies(&self, buffer: &mut Buffer, queue: &ReceiveQueue) -> bool {
        for _ in 0..BATCH {
            let Some(packet) = self.socket.receive(buffer) else { return false };
            let Some(echo) = self.socket.reply(&packet) else { continue };
            queue.observe(packet.waited);
            let now = self.clock.now().monotonic;
            let mut pending = self.pending();
            let found = pending.reply(echo, packet.from.ip(), now, packet.waited);
            if let Some((arrival, waiter)) = found {
                waiter.take(arrival);
            }
        }
        true
    }

    /// Reads ICMP errors; returns whether there may be more.
    fn read_errors(&self, buffer: &mut Buffer) -> bool {
        for _ in 0..BATCH {
            let Some(notice) = self.socket.notice(buffer) else { return false };
            let Some((refusal, echo)) = self.socket.refusal(&notice) else { continue };
            if let Some(waiter) = self.pending().error(echo, notice.to.ip()) {
                waiter.refusal.get_or_insert_with(|| Box::new(refusal));
            }
        }
        true
    }
}

/// No reply and no error came.
const TIMEOUT: Refusal = Refusal::of(Failure::Timeout);

impl Waiter {
    /// Why it failed, when no reply came within the limit.
    fn without_reply(&self) -> Refusal {
        self.refusal.as_deref().copied().unwrap_or(TIMEOUT)
    }

    fn take(&mut self, arrival: Arrival) {
        let verdict = match arrival {
            Arrival::Answer(rtt) => Ok(rtt),
            Arrival::Late => {
                self.strays.late.inc();
                Err(self.without_reply())
            }
            Arrival::Duplicate => {
                self.strays.duplicate.inc();
                return;
            }
        };
        if let Some(sender) = self.verdict.take() {
            // Nobody waits when the target was removed meanwhile.
            let _ = sender.send(verdict);
        }
    }
}

/// Reads a socket for ever.
async fn read(shared: Arc<Shared>, queue: ReceiveQueue) {
    let mut buffer = Buffer::new(LONGEST_PACKET);
    loop {
        if let Err(error) = shared.socket.ready().await {
            warn!("the ICMP socket cannot be read any more: {error}");
            return;
        }
        // Errors first: reading a packet would report the oldest of them and lose which it was.
        let more_errors = shared.read_errors(&mut buffer);
        let more_replies = shared.read_replies(&mut buffer, &queue);
        if more_errors || more_replies {
            tokio::task::yield_now().await;
        }
    }
}
