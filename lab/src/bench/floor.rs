//! The floor: a bare loop that hands the kernel a batch of queries and takes a batch of replies, and does
//! nothing else. What any program that asks each resolver over a socket must take.

use std::fs;
use std::io::{IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use anyhow::Context as _;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg};
use tokio::time::Instant;

use super::sweeps::{Seen, World};
use crate::datagrams::enlarge_buffers;
use crate::resolvers::NAME;
use crate::resolvers::message::wire_name;

/// As it stands in the results.
pub(super) const ENGINE: &str = "floor";
const BATCH: usize = 64;
const LONGEST: usize = 512;
/// A sweep is over when nothing came for so long.
const QUIET: Duration = Duration::from_millis(500);
/// So many queries may be without an answer before the next batch is sent.
const AHEAD: usize = 2_048;

/// What it found in some sweeps.
struct Swept {
    cpu_seconds: f64,
    answered: usize,
    wall_seconds: f64,
}

pub(super) fn measure(world: &World, sweeps: u32) -> anyhow::Result<Seen> {
    let hosts: Vec<Ipv4Addr> = world.resolvers.all().iter().map(|it| it.address).collect();
    let before = world.resolvers.received_by_each();
    let mut all = Seen::default();
    for _ in 0..sweeps {
        let hosts = hosts.clone();
        let swept = world.namespace.run(move || sweep(&hosts))?;
        all.cpu_seconds += swept.cpu_seconds;
        all.wall_seconds = swept.wall_seconds;
        all.answered = Some(swept.answered as f64 / world.resolvers.all().len() as f64);
        all.sweeps += 1.0;
    }
    (all.datagrams, all.most) = world.received_since(&before);
    all.most /= all.sweeps;
    Ok(all)
}

fn sweep(hosts: &[Ipv4Addr]) -> anyhow::Result<Swept> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    enlarge_buffers(&socket)?;
    socket.set_nonblocking(true)?;
    let name = wire_name(NAME).context("the name is a host's name")?;
    let (began, cpu) = (Instant::now(), thread_seconds()?);
    let mut queries = vec![query(&name); BATCH];
    let mut room = vec![[0_u8; LONGEST]; BATCH];
    let mut to_send = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    let mut to_receive = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    let (mut sent, mut answered, mut last) = (0, 0, Instant::now());
    while sent < hosts.len() || last.elapsed() < QUIET {
        if sent < hosts.len() && sent < answered + AHEAD {
            let batch = &hosts[sent..hosts.len().min(sent + BATCH)];
            for (number, query) in queries.iter_mut().enumerate().take(batch.len()) {
                #[expect(clippy::cast_possible_truncation, reason = "identifiers of DNS wrap")]
                query[..2].copy_from_slice(&((sent + number) as u16).to_be_bytes());
            }
            let slices: Vec<[IoSlice<'_>; 1]> =
                queries[..batch.len()].iter().map(|query| [IoSlice::new(query)]).collect();
            let to: Vec<Option<SockaddrIn>> =
                batch.iter().map(|host| Some(SocketAddrV4::new(*host, 53).into())).collect();
            match sendmmsg(socket.as_raw_fd(), &mut to_send, &slices, &to, [], MsgFlags::empty()) {
                Ok(results) => sent += results.count(),
                Err(Errno::EAGAIN) => {}
                Err(error) => return Err(error.into()),
            }
            last = Instant::now();
        }
        let mut slices: Vec<[IoSliceMut<'_>; 1]> =
            room.iter_mut().map(|room| [IoSliceMut::new(room)]).collect();
        let flags = MsgFlags::empty();
        match recvmmsg(socket.as_raw_fd(), &mut to_receive, &mut slices, flags, None) {
            Ok(replies) => {
                answered += replies.count();
                last = Instant::now();
            }
            Err(Errno::EAGAIN) if sent < hosts.len() && last.elapsed() > QUIET / 4 => {
                answered = sent;
            }
            // The resolvers answer on another CPU: this one shall not spin meanwhile.
            Err(Errno::EAGAIN) => std::thread::sleep(Duration::from_micros(200)),
            Err(error) => return Err(error.into()),
        }
    }
    let wall_seconds = began.elapsed().saturating_sub(QUIET).as_secs_f64();
    Ok(Swept { cpu_seconds: thread_seconds()? - cpu, answered, wall_seconds })
}

/// A query of type A that wants recursion (RFC 1035, section 4.1).
fn query(name: &[u8]) -> Vec<u8> {
    let header = [0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    [&header, name, &[0, 1, 0, 1]].concat()
}

/// CPU time of this thread: the first field of `schedstat`, in nanoseconds (proc(5)).
pub(super) fn thread_seconds() -> anyhow::Result<f64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = text.split(' ').next().unwrap_or_default().parse()?;
    Ok(nanoseconds / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::op::Message;

    #[test]
    fn a_query_is_one_that_others_can_read() {
        let bytes = query(&wire_name(NAME).expect("a name"));
        let message = Message::from_vec(&bytes).expect("a message");
        assert_eq!(message.queries.len(), 1);
        assert_eq!(message.queries[0].name().to_ascii(), format!("{NAME}."));
    }
}
