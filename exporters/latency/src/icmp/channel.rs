//! One socket, the echoes that were sent by it, and the task that reads what comes back (I/O).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use datagram::{Buffer, Buffers, Datagram, Header};
use nix::libc::ENOBUFS;
use tokio::task::AbortHandle;
use tracing::{debug, warn};

use super::asset::Asset;
use super::drops::Drops;
use super::options::{Asked, EchoOptions};
use super::pending::{Arrival, Found, MEMORY, Pending, Ticket};
use super::socket::{EchoSocket, Kind, LONGEST_PACKET, Look, RECEIVE_BUFFER, Refusal};
use super::waiter::{Inbox, LateAnswers, TIMEOUT, Verdict, Waiter};
use crate::clock::Clock;
use crate::link;
use crate::metrics::counts::{ReceiveQueue, Strays};
use crate::outcome::Failure;

/// How long a reply may lie in the socket before it is too late to look at its time stamp. A loaded
/// machine was seen to take 100 ms.
pub(super) const GRACE: Duration = Duration::from_millis(200);
/// So often as much as is read at once: more than a receive buffer holds, of which the kernel gives twice what is asked for,
/// and counts so much for the smallest packet.
const MOST_LOOKS: usize = 2 * RECEIVE_BUFFER / LEAST_IN_BUFFER / BATCH + 1;
const LEAST_IN_BUFFER: usize = 768;
/// How long the first pause is while there is no room to send, and the longest; each is twice the one before.
/// Thousands of packets leave within such a time: a device that takes none for an eighth of a second is a failure.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(64);
/// Whoever sends looks into the socket where nobody has for so long.
const UNSEEN: Duration = Duration::from_millis(5);
/// Replies are left in the socket for so long, to be read together: no more of them come meanwhile than a small
/// buffer holds, and their echoes are decided so much later at most.
const GATHERED: Duration = Duration::from_millis(2);
/// So many packets are read by one call.
const TOGETHER: usize = 32;
/// So many are read before other tasks have their turn.
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
    late: LateAnswers,
    clock: Clock,
    told: Told,
    room: Mutex<Room>,
    /// When it was last seen empty, in nanoseconds on the clock.
    empty: AtomicU64,
}

/// Who is told of what comes, beside who waits for it.
#[derive(Clone, Debug)]
pub(super) struct Told {
    /// How long packets had waited.
    pub(super) queue: ReceiveQueue,
    /// What became of echoes that no task waits for.
    pub(super) inbox: Arc<Inbox>,
}

/// An echo that was to be sent, and was not.
#[derive(Debug)]
pub(super) enum Unsent {
    /// There is no room at this moment.
    NoRoom,
    /// For this reason.
    Refused(Refusal),
}

/// Room for what is read.
#[derive(Debug)]
struct Room {
    error: Buffer,
    packets: Buffers,
}

impl Channel {
    /// Opens a socket of a kind. Must be called inside the runtime.
    pub(super) fn open(
        kind: Kind,
        clock: Clock,
        told: Told,
        late: LateAnswers,
    ) -> io::Result<Self> {
        let socket = EchoSocket::open(kind)?;
        let shared = Arc::new(Shared {
            socket,
            pending: Mutex::default(),
            drops: Mutex::default(),
            late,
            clock,
            told,
            room: Mutex::new(Room {
                error: Buffer::new(LONGEST_PACKET),
                packets: Buffers::new(TOGETHER, LONGEST_PACKET),
            }),
            empty: AtomicU64::new(0),
        });
        let reader = tokio::spawn(read(Arc::clone(&shared))).abort_handle();
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
        drops.look(count, self.shared.clock.monotonic());
        drops.excuses(sent, silent)
    }

    /// Sends one echo, which is due at `now`, and waits for what becomes of it, at most for `timeout`.
    pub(super) async fn echo(
        &self,
        asked: Asked,
        options: &EchoOptions,
        (now, timeout): (Duration, Duration),
        strays: &Arc<Strays>,
    ) -> Verdict {
        let (waiter, mut verdict) = Waiter::new(strays);
        let limit = now + timeout;
        let sent = self.shared.send(asked, options, (now, timeout), waiter).await;
        let ticket = sent.map_err(|error| unsent(asked, options, &error))?;
        if let Ok(verdict) = tokio::time::timeout(timeout + GRACE, &mut verdict).await {
            return verdict.unwrap_or(Err(Refusal::of(Failure::Local)));
        }
        self.look_unless_empty_since(limit);
        if let Ok(verdict) = verdict.try_recv() {
            return verdict;
        }
        Err(self.give_up(ticket))
    }

