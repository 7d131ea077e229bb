//! How true the simulated WAN is: the round trips of echoes over a link of 20 ms, at several rates,
//! idle and with every core busy. Kernel receive time stamps, so what is seen is the emulator.
//!
//! `cargo run -p turbulence-lab --example wan_accuracy`

use std::fs;
use std::io::{IoSliceMut, Write as _};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use nix::cmsg_space;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::time::Instant;
use turbulence_lab::netns;
use turbulence_lab::wan::{Topology, Wan, default_world};

const ROUND_TRIP: Duration = Duration::from_millis(20);
const SECONDS: u32 = 5;
/// An ICMP echo request without its checksum, which the kernel fills in.
const ECHO_REQUEST: [u8; 8] = [8, 0, 0, 0, 0, 0, 0, 0];
const CLOCK_TICKS_PER_SECOND: f64 = 100.0;

fn main() -> anyhow::Result<()> {
    let privilege = netns::acquire()?;
    let mut world = Topology { jitter: Duration::ZERO, ..default_world() };
    world.round_trips.push(("fra".to_owned(), "lon".to_owned(), ROUND_TRIP));
    let wan = Wan::build(world)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "as {privilege}; {ROUND_TRIP:?} configured; milliseconds above it")?;
    writeln!(
        out,
        "{:>8} {:>6} {:>8} {:>8} {:>8} {:>8} {:>8} {:>9}",
        "echoes/s", "load", "answered", "min", "p50", "p99", "p99.9", "emulator"
    )?;
    for (rate, load) in [(100, 0), (1000, 0), (5000, 0), (10_000, 0), (1000, 2), (5000, 2)] {
        let busy = Busy::on(load * thread::available_parallelism()?.get());
        let before = switch_ticks()?;
        let seen = echoes(&wan, rate)?;
        let cpu = (switch_ticks()? - before) / CLOCK_TICKS_PER_SECOND / f64::from(SECONDS);
        drop(busy);
        let above = |share| (quantile(&seen, share) - ROUND_TRIP.as_secs_f64()) * 1000.0;
        writeln!(
            out,
            "{rate:>8} {:>6} {:>6.2} % {:>8.3} {:>8.3} {:>8.3} {:>8.3} {:>7.1} %",
            if load == 0 { "idle" } else { "busy" },
            100.0 * seen.len() as f64 / f64::from(rate * SECONDS),
            above(0.0),
            above(0.5),
            above(0.99),
            above(0.999),
            100.0 * cpu
        )?;
    }
    writeln!(out, "{:?}", wan.stats())?;
    Ok(())
}

/// Threads that do nothing but use a core each, until dropped.
struct Busy(Arc<AtomicBool>);

impl Busy {
    fn on(threads: usize) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        for _ in 0..threads {
            let over = Arc::clone(&over);
            thread::spawn(move || while !over.load(Ordering::Relaxed) {});
        }
        Self(over)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The round trips of echoes from Frankfurt to London, in seconds, ascending.
fn echoes(wan: &Wan, rate: u32) -> anyhow::Result<Vec<f64>> {
    let target = SocketAddr::new(wan.topology().node("lon").context("lon")?.addresses[0], 0);
    let socket = wan.namespace("fra")?.run(move || -> anyhow::Result<Socket> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::ICMPV4))?;
        socket.connect(&target.into())?;
        socket.set_recv_buffer_size(8 << 20)?;
        // The answers to the last echoes come a round trip later; much later is never.
        socket.set_read_timeout(Some(Duration::from_secs(1)))?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        Ok(socket)
    })?;
    let receiver = socket.try_clone()?;
    let receive = thread::spawn(move || {
        let mut seen: Vec<f64> = std::iter::from_fn(|| receive(&receiver)).collect();
        seen.sort_by(f64::total_cmp);
        seen
    });
    let start = Instant::now();
    for number in 0..rate * SECONDS {
        let due = start + Duration::from_secs(1) * number / rate;
        sleep(due.saturating_duration_since(Instant::now()));
        let mut echo = ECHO_REQUEST.to_vec();
        echo.extend(since_epoch()?.as_nanos().to_be_bytes());
        socket.send(&echo)?;
    }
    receive.join().ok().context("the receiver panicked")
}

/// The next answer's round trip, in seconds, by the kernel's time of its arrival.
fn receive(socket: &Socket) -> Option<f64> {
    let mut answer = [0; 64];
    let mut buffers = [IoSliceMut::new(&mut answer)];
    let mut control = cmsg_space!(TimeSpec);
    let flags = MsgFlags::empty();
    let message =
        recvmsg::<()>(socket.as_raw_fd(), &mut buffers, Some(&mut control), flags).ok()?;
    let stamp = message.cmsgs().ok()?.find_map(|part| match part {
        ControlMessageOwned::ScmTimestampns(stamp) => Some(Duration::from(stamp)),
        _ => None,
    })?;
    let sent = u128::from_be_bytes(answer.get(8..24)?.try_into().ok()?);
    Some(stamp.as_nanos().checked_sub(sent)? as f64 / 1e9)
}

fn since_epoch() -> anyhow::Result<Duration> {
    Ok(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?)
}

fn quantile(ascending: &[f64], share: f64) -> f64 {
    let last = ascending.len().saturating_sub(1) as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
    let place = (last * share).round() as usize;
    ascending.get(place).copied().unwrap_or(f64::NAN)
}

/// The processor time of the emulator's thread so far, in clock ticks.
fn switch_ticks() -> anyhow::Result<f64> {
    for task in fs::read_dir("/proc/self/task")? {
        let stat = fs::read_to_string(task?.path().join("stat"))?;
        if let Some((_, fields)) = stat.split_once("(wan-switch) ") {
            // User and system time are the 14th and 15th field of proc(5); these begin at the 3rd.
            let times = fields.split(' ').skip(11).take(2).map(str::parse::<f64>);
            return Ok(times.sum::<Result<f64, _>>()?);
        }
    }
    // It has not yet given itself its name, so it has not yet done anything either.
    Ok(0.0)
}
