//! A connection of QUIC, with a socket and tasks of its own, which end with it.
//!
//! The socket is connected with the one who is asked, so that the kernel tells what the network says of it: that the
//! port is closed, mostly. Of "no route to the host" and the like the kernel tells no such socket, so that is silence. It
//! counts what comes, by which whoever sends without end is known.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use quinn::udp::{RecvMeta, Transmit};
use quinn::{
    AsyncTimer, AsyncUdpSocket, ConnectionError, Endpoint, EndpointConfig, Runtime, TokioRuntime,
    TransportConfig, TransportErrorCode, UdpPoller, VarInt,
};
use tokio::io::{Interest, ReadBuf};
use tokio::net::UdpSocket;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

use super::connection::Tasks;
use crate::blackbox::ask::Ask;
use crate::blackbox::found::{Found, HttpPhases};
use crate::blackbox::tls::Handshake;
use crate::outcome::{Failure, Phase, is_said_by_others, is_too_long};

/// So much of one stream waits until it is read, and twice as much of all of them.
const WINDOW: u32 = 512 << 10;
/// So much may come beyond what was asked for: what waits, the head, the handshake, and what packs it all.
const MOST_AROUND: u64 = 3 << 20;
/// What a datagram counts at least: each piece of a stream is kept by itself.
const LEAST: u64 = 512;
/// So many errors of this machine may come from a socket that is read on.
const MOST_ERRORS: u32 = 16;
/// What a server may show in its handshake: the chains of some are longer than the 16 KiB that are usual.
const MOST_SHOWN: usize = 64 << 10;
/// Streams that a server may begin: one with its settings, two of QPACK, and some of kinds to come.
const STREAMS: u32 = 16;
/// So long a connection that is not needed any more may take to say so.
const LEAVE: Duration = Duration::from_millis(20);

/// What a close by us says: nothing is wrong (RFC 9114 §8.1).
const NO_ERROR: VarInt = VarInt::from_u32(0x100);

/// A connection whose certificate was judged.
pub(super) struct Connection {
    pub(super) quic: quinn::Connection,
    pub(super) socket: Arc<Socket>,
    pub(super) tasks: Leaving,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.quic.close(NO_ERROR, b"");
    }
}

/// Ends its tasks a moment after it is dropped, when they have said that the connection is over.
pub(super) struct Leaving(pub(super) Tasks);

impl Drop for Leaving {
    fn drop(&mut self) {
        let tasks = self.0.clone();
        tokio::spawn(async move {
            sleep(LEAVE).await;
            tasks.end();
        });
    }
}

#[expect(clippy::disallowed_types, reason = "the trait has it; it is tokio's clock that is asked")]
impl Runtime for Tasks {
    fn new_timer(&self, at: std::time::Instant) -> Pin<Box<dyn AsyncTimer>> {
        TokioRuntime.new_timer(at)
    }

    fn spawn(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.begin(task);
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        TokioRuntime.wrap_udp_socket(socket)
    }

    fn now(&self) -> std::time::Instant {
        TokioRuntime.now()
    }
}

/// Connects, and judges who is there. The first datagram back ends the phase of connecting.
pub(super) async fn open(
    to: SocketAddr,
    handshake: &Handshake<'_>,
    phases: &mut HttpPhases,
    ask: &Ask<'_>,
    found: &mut Found,
) -> Result<Connection, Failure> {
    ask.log.line(|| format!("connecting to {to} by QUIC as {}", handshake.name()));
    let began = Instant::now();
    found.watch.begin(Phase::Connect);
    let ours = |error: &dyn std::error::Error| {
        ask.log.line(|| format!("QUIC cannot be begun: {error}"));
        Failure::Local
    };
    let socket = Socket::connect(to).await.map_err(|error| {
        ask.log.line(|| format!("connecting failed: {error}"));
        Failure::of_io(&error)
    })?;
    let socket = Arc::new(socket);
    let tasks = Leaving(Tasks::default());
    let endpoint = Endpoint::new_with_abstract_socket(
        EndpointConfig::default(),
        None,
        Arc::<Socket>::clone(&socket),
        Arc::new(tasks.0.clone()),
    );
    let endpoint = endpoint.map_err(|error| ours(&error))?;
    let mut config = quinn::ClientConfig::new(handshake.config());
    config.transport_config(Arc::new(transport()));
    let connecting = endpoint.connect_with(config, to, handshake.name());
    let mut connecting = connecting.map_err(|error| ours(&error))?;
    let first = tokio::select! {
        biased;
        came = socket.came() => Ok(came),
        shaken = &mut connecting => Err(shaken),
        failure = socket.fault(ask) => return Err(failure),
    };
    let shaken = match first {
        Ok(came) => {
            phases.connect += came.saturating_duration_since(began);
            found.watch.shook_hands_at(came);
            found.watch.begin(Phase::Tls);
            let shaken = tokio::select! {
                biased;
                shaken = connecting => Ok(shaken),
                failure = socket.fault(ask) => Err(failure),
            };
            handshake.record(ask, found);
            phases.tls += came.elapsed();
            shaken?
        }
        Err(shaken) => shaken,
    };
    let quic = shaken.map_err(|error| {
        ask.log.line(|| format!("QUIC failed: {error}"));
        classify(&error)
    })?;
    let connection = Connection { quic, socket, tasks };
    handshake.judge(ask, found)?;
    found.watch.end();
    Ok(connection)
}

