//! A UDP proxy that behaves as the worst of networks: drops, delays, doubles, reorders and corrupts.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// How bad it is: probabilities for each datagram, on each of the two ways.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    pub(crate) drop: f64,
    pub(crate) duplicate: f64,
    /// One bit is turned.
    pub(crate) corrupt: f64,
    /// Every datagram takes up to this long.
    pub(crate) delay: Duration,
    /// And with this probability up to this long.
    pub(crate) late: (f64, Duration),
}

/// More than any datagram of the protocol.
const DATAGRAM: usize = 2_048;

/// A console has one socket at a time; what it had before is kept for what is still under way.
const CONSOLES: usize = 2;

/// A console's own way to the BMC, which tells consoles apart by their address.
struct Way {
    console: SocketAddr,
    upstream: Arc<UdpSocket>,
    // Ends with the way.
    _answers: JoinSet<()>,
}

/// Carries datagrams between whoever asks `socket` and the BMC, until it is dropped.
pub(crate) async fn carry(
    socket: Arc<UdpSocket>,
    bmc: SocketAddr,
    weather: Weather,
    seed: u64,
) -> io::Result<()> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut ways: VecDeque<Way> = VecDeque::new();
    let mut buffer = [0; DATAGRAM];
    loop {
        let Ok((length, console)) = socket.recv_from(&mut buffer).await else { continue };
        let known = ways.iter().find(|way| way.console == console);
        let upstream = if let Some(way) = known {
            Arc::clone(&way.upstream)
        } else {
            let upstream = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?);
            upstream.connect(bmc).await?;
            let mut answers = JoinSet::new();
            let back = (Arc::clone(&upstream), Arc::clone(&socket), console);
            answers.spawn(answer(back, weather, rng.random()));
            ways.push_back(Way { console, upstream: Arc::clone(&upstream), _answers: answers });
            if ways.len() > CONSOLES {
                ways.pop_front();
            }
            upstream
        };
        for (delay, datagram) in fate(&buffer[..length], weather, &mut rng) {
            let upstream = Arc::clone(&upstream);
            tokio::spawn(async move {
                sleep(delay).await;
                // The network owes nobody anything.
                let _ = upstream.send(&datagram).await;
            });
        }
    }
}

/// Carries the BMC's answers back to one console.
async fn answer(
    (upstream, socket, console): (Arc<UdpSocket>, Arc<UdpSocket>, SocketAddr),
    weather: Weather,
    seed: u64,
) {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut buffer = [0; DATAGRAM];
    loop {
        let Ok(length) = upstream.recv(&mut buffer).await else { continue };
        for (delay, datagram) in fate(&buffer[..length], weather, &mut rng) {
            let socket = Arc::clone(&socket);
            tokio::spawn(async move {
                sleep(delay).await;
                let _ = socket.send_to(&datagram, console).await;
            });
        }
    }
}

/// What becomes of a datagram: none, one or two of it, each at its own time.
fn fate(datagram: &[u8], weather: Weather, rng: &mut SmallRng) -> Vec<(Duration, Vec<u8>)> {
    let copies = 1 + usize::from(rng.random_bool(weather.duplicate));
    let mut arriving = Vec::with_capacity(copies);
    for _ in 0..copies {
        if rng.random_bool(weather.drop) {
            continue;
        }
        let mut datagram = datagram.to_vec();
        if rng.random_bool(weather.corrupt) {
            let bit = rng.random_range(0..datagram.len() * 8);
            datagram[bit / 8] ^= 1 << (bit % 8);
        }
        let (chance, late) = weather.late;
        let limit = if rng.random_bool(chance) { late } else { weather.delay };
        arriving.push((limit.mul_f64(rng.random()), datagram));
    }
    arriving
}
