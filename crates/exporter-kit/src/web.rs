//! The web server's door: connections are taken, limited, watched and served, and nobody stalls it.
//!
//! It knows nothing of what is served. It runs on a thread of its own, apart from the one that
//! measures, so that who looks does not disturb what is measured.

mod activity;
mod answers;
mod connection;
mod connections;
mod guard;
mod hosts;
mod query;
mod readers;
mod stream;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;
use tracing::{debug, warn};

pub(crate) use self::answers::hardened;
pub(crate) use self::connection::{Connection, Placed};
use self::connections::{Connections, Member};
pub(crate) use self::guard::Guard;
pub use self::query::Query;
use self::stream::Stream;
use crate::client::Client;
use crate::open_files::BUDGET;
use crate::web_config::Current;

/// Most bytes of a request's head, which is read into one buffer.
const HEAD_BYTES: u32 = 16 * 1024;

/// Most requests of one HTTP/2 connection at once.
const STREAMS: u32 = 16;

/// How often an HTTP/2 peer is asked whether it is still there.
const PING: Duration = Duration::from_secs(30);

/// How long the listener rests when the process has no descriptor for another connection.
const NO_DESCRIPTOR: Duration = Duration::from_millis(100);

/// What is said to who comes when every connection is at work.
const REFUSAL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n\
    Content-Type: text/plain; charset=utf-8\r\nContent-Length: 21\r\nConnection: close\r\n\r\n\
    Too many connections\n";

/// What is served, how, and until when.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) router: Router,
    /// None where plain HTTP is spoken, and to everybody.
    pub(crate) config: Option<Current>,
    pub(crate) stopping: watch::Receiver<bool>,
}

/// Serves connections to all listeners, as many at once as measuring leaves, until the service stops;
/// then until every request in flight was answered.
pub(crate) async fn serve(listeners: Vec<TcpListener>, service: Service) {
    let connections = Connections::new(&BUDGET);
    let watch = tokio::spawn(Arc::clone(&connections).watch());
    let mut doors = JoinSet::new();
    for listener in listeners {
        doors.spawn(door(listener, service.clone(), Arc::clone(&connections)));
    }
    doors.join_all().await;
    watch.abort();
}

/// Takes connections from one listener until the service stops, and serves them to their end.
async fn door(listener: TcpListener, mut service: Service, connections: Arc<Connections>) {
    let mut served = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            // An error means that the sender is gone, which is a reason to stop as well.
            _ = service.stopping.wait_for(|stopping| *stopping) => break,
            Some(_) = served.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((socket, peer)) => {
                let Some((member, connection)) = connections.admit(client(peer)).await else {
                    refuse(&socket, service.config.is_some());
                    continue;
                };
                served.spawn(attend(socket, connection, member, service.clone()));
            }
            Err(error) if is_the_peers(&error) => debug!("a connection ended early: {error}"),
            Err(error) => {
                warn!("no connection can be taken: {error}");
                connections.shed();
                tokio::time::sleep(NO_DESCRIPTOR).await;
            }
        }
    }
    drop(listener);
    while served.join_next().await.is_some() {}
}

/// Serves one connection until it ends, is closed, or is idle when the service stops.
async fn attend(socket: TcpStream, connection: Arc<Connection>, member: Member, service: Service) {
    // Small answers would wait for an acknowledgement else; the kernel can hardly refuse this.
    let _ = socket.set_nodelay(true);
    let stream = Stream::new(socket, Arc::clone(&connection));
    tokio::select! {
        biased;
        () = connection.closed() => {}
        () = speak(stream, &connection, service) => {}
    }
    // After the socket: whoever is admitted in its place needs the descriptor.
    drop(member);
}

/// Speaks what the config says and the peer understands.
async fn speak(stream: Stream, connection: &Arc<Connection>, service: Service) {
    let tls = service.config.as_ref().and_then(|config| config.borrow().tls.clone());
    let Some(tls) = tls else { return http1(stream, connection, service).await };
    match TlsAcceptor::from(tls).accept(stream).await {
        Ok(stream) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
            connection.activity().multiplexed();
            http2(stream, connection, service).await;
        }
        Ok(stream) => http1(stream, connection, service).await,
        Err(error) => debug!("a TLS handshake failed: {error}"),
    }
}

async fn http1(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    connection: &Arc<Connection>,
    service: Service,
) {
    let serving = http1::Builder::new()
        .max_buf_size(HEAD_BYTES as usize)
        // The watch over all connections sees to it.
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), answers(connection, service.router));
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = &mut serving => Some(ended),
        () = stopped(service.stopping) => None,
    };
    let ended = if let Some(ended) = ended {
        ended
    } else {
        serving.as_mut().graceful_shutdown();
        serving.await
    };
    if let Err(error) = ended {
        debug!("a connection broke off: {error}");
    }
}

async fn http2(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    connection: &Arc<Connection>,
    service: Service,
) {
    let serving = http2::Builder::new(TokioExecutor::new())
        .max_header_list_size(HEAD_BYTES)
        .max_concurrent_streams(STREAMS)
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(PING))
        .serve_connection(TokioIo::new(stream), answers(connection, service.router));
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = &mut serving => Some(ended),
        () = stopped(service.stopping) => None,
    };
    let ended = if let Some(ended) = ended {
        ended
    } else {
        serving.as_mut().graceful_shutdown();
        serving.await
    };
    if let Err(error) = ended {
        debug!("a connection broke off: {error}");
    }
}

/// What the router answers, as a part of the connection's history.
fn answers(
    connection: &Arc<Connection>,
    router: Router,
) -> impl hyper::service::Service<
    hyper::Request<Incoming>,
    Response = Response,
    Error = Infallible,
    Future: Send + 'static,
> + use<> {
    let connection = Arc::clone(connection);
    service_fn(move |request: hyper::Request<Incoming>| {
        let answer = router.clone().oneshot(request.map(Body::new));
        let connection = Arc::clone(&connection);
        async {
            let answer = async { answer.await.unwrap_or_else(|never| match never {}) };
            Ok::<_, Infallible>(connection.answer(answer).await)
        }
    })
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

fn client(peer: SocketAddr) -> Client {
    peer.ip().into()
}

/// Says so if that takes no waiting, and no handshake.
fn refuse(socket: &TcpStream, tls: bool) {
    if !tls {
        let _ = socket.try_write(REFUSAL);
    }
}

/// Whether it is the fault of the connection that was to be taken, and of no other (accept(2)).
fn is_the_peers(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