/// What is agreed upon with a server. When a probe has taken too long its own deadline says.
fn transport() -> TransportConfig {
    let mut config = TransportConfig::default();
    config
        .max_idle_timeout(None)
        .stream_receive_window(WINDOW.into())
        .receive_window((2 * WINDOW).into())
        .crypto_buffer_size(MOST_SHOWN)
        .max_concurrent_bidi_streams(0_u32.into())
        .max_concurrent_uni_streams(STREAMS.into())
        .datagram_receive_buffer_size(None)
        .enable_segmentation_offload(false)
        .mtu_discovery_config(None);
    config
}

/// Classifies why a connection is over.
pub(super) fn classify(error: &ConnectionError) -> Failure {
    // An alert of TLS is a code of QUIC (RFC 9001 §4.8).
    let is_alert = |code: TransportErrorCode| (0x100..0x200).contains(&u64::from(code));
    match error {
        ConnectionError::VersionMismatch => Failure::TlsHandshake,
        ConnectionError::TransportError(error) if is_alert(error.code) => Failure::TlsHandshake,
        ConnectionError::ConnectionClosed(close) if is_alert(close.error_code) => {
            Failure::TlsHandshake
        }
        ConnectionError::ConnectionClosed(close)
            if close.error_code == TransportErrorCode::CONNECTION_REFUSED =>
        {
            Failure::Refused
        }
        // It speaks, but not as it must.
        ConnectionError::TransportError(_) => Failure::HttpStatus,
        // It times out by what the server has said of itself: when nothing happens it takes the connection for ended.
        ConnectionError::ConnectionClosed(_)
        | ConnectionError::ApplicationClosed(_)
        | ConnectionError::Reset
        | ConnectionError::TimedOut => Failure::Reset,
        ConnectionError::LocallyClosed | ConnectionError::CidsExhausted => Failure::Local,
    }
}

/// The socket of one connection.
#[derive(Debug)]
pub(super) struct Socket {
    io: UdpSocket,
    to: SocketAddr,
    heard: Mutex<Heard>,
    changed: Notify,
}

/// What came over it.
#[derive(Debug, Default)]
struct Heard {
    came: Option<Instant>,
    bytes: u64,
    /// How many of them were of use.
    used: u64,
    /// The newest thing that the network has said.
    said: Option<io::Error>,
    /// What is wrong here.
    fault: Option<io::Error>,
    /// How often something was.
    faults: u32,
}

impl Heard {
    /// Whether more came than whoever means well sends.
    fn is_flood(&self) -> bool {
        self.bytes > MOST_AROUND + self.used.saturating_mul(2)
    }
}

