//! What is read from a socket: a datagram, or what the network says of one that was sent.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::cmsg_space;
use nix::libc::{
    SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6, SO_EE_ORIGIN_LOCAL, sock_extended_err, sockaddr_in6,
};
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrLike as _, SockaddrStorage,
    recvmmsg, recvmsg,
};
use nix::sys::time::TimeSpec;

/// Room for one datagram and for what the kernel says of it; used again for the next one.
#[derive(Debug)]
pub struct Buffer {
    bytes: Box<[u8]>,
    control: Vec<u8>,
}

/// Room for several datagrams that are taken out of a socket by one call.
#[derive(Debug)]
pub struct Buffers {
    bytes: Box<[u8]>,
    /// Of each.
    length: usize,
}

/// A datagram that arrived.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// What is in it, as far as it fits the buffer. A raw IPv4 socket's begins with the IP header.
    pub bytes: &'a [u8],
    /// Whether it was longer than the buffer.
    pub is_cut: bool,
    /// Who sent it; port 0 where the protocol has none.
    pub from: SocketAddr,
    /// How long it had waited in the socket, by the kernel's time stamp; zero without one. Never
    /// longer than since the socket was last seen empty, whatever the wall clock does.
    pub waited: Duration,
    /// How many datagrams had been dropped when it arrived.
    pub dropped: u32,
    /// Its TTL or hop limit, where the socket asks for that.
    pub hop_limit: Option<u8>,
}

/// What the network, or this machine, says of a datagram that was sent.
#[derive(Clone, Copy, Debug)]
pub struct Notice<'a> {
    /// Where the datagram was to go.
    pub to: SocketAddr,
    /// Who says so: a router on the way, or the peer itself. Nobody if it was this machine.
    pub offender: Option<IpAddr>,
    /// By which protocol.
    pub origin: Origin,
    /// The message's type in that protocol.
    pub kind: u8,
    /// Its code.
    pub code: u8,
    /// What else it says: the largest datagram that fits, where that is the trouble.
    pub info: u32,
    /// What the kernel makes of it: an error number.
    pub errno: i32,
    /// How long it had waited in the socket, as for a datagram.
    pub waited: Duration,
    /// How the datagram began, without the headers below it.
    pub quoted: &'a [u8],
}

/// By which protocol a notice came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin {
    /// By none: this machine did not send the datagram.
    Local,
    /// ICMP.
    Icmp,
    /// `ICMPv6`.
    Icmp6,
    /// Another one, by the kernel's number.
    Other(u8),
}

/// All that the kernel says of one message.
pub(crate) struct Message {
    length: usize,
    is_cut: bool,
    address: Option<SocketAddr>,
    /// When it arrived, by the wall clock.
    stamp: Option<Duration>,
    dropped: Option<u32>,
    hop_limit: Option<u8>,
    error: Option<(sock_extended_err, Option<IpAddr>)>,
}

impl Buffer {
    /// Room for datagrams of up to so many bytes.
    pub fn new(bytes: usize) -> Self {
        Self { bytes: vec![0; bytes].into(), control: room_for_control() }
    }

    /// Takes one message out of a socket: the only call of `recvmsg`.
    pub(crate) fn read(&mut self, socket: &impl AsRawFd, flags: MsgFlags) -> nix::Result<Message> {
        let mut parts = [IoSliceMut::new(&mut self.bytes)];
        let message = recvmsg::<SockaddrStorage>(
            socket.as_raw_fd(),
            &mut parts,
            Some(&mut self.control),
            flags | MsgFlags::MSG_DONTWAIT,
        )?;
        Message::of(&message)
    }

    fn first(&self, length: usize) -> &[u8] {
        &self.bytes[..length.min(self.bytes.len())]
    }

    /// The message as a datagram; nothing if nobody sent it. `longest` is how long it can have
    /// waited, `dropped` how many had been dropped as far as was known before.
    pub(crate) fn datagram(
        &self,
        message: &Message,
        longest: Duration,
        dropped: u32,
    ) -> Option<Datagram<'_>> {
        message.datagram(self.first(message.length), (SystemTime::now(), longest), dropped)
    }

    /// The message as a notice; nothing if it is none.
    pub(crate) fn notice(&self, message: &Message, longest: Duration) -> Option<Notice<'_>> {
        let (error, offender) = message.error?;
        Some(Notice {
            to: message.address?,
            offender,
            origin: match error.ee_origin {
                SO_EE_ORIGIN_LOCAL => Origin::Local,
                SO_EE_ORIGIN_ICMP => Origin::Icmp,
                SO_EE_ORIGIN_ICMP6 => Origin::Icmp6,
                other => Origin::Other(other),
            },
            kind: error.ee_type,
            code: error.ee_code,
            info: error.ee_info,
            errno: error.ee_errno.cast_signed(),
            waited: message.waited(SystemTime::now(), longest),
            quoted: self.first(message.length),
        })
    }
}

