//! The floor of echoes: a bare loop that hands the kernel a batch of echo requests each millisecond, takes what
//! came back, and does nothing else: no time stamps, no identity of who answered. What any program that sends echoes
//! over a socket of the kernel must take on this machine.

use std::io::{IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::AsRawFd as _;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::time::Instant;

use super::echoes::Seen;
use super::floor::thread_seconds;
use super::usage;
use crate::netns::Namespace;

/// As it stands in the results.
pub(super) const PEER: &str = "floor";
const TICK: Duration = Duration::from_millis(1);
const BATCH: usize = 64;
/// Header and payload, as turbulence-latency sends them (RFC 792).
const LENGTH: usize = 64;
const ECHO: u8 = 8;
/// Bytes; the system may give less.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Sends one echo a second to each host for as long as is watched.
pub(super) fn measure(hosts: &[Ipv4Addr], watched: Duration) -> anyhow::Result<Seen> {
    let namespace = Namespace::new("bench-floor")?;
    let hosts = hosts.to_vec();
    namespace.run(move || echo(&hosts, watched))
}

fn echo(hosts: &[Ipv4Addr], watched: Duration) -> anyhow::Result<Seen> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::ICMPV4))?;
    socket.set_nonblocking(true)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    let mut request = [0_u8; LENGTH];
    request[0] = ECHO;
    let mut room = vec![[0_u8; 128]; BATCH];
    let mut to_send = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    let mut to_receive = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    let (began, cpu) = (Instant::now(), thread_seconds()?);
    let (mut sent, mut answered) = (0, 0);
    while began.elapsed() < watched {
        let due = usize::try_from(began.elapsed().as_millis())? * hosts.len() / 1_000;
        while sent < due {
            let batch: Vec<Option<SockaddrIn>> = (sent..due.min(sent + BATCH))
                .map(|number| Some(SocketAddrV4::new(hosts[number % hosts.len()], 0).into()))
                .collect();
            let slices = vec![[IoSlice::new(&request)]; batch.len()];
            let flags = MsgFlags::empty();
            sent += sendmmsg(socket.as_raw_fd(), &mut to_send, &slices, &batch, [], flags)?.count();
        }
        loop {
            let mut slices: Vec<[IoSliceMut<'_>; 1]> =
                room.iter_mut().map(|room| [IoSliceMut::new(room)]).collect();
            let flags = MsgFlags::empty();
            match recvmmsg(socket.as_raw_fd(), &mut to_receive, &mut slices, flags, None) {
                Ok(replies) => answered += replies.count(),
                Err(Errno::EAGAIN) => break,
                Err(error) => return Err(error.into()),
            }
        }
        thread::sleep(TICK);
    }
    let seconds = began.elapsed().as_secs_f64();
    let rss = usage::of(std::process::id())?.rss;
    Ok(Seen {
        cpu_seconds: thread_seconds()? - cpu,
        seconds,
        probing_seconds: seconds,
        rss,
        peak_rss: rss,
        probes: sent as f64,
        answered: answered as f64,
        ..Seen::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_echo_of_the_floor_is_answered() {
        let hosts = [Ipv4Addr::new(127, 1, 0, 1), Ipv4Addr::new(127, 1, 0, 2)];
        let seen = measure(&hosts, Duration::from_millis(1600)).expect("a socket for echoes");
        assert!(seen.probes >= 2.0, "{seen:?}");
        assert!((seen.answered - seen.probes).abs() < 0.5, "{seen:?}");
    }
}
