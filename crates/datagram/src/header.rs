//! What one datagram's IP header says, where the sender and not the socket decides it.

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::libc::{
    self, IP_MTU_DISCOVER, IPPROTO_IP, IPPROTO_IPV6, IPV6_MTU_DISCOVER, c_int, in_addr, in_pktinfo,
    in6_addr, in6_pktinfo,
};
use nix::sys::socket::sockopt::SetStruct;
use nix::sys::socket::{
    ControlMessage, MsgFlags, SetSockOpt as _, SockaddrStorage, sendmsg, sockopt,
};
use socket2::{Domain, Socket};

/// What a datagram is to be sent with; the socket's own where nothing is said.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Header {
    /// TTL, or hop limit: 1 to 255.
    pub hop_limit: Option<u8>,
    /// TOS, or traffic class: DSCP in the upper six bits.
    pub traffic_class: Option<u8>,
    /// The address of this machine that it is sent from, of the same family as its destination.
    pub source: Option<IpAddr>,
    /// The index of the interface that it leaves by.
    pub interface: Option<u32>,
}

impl Header {
    /// Sends one datagram with this header: the only call of `sendmsg`.
    pub(crate) fn send(
        &self,
        socket: &impl AsRawFd,
        bytes: &[u8],
        to: SocketAddr,
    ) -> nix::Result<usize> {
        let hop_limit = self.hop_limit.map(c_int::from);
        let class = self.traffic_class.map(i32::from);
        let interface = self.interface.map(c_int::try_from).transpose();
        let interface = interface.map_err(|_| Errno::ENODEV)?.unwrap_or(0);
        let is_bound = self.source.is_some() || interface != 0;
        let (v4, v6);
        let mut messages = Vec::with_capacity(3);
        if to.is_ipv4() {
            v4 = match self.source {
                None => Some([0; 4]),
                Some(IpAddr::V4(ip)) => Some(ip.octets()),
                Some(IpAddr::V6(_)) => None,
            }
            .map(|octets| in_pktinfo {
                ipi_ifindex: interface,
                ipi_spec_dst: in_addr { s_addr: u32::from_ne_bytes(octets) },
                ipi_addr: in_addr { s_addr: 0 },
            })
            .ok_or(Errno::EAFNOSUPPORT)?;
            messages.extend(hop_limit.as_ref().map(ControlMessage::Ipv4Ttl));
            messages.extend(self.traffic_class.as_ref().map(ControlMessage::Ipv4Tos));
            messages.extend(is_bound.then_some(ControlMessage::Ipv4PacketInfo(&v4)));
        } else {
            v6 = match self.source {
                None => Some([0; 16]),
                Some(IpAddr::V6(ip)) => Some(ip.octets()),
                Some(IpAddr::V4(_)) => None,
            }
            .map(|s6_addr| in6_pktinfo {
                ipi6_addr: in6_addr { s6_addr },
                ipi6_ifindex: interface.cast_unsigned(),
            })
            .ok_or(Errno::EAFNOSUPPORT)?;
            messages.extend(hop_limit.as_ref().map(ControlMessage::Ipv6HopLimit));
            messages.extend(class.as_ref().map(ControlMessage::Ipv6TClass));
            messages.extend(is_bound.then_some(ControlMessage::Ipv6PacketInfo(&v6)));
        }
        let to = SockaddrStorage::from(to);
        let parts = [IoSlice::new(bytes)];
        sendmsg(socket.as_raw_fd(), &parts, &messages, MsgFlags::MSG_DONTWAIT, Some(&to))
    }
}

#[derive(Clone, Copy, Debug)]
struct UnicastHops;

#[derive(Clone, Copy, Debug)]
struct TrafficClass;

#[derive(Clone, Copy, Debug)]
struct UnicastInterface;

/// From `linux/in6.h`.
const IPV6_UNICAST_IF: c_int = 76;

nix::setsockopt_impl!(
    UnicastHops,
    IPPROTO_IPV6,
    libc::IPV6_UNICAST_HOPS,
    c_int,
    SetStruct<'_, c_int>
);
nix::setsockopt_impl!(TrafficClass, IPPROTO_IPV6, libc::IPV6_TCLASS, c_int, SetStruct<'_, c_int>);
nix::setsockopt_impl!(UnicastInterface, IPPROTO_IPV6, IPV6_UNICAST_IF, u32, SetStruct<'_, u32>);

/// The system's own, as an option says it.
const DEFAULT: c_int = -1;

/// Has an IPv6 socket's options say what a header is to; `said` is what they say, of which no more is changed
/// than has to be.
pub(crate) fn say_by_options(
    socket: &Socket,
    header: &Header,
    said: &mut Header,
) -> nix::Result<()> {
    if header.source.is_some() {
        return Err(Errno::EAFNOSUPPORT);
    }
    if header.hop_limit != said.hop_limit {
        UnicastHops.set(socket, &header.hop_limit.map_or(DEFAULT, c_int::from))?;
        said.hop_limit = header.hop_limit;
    }
    if header.traffic_class != said.traffic_class {
        TrafficClass.set(socket, &header.traffic_class.map_or(DEFAULT, c_int::from))?;
        said.traffic_class = header.traffic_class;
    }
    if header.interface != said.interface {
        UnicastInterface.set(socket, &header.interface.unwrap_or(0).to_be())?;
        said.interface = header.interface;
    }
    Ok(())
}

/// `IP_PMTUDISC_PROBE` and `IPV6_PMTUDISC_PROBE` of `linux/in.h`: never fragment, and send what is
/// larger than the known MTU of the path as well.
const PROBE: c_int = 3;

#[derive(Clone, Copy, Debug)]
struct MtuDiscover;

#[derive(Clone, Copy, Debug)]
struct MtuDiscover6;

nix::setsockopt_impl!(MtuDiscover, IPPROTO_IP, IP_MTU_DISCOVER, c_int, SetStruct<'_, c_int>);
nix::setsockopt_impl!(MtuDiscover6, IPPROTO_IPV6, IPV6_MTU_DISCOVER, c_int, SetStruct<'_, c_int>);

/// Has nobody fragment what is sent by this socket: neither this machine nor a router.
pub(crate) fn forbid_fragments(socket: &Socket) -> io::Result<()> {
    match socket.domain()? {
        Domain::IPV4 => MtuDiscover.set(socket, &PROBE)?,
        Domain::IPV6 => {
            MtuDiscover6.set(socket, &PROBE)?;
            sockopt::Ipv6DontFrag.set(socket, &true)?;
        }
        _ => return Err(Errno::EAFNOSUPPORT.into()),
    }
    Ok(())
}
