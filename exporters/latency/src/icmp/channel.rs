//! One socket, the echoes that were sent by it, and the task that reads what comes back (I/O).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use datagram::{Buffer, Header};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tracing::{debug, warn};

use super::Answer;
use super::drops::Drops;
use super::options::EchoOptions;
use super::pending::{Arrival, Found, Pending};
use super::socket::{EchoSocket, Kind, LONGEST_PACKET, Refusal};
use crate::clock::Clock;
use crate::link;
use crate::metrics::counts::{ReceiveQueue, Strays};
use crate::outcome::Failure;

/// How long a reply may lie in the socket before it is too late to look at its time stamp. A loaded
/// machine was seen to take 100 ms.
const GRACE: Duration = Duration::from_millis(200);
/// So many packets are read before other tasks have their turn.
const BATCH: usize = 256;

/// A socket, and the task that reads it for as long as anybody has the channel.
#[derive(Debug)]
pub(super) struct Channel {
    shared: Arc<Shared>,
    reader: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    socket: EchoSocket,
    pending: Mutex<Pending<Waiter>>,
    drops: Mutex<Drops>,
    clock: Clock,
}

#[derive(Debug)]
struct Waiter {
    /// Taken by what decides the echo.
    verdict: Option<oneshot::Sender<Result<Answer, Refusal>>>,
    /// The first ICMP error about the echo. Boxed: hardly any has one, and many wait.
    refusal: Option<Box<Refusal>>,
    strays: Arc<Strays>,
}

impl Channel {
    /// Opens a socket of a kind. Must be called inside the runtime.
    pub(super) fn open(kind: Kind, clock: Clock, queue: ReceiveQueue) -> io::Result<Self> {
        let socket = EchoSocket::open(kind)?;
        let shared =
            Arc::new(Shared { socket, pending: Mutex::default(), drops: Mutex::default(), clock });
        let reader = tokio::spawn(read(Arc::clone(&shared), queue)).abort_handle();
        Ok(Self { shared, reader })
    }

    /// The socket.
    pub(super) fn socket(&self) -> &EchoSocket {
        &self.shared.socket
    }

    /// Whether an echo that was sent at `sent`, and is the `silent`th in a row to its address without an
    /// answer, may have been answered: this machine has dropped packets since.
    pub(super) fn excuses(&self, sent: Duration, silent: u32) -> bool {
        let Some(count) = self.shared.socket.dropped() else { return false };
        let mut drops = self.shared.drops();
        drops.look(count, self.shared.clock.now().monotonic);
        drops.excuses(sent, silent)
    }

    /// Sends one echo and waits for what becomes of it, at most for `timeout`.
    pub(super) async fn echo(
        &self,
        to: IpAddr,
        options: &EchoOptions,
        timeout: Duration,
        strays: &Arc<Strays>,
    ) -> Result<Answer, Refusal> {
        self.shared.echo(to, options, timeout, strays).await
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Shared {
    async fn echo(
        &self,
        to: IpAddr,
        options: &EchoOptions,
        timeout: Duration,
        strays: &Arc<Strays>,
    ) -> Result<Answer, Refusal> {
        let cookie = rand::random();
        let (sender, verdict) = oneshot::channel();
        let waiter = Waiter { verdict: Some(sender), refusal: None, strays: Arc::clone(strays) };
        let sequence = self.send(cookie, to, options, timeout, waiter).map_err(|error| {
            debug!(%to, "echo not sent: {error}");
            let is_ours = options.source.is_some_and(|source| !link::is_here(source));
            Refusal::of(if is_ours { Failure::Local } else { Failure::of_io(&error) })
        })?;
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
        options: &EchoOptions,
        limit: Duration,
        waiter: Waiter,
    ) -> io::Result<u16> {
        let (address, header) = addressed(to, options)?;
        // The echo is recorded before it is sent, at a time read before that: the reply may be faster
        // than we are. Sending does not block, so the lock may be held meanwhile.
        let mut pending = self.pending();
        let sequence = pending.send(cookie, to, self.clock.now().monotonic, limit, waiter);
        let sent = self.socket.send(address, sequence, cookie, options.payload(), &header);
        if sent.is_err() {
            pending.unsend();
        }
        sent.map(|()| sequence)
    }

    fn pending(&self) -> MutexGuard<'_, Pending<Waiter>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drops(&self) -> MutexGuard<'_, Drops> {
        self.drops.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads packets; returns whether there may be more.
    fn read_replies(&self, buffer: &mut Buffer, queue: &ReceiveQueue) -> bool {
        for _ in 0..BATCH {
            let Some(packet) = self.socket.receive(buffer) else { return false };
            let Some(echo) = self.socket.reply(&packet) else { continue };
            queue.observe(packet.waited);
            let now = self.clock.now().monotonic;
            self.drops().read(packet.dropped, now);
            let mut pending = self.pending();
            let found = pending.reply(echo, packet.from.ip(), now, packet.waited);
            if let Some(Found { arrival, sent, waiter }) = found {
                if let Arrival::Answer(_) = arrival {
                    waiter.strays.answered(packet.from.ip(), sent);
                }
                waiter.take(arrival, packet.hop_limit);
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

/// Where an echo is sent, and what its packet's header says.
fn addressed(to: IpAddr, options: &EchoOptions) -> io::Result<(SocketAddr, Header)> {
    let interface = options.interface.as_deref().map(link::index).transpose()?;
    let header = Header {
        hop_limit: options.ttl,
        traffic_class: options.traffic_class(),
        // A socket for an IPv6 source is bound to it.
        source: options.source.filter(IpAddr::is_ipv4),
        interface,
    };
    Ok((link::socket_address(to, 0, interface), header))
}

/// No reply and no error came.
const TIMEOUT: Refusal = Refusal::of(Failure::Timeout);

impl Waiter {
    /// Why it failed, when no reply came within the limit.
    fn without_reply(&self) -> Refusal {
        self.refusal.as_deref().copied().unwrap_or(TIMEOUT)
    }

    fn take(&mut self, arrival: Arrival, reply_hop_limit: Option<u8>) {
        let verdict = match arrival {
            Arrival::Answer(rtt) => Ok(Answer { rtt, reply_hop_limit }),
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
