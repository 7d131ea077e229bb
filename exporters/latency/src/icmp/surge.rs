//! Echoes by the crate `surge-ping`: a second opinion, less exact (I/O).
//!
//! It reads the time in this program, when a reply is read and after a request was sent, which makes a
//! round trip longer or shorter than it was; so the time is read here, before and after, and no round trip is
//! ever too short. It sees no payload of a reply, no late and no double one. An ICMP error would end the wait
//! for a reply, whoever sent it: a filter leaves errors out where the socket would give them.
//!
//! Unsafe: one call, which borrows the descriptor of the crate's socket for its options.
#![expect(unsafe_code, reason = "the crate shows its socket as a number alone")]

use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{SockRef, Type};
use surge_ping::{Client, Config, ICMP, IcmpPacket, PingIdentifier, PingSequence, SurgeError};
use tokio::time::Instant;
use tracing::debug;

use super::asset::Asset;
use super::echo::{self, Family};
use super::options::EchoOptions;
use super::socket::{Mode, RECEIVE_BUFFER, Refusal, own_replies};
use super::{Answer, SocketFigures, say_why};
use crate::link;
use crate::outcome::Failure;

/// A client for each family that there is.
#[derive(Debug)]
pub(super) struct Surge([Option<One>; Family::ALL.len()]);

/// A family's client.
struct One {
    client: Client,
    mode: Mode,
    has_filter: bool,
    has_buffer: bool,
    identifier: u16,
    /// Of the next echo.
    sequence: AtomicU16,
}

impl Surge {
    /// Opens a client for each family. Must be called inside the runtime.
    pub(super) fn open() -> Self {
        Self(Family::ALL.map(|family| {
            let kind = match family {
                Family::V4 => ICMP::V4,
                Family::V6 => ICMP::V6,
            };
            match Client::new(&Config::builder().kind(kind).build()) {
                Ok(client) => Some(One::new(client, family)),
                Err(error) => {
                    say_why(family, &error);
                    None
                }
            }
        }))
    }

    /// What is to be shown of the sockets.
    pub(super) fn figures(&self) -> Vec<SocketFigures> {
        let clients = Family::ALL.into_iter().zip(&self.0);
        clients.filter_map(|(family, one)| Some(one.as_ref()?.figures(family))).collect()
    }

    /// Sends one echo and waits for what becomes of it, at most for `timeout`.
    pub(super) async fn echo(
        &self,
        to: IpAddr,
        options: &EchoOptions,
        timeout: Duration,
    ) -> Result<Answer, Refusal> {
        let local = Refusal::of(Failure::Local);
        let is_link_local = matches!(to, IpAddr::V6(ip) if ip.is_unicast_link_local());
        if let Some(option) = options.beyond_surge(is_link_local) {
            debug!(%to, option, "an echo that needs `icmp.backend: kernel`");
            return Err(local);
        }
        let family = Family::of(to);
        let One { client, identifier, sequence, .. } =
            self.0[family as usize].as_ref().ok_or(local)?;
        let link = options.interface.as_deref().map(link::index).transpose();
        let link = link.map_err(|_| local)?;
        let mut pinger = client.pinger(to, PingIdentifier(*identifier)).await;
        pinger.timeout(timeout).scope_id(link.unwrap_or(0));
        let sequence = PingSequence(sequence.fetch_add(1, Ordering::Relaxed));
        let payload = vec![0; options.payload()];
        // Before it is sent: a round trip that is too long is a smaller evil than one that is too short.
        let sent = Instant::now();
        // The crate waits without a limit for room to send.
        let ping = tokio::time::timeout(timeout, pinger.ping(sequence, &payload));
        let Ok(found) = ping.await else { return Err(Refusal::of(Failure::Timeout)) };
        let rtt = sent.elapsed();
        match found {
            Ok((packet, _)) => answer(family, &packet, rtt),
            Err(SurgeError::Timeout { .. }) => Err(Refusal::of(Failure::Timeout)),
            Err(SurgeError::IOError(error)) => Err(Refusal::of(Failure::of_io(&error))),
            Err(error) => {
                debug!(%to, "echo not sent: {error}");
                Err(local)
            }
        }
    }
}

/// What a packet says that the crate takes for an answer: it may be an ICMP error.
fn answer(family: Family, packet: &IcmpPacket, rtt: Duration) -> Result<Answer, Refusal> {
    let (kind, code, reply_hop_limit, offender) = match packet {
        IcmpPacket::V4(packet) => (
            packet.get_icmp_type().0,
            packet.get_icmp_code().0,
            packet.get_ttl(),
            IpAddr::V4(packet.get_source()),
        ),
        IcmpPacket::V6(packet) => (
            packet.get_icmpv6_type().0,
            packet.get_icmpv6_code().0,
            None,
            IpAddr::V6(packet.get_source()),
        ),
    };
    if kind == family.reply_type() {
        return Ok(Answer { rtt, reply_hop_limit });
    }
    let failure = echo::verdict(family, kind, code, false).unwrap_or(Failure::Timeout);
    Err(Refusal { failure, offender: Some(offender), has_waited: false })
}

impl One {
    fn new(client: Client, family: Family) -> Self {
        let socket = client.get_socket();
        let mode = if socket.get_type() == Type::RAW { Mode::Raw } else { Mode::Dgram };
        let identifier = rand::random();
        // SAFETY: the descriptor is that of the client's socket, which is open as long as `client` is; it
        // is borrowed for these lines alone.
        let descriptor = unsafe { BorrowedFd::borrow_raw(socket.get_native_sock()) };
        let has_buffer = setsockopt(&descriptor, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_ok();
        if !has_buffer {
            // As much as there may be.
            let _ = setsockopt(&descriptor, sockopt::RcvBuf, &RECEIVE_BUFFER);
        }
        let has_filter = mode == Mode::Raw
            && SockRef::from(&descriptor).attach_filter(&own_replies(family, identifier)).is_ok();
        let sequence = AtomicU16::new(0);
        Self { client, mode, has_filter, has_buffer, identifier, sequence }
    }

    fn figures(&self, family: Family) -> SocketFigures {
        let has = |asset| match asset {
            Asset::ReceiveBuffer => self.has_buffer,
            Asset::Filter => self.has_filter,
            Asset::ReplyHopLimit => self.mode == Mode::Raw && family == Family::V4,
            Asset::ReceiveStamps | Asset::ErrorQueue | Asset::DropCounter => false,
        };
        let needed = |asset: &Asset| *asset != Asset::Filter || self.mode == Mode::Raw;
        let features = Asset::ALL.into_iter().filter(needed);
        SocketFigures {
            family: family.as_str(),
            mode: self.mode.as_str(),
            features: features.map(|asset| (asset.as_str(), has(asset))).collect(),
            count: 1,
            moves: 0,
            dropped: None,
        }
    }
}

impl std::fmt::Debug for One {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("One").field("mode", &self.mode).finish_non_exhaustive()
    }
}
