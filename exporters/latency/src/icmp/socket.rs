//! One socket for the echoes of a family: unprivileged (dgram) where the kernel allows it, raw where
//! not.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use datagram::{Buffer, Buffers, Datagram, Header, Notice, Origin, Watched};
use nix::libc::{
    BPF_ABS, BPF_B, BPF_H, BPF_IND, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_LDX, BPF_MSH, BPF_RET,
};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

use super::asset::{Asset, say_what_is_lost};
use super::echo::{self, Echo, Family, ORDINARY_PAYLOAD, Ordinary};
use super::kernel;
use crate::link;
use crate::outcome::Failure;

/// Room for a burst: the default of 208 KiB holds about 277 small packets.
pub(super) const RECEIVE_BUFFER: usize = 8 << 20;

/// Room for what waits to leave: the default holds 277 small packets, and as many wait for three seconds for a
/// neighbour that does not answer.
const SEND_BUFFER: usize = 8 << 20;

/// The largest packet that is read whole: an echo with the largest IPv4 header and some room.
pub(super) const LONGEST_PACKET: usize = 512;

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

/// What a socket is for: what cannot be said of one echo alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) family: Family,
    /// Whether nobody may fragment what is sent.
    pub(crate) dont_fragment: bool,
    /// Where it is sent from, of IPv6: an unprivileged socket of the kernel takes no notice of what is
    /// said of one packet.
    pub(crate) source: Option<Ipv6Addr>,
}

/// A socket of a kind.
#[derive(Debug)]
pub(crate) struct EchoSocket {
    pub(crate) kind: Kind,
    pub(crate) mode: Mode,
    /// Sent in each request; a dgram socket's kernel puts its own in its place.
    identifier: u16,
    ordinary: Ordinary,
    /// What the kernel refused.
    lacks: Vec<Asset>,
    socket: Watched,
}

/// Why somebody looks into a socket.
#[derive(Clone, Copy, Debug)]
pub(super) enum Look {
    /// The poller said that something is there.
    Woken,
    /// To see whether something is.
    Unasked,
}

/// An ICMP error about an echo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// What it means for the probe.
    pub(crate) failure: Failure,
    /// Who says so: a router on the way, or the host itself.
    pub(crate) offender: Option<IpAddr>,
    /// Whether a reply was waited for all the same, until the timeout.
    pub(crate) has_waited: bool,
}

impl Refusal {
    /// One that nobody on the way has spoken.
    pub(crate) const fn of(failure: Failure) -> Self {
        Self { failure, offender: None, has_waited: false }
    }
}

impl EchoSocket {
    /// Opens a socket of a kind, dgram if possible. Must be called inside the runtime.
    pub(crate) fn open(kind: Kind) -> io::Result<Self> {
        let family = kind.family;
        let (domain, protocol) = match family {
            Family::V4 => (Domain::IPV4, Protocol::ICMPV4),
            Family::V6 => (Domain::IPV6, Protocol::ICMPV6),
        };
        let (mode, socket) = match Socket::new(domain, Type::DGRAM, Some(protocol)) {
            Ok(socket) => (Mode::Dgram, socket),
            Err(_) => (Mode::Raw, Socket::new(domain, Type::RAW, Some(protocol))?),
        };
        if let Some(source) = kind.source {
            socket.bind(&SocketAddr::new(source.into(), 0).into())?;
        }
        let identifier = rand::random();
        let mut lacks = Vec::new();
        if mode == Mode::Raw
            && let Err(cause) = socket.attach_filter(&own_replies(family, identifier))
        {
            lacks.push((Asset::Filter, cause.to_string()));
        }
        let mut socket = datagram::Socket::of(socket, RECEIVE_BUFFER)?;
        socket.ask_for_hop_limits();
        socket.enlarge_send_buffer(SEND_BUFFER);
        if family == Family::V6 && mode == Mode::Dgram && !kernel::heeds_headers_of_ipv6_echoes() {
            socket.say_headers_by_options();
        }
        if kind.dont_fragment {
            socket.forbid_fragments()?;
        }
        lacks.extend(
            socket.missing().iter().map(|it| (Asset::of(it.feature), it.cause.to_string())),
        );
        say_what_is_lost(family, &lacks);
        let lacks = lacks.into_iter().map(|(asset, _)| asset).collect();
        let socket = Watched::new(socket)?;
        let ordinary = Ordinary::new(family, identifier);
        Ok(Self { kind, mode, identifier, ordinary, lacks, socket })
    }

