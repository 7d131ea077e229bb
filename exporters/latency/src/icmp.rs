//! ICMP echoes: one socket a family for all targets, times from the kernel.
//!
//! The time of arrival is the kernel's, so that a busy machine does not lengthen a round trip by
//! what it takes to read the socket. The time of departure is read before sending, so that a round
//! trip is never too short: 1 ms too short is 100 km too near.

use std::io;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
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
use socket::{Buffers, EchoSocket, is_of_an_earlier_packet};

/// How long a reply may lie in the socket before it is too late to look at its time stamp. A loaded
/// machine was seen to take 100 ms.
const GRACE: Duration = Duration::from_millis(200);
/// Sending is tried so often when the kernel reports what befell earlier packets.
const SENDS: usize = 8;
/// So many packets are read before other tasks have their turn.
const BATCH: usize = 256;

/// Sends echoes to anybody.
#[derive(Clone, Debug)]
pub(crate) struct Icmp(Arc<[Option<Line>; 2]>);

/// The socket of one family and the task that reads it.
#[derive(Debug)]
struct Line {
    shared: Arc<Shared>,
    reader: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    socket: AsyncFd<EchoSocket>,
    pending: Mutex<Pending<Waiter>>,
    clock: Clock,
}

#[derive(Debug)]
struct Waiter {
    /// Taken by what decides the echo.
    verdict: Option<oneshot::Sender<Result<Duration, Failure>>>,
    strays: Arc<Strays>,
}

impl Icmp {
    /// Opens a socket for each family that there is and that we may use. Must be called inside the
    /// runtime. What cannot be opened is logged, and its probes fail as `local`.
    pub(crate) fn open(clock: Clock, queue: &ReceiveQueue) -> Self {
        Self(Arc::new(Family::ALL.map(|family| match Line::open(family, clock, queue.clone()) {
            Ok(line) => Some(line),
            Err(error) => {
                warn!(
                    family = family.as_str(),
                    "no ICMP: {error:#}; allow it by net.ipv4.ping_group_range or CAP_NET_RAW"
                );
                None
            }
        })))
    }

    /// The sockets there are, as `(family, mode)`.
    pub(crate) fn sockets(&self) -> Vec<(&'static str, &'static str)> {
        let lines = self.0.iter().flatten();
        lines
            .map(|line| line.shared.socket.get_ref())
            .map(|socket| (socket.family.as_str(), socket.mode.as_str()))
            .collect()
    }

    /// Sends one echo and waits for what becomes of it, at most for `timeout`; returns the round trip.
    pub(crate) async fn ping(
        &self,
        to: IpAddr,
        timeout: Duration,
        strays: &Arc<Strays>,
    ) -> Result<Duration, Failure> {
        let line = self.0[Family::of(to) as usize].as_ref().ok_or(Failure::Local)?;
        line.shared.ping(to, timeout, strays).await
    }
}

impl Line {
    fn open(family: Family, clock: Clock, queue: ReceiveQueue) -> anyhow::Result<Self> {
        let socket = EchoSocket::open(family)?.watched()?;
        let shared = Arc::new(Shared { socket, pending: Mutex::default(), clock });
        let reader = tokio::spawn(read(Arc::clone(&shared), queue)).abort_handle();
        Ok(Self { shared, reader })
    }
}

impl Drop for Line {
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
    ) -> Result<Duration, Failure> {
        let cookie = rand::random();
        let (sender, verdict) = oneshot::channel();
        let waiter = Waiter { verdict: Some(sender), strays: Arc::clone(strays) };
        let sequence = self.send(cookie, to, timeout, waiter)?;
        if let Ok(verdict) = tokio::time::timeout(timeout + GRACE, verdict).await {
            return verdict.unwrap_or(Err(Failure::Local));
        }
        self.pending().give_up(sequence, cookie);
        Err(Failure::Timeout)
    }

    fn send(
        &self,
        cookie: u128,
        to: IpAddr,
        limit: Duration,
        waiter: Waiter,
    ) -> Result<u16, Failure> {
        // Recorded before it is sent, at a time read before it is sent: the reply may be faster
        // than we are. Sending does not block, so the lock may be held meanwhile.
        let mut pending = self.pending();
        let sequence = pending.send(cookie, to, self.clock.now().monotonic, limit, waiter);
        let mut result = Ok(());
        for _ in 0..SENDS {
            result = self.socket.get_ref().send(to, sequence, cookie);
            match &result {
                Err(error) if is_of_an_earlier_packet(error) => {}
                _ => break,
            }
        }
        result.map(|()| sequence).map_err(|error| {
            debug!(%to, "echo not sent: {error}");
            pending.unsend();
            Failure::of_io(&error)
        })
    }

    fn pending(&self) -> MutexGuard<'_, Pending<Waiter>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_replies(&self, buffers: &mut Buffers, queue: &ReceiveQueue) -> io::Result<()> {
        for _ in 0..BATCH {
            let received = self.socket.get_ref().receive(buffers);
            let Some((from, queued, echo)) = or_next(received)? else { continue };
            queue.observe(queued);
            let now = self.clock.now().monotonic;
            if let Some((arrival, waiter)) = self.pending().reply(echo, from, now, queued) {
                waiter.take(arrival);
            }
        }
        Ok(())
    }

    fn read_errors(&self, buffers: &mut Buffers) -> io::Result<()> {
        for _ in 0..BATCH {
            let received = self.socket.get_ref().receive_error(buffers);
            let Some((to, failure, echo)) = or_next(received)? else { continue };
            if let Some((arrival, waiter)) = self.pending().error(echo, to, failure) {
                waiter.take(arrival);
            }
        }
        Ok(())
    }
}

impl Waiter {
    fn take(&mut self, arrival: Arrival) {
        let verdict = match arrival {
            Arrival::Answer(rtt) => Ok(rtt),
            Arrival::Failed(failure) => Err(failure),
            Arrival::Late => {
                self.strays.late.fetch_add(1, Ordering::Relaxed);
                Err(Failure::Timeout)
            }
            Arrival::Duplicate => {
                self.strays.duplicate.fetch_add(1, Ordering::Relaxed);
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
    let mut buffers = Buffers::default();
    loop {
        let mut ready = match shared.socket.ready(Interest::READABLE | Interest::ERROR).await {
            Ok(ready) => ready,
            Err(error) => {
                warn!("the ICMP socket cannot be read any more: {error}");
                return;
            }
        };
        // Errors first: reading a packet would report the oldest of them and lose which it was.
        let errors = shared.read_errors(&mut buffers);
        let replies = shared.read_replies(&mut buffers, &queue);
        match (is_empty(errors), is_empty(replies)) {
            (true, true) => ready.clear_ready(),
            _ => tokio::task::yield_now().await,
        }
    }
}

/// Skips over what the kernel reports of earlier packets.
fn or_next<T>(received: io::Result<Option<T>>) -> io::Result<Option<T>> {
    match received {
        Err(error) if is_of_an_earlier_packet(&error) => Ok(None),
        other => other,
    }
}

fn is_empty(read: io::Result<()>) -> bool {
    match read {
        Ok(()) => false,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => true,
        Err(error) => {
            debug!("reading the ICMP socket: {error}");
            true
        }
    }
}
