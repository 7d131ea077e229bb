//! One HTTP request to one address, over a connection of its own, each phase timed.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::debug;

use crate::config::HttpProbe;
use crate::outcome::{Failure, Outcome, Phase};
use crate::stopwatch::Stopwatch;
use crate::{tcp, tls};

/// So much of a body is read; a longer one is good as far as it goes. Judged from what a page to be
/// watched weighs, and from what an endless one must not cost.
const MOST_BYTES: usize = 8 << 20;

/// What is sent when the module sets no header of that name.
const USER_AGENT: &str = concat!("turbulence-latency/", env!("CARGO_PKG_VERSION"));

/// Asks, and reads the answer to its end.
pub(crate) async fn probe(address: SocketAddr, http: &HttpProbe, timeout: Duration) -> Outcome {
    let started = Instant::now();
    let mut watch = Stopwatch::default();
    let mut status = None;
    let asking = ask(address, http, &mut watch, &mut status);
    let asked = tokio::time::timeout(timeout, asking).await;
    let took = started.elapsed();
    let (failure, duration) = match asked {
        Ok(Ok(())) => (None, Some(took)),
        // An answer came; how long it took is as true as if it had been the right one.
        Ok(Err(failure @ Failure::HttpStatus)) if status.is_some() => (Some(failure), Some(took)),
        Ok(Err(failure)) => (Some(failure), None),
        Err(_) => (Some(Failure::Timeout), Some(timeout)),
    };
    let (phases, rtt) = watch.stop(failure == Some(Failure::Timeout));
    Outcome { failure, duration, rtt, phases, status }
}

async fn ask(
    address: SocketAddr,
    http: &HttpProbe,
    watch: &mut Stopwatch,
    status: &mut Option<u16>,
) -> Result<(), Failure> {
    let stream = tcp::connect(address, watch).await?;
    // A request is one small packet: it must not wait for another to fill up.
    let _ = stream.set_nodelay(true);
    match &http.tls {
        None => exchange(stream, http, watch, status).await,
        Some(client) => {
            watch.begin(Phase::Tls);
            let stream = client.connect(stream).await.map_err(|error| {
                debug!(%address, "TLS failed: {error}");
                tls::classify(&error)
            })?;
            watch.end();
            exchange(stream, http, watch, status).await
        }
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    http: &HttpProbe,
    watch: &mut Stopwatch,
    status: &mut Option<u16>,
) -> Result<(), Failure> {
    watch.begin(Phase::Ttfb);
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| classify(&error))?;
    // Ended with this probe, whatever becomes of it.
    let mut connections = JoinSet::new();
    connections.spawn(connection);
    let response = sender.send_request(request(http)).await.map_err(|error| classify(&error))?;
    watch.end();
    watch.begin(Phase::Transfer);
    *status = Some(response.status().as_u16());
    read_to_end(response).await?;
    watch.end();
    if http.is_valid(status.unwrap_or(0)) { Ok(()) } else { Err(Failure::HttpStatus) }
}

fn request(http: &HttpProbe) -> Request<Empty<Bytes>> {
    let mut request = Request::new(Empty::new());
    *request.method_mut() = http.method.clone();
    *request.uri_mut() = http.path.clone();
    let headers = request.headers_mut();
    headers.insert(header::HOST, http.host.clone());
    headers.insert(header::USER_AGENT, header::HeaderValue::from_static(USER_AGENT));
    headers.insert(header::ACCEPT, header::HeaderValue::from_static("*/*"));
    headers.insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    for (name, value) in &http.headers {
        headers.insert(name, value.clone());
    }
    request
}

async fn read_to_end(response: Response<hyper::body::Incoming>) -> Result<(), Failure> {
    let mut body = response.into_body();
    let mut read = 0;
    while read < MOST_BYTES {
        let Some(frame) = body.frame().await else { break };
        match frame {
            Ok(frame) => read += frame.data_ref().map_or(0, Bytes::len),
            Err(error) => {
                debug!("reading the body failed: {error}");
                return Err(Failure::Body);
            }
        }
    }
    Ok(())
}

/// Classifies what went wrong before an answer was there.
fn classify(error: &hyper::Error) -> Failure {
    if error.is_parse() {
        return Failure::HttpStatus;
    }
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if let Some(error) = inner.downcast_ref::<io::Error>() {
            return tls::classify(error);
        }
        cause = inner.source();
    }
    // Closed, or cut off in the middle of the headers.
    Failure::Reset
}
