//! The way of a page to its reader: a few chunks that wait, and an end that has to be said.

use std::io::{self, ErrorKind, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use hyper::body::Frame;
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use tokio::time::{Instant, timeout_at};

use super::slots::Slot;

/// A chunk is sent once it is as long as this. Some thousand of them make up the longest pages, so
/// that the hand-over from thread to thread costs next to nothing.
const CHUNK_BYTES: usize = 64 * 1024;

/// Chunks that wait for their reader: enough to write on while it reads.
const WAITING: usize = 4;

/// A reader that takes nothing for so long is given up. Longer than any scraper waits by default.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Pages that are being written at the same moment; one whose reader is waited for is not. So many
/// threads at most compete for the CPU with the one that measures.
static WRITERS: Semaphore = Semaphore::const_new(2);

/// Both ends of the way of a page that has to be read by `deadline`. To be called inside the runtime.
pub(super) fn channel(slot: Slot, deadline: Instant) -> (Chunks, Page) {
    let (sender, parts) = mpsc::channel(WAITING);
    let chunks = Chunks {
        parts: sender,
        runtime: Handle::current(),
        filling: Vec::new(),
        slot,
        deadline,
        permit: None,
        lost: None,
    };
    (chunks, Page { parts, ahead: None })
}

#[derive(Debug)]
enum Part {
    Chunk(Bytes),
    /// Tells the end of the page from the end of the thread that wrote it.
    End,
}

/// The writer's end; its calls block while the reader has enough to read. A reader that went away
/// is `BrokenPipe`, one that was given up `TimedOut`.
#[derive(Debug)]
pub(super) struct Chunks {
    parts: mpsc::Sender<Part>,
    runtime: Handle,
    filling: Vec<u8>,
    slot: Slot,
    deadline: Instant,
    /// Held while writing, put down while the reader is waited for.
    permit: Option<SemaphorePermit<'static>>,
    /// Why nothing can be sent any more: said again at once, as an encoder that is dropped writes.
    lost: Option<ErrorKind>,
}

impl Chunks {
    /// Waits until not too many others write. To be called before any work.
    pub(super) fn take_permit(&mut self) {
        let permit = self.runtime.block_on(WRITERS.acquire());
        self.permit = Some(permit.expect("nobody closes this semaphore"));
    }

    /// Sends what is left, and that the page is whole. A page without this ends in an error.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.send_filling()?;
        self.send(Part::End)
    }

    fn send_filling(&mut self) -> io::Result<()> {
        match std::mem::take(&mut self.filling) {
            empty if empty.is_empty() => Ok(()),
            chunk => self.send(Part::Chunk(chunk.into())),
        }
    }

    fn send(&mut self, part: Part) -> io::Result<()> {
        if let Some(kind) = self.lost {
            return Err(kind.into());
        }
        let sent = match self.parts.try_send(part) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(_)) => Err(ErrorKind::BrokenPipe),
            Err(TrySendError::Full(part)) => self.wait_for_the_reader(part),
        };
        sent.map_err(|kind| {
            self.lost = Some(kind);
            kind.into()
        })
    }

    fn wait_for_the_reader(&mut self, part: Part) -> Result<(), ErrorKind> {
        self.permit = None;
        self.slot.stalled(true);
        let until = self.deadline.min(Instant::now() + PATIENCE);
        let sent = self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.slot.over() => Err(ErrorKind::BrokenPipe),
                sent = timeout_at(until, self.parts.send(part)) => match sent {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(_)) => Err(ErrorKind::BrokenPipe),
                    Err(_) => Err(ErrorKind::TimedOut),
                },
            }
        });
        self.slot.stalled(false);
        if sent.is_ok() {
            self.take_permit();
        }
        sent
    }
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.filling.extend_from_slice(bytes);
        if self.filling.len() >= CHUNK_BYTES {
            self.send_filling()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The reader's end: the body of a response.
#[derive(Debug)]
pub(super) struct Page {
    parts: mpsc::Receiver<Part>,
    /// What was taken to see whether there is anything.
    ahead: Option<Part>,
}

impl Page {
    /// Waits for the first chunk. False when there will be none, because writing it failed.
    pub(super) async fn begins(&mut self) -> bool {
        self.ahead = self.parts.recv().await;
        self.ahead.is_some()
    }
}

impl HttpBody for Page {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let part = match self.ahead.take() {
            Some(part) => Some(part),
            None => ready!(self.parts.poll_recv(context)),
        };
        Poll::Ready(match part {
            Some(Part::Chunk(chunk)) => Some(Ok(Frame::data(chunk))),
            Some(Part::End) => None,
            None => Some(Err(io::Error::other("the page was not written to its end"))),
        })
    }
}
