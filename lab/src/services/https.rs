//! One service: what it answers, and the TLS listener that lets it answer on one node.

use std::convert::Infallible;
use std::net::TcpListener as StdListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderName};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tracing::debug;

/// A client that opens a connection and says nothing keeps it for as long as this.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// What a listener that cannot accept (out of descriptors) waits before it tries again.
const PAUSE: Duration = Duration::from_millis(100);
/// Says which node answered.
const SERVED_BY: HeaderName = HeaderName::from_static("x-served-by");

/// How a service behaves just now, on every node that serves it.
#[derive(Debug)]
pub(crate) struct Behaviour {
    status: AtomicU16,
    delay_micros: AtomicU64,
}

impl Behaviour {
    /// Answers 200 at once.
    pub(crate) fn well() -> Self {
        Self { status: AtomicU16::new(StatusCode::OK.as_u16()), delay_micros: AtomicU64::new(0) }
    }

    /// From now on, every answer has this status.
    pub(super) fn set_status(&self, status: StatusCode) {
        self.status.store(status.as_u16(), Ordering::Relaxed);
    }

    /// From now on, every answer takes this long.
    pub(super) fn set_delay(&self, delay: Duration) {
        let micros = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        self.delay_micros.store(micros, Ordering::Relaxed);
    }

    fn status(&self) -> StatusCode {
        let status = self.status.load(Ordering::Relaxed);
        StatusCode::from_u16(status).expect("only a StatusCode was stored")
    }

    fn delay(&self) -> Duration {
        Duration::from_micros(self.delay_micros.load(Ordering::Relaxed))
    }
}

/// Serves on one node until aborted, which closes the listener and every connection.
pub(crate) fn serve(
    listener: StdListener,
    tls: Arc<ServerConfig>,
    behaviour: Arc<Behaviour>,
    node: &str,
) -> anyhow::Result<JoinHandle<()>> {
    let listener = TcpListener::from_std(listener)?;
    let tls = TlsAcceptor::from(tls);
    let node: Arc<str> = node.into();
    let task = tokio::spawn(async move {
        // Dropped with this task, which ends them.
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        let (tls, behaviour) = (tls.clone(), Arc::clone(&behaviour));
                        connections.spawn(speak(stream, tls, behaviour, Arc::clone(&node)));
                    }
                    Err(_) => sleep(PAUSE).await,
                },
                Some(_) = connections.join_next() => {}
            }
        }
    });
    Ok(task)
}

/// One connection: the handshake, then as many requests as the client likes.
async fn speak(stream: TcpStream, tls: TlsAcceptor, behaviour: Arc<Behaviour>, node: Arc<str>) {
    let _ = stream.set_nodelay(true);
    let stream = match timeout(HANDSHAKE, tls.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return debug!(%node, %error, "no TLS"),
        Err(_) => return debug!(%node, "the client says nothing"),
    };
    let respond = service_fn(|_| {
        let (behaviour, node) = (Arc::clone(&behaviour), Arc::clone(&node));
        async move {
            sleep(behaviour.delay()).await;
            Ok::<_, Infallible>(response(behaviour.status(), &node))
        }
    });
    if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(stream), respond).await
    {
        debug!(%node, %error, "the connection broke off");
    }
}

fn response(status: StatusCode, node: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(format!("{status} from {node}\n")));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, "text/plain".parse().expect("a valid value"));
    headers.insert(SERVED_BY, node.parse().expect("a node's name is visible ASCII"));
    response
}
