//! One socket for the traces of a family: unprivileged where the kernel allows it, raw where not (I/O).
//!
//! It has an identifier that does not change from one start to the next: routers that spread load by it go on
//! sending to the same way.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use datagram::{Buffer, Datagram, Header, Notice, Origin, Watched};
use nix::libc::{self, IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, c_int};
use nix::sys::socket::SetSockOpt as _;
use nix::sys::socket::sockopt::SetStruct;
use socket2::{Domain, Protocol, Socket, Type};
use tracing::{debug, info};

use super::course::Says;
use super::packet::{self, Cookie, Numbers};
use crate::icmp::{Family, heeds_headers_of_ipv6_echoes, own_replies};

/// Room for what comes back to a burst of traces.
const RECEIVE_BUFFER: usize = 1 << 20;
/// So many identifiers are tried: others of this machine may have some.
const TRIES: u16 = 64;

#[derive(Clone, Copy, Debug)]
struct AutoFlowLabel;

nix::setsockopt_impl!(AutoFlowLabel, IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, c_int, SetStruct<'_, c_int>);

/// The socket.
#[derive(Debug)]
pub(super) struct TraceSocket {
    family: Family,
    is_raw: bool,
    identifier: u16,
    socket: Watched,
}

impl TraceSocket {
    /// Opens one with this identifier, or with the next that is free. Must be called inside the runtime.
    pub(super) fn open(family: Family, wanted: u16) -> io::Result<Self> {
        let (domain, protocol, any): (_, _, IpAddr) = match family {
            Family::V4 => (Domain::IPV4, Protocol::ICMPV4, Ipv4Addr::UNSPECIFIED.into()),
            Family::V6 => (Domain::IPV6, Protocol::ICMPV6, Ipv6Addr::UNSPECIFIED.into()),
        };
        let (is_raw, identifier, socket) =
            if let Ok(socket) = Socket::new(domain, Type::DGRAM, Some(protocol)) {
                (false, bind(&socket, any, wanted)?, socket)
            } else {
                let socket = Socket::new(domain, Type::RAW, Some(protocol))?;
                if let Err(error) = socket.attach_filter(&own_replies(family, wanted)) {
                    debug!("the kernel takes no filter for traces: {error}");
                }
                (true, wanted, socket)
            };
        if identifier != wanted {
            let family = family.as_str();
            info!(family, "the usual identifier of traces is taken: paths may change once");
        }
        if family == Family::V6
            && let Err(error) = AutoFlowLabel.set(&socket, &0)
        {
            debug!("the kernel chooses flow labels for traces: {error}");
        }
        let mut socket = datagram::Socket::of(socket, RECEIVE_BUFFER)?;
        if family == Family::V6 && !is_raw && !heeds_headers_of_ipv6_echoes() {
            socket.say_headers_by_options();
        }
        for missing in socket.missing() {
            debug!(family = family.as_str(), "traces go without: {missing}");
        }
        Ok(Self { family, is_raw, identifier, socket: Watched::new(socket)? })
    }

    /// Completes when there may be a packet or an ICMP error.
    pub(super) async fn ready(&self) -> io::Result<()> {
        self.socket.ready().await
    }

    /// Sends one probe that goes so many hops.
    pub(super) fn send(
        &self,
        to: SocketAddr,
        sequence: u16,
        cookie: &Cookie,
        hop_limit: u8,
    ) -> io::Result<()> {
        let request = packet::request(self.family, self.identifier, sequence, cookie);
        let header = Header { hop_limit: Some(hop_limit), ..Header::default() };
        self.socket.get().send_with(&request, to, &header)
    }

    /// The next packet, if there is one.
    pub(super) fn receive<'a>(&self, buffer: &'a mut Buffer) -> Option<Datagram<'a>> {
        self.socket.receive(buffer)
    }

    /// The echo reply to a probe in a packet, if it is one.
    pub(super) fn reply(&self, packet: &Datagram<'_>) -> Option<(u16, Cookie)> {
        let message = if self.is_raw && self.family == Family::V4 {
            packet.bytes.get(usize::from(packet.bytes.first()? & 0x0f) * 4..)?
        } else {
            packet.bytes
        };
        let (numbers, cookie) = packet::reply(self.family, message)?;
        self.is_ours(numbers).then_some((numbers.sequence, cookie))
    }

    /// The next ICMP error, if there is one.
    pub(super) fn notice<'a>(&self, buffer: &'a mut Buffer) -> Option<Notice<'a>> {
        self.socket.notice(buffer)
    }

    /// What an ICMP error says of which probe. A raw socket is told of the errors of every program's echoes.
    pub(super) fn refusal(&self, notice: &Notice<'_>) -> Option<(u16, Says)> {
        let says = match (notice.origin, notice.kind, notice.code) {
            // Only what was sent too far: fragments that did not come in time are none of ours.
            (Origin::Icmp, 11, 0) | (Origin::Icmp6, 3, 0) => Says::Passed,
            (Origin::Icmp, 3, 4) => return None,
            (Origin::Icmp, 3, _) | (Origin::Icmp6, 1, _) => Says::Refused,
            _ => return None,
        };
        let numbers = packet::quoted(self.family, notice.quoted)?;
        self.is_ours(numbers).then_some((numbers.sequence, says))
    }

    /// The family of its probes.
    pub(super) fn family(&self) -> Family {
        self.family
    }

    fn is_ours(&self, numbers: Numbers) -> bool {
        numbers.identifier == self.identifier
    }
}

/// Binds a dgram socket to the identifier, or to the next one that is free.
fn bind(socket: &Socket, any: IpAddr, wanted: u16) -> io::Result<u16> {
    // Sockets for echoes may share an identifier unless they say otherwise: the newest would have all replies, and
    // whoever had it before would hear nothing any more.
    socket.set_reuse_address(false)?;
    let mut refused = None;
    for step in 0..TRIES {
        // Zero is no identifier.
        let identifier = wanted.wrapping_add(step).max(1);
        match socket.bind(&SocketAddr::new(any, identifier).into()) {
            Ok(()) => return Ok(identifier),
            Err(error) if error.kind() == ErrorKind::AddrInUse => refused = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(refused.unwrap_or_else(|| ErrorKind::AddrInUse.into()))
}
