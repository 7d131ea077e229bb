//! A connection of QUIC, with a socket and tasks of its own, which end with it.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use quinn::{
    AsyncTimer, AsyncUdpSocket, ConnectionError, Endpoint, EndpointConfig, Runtime, TokioRuntime,
    TransportConfig, TransportErrorCode, VarInt,
};
use tokio::time::{Instant, sleep};

use super::connection::Tasks;
use super::datagrams::Socket;
use crate::blackbox::ask::Ask;
use crate::blackbox::found::{Found, HttpPhases};
use crate::blackbox::tls::Handshake;
use crate::outcome::{Failure, Phase};

/// So much of one stream waits until it is read, and twice as much of all of them.
const WINDOW: u32 = 512 << 10;
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
    let local = |error: &dyn std::error::Error| {
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
    let endpoint = endpoint.map_err(|error| local(&error))?;
    let mut config = quinn::ClientConfig::new(handshake.config());
    config.transport_config(Arc::new(transport()));
    let connecting = endpoint.connect_with(config, to, handshake.name());
    let mut connecting = connecting.map_err(|error| local(&error))?;
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
