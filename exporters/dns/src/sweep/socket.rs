//! The UDP sockets of one lane, which know what the kernel dropped and whom it could not reach.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd as _;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrLike as _, SockaddrStorage, recvmsg, setsockopt, sockopt,
};
use socket2::{Domain, Protocol, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// Receive buffer that is asked for; the kernel gives at most `net.core.rmem_max`.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Bytes of a datagram that the network returns with an error: the id is in front.
const QUOTED: usize = 64;

/// One socket for each family that is needed.
#[derive(Debug)]
pub(super) struct Sockets {
    v4: Option<Socket>,
    v6: Option<Socket>,
}

#[derive(Debug)]
struct Socket {
    io: UdpSocket,
    /// Datagrams that the kernel dropped for want of room (`SO_RXQ_OVFL`): a running total.
    dropped: u32,
}

impl Sockets {
    /// Opens what is needed to talk to these peers, each at a port that the kernel chooses.
    pub(super) fn open(mut peers: impl Iterator<Item = IpAddr> + Clone) -> io::Result<Self> {
        let v4 = peers.clone().any(|peer| peer.is_ipv4());
        let v6 = peers.any(|peer| peer.is_ipv6());
        Ok(Self {
            v4: v4.then(|| Socket::open(Ipv4Addr::UNSPECIFIED.into())).transpose()?,
            v6: v6.then(|| Socket::open(Ipv6Addr::UNSPECIFIED.into())).transpose()?,
        })
    }

    /// Sends one datagram. What the network says of other datagrams is given to `unreachable`.
    ///
    /// With `IP_RECVERR`, an error that an earlier datagram met is returned by a later, unrelated
    /// send, and that datagram is not sent: it is sent again, once the errors were read.
    pub(super) async fn send(
        &mut self,
        datagram: &[u8],
        peer: SocketAddr,
        unreachable: impl FnMut(SocketAddr, u16),
    ) -> io::Result<()> {
        let socket = if peer.is_ipv4() { &self.v4 } else { &self.v6 };
        let socket = socket.as_ref().expect("a socket for every peer was opened");
        match socket.io.send_to(datagram, peer).await {
            Ok(_) => Ok(()),
            Err(error) => {
                if socket.drain_errors(unreachable) == 0 {
                    return Err(error);
                }
                socket.io.send_to(datagram, peer).await.map(drop)
            }
        }
    }

    /// Completes when there may be something to receive.
    pub(super) async fn readable(&self) {
        tokio::select! {
            () = readable(self.v4.as_ref()) => {}
            () = readable(self.v6.as_ref()) => {}
        }
    }

    /// The next datagram, if one has arrived. What does not fit the buffer is cut off.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        let sockets = [&mut self.v4, &mut self.v6];
        sockets.into_iter().flatten().find_map(|socket| socket.receive(buffer))
    }

    /// Reads what the network says of datagrams that were sent: where each was to go, and its id.
    pub(super) fn drain_errors(&self, mut unreachable: impl FnMut(SocketAddr, u16)) {
        for socket in [&self.v4, &self.v6].into_iter().flatten() {
            socket.drain_errors(&mut unreachable);
        }
    }

    /// Datagrams that arrived and were dropped by the kernel, as far as is known.
    pub(super) fn dropped(&self) -> u64 {
        [&self.v4, &self.v6].into_iter().flatten().map(|socket| u64::from(socket.dropped)).sum()
    }
}

async fn readable(socket: Option<&Socket>) {
    match socket {
        // An error is a reason to look, too: receiving will clear it.
        Some(socket) => drop(socket.io.readable().await),
        None => std::future::pending().await,
    }
}

impl Socket {
    fn open(address: IpAddr) -> io::Result<Self> {
        let domain = if address.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
        let socket = socket2::Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        // As much as there is to be had; the pace does not rest on it.
        let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
        setsockopt(&socket, sockopt::RxqOvfl, &1)?;
        if address.is_ipv4() {
            setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?;
        } else {
            socket.set_only_v6(true)?;
            setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?;
        }
        socket.bind(&SocketAddr::from((address, 0)).into())?;
        Ok(Self { io: UdpSocket::from_std(socket.into())?, dropped: 0 })
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        // A pending error of some earlier datagram is reported, and thereby cleared, first; how
        // many there can be is bounded by what was sent.
        for _ in 0..64 {
            let received = self.io.try_io(Interest::READABLE, || {
                let mut control = cmsg_space!(u32);
                let mut parts = [IoSliceMut::new(buffer)];
                let message = recvmsg::<SockaddrStorage>(
                    self.io.as_raw_fd(),
                    &mut parts,
                    Some(&mut control),
                    MsgFlags::empty(),
                )?;
                let dropped = message.cmsgs()?.find_map(|control| match control {
                    ControlMessageOwned::RxqOvfl(dropped) => Some(dropped),
                    _ => None,
                });
                Ok((message.bytes, message.address.as_ref().and_then(address), dropped))
            });
            match received {
                Ok((length, Some(from), dropped)) => {
                    self.dropped = dropped.unwrap_or(self.dropped);
                    return Some((length, from));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Ok((_, None, _)) | Err(_) => {}
            }
        }
        None
    }

    /// Reads the error queue; returns how many errors there were.
    fn drain_errors(&self, mut unreachable: impl FnMut(SocketAddr, u16)) -> usize {
        let mut count = 0;
        loop {
            let mut quoted = [0; QUOTED];
            let mut control =
                cmsg_space!(nix::libc::sock_extended_err, nix::libc::sockaddr_in6, u32);
            let mut parts = [IoSliceMut::new(&mut quoted)];
            let message = match recvmsg::<SockaddrStorage>(
                self.io.as_raw_fd(),
                &mut parts,
                Some(&mut control),
                MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT,
            ) {
                Ok(message) => message,
                Err(Errno::EINTR) => continue,
                Err(_) => return count,
            };
            count += 1;
            let (length, peer) = (message.bytes, message.address.as_ref().and_then(address));
            if let (Some(peer), true) = (peer, length >= 2) {
                unreachable(peer, u16::from_be_bytes([quoted[0], quoted[1]]));
            }
        }
    }
}

fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    // Without a family, `len` is what was asked for, not what was given.
    storage.family()?;
    match (storage.as_sockaddr_in(), storage.as_sockaddr_in6()) {
        (Some(v4), _) => Some(SocketAddr::V4((*v4).into())),
        (_, Some(v6)) => Some(SocketAddr::V6((*v6).into())),
        _ => None,
    }
}
