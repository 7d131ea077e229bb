//! The UDP sockets of one lane, which know what the kernel dropped and whom it could not reach.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrLike as _, SockaddrStorage, recvmsg, setsockopt, sockopt,
};
use socket2::{Domain, Protocol, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// Receive buffer that is asked for; the kernel gives at most `net.core.rmem_max`.
const RECEIVE_BUFFER: usize = 4 << 20;

/// How long a datagram to oneself may take.
const OWN_DATAGRAM: Duration = Duration::from_millis(100);

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

    /// Datagrams that the kernel had dropped when those that were received last arrived.
    pub(super) fn dropped(&self) -> u64 {
        [&self.v4, &self.v6].into_iter().flatten().map(|socket| u64::from(socket.dropped)).sum()
    }

    /// All datagrams that arrived and were dropped by the kernel. To be called at the end: what else
    /// arrives is lost.
    pub(super) async fn all_dropped(&mut self) -> u64 {
        let mut total = 0;
        for socket in [&mut self.v4, &mut self.v6].into_iter().flatten() {
            total += socket.count_dropped().await;
        }
        total
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

    /// The kernel tells the number of drops with each datagram that comes after them. So that the
    /// last ones are known as well, one more datagram is sent: to this very socket.
    async fn count_dropped(&mut self) -> u64 {
        let mut buffer = [0; 1];
        while self.receive(&mut buffer).is_some() {}
        let own = self.io.local_addr().map(|own| match own {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::LOCALHOST, own.port())),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::LOCALHOST, own.port())),
        });
        // Where there is no loopback, the number is that of the last answer.
        if let Ok(own) = own
            && self.io.send_to(&[0], own).await.is_ok()
            && timeout(OWN_DATAGRAM, self.io.readable()).await.is_ok()
        {
            while self.receive(&mut buffer).is_some() {}
        }
        u64::from(self.dropped)
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

#[cfg(test)]
mod tests {
    use super::*;

    const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn open() -> (Sockets, SocketAddr) {
        let sockets = Sockets::open([LOCALHOST].into_iter()).unwrap();
        let port = sockets.v4.as_ref().unwrap().io.local_addr().unwrap().port();
        (sockets, (LOCALHOST, port).into())
    }

    #[tokio::test]
    async fn what_the_kernel_drops_is_counted_to_the_last_datagram() {
        let (mut sockets, own) = open();
        // The least that the kernel allows: a few datagrams.
        let socket = &sockets.v4.as_ref().unwrap().io;
        socket2::SockRef::from(socket).set_recv_buffer_size(0).unwrap();
        let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        for _ in 0..100 {
            peer.send_to(&[0; 100], own).await.unwrap();
        }
        let (mut received, mut buffer) = (0, [0; 100]);
        sockets.readable().await;
        while sockets.receive(&mut buffer).is_some() {
            received += 1;
        }
        assert!(received < 100);
        assert_eq!(sockets.all_dropped().await, 100 - received);
    }

    #[tokio::test]
    async fn a_closed_port_is_reported_and_costs_no_other_datagram() {
        let (mut sockets, _) = open();
        let closed = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut reported = Vec::new();
        sockets.send(&[1, 2, 3], closed, |peer, id| reported.push((peer, id))).await.unwrap();
        let to = peer.local_addr().unwrap();
        sockets.send(&[4, 5], to, |peer, id| reported.push((peer, id))).await.unwrap();
        sockets.drain_errors(|peer, id| reported.push((peer, id)));
        assert_eq!(reported, [(closed, 0x0102)]);
        let mut buffer = [0; 8];
        assert_eq!(peer.recv(&mut buffer).await.unwrap(), 2);
    }
}
