//! A stream that notes when its first byte came, and how what comes begins.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::oddity::Oddities;

/// So much is kept of a head.
const MOST_KEPT: usize = 64 * 1024;

/// Notes it for whoever holds the other half.
#[derive(Debug)]
pub(super) struct FirstByte<S> {
    stream: S,
    begins: Arc<Begins>,
}

/// How what comes begins.
#[derive(Debug, Default)]
pub(super) struct Begins {
    came: OnceLock<Instant>,
    head: Mutex<Head>,
}

/// The first lines, up to an empty one.
#[derive(Debug, Default)]
struct Head {
    bytes: Vec<u8>,
    is_over: bool,
}

impl Begins {
    /// When the first byte came.
    pub(super) fn came(&self) -> Option<Instant> {
        self.came.get().copied()
    }

    /// What is odd in the first lines.
    pub(super) fn oddities(&self) -> Oddities {
        Oddities::of(&self.head().bytes)
    }

    fn head(&self) -> MutexGuard<'_, Head> {
        self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Head {
    fn take(&mut self, bytes: &[u8]) {
        let mut bytes = bytes;
        while !self.is_over && !bytes.is_empty() {
            // Empty lines before it are read over, as by whoever reads it.
            if self.bytes.is_empty() && matches!(bytes[0], b'\r' | b'\n') {
                bytes = &bytes[1..];
                continue;
            }
            let line =
                bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
            let room = MOST_KEPT - self.bytes.len();
            self.bytes.extend(&bytes[..line.min(room)]);
            bytes = &bytes[line..];
            // A server may end as it should the head that a program began otherwise.
            if self.bytes.ends_with(b"\n\r\n") || self.bytes.ends_with(b"\n\n") {
                if self.is_interim() {
                    self.bytes.clear();
                } else {
                    self.is_over = true;
                }
            }
            self.is_over |= self.bytes.len() == MOST_KEPT;
        }
    }

    /// Whether it says that the answer comes later: that is the one that is meant.
    fn is_interim(&self) -> bool {
        let status = self.bytes.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        status.first() == Some(&b'1') && !status.starts_with(b"101")
    }
}

impl<S> FirstByte<S> {
    /// Wraps a stream of which nothing was read; only of HTTP/1.1 the beginning is kept.
    pub(super) fn new(stream: S, is_h2: bool) -> (Self, Arc<Begins>) {
        let head = Head { is_over: is_h2, ..Head::default() };
        let begins = Arc::new(Begins { head: Mutex::new(head), ..Begins::default() });
        (Self { stream, begins: Arc::clone(&begins) }, begins)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for FirstByte<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        let new = &buf.filled()[before..];
        if !new.is_empty() {
            self.begins.came.get_or_init(Instant::now);
            self.begins.head().take(new);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FirstByte<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_kept_up_to_its_empty_line_however_it_comes() {
        for text in [
            "HTTP/1.1 200 OK\r\nX-A: b\r\n\r\n",
            "HTTP/1.1 200 OK\nX-A: b\n\n",
            "HTTP/1.1 200 OK\nX-A: b\n\r\n",
            "HTTP/1.1 200 OK\r\nX-A: b\r\n\n",
        ] {
            for piece in [1, 2, 3, 7, 100] {
                let mut head = Head::default();
                let all = format!("{text}the body\r\n\r\n");
                all.as_bytes().chunks(piece).for_each(|bytes| head.take(bytes));
                assert_eq!(head.bytes, text.as_bytes(), "by {piece}");
            }
        }
        // What comes before is another head, or none.
        for before in ["\r\n\n", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 \nLink: a\n\n\r\n"]
        {
            for piece in [1, 3, 100] {
                let mut head = Head::default();
                let text = "HTTP/1.1 101 Switching\r\nX-A: b\r\n\r\n";
                let all = format!("{before}{text}more\n\n");
                all.as_bytes().chunks(piece).for_each(|bytes| head.take(bytes));
                assert_eq!(head.bytes, text.as_bytes(), "{before:?} by {piece}");
            }
        }
        let mut head = Head::default();
        (0..100).for_each(|_| head.take(&[b'a'; 1_000]));
        assert!(head.is_over && head.bytes.len() == MOST_KEPT);
    }
}