impl Buffers {
    /// Room for so many datagrams of up to so many bytes, one at least.
    pub fn new(count: usize, bytes: usize) -> Self {
        let length = bytes.max(1);
        Self { bytes: vec![0; count.max(1) * length].into(), length }
    }

    /// Takes messages out of a socket, as many as there is room for: the only call of `recvmmsg`.
    pub(crate) fn read(
        &mut self,
        socket: &impl AsRawFd,
        mut each: impl FnMut(&[u8], &Message),
    ) -> nix::Result<()> {
        let mut parts: Vec<[IoSliceMut<'_>; 1]> =
            self.bytes.chunks_exact_mut(self.length).map(|part| [IoSliceMut::new(part)]).collect();
        // Made anew each time: the kernel writes into them how much it told of a message, and would tell no more of the
        // next one.
        let mut headers =
            MultiHeaders::<SockaddrStorage>::preallocate(parts.len(), Some(room_for_control()));
        let flags = MsgFlags::MSG_DONTWAIT;
        for read in recvmmsg(socket.as_raw_fd(), &mut headers, &mut parts, flags, None)? {
            let bytes = read.iovs().next().unwrap_or_default();
            if let Ok(message) = Message::of(&read) {
                each(bytes, &message);
            }
        }
        Ok(())
    }
}

/// Room for all that the kernel says of a message.
fn room_for_control() -> Vec<u8> {
    // The offender's address follows an error; IPv6's is the larger one.
    cmsg_space!(TimeSpec, u32, i32, sock_extended_err, sockaddr_in6)
}

impl Message {
    fn of(message: &RecvMsg<'_, '_, SockaddrStorage>) -> nix::Result<Self> {
        let mut read = Self {
            length: message.bytes,
            is_cut: message.flags.contains(MsgFlags::MSG_TRUNC),
            address: message.address.as_ref().and_then(address),
            stamp: None,
            dropped: None,
            hop_limit: None,
            error: None,
        };
        for control in message.cmsgs()? {
            match control {
                ControlMessageOwned::ScmTimestampns(stamp) => read.stamp = Some(stamp.into()),
                ControlMessageOwned::RxqOvfl(dropped) => read.dropped = Some(dropped),
                ControlMessageOwned::Ipv4Ttl(limit) | ControlMessageOwned::Ipv6HopLimit(limit) => {
                    read.hop_limit = u8::try_from(limit).ok();
                }
                ControlMessageOwned::Ipv4RecvErr(error, offender) => {
                    let offender = offender.map(|it| u32::from_be(it.sin_addr.s_addr));
                    read.error = Some((error, offender.map(|it| IpAddr::V4(it.into()))));
                }
                ControlMessageOwned::Ipv6RecvErr(error, offender) => {
                    let offender = offender.map(|it| it.sin6_addr.s6_addr);
                    read.error = Some((error, offender.map(|it| IpAddr::V6(it.into()))));
                }
                _ => {}
            }
        }
        Ok(read)
    }

    /// The message as a datagram of these bytes; nothing if nobody sent it. It is read at `now`, and can have waited
    /// for `longest`; `dropped` is how many had been dropped as far as was known before.
    pub(crate) fn datagram<'a>(
        &self,
        bytes: &'a [u8],
        (now, longest): (SystemTime, Duration),
        dropped: u32,
    ) -> Option<Datagram<'a>> {
        Some(Datagram {
            bytes,
            is_cut: self.is_cut,
            from: self.address?,
            waited: self.waited(now, longest),
            dropped: self.dropped.unwrap_or(dropped),
            hop_limit: self.hop_limit,
        })
    }

    fn waited(&self, now: SystemTime, longest: Duration) -> Duration {
        let stamp = self.stamp.map(|stamp| UNIX_EPOCH + stamp);
        let waited = stamp.and_then(|stamp| now.duration_since(stamp).ok());
        waited.unwrap_or_default().min(longest)
    }
}

impl Notice<'_> {
    /// What the kernel makes of it, as an error.
    pub fn error(&self) -> io::Error {
        io::Error::from_raw_os_error(self.errno)
    }
}

fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    // Without a family, the length is what was asked for, not what was given.
    storage.family()?;
    match (storage.as_sockaddr_in(), storage.as_sockaddr_in6()) {
        (Some(v4), _) => Some(SocketAddr::V4((*v4).into())),
        (_, Some(v6)) => Some(SocketAddr::V6((*v6).into())),
        _ => None,
    }
}
