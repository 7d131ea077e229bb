//! A socket that was asked for all that the kernel can tell of its datagrams.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, SetSockOpt, SockaddrStorage, sendto, setsockopt, sockopt};
use socket2::{Domain, Protocol, Type};
use tokio::time::Instant;

use crate::buffer::Message;
use crate::header::{forbid_fragments, say_by_options};
use crate::{Buffer, Buffers, Datagram, Feature, Header, Missing, Notice, memory};

/// Errors of earlier datagrams that one call may meet before it gives up. The kernel keeps one; that
/// another arrives between two calls is rare. No more, since where there is no route each call fails.
const EARLIER_ERRORS: usize = 4;

/// A datagram or raw socket that does not block.
#[derive(Debug)]
pub struct Socket {
    inner: socket2::Socket,
    missing: Vec<Missing>,
    /// What its options say of each datagram, where they have to.
    said: Option<Mutex<Header>>,
    /// Drops as the last datagram told them.
    dropped: AtomicU32,
    opened: Instant,
    /// When it was last seen empty, in nanoseconds since it was opened.
    empty: AtomicU64,
}

impl Socket {
    /// A UDP socket that is bound to this address; an IPv6 one is for IPv6 alone. It is asked for a
    /// receive buffer of so many bytes.
    pub fn udp(bind: SocketAddr, receive_buffer: usize) -> io::Result<Self> {
        let domain = Domain::for_address(bind);
        let socket = socket2::Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
        if bind.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        let socket = Self::of(socket, receive_buffer)?;
        socket.inner.bind(&bind.into())?;
        Ok(socket)
    }

    /// Any datagram or raw socket. Options of its protocol, a filter and an address are the caller's
    /// business. An error means that it cannot be made not to block.
    pub fn of(socket: socket2::Socket, receive_buffer: usize) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let mut missing = Vec::new();
        let mut want = |feature, result: io::Result<()>| {
            missing.extend(result.err().map(|cause| Missing { feature, cause }));
        };
        want(Feature::ReceiveBuffer, enlarge(&socket, receive_buffer));
        want(Feature::TimeStamps, set(&socket, sockopt::ReceiveTimestampns, &true));
        want(
            Feature::Notices,
            match socket.domain()? {
                Domain::IPV4 => set(&socket, sockopt::Ipv4RecvErr, &true),
                Domain::IPV6 => set(&socket, sockopt::Ipv6RecvErr, &true),
                _ => Err(Errno::EAFNOSUPPORT.into()),
            },
        );
        let with_each = set(&socket, sockopt::RxqOvfl, &1);
        want(Feature::Drops, with_each.or_else(|_| Ok(memory::drops(&socket).map(drop)?)));
        Ok(Self {
            inner: socket,
            missing,
            said: None,
            dropped: AtomicU32::new(0),
            opened: Instant::now(),
            empty: AtomicU64::new(0),
        })
    }

    /// Asks for the TTL or hop limit of each datagram that arrives.
    pub fn ask_for_hop_limits(&mut self) {
        let asked = match self.inner.domain() {
            Ok(Domain::IPV4) => set(&self.inner, sockopt::Ipv4RecvTtl, &true),
            Ok(Domain::IPV6) => set(&self.inner, sockopt::Ipv6RecvHopLimit, &true),
            Ok(_) => Err(Errno::EAFNOSUPPORT.into()),
            Err(error) => Err(error),
        };
        let missing = asked.err().map(|cause| Missing { feature: Feature::HopLimits, cause });
        self.missing.extend(missing);
    }

    /// Makes the send buffer as large as may be, up to so many bytes. Whoever sends to a neighbour that does not
    /// answer has what was sent to it lie there for seconds, and that should not stand in the way of the others.
    pub fn enlarge_send_buffer(&self, bytes: usize) {
        if setsockopt(&self.inner, sockopt::SndBufForce, &bytes).is_err() {
            // As much as there may be; less is no failure.
            let _ = setsockopt(&self.inner, sockopt::SndBuf, &bytes);
        }
    }

    /// Has the socket's options say what each header is to: for an IPv6 socket whose kernel takes no notice of
    /// what is said of one datagram. A source is no option: the socket has to be bound to it.
    pub fn say_headers_by_options(&mut self) {
        self.said = Some(Mutex::default());
    }

    /// Has nobody fragment what is sent: neither this machine nor a router on the way.
    pub fn forbid_fragments(&self) -> io::Result<()> {
        forbid_fragments(&self.inner)
    }

    /// What the kernel refused.
    pub fn missing(&self) -> &[Missing] {
        &self.missing
    }

    /// The address that it is bound to.
    #[cfg(test)]
    pub(crate) fn local_address(&self) -> io::Result<SocketAddr> {
        let address = self.inner.local_addr()?;
        address.as_socket().ok_or_else(|| Errno::EAFNOSUPPORT.into())
    }

    /// Sends one datagram. `WouldBlock` if the send buffer is full.
    ///
    /// The kernel tells of an error that an earlier datagram met, maybe to another peer, by failing
    /// whatever call comes next: then this one was not sent, and is sent again.
    pub fn send(&self, bytes: &[u8], to: SocketAddr) -> io::Result<()> {
        let to = SockaddrStorage::from(to);
        let send = || sendto(self.inner.as_raw_fd(), bytes, &to, MsgFlags::MSG_DONTWAIT);
        past_earlier_errors(send).map(drop).map_err(Into::into)
    }

    /// Sends one datagram as [`Socket::send`] does, with what its header is to say.
    pub fn send_with(&self, bytes: &[u8], to: SocketAddr, header: &Header) -> io::Result<()> {
        if let Some(said) = &self.said {
            // Held until it is sent: options are the socket's, and the next datagram may need others.
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            say_by_options(&self.inner, header, &mut said)?;
            return self.send(bytes, to);
        }
        if *header == Header::default() {
            return self.send(bytes, to);
        }
        past_earlier_errors(|| header.send(&self.inner, bytes, to)).map(drop).map_err(Into::into)
    }

    /// Takes the next datagram out of the socket. `WouldBlock` if there is none.
    pub fn receive<'a>(&self, buffer: &'a mut Buffer) -> io::Result<Datagram<'a>> {
        let read = past_earlier_errors(|| buffer.read(&self.inner, MsgFlags::empty()));
        let longest = self.longest_wait(read.is_err());
        let before = self.dropped.load(Ordering::Relaxed);
        let datagram = buffer.datagram(&read?, longest, before).ok_or(Errno::EAFNOSUPPORT)?;
        self.dropped.store(datagram.dropped, Ordering::Relaxed);
        Ok(datagram)
    }

    /// Takes the next datagrams out of the socket by one call, as many as there is room for. `WouldBlock` if there is
    /// none. How long each had waited is told as of the first call of `each`.
    pub fn receive_each(
        &self,
        buffers: &mut Buffers,
        mut each: impl FnMut(Datagram<'_>),
    ) -> io::Result<()> {
        let mut read_at = None;
        let mut take = |bytes: &[u8], message: &Message| {
            let read_at =
                *read_at.get_or_insert_with(|| (SystemTime::now(), self.longest_wait(false)));
            let before = self.dropped.load(Ordering::Relaxed);
            if let Some(datagram) = message.datagram(bytes, read_at, before) {
                self.dropped.store(datagram.dropped, Ordering::Relaxed);
                each(datagram);
            }
        };
        let read = past_earlier_errors(|| buffers.read(&self.inner, &mut take));
        if read.is_err() {
            self.longest_wait(true);
        }
        Ok(read?)
    }

    /// Takes the next notice out of the socket's error queue. `WouldBlock` if there is none.
    pub fn notice<'a>(&self, buffer: &'a mut Buffer) -> io::Result<Notice<'a>> {
        let message = loop {
            match buffer.read(&self.inner, MsgFlags::MSG_ERRQUEUE) {
                Err(Errno::EINTR) => {}
                message => break message?,
            }
        };
        // Nobody looks whether the error queue is empty as often as for datagrams.
        let longest = self.opened.elapsed();
        buffer.notice(&message, longest).ok_or_else(|| Errno::EAFNOSUPPORT.into())
    }

    /// How many datagrams the kernel dropped for want of room, or because they were damaged, since
    /// the socket was opened: to the last one where the kernel has `SO_MEMINFO` (Linux 4.12), else
    /// to the last one that was received. It starts again at 2^32.
    pub fn dropped(&self) -> u32 {
        memory::drops(&self.inner).unwrap_or_else(|_| self.dropped.load(Ordering::Relaxed))
    }

    /// How long a datagram that is received now can have waited at most.
    fn longest_wait(&self, is_empty: bool) -> Duration {
        let now = self.opened.elapsed();
        if is_empty {
            let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
            self.empty.store(now, Ordering::Relaxed);
        }
        now.saturating_sub(Duration::from_nanos(self.empty.load(Ordering::Relaxed)))
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.inner.as_raw_fd()
    }
}

