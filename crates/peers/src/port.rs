//! Ports for programs that bind them themselves.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};

/// Below what the kernel gives to whoever asks for any port (32768 by default, see ip(7)): nobody's
/// connection gets one of them by chance between here and the program's start.
const FIRST: u32 = 12_000;
const COUNT: u32 = 20_000;

/// A port that nobody has, on any address, for UDP or TCP. Programs that run side by side, and threads,
/// are given different ones.
pub fn free_port() -> u16 {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let free = |port: &u16| {
        let any = (Ipv4Addr::UNSPECIFIED, *port);
        UdpSocket::bind(any).is_ok() && TcpListener::bind(any).is_ok()
    };
    // Neighbours in the list of processes begin far from each other.
    let begin = std::process::id().wrapping_mul(7_919);
    std::iter::repeat_with(|| GIVEN.fetch_add(1, Ordering::Relaxed))
        .take(COUNT as usize)
        .filter_map(|given| u16::try_from(FIRST + begin.wrapping_add(given) % COUNT).ok())
        .find(free)
        .expect("a free port among twenty thousand")
}

/// Where nobody listens, by UDP or TCP: a port that the kernel gave would be given to others while a test runs.
pub fn closed() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, free_port()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice_and_none_that_is_taken() {
        let (one, other) = (free_port(), free_port());
        assert_ne!(one, other);
        let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, one)).unwrap();
        assert!((0..50).all(|_| free_port() != one));
    }
}