    /// Sends one echo, which is due at `now`, and does not wait: what becomes of it the inbox is told by this number,
    /// unless it is given up before.
    pub(super) fn begin(
        &self,
        asked: Asked,
        options: &EchoOptions,
        (now, timeout): (Duration, Duration),
        (number, strays): (u64, &Arc<Strays>),
    ) -> Result<Ticket, Unsent> {
        let refused = |error| Unsent::Refused(unsent(asked, options, &error));
        let packet = addressed(asked.to, options).map_err(refused)?;
        self.shared.look_unless_empty_since(now.saturating_sub(UNSEEN));
        let waiter = Waiter::by_inbox(number, strays);
        let sent = self.shared.try_send(asked, packet, options.payload(), timeout, waiter);
        sent.map_err(|(error, _)| {
            if is_for_want_of_room(&error) {
                return Unsent::NoRoom;
            }
            // It may have come again with another index.
            options.interface.iter().for_each(|name| link::is_gone(name));
            refused(error)
        })
    }

    /// Looks into the socket, unless nothing was left in it at this moment or later: what lies there, since nobody came
    /// to read it, had arrived in time all the same.
    pub(super) fn look_unless_empty_since(&self, moment: Duration) {
        self.shared.look_unless_empty_since(moment);
    }

    /// Nobody waits for an echo any longer.
    pub(super) fn give_up(&self, ticket: Ticket) -> Refusal {
        self.shared.pending().give_up(ticket).map_or(TIMEOUT, Waiter::give_up)
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Shared {
    /// Sends one echo; while there is no room to send, waits a little.
    async fn send(
        &self,
        asked: Asked,
        options: &EchoOptions,
        (now, limit): (Duration, Duration),
        waiter: Waiter,
    ) -> io::Result<Ticket> {
        let (address, header) = addressed(asked.to, options)?;
        // Where thousands send at the same time, whoever reads comes late to his turn.
        let unseen = now.saturating_sub(UNSEEN);
        self.look_unless_empty_since(unseen);
        let (mut waiter, mut pause) = (waiter, FIRST_PAUSE);
        loop {
            match self.try_send(asked, (address, header), options.payload(), limit, waiter) {
                Ok(ticket) => return Ok(ticket),
                Err((error, unsent)) if is_for_want_of_room(&error) && pause <= LONGEST_PAUSE => {
                    waiter = unsent;
                    // Boxed: most never wait.
                    Box::pin(tokio::time::sleep(pause)).await;
                    pause *= 2;
                }
                Err((error, _)) => {
                    // It may have come again with another index.
                    options.interface.iter().for_each(|name| link::is_gone(name));
                    return Err(error);
                }
            }
        }
    }

    fn try_send(
        &self,
        asked: Asked,
        (address, header): (SocketAddr, Header),
        payload: usize,
        limit: Duration,
        waiter: Waiter,
    ) -> Result<Ticket, (io::Error, Waiter)> {
        let cookie = rand::random();
        // The echo is recorded before it is sent, at a time read before that: the reply may be faster
        // than we are. Sending does not block, so the lock may be held meanwhile.
        let mut pending = self.pending();
        let at = self.clock.monotonic();
        // After a stop what is waited for lies in the socket.
        pending.sweep(at.min(self.was_empty()));
        let ticket = pending.send(cookie, asked, at, limit, waiter);
        match self.socket.send(address, ticket.sequence(), cookie, payload, &header) {
            Ok(()) => Ok(ticket),
            Err(error) => match pending.unsend(ticket) {
                Some(waiter) => Err((error, waiter)),
                None => Ok(ticket),
            },
        }
    }

    fn pending(&self) -> MutexGuard<'_, Pending<Waiter>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drops(&self) -> MutexGuard<'_, Drops> {
        self.drops.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When nothing was left in the socket for the last time.
    fn was_empty(&self) -> Duration {
        Duration::from_nanos(self.empty.load(Ordering::Relaxed))
    }

    /// Looks into the socket until nothing is left in it, unless that was so at this moment or later: after a stop many
    /// replies lie there, and those that are waited for may be the last.
    fn look_unless_empty_since(&self, moment: Duration) {
        let mut looks = 0;
        while looks < MOST_LOOKS && self.was_empty() < moment && self.read(Look::Unasked) {
            looks += 1;
        }
    }

    /// Forgets what is long decided: a socket that nothing is sent through any more remembers nothing for ever. After a
    /// stop, what lies in the socket is taken in before.
    fn sweep(&self) {
        let now = self.clock.monotonic();
        self.look_unless_empty_since(now);
        self.pending().sweep(now);
    }

    /// Reads what has come; whether there may be more.
    fn read(&self, look: Look) -> bool {
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        // Errors first: reading a packet would report the oldest of them and lose which it was.
        let more_errors = self.read_errors(&mut room.error, look);
        let before = self.clock.monotonic();
        let more_replies = self.read_replies(&mut room.packets, look);
        if !more_replies {
            let nanos = u64::try_from(before.as_nanos()).unwrap_or(u64::MAX);
            self.empty.store(nanos, Ordering::Relaxed);
        }
        more_errors || more_replies
    }

    /// Reads packets; returns whether there may be more.
    fn read_replies(&self, room: &mut Buffers, look: Look) -> bool {
        for _ in 0..BATCH / TOGETHER {
            let mut taking = None;
            let has_read = self.socket.receive_each(room, look, |packet| {
                // As of the moment as of which it is told how long they waited.
                let (now, pending) =
                    taking.get_or_insert_with(|| (self.clock.monotonic(), self.pending()));
                self.take(&packet, *now, pending);
            });
            if !has_read {
                return false;
            }
        }
        true
    }

    /// Takes in a packet that is read at `now`.
    fn take(&self, packet: &Datagram<'_>, now: Duration, pending: &mut Pending<Waiter>) {
        let Some(echo) = self.socket.reply(packet) else { return };
        self.told.queue.observe(packet.waited);
        self.drops().read(packet.dropped, now);
        let found = pending.reply(echo, packet.from.ip(), now, packet.waited);
        let Some(Found { arrival, sent, asked, waiter }) = found else { return };
        match arrival {
            Arrival::Answer(_) => waiter.strays.answered(asked.to, sent),
            Arrival::Late => self.late.add(asked),
            Arrival::Duplicate => {}
        }
        waiter.take(arrival, packet.hop_limit, &self.told.inbox);
    }

    /// Reads ICMP errors; returns whether there may be more.
    fn read_errors(&self, buffer: &mut Buffer, look: Look) -> bool {
        for _ in 0..BATCH {
            let Some(notice) = self.socket.notice(buffer, look) else { return false };
            let Some((refusal, echo)) = self.socket.refusal(&notice) else { continue };
            if let Some(waiter) = self.pending().error(echo, notice.to.ip()) {
                waiter.refusal.get_or_insert_with(|| Box::new(refusal));
            }
        }
        true
    }
}

/// What it means for the probe that an echo could not be sent.
fn unsent(asked: Asked, options: &EchoOptions, error: &io::Error) -> Refusal {
    debug!(to = %asked.to, "echo not sent: {error}");
    let is_ours = options.source.is_some_and(|source| !link::is_source(source));
    Refusal::of(if is_ours { Failure::Local } else { Failure::of_io(error) })
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

/// Whether a packet was not sent because the socket or the device had no room for it at this moment.
fn is_for_want_of_room(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error() == Some(ENOBUFS)
}

/// Reads a socket for ever.
async fn read(shared: Arc<Shared>) {
    let mut sweep = tokio::time::interval(MEMORY);
    // When a reply arrived, the kernel says: nothing is lost by letting some more come, and much is gained.
    let gathers = shared.socket.has(Asset::ReceiveStamps);
    loop {
        let ready = tokio::select! {
            biased;
            ready = shared.socket.ready() => ready,
            _ = sweep.tick() => {
                shared.sweep();
                continue;
            }
        };
        if let Err(error) = ready {
            warn!("the ICMP socket cannot be read any more: {error}");
            return;
        }
        if shared.read(Look::Woken) {
            tokio::task::yield_now().await;
        } else if gathers {
            tokio::time::sleep(GATHERED).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::icmp::Family;

    #[tokio::test]
    async fn what_lies_in_the_socket_is_taken_in_before_its_echoes_are_forgotten() {
        // There are sockets in any case.
        if !peers::in_a_namespace(
            "icmp::channel::tests::what_lies_in_the_socket_is_taken_in_before_its_echoes_are_forgotten",
        ) {
            return;
        }
        let clock = Clock::start();
        let told = Told { queue: ReceiveQueue::default(), inbox: Arc::default() };
        let kind = Kind { family: Family::V4, dont_fragment: false, source: None };
        let channel = Channel::open(kind, clock, told, LateAnswers::default()).unwrap();
        // Nobody reads: a machine that is stopped.
        channel.reader.abort();
        let (options, strays) = (EchoOptions::default(), Arc::default());
        let (asked, limit) = (options.asked([127, 0, 0, 1].into()), Duration::from_secs(1));
        let sent = channel.begin(asked, &options, (clock.monotonic(), limit), (0, &strays));
        assert!(sent.is_ok(), "{sent:?}");
        tokio::time::pause();
        tokio::time::advance(2 * limit + MEMORY).await;
        // Who sends next does not forget it either.
        let next = channel.begin(asked, &options, (clock.monotonic(), limit), (1, &strays));
        assert!(next.is_ok(), "{next:?}");
        channel.shared.sweep();
        assert_eq!(strays.late.get(), 1, "the clock was moved, so that it came late");
    }
}