impl Socket {
    async fn connect(to: SocketAddr) -> io::Result<Self> {
        let any: IpAddr = match to {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let io = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
        io.connect(to).await?;
        Ok(Self { io, to, heard: Mutex::default(), changed: Notify::new() })
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an error; returns whether the socket is to be read on.
    fn note(&self, error: io::Error) -> bool {
        let mut heard = self.heard();
        if is_too_long(&error) {
            return true;
        }
        if is_said_by_others(&error) {
            heard.said = Some(error);
        } else {
            heard.fault = Some(error);
            heard.faults += 1;
        }
        let goes_on = heard.faults <= MOST_ERRORS;
        drop(heard);
        self.changed.notify_waiters();
        goes_on
    }

    /// Waits until there is something to be said of what was heard.
    async fn until<T>(&self, mut look: impl FnMut(&mut Heard) -> Option<T>) -> T {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // From here on, what changes is told.
            changed.as_mut().enable();
            let found = look(&mut self.heard());
            if let Some(found) = found {
                return found;
            }
            changed.await;
        }
    }

    /// When the first datagram came.
    async fn came(&self) -> Instant {
        self.until(|heard| heard.came).await
    }

    /// Why nothing more is to be expected, as soon as that is known.
    pub(super) async fn fault(&self, ask: &Ask<'_>) -> Failure {
        enum Why {
            Flood,
            Here(io::Error),
            Said(io::Error),
        }
        let look = |heard: &mut Heard| {
            let here = heard.fault.take().map(Why::Here);
            here.or_else(|| heard.is_flood().then_some(Why::Flood))
                .or_else(|| heard.said.take().map(Why::Said))
        };
        let mut said: Option<io::Error> = None;
        loop {
            let why = tokio::select! {
                biased;
                why = self.until(look) => why,
                error = self.said() => {
                    self.note(error);
                    continue;
                }
                () = sleep_until(ask.last_moment()), if said.is_some() => break,
            };
            match why {
                Why::Flood => {
                    ask.log.line(|| "more comes than was asked for");
                    return Failure::HttpStatus;
                }
                // Whoever is there answers all the same.
                Why::Said(error) if ask.is_of_target => said = Some(error),
                Why::Here(error) | Why::Said(error) => {
                    said = Some(error);
                    break;
                }
            }
        }
        said.map_or(Failure::Local, |error| {
            ask.log.line(|| format!("the network says: {error}"));
            Failure::of_io(&error)
        })
    }

    /// What the network says. Who waits for datagrams is not woken by it, unless one comes.
    async fn said(&self) -> io::Error {
        loop {
            let said = || self.io.take_error()?.ok_or(io::ErrorKind::WouldBlock.into());
            let ready = self.io.ready(Interest::ERROR).await;
            match ready.and_then(|_| self.io.try_io(Interest::ERROR, said)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(error) | Err(error) => return error,
            }
        }
    }

    /// Why nothing of use comes any more: more came than anybody can have asked for, or something is wrong here.
    pub(super) async fn over(self: Arc<Self>) -> io::Error {
        let flood = || io::Error::other("more comes than was asked for");
        self.until(|heard| heard.fault.take().or_else(|| heard.is_flood().then(flood))).await
    }

    /// Says that so many bytes were of use.
    pub(super) fn used(&self, bytes: usize) {
        self.heard().used += (bytes as u64).max(LEAST / 2);
    }
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Poller(self))
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        match self.io.try_send(transmit.contents) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                // It is of an earlier datagram, and this one was not sent.
                let is_earlier = is_said_by_others(&error) || is_too_long(&error);
                self.note(error);
                if is_earlier && let Err(error) = self.io.try_send(transmit.contents) {
                    if error.kind() == io::ErrorKind::WouldBlock {
                        return Err(error);
                    }
                    self.note(error);
                }
                // It is sent again: to give up is for whoever waits.
                Ok(())
            }
            sent => sent.map(drop),
        }
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [io::IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let (Some(buffer), Some(meta)) = (buffers.first_mut(), meta.first_mut()) else {
            return Poll::Ready(Ok(0));
        };
        loop {
            let mut read = ReadBuf::new(buffer);
            match ready!(self.io.poll_recv(cx, &mut read)) {
                Ok(()) => {
                    let len = read.filled().len();
                    let (is_first, is_flood) = {
                        let mut heard = self.heard();
                        let is_first = heard.came.is_none();
                        heard.came.get_or_insert_with(Instant::now);
                        heard.bytes += (len as u64).max(LEAST);
                        (is_first, heard.is_flood())
                    };
                    if is_first || is_flood {
                        self.changed.notify_waiters();
                    }
                    // Nothing more of it is kept.
                    if is_flood {
                        return Poll::Pending;
                    }
                    *meta = RecvMeta { addr: self.to, len, stride: len, ecn: None, dst_ip: None };
                    return Poll::Ready(Ok(1));
                }
                Err(error) => {
                    if !self.note(error) {
                        return Poll::Pending;
                    }
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }
}

#[derive(Debug)]
struct Poller(Arc<Socket>);

impl UdpPoller for Poller {
    fn poll_writable(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.io.poll_send_ready(cx)
    }
}
