//! A socket that a task can wait for.
//!
//! Unsafe: one call, which hands the socket to the runtime's poller. The safe way, as the runtime's own
//! UDP socket, would wake the program for each datagram that left the send buffer as well, and not
//! for notices.
#![expect(unsafe_code, reason = "AsyncFd takes any file descriptor, so the caller vouches for it")]

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::sleep;

use crate::{Buffer, Buffers, Datagram, Notice, Socket};

/// How long a full send buffer is left alone: thousands of datagrams leave in this time.
const SEND_AGAIN: Duration = Duration::from_millis(1);

/// How often: a device that takes nothing for so long is a failure.
const TRIES: usize = 100;

/// A socket in the hands of the runtime.
#[derive(Debug)]
pub struct Watched(AsyncFd<Socket>);

impl Watched {
    /// Has the runtime watch the socket for datagrams and notices. To be called within a runtime.
    pub fn new(socket: Socket) -> io::Result<Self> {
        let interest = Interest::READABLE | Interest::ERROR;
        // SAFETY: the descriptor is that of the `socket2::Socket` in `socket`, which is open as long
        // as `socket` lives and is never exchanged for another; the AsyncFd owns `socket` and
        // deregisters before it drops it.
        let watched = unsafe { AsyncFd::register_with_interest(socket, interest) };
        Ok(Self(watched?))
    }

    /// The socket itself.
    pub fn get(&self) -> &Socket {
        self.0.get_ref()
    }

    /// Completes when there may be a datagram or a notice.
    pub async fn ready(&self) -> io::Result<()> {
        let mut guard = self.0.ready(Interest::READABLE | Interest::ERROR).await?;
        guard.retain_ready();
        Ok(())
    }

    /// The next datagram, if one has arrived. A socket that cannot be read any more has none.
    pub fn receive<'a>(&self, buffer: &'a mut Buffer) -> Option<Datagram<'a>> {
        self.0.try_io(Interest::READABLE, |socket| socket.receive(buffer)).ok()
    }

    /// The next datagrams, as many as there is room for; whether any have arrived.
    pub fn receive_each(&self, buffers: &mut Buffers, mut each: impl FnMut(Datagram<'_>)) -> bool {
        self.0.try_io(Interest::READABLE, |socket| socket.receive_each(buffers, &mut each)).is_ok()
    }

    /// The next notice, if there is one.
    pub fn notice<'a>(&self, buffer: &'a mut Buffer) -> Option<Notice<'a>> {
        self.0.try_io(Interest::ERROR, |socket| socket.notice(buffer)).ok()
    }

    /// Sends one datagram, and waits while the send buffer is full: at most a tenth of a second.
    pub async fn send(&self, bytes: &[u8], to: SocketAddr) -> io::Result<()> {
        for _ in 1..TRIES {
            match self.get().send(bytes, to) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => sleep(SEND_AGAIN).await,
                outcome => return outcome,
            }
        }
        self.get().send(bytes, to)
    }
}