    /// Completes when there may be a packet or an ICMP error.
    pub(crate) async fn ready(&self) -> io::Result<()> {
        self.socket.ready().await
    }

    /// Sends an echo request with this payload, in a packet with this header.
    pub(crate) fn send(
        &self,
        to: SocketAddr,
        sequence: u16,
        cookie: u128,
        payload: usize,
        header: &Header,
    ) -> io::Result<()> {
        if payload == ORDINARY_PAYLOAD {
            let request = self.ordinary.request(sequence, cookie);
            return self.socket.get().send_with(&request, to, header);
        }
        let family = self.kind.family;
        let request = echo::request(family, self.identifier, sequence, cookie, payload);
        self.socket.get().send_with(&request, to, header)
    }

    /// The next packets, as many as there is room for; whether there were any.
    pub(super) fn receive_each(
        &self,
        room: &mut Buffers,
        look: Look,
        each: impl FnMut(Datagram<'_>),
    ) -> bool {
        match look {
            Look::Woken => self.socket.receive_each(room, each),
            Look::Unasked => self.socket.get().receive_each(room, each).is_ok(),
        }
    }

    /// The echo reply in a packet, if it is one.
    pub(crate) fn reply(&self, packet: &Datagram<'_>) -> Option<Echo> {
        let message = match (self.kind.family, self.mode) {
            (Family::V4, Mode::Raw) => echo::after_ipv4_header(packet.bytes)?,
            _ => packet.bytes,
        };
        echo::reply(self.kind.family, message)
    }

    /// The next ICMP error, if there is one.
    pub(super) fn notice<'a>(&self, buffer: &'a mut Buffer, look: Look) -> Option<Notice<'a>> {
        match look {
            Look::Woken => self.socket.notice(buffer),
            Look::Unasked => self.socket.get().notice(buffer).ok(),
        }
    }

    /// What an ICMP error means, and of which echo it is. A raw socket is told of the errors of every
    /// program's echoes.
    pub(crate) fn refusal(&self, notice: &Notice<'_>) -> Option<(Refusal, Echo)> {
        let family = match notice.origin {
            Origin::Icmp => Family::V4,
            Origin::Icmp6 => Family::V6,
            Origin::Local | Origin::Other(_) => return None,
        };
        let failure = echo::verdict(family, notice.kind, notice.code, self.kind.dont_fragment)?;
        let echo = echo::quoted(self.kind.family, notice.quoted)
            .filter(|echo| self.mode == Mode::Dgram || echo.identifier == self.identifier)?;
        let is_own = |offender| offender != notice.to.ip() && link::is_here(offender);
        let is_ours = echo::is_rejection(family, notice.kind, notice.code)
            && notice.offender.is_some_and(is_own);
        let failure = if is_ours { Failure::Local } else { failure };
        Some((Refusal { failure, offender: notice.offender, has_waited: true }, echo))
    }

    /// How many packets the kernel has dropped for want of room, or because they were damaged;
    /// `None` where it does not say.
    pub(crate) fn dropped(&self) -> Option<u32> {
        self.has(Asset::DropCounter).then(|| self.socket.get().dropped())
    }

    /// Whether the kernel gives this.
    pub(crate) fn has(&self, asset: Asset) -> bool {
        !self.lacks.contains(&asset)
    }
}

/// A packet filter that passes the echo replies with our identifier. IPv4 packets begin with the IP
/// header, whose length is in its first byte; IPv6's is left out.
pub(crate) fn own_replies(family: Family, identifier: u16) -> Vec<SockFilter> {
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
