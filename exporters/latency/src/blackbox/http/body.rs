//! The body of an answer: read to its end, unpacked, counted, and kept as far as somebody wants to see it.
//!
//! Whatever a server sends, so much memory is used and no more: what is beyond is counted. What is packed
//! may become so long and no longer, since unpacking costs time of everybody's.

use std::error::Error;
use std::io::{self, Write};

use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};

use super::compression::{Compression, Unpacker};
use crate::blackbox::http_client::content::Content;

/// So much is kept for patterns and conditions: who would have to look beyond fails.
pub(super) const MOST_KEPT: usize = 4 << 20;
/// So long may a packed body become where no `body_size_limit` says less.
const MOST_UNPACKED: u64 = if cfg!(test) { 8 << 20 } else { 256 << 20 };

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) kept: Vec<u8>,
    /// Whether there was more than that.
    pub(super) is_cut: bool,
    /// Why it ended before its end.
    pub(super) error: Option<String>,
    /// Whether that is that it took too long.
    pub(super) is_late: bool,
    /// Whether something is wrong here.
    pub(super) is_ours: bool,
}

/// Takes what is unpacked.
struct Sink {
    kept: Vec<u8>,
    keep: usize,
    length: u64,
    most: u64,
    is_too_long: bool,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.most - self.length;
        let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        self.length += taken as u64;
        let room = (self.keep - self.kept.len()).min(taken);
        self.kept.extend_from_slice(&bytes[..room]);
        if taken < bytes.len() {
            self.is_too_long = true;
            return Err(io::Error::other("it is too long"));
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How much of a body is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// A longer one is a fault; 0 for none.
    pub(super) limit: u64,
    /// Of a longer one so much is read.
    pub(super) enough: u64,
    /// So much is kept.
    pub(super) keep: usize,
    /// Until then.
    pub(super) until: Instant,
}

/// Reads a body; `count` is told its length, unpacked, as it grows.
pub(super) async fn read(
    mut body: Content,
    compression: Compression,
    Bounds { limit, enough, keep, until }: Bounds,
    mut count: impl FnMut(u64),
) -> Read {
    let is_packed = !matches!(compression, Compression::Unsaid | Compression::Identity);
    let most = match limit {
        0 if is_packed => MOST_UNPACKED,
        0 => u64::MAX,
        limit => limit,
    };
    let sink = Sink { kept: Vec::new(), keep, length: 0, most, is_too_long: false };
    let mut unpacker = Unpacker::new(compression, sink);
    let mut is_ours = false;
    let ended = loop {
        let Ok(frame) = timeout_at(until, body.frame()).await else { break Err(late()) };
        let Some(frame) = frame else { break unpacker.finish() };
        let bytes = match frame.map(hyper::body::Frame::into_data) {
            Ok(Ok(bytes)) => bytes,
            // Trailers.
            Ok(Err(_)) => continue,
            Err(error) => {
                // Only the kernel's words have a number: of a socket of datagrams, which has no other end.
                let of_kernel = error.downcast_ref::<io::Error>();
                is_ours = of_kernel.is_some_and(|it| it.raw_os_error().is_some());
                break Err(io::Error::other(said(&*error)));
            }
        };
        let written = if is_packed {
            write_slowly(&mut unpacker, &bytes, until).await
        } else {
            unpacker.write(&bytes)
        };
        let length = unpacker.sink().map_or(0, |sink| sink.length);
        count(length);
        if written.is_err() || length >= enough {
            break written;
        }
    };
    let is_late = matches!(&ended, Err(error) if error.kind() == io::ErrorKind::TimedOut);
    let Some(sink) = unpacker.sink() else { return Read::default() };
    count(sink.length);
    let error = ended.err().map(|error| {
        if sink.is_too_long {
            format!("it has more than {most} bytes (body_size_limit)")
        } else {
            error.to_string()
        }
    });
    let is_cut = sink.length > sink.kept.len() as u64;
    Read { kept: std::mem::take(&mut sink.kept), is_cut, error, is_late, is_ours }
}

/// Lets others have the thread between two steps.
async fn write_slowly(
    unpacker: &mut Unpacker<Sink>,
    mut bytes: &[u8],
    until: Instant,
) -> io::Result<()> {
    let mut is_more = true;
    while is_more {
        if Instant::now() >= until {
            return Err(late());
        }
        is_more = unpacker.step(&mut bytes)?;
        tokio::task::yield_now().await;
    }
    Ok(())
}

fn late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "it did not end in time")
}

fn said(error: &dyn Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}
