//! One socket for the echoes of a family: unprivileged (dgram) where the kernel allows it, raw where
//! not, with the kernel's receive time stamps and its queue of ICMP errors.
//!
//! Unsafe: one call, which hands the socket to the runtime's poller. The safe way, as a `UdpSocket`,
//! would wake the program for each packet that left the send buffer as well.
#![expect(unsafe_code, reason = "AsyncFd takes any file descriptor, so the caller vouches for it")]

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use nix::errno::Errno;
use nix::libc::{
    BPF_ABS, BPF_B, BPF_H, BPF_IND, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_LDX, BPF_MSH, BPF_RET,
    SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6, sock_extended_err,
};
use nix::sys::socket::sockopt::{
    Ipv4RecvErr, Ipv6RecvErr, RcvBuf, RcvBufForce, ReceiveTimestampns,
};
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendto, setsockopt, sockaddr_in6,
};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::echo::{self, Echo, Family};
use crate::outcome::Failure;

/// Room for a burst: the default of 208 KiB holds about 277 small packets.
const RECEIVE_BUFFER: usize = 8 << 20;

/// How a socket was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// `SOCK_DGRAM`: the kernel hands over our own replies only. Needs `net.ipv4.ping_group_range`.
    Dgram,
    /// `SOCK_RAW`: needs `CAP_NET_RAW`. A filter in the kernel leaves out what is not ours.
    Raw,
}

impl Mode {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Dgram => "dgram",
            Self::Raw => "raw",
        }
    }
}

/// The socket of a family.
#[derive(Debug)]
pub(crate) struct EchoSocket {
    pub(crate) family: Family,
    pub(crate) mode: Mode,
    /// Sent in each request; a dgram socket's kernel puts its own in its place.
    identifier: u16,
    socket: Socket,
}

/// Buffers for [`EchoSocket::receive`] and [`EchoSocket::receive_error`].
#[derive(Debug)]
pub(crate) struct Buffers {
    packet: [u8; 512],
    control: Vec<u8>,
}

impl Default for Buffers {
    fn default() -> Self {
        // The offender's address follows the error; IPv6's is the larger one.
        let control = nix::cmsg_space!(nix::sys::time::TimeSpec, sock_extended_err, sockaddr_in6);
        Self { packet: [0; 512], control }
    }
}

impl EchoSocket {
    /// Opens the socket of a family, dgram if possible.
    pub(crate) fn open(family: Family) -> anyhow::Result<Self> {
        let (domain, protocol) = match family {
            Family::V4 => (Domain::IPV4, Protocol::ICMPV4),
            Family::V6 => (Domain::IPV6, Protocol::ICMPV6),
        };
        let (mode, socket) = match Socket::new(domain, Type::DGRAM, Some(protocol)) {
            Ok(socket) => (Mode::Dgram, socket),
            Err(_) => (Mode::Raw, Socket::new(domain, Type::RAW, Some(protocol))?),
        };
        let identifier = rand::random();
        if mode == Mode::Raw {
            let filter = own_replies(family, identifier);
            socket.attach_filter(&filter).context("attaching the packet filter")?;
        }
        socket.set_nonblocking(true)?;
        setsockopt(&socket, ReceiveTimestampns, &true).context("asking for receive time stamps")?;
        match family {
            Family::V4 => setsockopt(&socket, Ipv4RecvErr, &true),
            Family::V6 => setsockopt(&socket, Ipv6RecvErr, &true),
        }
        .context("asking for ICMP errors")?;
        // Beyond net.core.rmem_max with CAP_NET_ADMIN; up to it without. Neither is worth failing.
        let _ = setsockopt(&socket, RcvBufForce, &RECEIVE_BUFFER)
            .or_else(|_| setsockopt(&socket, RcvBuf, &RECEIVE_BUFFER));
        Ok(Self { family, mode, identifier, socket })
    }

    /// Has the runtime watch the socket for replies and errors.
    pub(crate) fn watched(self) -> io::Result<AsyncFd<Self>> {
        let interest = Interest::READABLE | Interest::ERROR;
        // SAFETY: the descriptor is that of `self.socket`, which is open as long as `self` lives and
        // is never exchanged for another; the AsyncFd owns `self` and deregisters before it drops it.
        let watched = unsafe { AsyncFd::register_with_interest(self, interest) };
        watched.map_err(Into::into)
    }

    /// Sends an echo request.
    pub(crate) fn send(&self, to: IpAddr, sequence: u16, cookie: u128) -> io::Result<()> {
        let request = echo::request(self.family, self.identifier, sequence, cookie);
        let to = SockaddrStorage::from(SocketAddr::new(to, 0));
        sendto(self.socket.as_raw_fd(), &request, &to, MsgFlags::MSG_DONTWAIT)?;
        Ok(())
    }

