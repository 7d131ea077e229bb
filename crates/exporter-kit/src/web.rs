//! The web server's door: connections are taken, limited, watched and served, and nobody stalls it.
//!
//! It knows nothing of what is served. It runs on a thread of its own, apart from the one that
//! measures, so that who looks does not disturb what is measured.

mod activity;
mod answers;
mod client;
mod connection;
mod connections;
mod guard;
mod stream;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt as _;
use tracing::{debug, warn};

pub(crate) use self::answers::hardened;
pub(crate) use self::client::Client;
pub(crate) use self::connection::Connection;
use self::connections::{Connections, Member};
pub(crate) use self::guard::Guard;
use self::stream::Stream;

/// Most bytes of a request's head, which is read into one buffer.
const HEAD_BYTES: usize = 16 * 1024;

/// How long the listener rests when the process has no descriptor for another connection.
const NO_DESCRIPTOR: Duration = Duration::from_millis(100);

/// What is said to who comes when every connection is at work.
const REFUSAL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n\
    Content-Type: text/plain; charset=utf-8\r\nContent-Length: 21\r\nConnection: close\r\n\r\n\
    Too many connections\n";

/// Serves connections to all listeners, at most `limit` at once, until `stopping`; then until every
/// request in flight was answered.
pub(crate) async fn serve(
    listeners: Vec<TcpListener>,
    router: Router,
    limit: usize,
    stopping: watch::Receiver<bool>,
) {
    let connections = Connections::new(limit);
    let watch = tokio::spawn(Arc::clone(&connections).watch());
    let mut doors = JoinSet::new();
    for listener in listeners {
        let connections = Arc::clone(&connections);
        doors.spawn(door(listener, router.clone(), connections, stopping.clone()));
    }
    doors.join_all().await;
    watch.abort();
}

/// Takes connections from one listener until `stopping`, and serves them to their end.
async fn door(
    listener: TcpListener,
    router: Router,
    connections: Arc<Connections>,
    mut stopping: watch::Receiver<bool>,
) {
    let mut served = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            // An error means that the sender is gone, which is a reason to stop as well.
            _ = stopping.wait_for(|stopping| *stopping) => break,
            Some(_) = served.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((socket, peer)) => {
                let Some((member, connection)) = connections.admit(client(peer)).await else {
                    refuse(&socket);
                    continue;
                };
                let router = router.clone();
                served.spawn(attend(socket, connection, member, router, stopping.clone()));
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

/// Serves one connection until it ends, is closed, or is idle while `stopping`.
async fn attend(
    socket: TcpStream,
    connection: Arc<Connection>,
    member: Member,
    router: Router,
    stopping: watch::Receiver<bool>,
) {
    // Small answers would wait for an acknowledgement else; the kernel can hardly refuse this.
    let _ = socket.set_nodelay(true);
    let stream = Stream::new(socket, Arc::clone(&connection));
    tokio::select! {
        biased;
        () = connection.closed() => {}
        () = http1(stream, &connection, router, stopping) => {}
    }
    // After the socket: whoever is admitted in its place needs the descriptor.
    drop(member);
}

async fn http1(
    stream: Stream,
    connection: &Arc<Connection>,
    router: Router,
    mut stopping: watch::Receiver<bool>,
) {
    let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
        let answer = router.clone().oneshot(request.map(Body::new));
        let connection = Arc::clone(connection);
        async {
            let answer = async { answer.await.unwrap_or_else(|never| match never {}) };
            Ok::<_, Infallible>(connection.answer(answer).await)
        }
    });
    let serving = http1::Builder::new()
        .max_buf_size(HEAD_BYTES)
        // The watch over all connections sees to it.
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = &mut serving => Some(ended),
        () = async { drop(stopping.wait_for(|stopping| *stopping).await) } => None,
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

fn client(peer: SocketAddr) -> Client {
    peer.ip().into()
}

/// Says so if that takes no waiting.
fn refuse(socket: &TcpStream) {
    let _ = socket.try_write(REFUSAL);
}

/// Whether it is the fault of the connection that was to be taken, and of no other (accept(2)).
fn is_the_peers(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
