//! The socket of a connection of QUIC. It is connected with the one who is asked, and asks for errors, so that the kernel
//! tells what the network says of it: that the port is closed, mostly, or that there is no way to the host. It counts what
//! comes, by which whoever sends without end is known.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::blackbox::ask::Ask;
use crate::blackbox::routers;
use crate::outcome::{Failure, is_said_by_others, is_too_long};

/// So much may come beyond what was asked for: what waits, the head, the handshake, and what packs it all.
const MOST_AROUND: u64 = 3 << 20;
/// What a datagram counts at least: each piece of a stream is kept by itself.
const LEAST: u64 = 512;
/// So many errors of this machine may come from a socket that is read on.
const MOST_ERRORS: u32 = 16;

/// The socket of one connection.
#[derive(Debug)]
pub(super) struct Socket {
    io: UdpSocket,
    to: SocketAddr,
    heard: Mutex<Heard>,
    changed: Notify,
}

/// What came over it.
#[derive(Debug, Default)]
struct Heard {
    came: Option<Instant>,
    bytes: u64,
    /// How many of them were of use.
    used: u64,
    /// The newest thing that the network has said.
    said: Option<io::Error>,
    /// What is wrong here.
    fault: Option<io::Error>,
    /// How often something was.
    faults: u32,
}

impl Heard {
    /// Whether more came than whoever means well sends.
    fn is_flood(&self) -> bool {
        self.bytes > MOST_AROUND + self.used.saturating_mul(2)
    }
}

impl Socket {
    pub(super) async fn connect(to: SocketAddr) -> io::Result<Self> {
        let any: IpAddr = match to {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let io = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
        io.connect(to).await?;
        routers::ask(&io, to, true);
        Ok(Self { io, to, heard: Mutex::default(), changed: Notify::new() })
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an error; returns whether the socket is to be read on.
    fn note(&self, error: io::Error) -> bool {
        let mut heard = self.heard();
        if is_too_long(&error) {
            return true;
        }
        if is_said_by_others(&error) {
            heard.said = Some(error);
        } else {
            heard.fault = Some(error);
            heard.faults += 1;
        }
        let goes_on = heard.faults <= MOST_ERRORS;
        drop(heard);
        self.changed.notify_waiters();
        goes_on
    }

    /// Waits until there is something to be said of what was heard.
    async fn until<T>(&self, mut look: impl FnMut(&mut Heard) -> Option<T>) -> T {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // From here on, what changes is told.
            changed.as_mut().enable();
            let found = look(&mut self.heard());
            if let Some(found) = found {
                return found;
            }
            changed.await;
        }
    }

    /// When the first datagram came.
    pub(super) async fn came(&self) -> Instant {
        self.until(|heard| heard.came).await
    }

    /// Why nothing more is to be expected, as soon as that is known.
    pub(super) async fn fault(&self, ask: &Ask<'_>) -> Failure {
        enum Why {
            Flood,
            Here(io::Error),
            Said(io::Error),
        }
        let look = |heard: &mut Heard| {
            let here = heard.fault.take().map(Why::Here);
            here.or_else(|| heard.is_flood().then_some(Why::Flood))
                .or_else(|| heard.said.take().map(Why::Said))
        };
        let mut said: Option<io::Error> = None;
        loop {
            let why = tokio::select! {
                biased;
                why = self.until(look) => why,
                error = routers::said(&self.io) => {
                    self.note(error);
                    continue;
                }
                () = sleep_until(ask.last_moment()), if said.is_some() => break,
            };
            match why {
                Why::Flood => {
                    ask.log.line(|| "more comes than was asked for");
                    return Failure::HttpStatus;
                }
                // Whoever is there answers all the same.
                Why::Said(error) if ask.is_of_target => said = Some(error),
                Why::Here(error) | Why::Said(error) => {
                    said = Some(error);
                    break;
                }
            }
        }
        said.map_or(Failure::Local, |error| {
            ask.log.line(|| format!("the network says: {error}"));
            Failure::of_io(&error)
        })
    }

    /// Why nothing of use comes any more: more came than anybody can have asked for, or something is wrong here.
    pub(super) async fn over(self: Arc<Self>) -> io::Error {
        let flood = || io::Error::other("more comes than was asked for");
        self.until(|heard| heard.fault.take().or_else(|| heard.is_flood().then(flood))).await
    }

    /// Says that so many bytes were of use.
    pub(super) fn used(&self, bytes: usize) {
        self.heard().used += (bytes as u64).max(LEAST / 2);
    }
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Poller(self))
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        match self.io.try_send(transmit.contents) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                // It is of an earlier datagram, and this one was not sent.
                let is_earlier = is_said_by_others(&error) || is_too_long(&error);
                self.note(error);
                if is_earlier && let Err(error) = self.io.try_send(transmit.contents) {
                    if error.kind() == io::ErrorKind::WouldBlock {
                        return Err(error);
                    }
                    self.note(error);
                }
                // It is sent again: to give up is for whoever waits.
                Ok(())
            }
            sent => sent.map(drop),
        }
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [io::IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let (Some(buffer), Some(meta)) = (buffers.first_mut(), meta.first_mut()) else {
            return Poll::Ready(Ok(0));
        };
        loop {
            let mut read = ReadBuf::new(buffer);
            match ready!(self.io.poll_recv(cx, &mut read)) {
                Ok(()) => {
                    let len = read.filled().len();
                    let (is_first, is_flood) = {
                        let mut heard = self.heard();
                        let is_first = heard.came.is_none();
                        heard.came.get_or_insert_with(Instant::now);
                        heard.bytes += (len as u64).max(LEAST);
                        (is_first, heard.is_flood())
                    };
                    if is_first {
                        routers::ask(&self.io, self.to, false);
                    }
                    if is_first || is_flood {
                        self.changed.notify_waiters();
                    }
                    // Nothing more of it is kept.
                    if is_flood {
                        return Poll::Pending;
                    }
                    *meta = RecvMeta { addr: self.to, len, stride: len, ecn: None, dst_ip: None };
                    return Poll::Ready(Ok(1));
                }
                Err(error) => {
                    if !self.note(error) {
                        return Poll::Pending;
                    }
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }
}

#[derive(Debug)]
struct Poller(Arc<Socket>);

impl UdpPoller for Poller {
    fn poll_writable(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.io.poll_send_ready(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use nix::sys::socket::{getsockopt, sockopt};

    use super::*;

    #[tokio::test]
    async fn routers_are_heard_until_the_first_datagram_comes() {
        let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let socket = Socket::connect(peer.local_addr().unwrap()).await.unwrap();
        let is_asked = || getsockopt(&socket.io, sockopt::Ipv4RecvErr).unwrap();
        assert!(is_asked());
        peer.send_to(b"x", socket.local_addr().unwrap()).await.unwrap();
        let (mut room, mut meta) = ([0; 8], [RecvMeta::default()]);
        let read =
            poll_fn(|cx| socket.poll_recv(cx, &mut [io::IoSliceMut::new(&mut room)], &mut meta));
        assert_eq!(read.await.unwrap(), 1);
        assert!(!is_asked());
    }
}