/// Makes the receive buffer as large as was asked for: beyond `net.core.rmem_max` with
/// `CAP_NET_ADMIN`, up to it without.
fn enlarge(socket: &socket2::Socket, bytes: usize) -> io::Result<()> {
    if setsockopt(socket, sockopt::RcvBufForce, &bytes).is_err() {
        setsockopt(socket, sockopt::RcvBuf, &bytes)?;
    }
    // The kernel counts its own bookkeeping as well, and doubles what was asked for.
    let given = socket.recv_buffer_size()? / 2;
    if given < bytes {
        let less = format!("the kernel gives {given} bytes of {bytes} (net.core.rmem_max)");
        return Err(io::Error::other(less));
    }
    Ok(())
}

fn set<O: SetSockOpt>(socket: &socket2::Socket, option: O, value: &O::Val) -> io::Result<()> {
    Ok(setsockopt(socket, option, value)?)
}

/// Calls until the outcome is the call's own.
fn past_earlier_errors<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    let mut last = call();
    for _ in 0..EARLIER_ERRORS {
        match last {
            Err(error) if may_be_an_earlier_datagrams(error) => last = call(),
            _ => break,
        }
    }
    last
}

/// Whether an error may be that of an earlier datagram: what the kernel makes of a notice.
fn may_be_an_earlier_datagrams(error: Errno) -> bool {
    matches!(
        error,
        Errno::EINTR
            | Errno::EHOSTUNREACH
            | Errno::ENETUNREACH
            | Errno::ECONNREFUSED
            | Errno::EHOSTDOWN
            | Errno::ENONET
            | Errno::ENOPROTOOPT
            | Errno::EPROTO
            | Errno::EMSGSIZE
            | Errno::EOPNOTSUPP
            | Errno::EACCES
    )
}
