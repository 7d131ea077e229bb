//! The body of an answer, by whichever version of HTTP it comes.

use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, Incoming};

use super::http3;

/// A body.
pub(crate) enum Content {
    /// By HTTP/1.1 or HTTP/2.
    Incoming(Incoming),
    /// By HTTP/3.
    Http3(Box<http3::Body>),
}

impl Body for Content {
    type Data = Bytes;
    type Error = http3::Fault;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            Self::Incoming(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
            Self::Http3(body) => body.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Incoming(body) => body.is_end_stream(),
            Self::Http3(_) => false,
        }
    }
}
