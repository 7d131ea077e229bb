//! One request by HTTP/3, and its answer.

use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use h3::client::{RequestStream, SendRequest};
use h3::error::{ConnectionError, StreamError};
use hyper::body::{Buf as _, Bytes, Frame};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Response, StatusCode};
use tokio::task::coop::cooperative;
use tokio::time::Instant;

use super::connection::Asked;
use super::datagrams::Socket;
use super::quic::{self, Connection};
use super::streams::{self, OpenStreams, RecvStream, SendStream};
use crate::blackbox::ask::Ask;
use crate::blackbox::found::{Found, HttpPhases};
use crate::blackbox::tls::Handshake;
use crate::outcome::{Failure, Phase};

/// What is kept of the headers of an answer: they are so few then that they can be counted.
const MOST_HEADER_BYTES: u64 = 1 << 19;
/// So many answers may say that the answer comes later.
const MOST_INTERIM: usize = 16;

/// A connection over which a request can be sent.
pub(crate) struct Http3 {
    // In this order: a connection without a sender ends.
    sender: SendRequest<OpenStreams, Bytes>,
    connection: Connection,
}

/// Why a body ends before its end.
pub(super) type Fault = Box<dyn Error + Send + Sync>;

/// The body of an answer.
pub(crate) struct Body {
    stream: RequestStream<RecvStream, Bytes>,
    /// What is still to come, where the head has said how much that is.
    left: Option<u64>,
    socket: Arc<Socket>,
    over: Pin<Box<dyn Future<Output = io::Error> + Send>>,
}

impl Http3 {
    /// Connects with whoever is there, as a handshake has it.
    pub(crate) async fn open(
        to: SocketAddr,
        handshake: &Handshake<'_>,
        phases: &mut HttpPhases,
        ask: &Ask<'_>,
        found: &mut Found,
    ) -> Result<Self, Failure> {
        let connection = quic::open(to, handshake, phases, ask, found).await?;
        let mut builder = h3::client::builder();
        builder.max_field_section_size(MOST_HEADER_BYTES).send_grease(false);
        // A server may grant none of the streams that this takes.
        found.watch.begin(Phase::Ttfb);
        let streams = streams::Connection::new(connection.quic.clone());
        let built = tokio::select! {
            biased;
            built = builder.build(streams) => built,
            failure = connection.socket.fault(ask) => return Err(failure),
        };
        let (mut driver, sender) = built.map_err(|error| {
            ask.log.line(|| format!("HTTP/3 cannot be begun: {error}"));
            of_connection(&error, &connection)
        })?;
        connection.tasks.0.begin(async move {
            let _ = poll_fn(|cx| driver.poll_close(cx)).await;
        });
        Ok(Self { sender, connection })
    }

    /// Sends a request; its answer, and when the head of that came.
    pub(crate) async fn send(
        &mut self,
        asked: Asked,
        ask: &Ask<'_>,
    ) -> Result<(Response<Body>, Instant), Failure> {
        let socket = Arc::clone(&self.connection.socket);
        tokio::select! {
            biased;
            sent = self.exchange(asked) => sent.map_err(|error| {
                ask.log.line(|| format!("no answer of HTTP/3 came: {error}"));
                match &error {
                    Cannot::Ask => Failure::Local,
                    Cannot::Wait => Failure::HttpStatus,
                    Cannot::Stream(error) => of_stream(error, &self.connection),
                }
            }),
            failure = socket.fault(ask) => Err(failure),
        }
    }

    async fn exchange(&mut self, asked: Asked) -> Result<(Response<Body>, Instant), Cannot> {
        let (body, has_body) = (asked.body.clone(), asked.has_body());
        let is_head = asked.method == Method::HEAD;
        let request = asked.by_h2().map_err(|_| Cannot::Ask)?;
        let mut request = request.map(drop);
        if has_body {
            let length = HeaderValue::from(body.len());
            request.headers_mut().insert(header::CONTENT_LENGTH, length);
        }
        let stream = self.sender.send_request(request).await?;
        let (mut outward, mut inward) = stream.split();
        if body.is_empty() {
            let _ = outward.finish().await;
        } else {
            // Whoever does not want the body may answer all the same, and whoever answers early may want the rest of it.
            self.connection.tasks.0.begin(async move {
                let _ = send(outward, body).await;
            });
        }
        let answering = async {
            for _ in 0..MOST_INTERIM {
                let response = inward.recv_response().await?;
                if !response.status().is_informational() {
                    return Ok(response);
                }
            }
            Err(Cannot::Wait)
        };
        let response = cooperative(answering).await?;
        let came = Instant::now();
        let socket = Arc::clone(&self.connection.socket);
        let over = Box::pin(Arc::clone(&socket).over());
        let without = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED];
        let is_empty = is_head || without.contains(&response.status());
        let left = length(response.headers()).filter(|_| !is_empty);
        Ok((response.map(|()| Body { stream: inward, left, socket, over }), came))
    }
}

async fn send(
    mut outward: RequestStream<SendStream, Bytes>,
    body: Bytes,
) -> Result<(), StreamError> {
    outward.send_data(body).await?;
    outward.finish().await
}

/// How long a body is said to be.
fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Why there is no answer.
enum Cannot {
    /// There was nothing to be asked.
    Ask,
    /// Again and again it came later.
    Wait,
    Stream(StreamError),
}

impl From<StreamError> for Cannot {
    fn from(error: StreamError) -> Self {
        Self::Stream(error)
    }
}

impl std::fmt::Display for Cannot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ask => f.write_str("the request is none"),
            Self::Wait => f.write_str("the server says again and again that it comes later"),
            Self::Stream(error) => error.fmt(f),
        }
    }
}

fn of_stream(error: &StreamError, connection: &Connection) -> Failure {
    match error {
        StreamError::StreamError { .. } | StreamError::HeaderTooBig { .. } => Failure::HttpStatus,
        StreamError::ConnectionError { 0: error, .. } => of_connection(error, connection),
        _ => why_closed(connection).unwrap_or(Failure::Reset),
    }
}

fn of_connection(error: &ConnectionError, connection: &Connection) -> Failure {
    match error {
        // It was closed by us, since what came is not HTTP/3.
        ConnectionError::Local { .. } => Failure::HttpStatus,
        _ => why_closed(connection).unwrap_or(Failure::Reset),
    }
}

fn why_closed(connection: &Connection) -> Option<Failure> {
    connection.quic.close_reason().as_ref().map(quic::classify)
}

impl Body {
    /// The next piece of it.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        if let Poll::Ready(error) = self.over.as_mut().poll(cx) {
            return Poll::Ready(Some(Err(error.into())));
        }
        // Whoever sends without end holds up no other: this yields now and then.
        let mut next = std::pin::pin!(cooperative(poll_fn(|cx| self.stream.poll_recv_data(cx))));
        let piece = match ready!(next.as_mut().poll(cx)) {
            Ok(Some(mut piece)) => piece.copy_to_bytes(piece.remaining()),
            // What follows are trailers. RFC 9114 §4.1.2: a body has the length that its head says.
            Ok(None) => {
                let is_whole = self.left.is_none_or(|left| left == 0);
                return Poll::Ready((!is_whole).then(|| Err("it ends before its end".into())));
            }
            Err(error) => return Poll::Ready(Some(Err(error.into()))),
        };
        self.socket.used(piece.len());
        if let Some(left) = &mut self.left {
            let Some(still) = left.checked_sub(piece.len() as u64) else {
                return Poll::Ready(Some(Err("it goes on behind its end".into())));
            };
            *left = still;
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}