    /// Takes one packet out of the socket: from whom, how long it had waited there, and the echo
    /// reply, if it is one. `WouldBlock` when there is none.
    pub(crate) fn receive(
        &self,
        buffers: &mut Buffers,
    ) -> io::Result<Option<(IpAddr, Duration, Echo)>> {
        let mut parts = [IoSliceMut::new(&mut buffers.packet)];
        let received = recvmsg::<SockaddrStorage>(
            self.socket.as_raw_fd(),
            &mut parts,
            Some(&mut buffers.control),
            MsgFlags::MSG_DONTWAIT,
        )?;
        let wall = SystemTime::now();
        let queued = received
            .cmsgs()?
            .find_map(|message| match message {
                ControlMessageOwned::ScmTimestampns(stamp) => Some(Duration::from(stamp)),
                _ => None,
            })
            .and_then(|stamp| wall.duration_since(UNIX_EPOCH + stamp).ok())
            .unwrap_or_default();
        let (from, length) = (received.address.as_ref().and_then(ip), received.bytes);
        let packet = &buffers.packet[..length];
        let message = match (self.family, self.mode) {
            (Family::V4, Mode::Raw) => echo::after_ipv4_header(packet),
            _ => Some(packet),
        };
        let echo = message.and_then(|message| echo::reply(self.family, message));
        Ok(from.zip(echo).map(|(from, echo)| (from, queued, echo)))
    }

    /// Takes one ICMP error out of the socket: to whom the echo was sent, and what it means, if it
    /// means anything. `WouldBlock` when there is none.
    pub(crate) fn receive_error(
        &self,
        buffers: &mut Buffers,
    ) -> io::Result<Option<(IpAddr, Failure, Echo)>> {
        let mut parts = [IoSliceMut::new(&mut buffers.packet)];
        let received = recvmsg::<SockaddrStorage>(
            self.socket.as_raw_fd(),
            &mut parts,
            Some(&mut buffers.control),
            MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_ERRQUEUE,
        )?;
        let failure = received.cmsgs()?.find_map(|message| match message {
            ControlMessageOwned::Ipv4RecvErr(error, _) if error.ee_origin == SO_EE_ORIGIN_ICMP => {
                echo::verdict(Family::V4, error.ee_type, error.ee_code)
            }
            ControlMessageOwned::Ipv6RecvErr(error, _) if error.ee_origin == SO_EE_ORIGIN_ICMP6 => {
                echo::verdict(Family::V6, error.ee_type, error.ee_code)
            }
            _ => None,
        });
        let (to, length) = (received.address.as_ref().and_then(ip), received.bytes);
        // A raw socket is told of the errors of every program's echoes.
        let echo = echo::quoted(self.family, &buffers.packet[..length])
            .filter(|echo| self.mode == Mode::Dgram || echo.identifier == self.identifier);
        Ok(to.zip(failure).zip(echo).map(|((to, failure), echo)| (to, failure, echo)))
    }
}

impl AsRawFd for EchoSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// Whether a call failed because of an ICMP error that an earlier packet, maybe to another address,
/// had caused: the kernel reports those once, on whichever call comes next.
pub(crate) fn is_of_an_earlier_packet(error: &io::Error) -> bool {
    let errno = Errno::from_raw(error.raw_os_error().unwrap_or(0));
    matches!(
        errno,
        Errno::EHOSTUNREACH
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

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    if let Some(v4) = address.as_sockaddr_in() {
        return Some(v4.ip().into());
    }
    address.as_sockaddr_in6().map(|v6| v6.ip().into())
}

/// A packet filter that passes the echo replies with our identifier. IPv4 packets begin with the IP
/// header, whose length is in its first byte; IPv6's is left out.
fn own_replies(family: Family, identifier: u16) -> Vec<SockFilter> {
    let reply = u32::from(family.reply_type());
    let (mode, start) = match family {
        Family::V4 => (BPF_IND, vec![op(BPF_LDX | BPF_B | BPF_MSH, 0)]),
        Family::V6 => (BPF_ABS, vec![]),
    };
    let rest = [
        op(BPF_LD | BPF_B | mode, 0),
        unless_equal(reply, 3),
        op(BPF_LD | BPF_H | mode, 4),
        unless_equal(identifier.into(), 1),
        op(BPF_RET | BPF_K, u32::MAX),
        op(BPF_RET | BPF_K, 0),
    ];
    start.into_iter().chain(rest).collect()
}

fn op(code: u32, k: u32) -> SockFilter {
    SockFilter::new(short(code), 0, 0, k)
}

/// Skips `steps` instructions unless the loaded value is `k`.
fn unless_equal(k: u32, steps: u8) -> SockFilter {
    SockFilter::new(short(BPF_JMP | BPF_JEQ | BPF_K), 0, steps, k)
}

fn short(code: u32) -> u16 {
    u16::try_from(code).expect("BPF codes have 16 bits")
}
