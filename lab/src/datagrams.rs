//! One UDP socket that knows which of its addresses a datagram was sent to, and replies from it.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd as _;

use nix::sys::socket::sockopt::{Ipv4PacketInfo, RcvBuf, RcvBufForce, SndBuf, SndBufForce};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SetSockOpt, SockaddrIn, recvmsg, sendmsg,
    setsockopt,
};
use tokio::io::Interest;

/// Room for a burst of 25,000 questions; without privilege the kernel caps it.
const BUFFER: usize = 16 << 20;

/// The socket, non-blocking.
#[derive(Debug)]
pub(crate) struct Socket {
    inner: tokio::net::UdpSocket,
    control: Vec<u8>,
}

/// Where a datagram came from and which address it was sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Path {
    pub(crate) from: SocketAddrV4,
    pub(crate) to: Ipv4Addr,
}

impl Socket {
    /// Takes over a bound socket. Needs a tokio runtime.
    pub(crate) fn new(socket: UdpSocket) -> io::Result<Self> {
        setsockopt(&socket, Ipv4PacketInfo, &true)?;
        enlarge_buffers(&socket)?;
        socket.set_nonblocking(true)?;
        let inner = tokio::net::UdpSocket::from_std(socket)?;
        Ok(Self { inner, control: nix::cmsg_space!(nix::libc::in_pktinfo) })
    }

    /// Waits until there may be a datagram.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.inner.readable().await
    }

    /// A datagram that has arrived; none when there is none at the moment.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<(usize, Path)>> {
        let Self { inner, control } = self;
        let received = inner.try_io(Interest::READABLE, || {
            let mut slices = [IoSliceMut::new(buffer)];
            let fd = inner.as_raw_fd();
            let message = recvmsg::<SockaddrIn>(fd, &mut slices, Some(control), MsgFlags::empty())?;
            let to = message.cmsgs()?.find_map(|one| match one {
                ControlMessageOwned::Ipv4PacketInfo(info) => {
                    Some(Ipv4Addr::from_bits(u32::from_be(info.ipi_addr.s_addr)))
                }
                _ => None,
            });
            let from = message.address.map(SocketAddrV4::from);
            let path = from.zip(to).map(|(from, to)| Path { from, to });
            Ok((message.bytes, path.ok_or(io::ErrorKind::InvalidData)?))
        });
        match received {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            received => received.map(Some),
        }
    }

    /// Sends `bytes` back along `path`.
    pub(crate) fn reply(&self, path: Path, bytes: &[u8]) -> io::Result<()> {
        let info = nix::libc::in_pktinfo {
            ipi_ifindex: 0,
            ipi_spec_dst: nix::libc::in_addr { s_addr: path.to.to_bits().to_be() },
            ipi_addr: nix::libc::in_addr { s_addr: 0 },
        };
        let control = [ControlMessage::Ipv4PacketInfo(&info)];
        let to = SockaddrIn::from(path.from);
        let slices = [IoSlice::new(bytes)];
        sendmsg(self.inner.as_raw_fd(), &slices, &control, MsgFlags::empty(), Some(&to))?;
        Ok(())
    }
}

/// Gives a socket that serves many peers room for their bursts.
pub(crate) fn enlarge_buffers(socket: &UdpSocket) -> io::Result<()> {
    enlarge(socket, RcvBufForce, RcvBuf)?;
    enlarge(socket, SndBufForce, SndBuf)?;
    Ok(())
}

/// Beyond the system's limit where that is allowed, else up to it.
fn enlarge<F, L>(socket: &UdpSocket, force: F, limited: L) -> nix::Result<()>
where
    F: SetSockOpt<Val = usize>,
    L: SetSockOpt<Val = usize>,
{
    setsockopt(socket, force, &BUFFER).or_else(|_| setsockopt(socket, limited, &BUFFER))
}
