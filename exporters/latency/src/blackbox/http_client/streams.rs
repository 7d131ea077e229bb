//! The streams of QUIC as h3 has them. Those of h3-quinn 0.0.10 panic where one that is being read is stopped, which any
//! server can have (hyperium/h3 issue 330): such a one is stopped by being dropped.

use std::task::{Context, Poll};

use h3::error::Code;
use h3::quic::{self, ConnectionErrorIncoming, StreamErrorIncoming, StreamId, WriteBuf};
use hyper::body::Bytes;

/// A connection.
pub(super) struct Connection(h3_quinn::Connection);

/// Opens streams.
#[derive(Clone)]
pub(super) struct OpenStreams(h3_quinn::OpenStreams);

/// A stream in both directions.
pub(super) struct BidiStream {
    send: SendStream,
    recv: RecvStream,
}

/// Its way out.
pub(super) type SendStream = h3_quinn::SendStream<Bytes>;

/// Its way in.
pub(super) struct RecvStream {
    inner: h3_quinn::RecvStream,
    id: StreamId,
    /// Whether h3-quinn has lent the stream to who waits for data.
    is_reading: bool,
}

impl Connection {
    /// The streams of a connection.
    pub(super) fn new(quic: quinn::Connection) -> Self {
        Self(h3_quinn::Connection::new(quic))
    }
}

impl RecvStream {
    fn new(inner: h3_quinn::RecvStream) -> Self {
        let id = quic::RecvStream::recv_id(&inner);
        Self { inner, id, is_reading: false }
    }
}

impl BidiStream {
    fn new(inner: h3_quinn::BidiStream<Bytes>) -> Self {
        let (send, recv) = quic::BidiStream::split(inner);
        Self { send, recv: RecvStream::new(recv) }
    }
}

impl quic::Connection<Bytes> for Connection {
    type RecvStream = RecvStream;
    type OpenStreams = OpenStreams;

    fn poll_accept_recv(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::RecvStream, ConnectionErrorIncoming>> {
        quic::Connection::<Bytes>::poll_accept_recv(&mut self.0, cx).map_ok(RecvStream::new)
    }

    fn poll_accept_bidi(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::BidiStream, ConnectionErrorIncoming>> {
        quic::Connection::<Bytes>::poll_accept_bidi(&mut self.0, cx).map_ok(BidiStream::new)
    }

    fn opener(&self) -> Self::OpenStreams {
        OpenStreams(quic::Connection::<Bytes>::opener(&self.0))
    }
}

/// Both of h3-quinn's openers, which differ in nothing.
macro_rules! opens {
    ($opener:ty) => {
        impl quic::OpenStreams<Bytes> for $opener {
            type BidiStream = BidiStream;
            type SendStream = SendStream;

            fn poll_open_bidi(
                &mut self,
                cx: &mut Context<'_>,
            ) -> Poll<Result<Self::BidiStream, StreamErrorIncoming>> {
                quic::OpenStreams::<Bytes>::poll_open_bidi(&mut self.0, cx).map_ok(BidiStream::new)
            }

            fn poll_open_send(
                &mut self,
                cx: &mut Context<'_>,
            ) -> Poll<Result<Self::SendStream, StreamErrorIncoming>> {
                quic::OpenStreams::<Bytes>::poll_open_send(&mut self.0, cx)
            }

            fn close(&mut self, code: Code, reason: &[u8]) {
                quic::OpenStreams::<Bytes>::close(&mut self.0, code, reason);
            }
        }
    };
}

opens!(Connection);
opens!(OpenStreams);

impl quic::RecvStream for RecvStream {
    type Buf = Bytes;

    fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Self::Buf>, StreamErrorIncoming>> {
        let data = self.inner.poll_data(cx);
        self.is_reading = data.is_pending();
        data
    }

    fn stop_sending(&mut self, code: u64) {
        if !self.is_reading {
            self.inner.stop_sending(code);
        }
    }

    fn recv_id(&self) -> StreamId {
        self.id
    }
}

impl quic::RecvStream for BidiStream {
    type Buf = Bytes;

    fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Self::Buf>, StreamErrorIncoming>> {
        self.recv.poll_data(cx)
    }

    fn stop_sending(&mut self, code: u64) {
        self.recv.stop_sending(code);
    }

    fn recv_id(&self) -> StreamId {
        self.recv.recv_id()
    }
}

impl quic::SendStream<Bytes> for BidiStream {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        self.send.poll_ready(cx)
    }

    fn send_data<T: Into<WriteBuf<Bytes>>>(&mut self, data: T) -> Result<(), StreamErrorIncoming> {
        self.send.send_data(data)
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        self.send.poll_finish(cx)
    }

    fn reset(&mut self, code: u64) {
        self.send.reset(code);
    }

    fn send_id(&self) -> StreamId {
        self.send.send_id()
    }
}

impl quic::BidiStream<Bytes> for BidiStream {
    type SendStream = SendStream;
    type RecvStream = RecvStream;

    fn split(self) -> (Self::SendStream, Self::RecvStream) {
        (self.send, self.recv)
    }
}
