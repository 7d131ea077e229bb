//! The BMC for tests on a loopback socket.
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test that includes this file uses a part of it"
)]

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use crate::responder::Bmc;

/// Serves a BMC until the test ends.
pub(crate) fn serve(bmc: Bmc) -> SocketAddr {
    serve_on("127.0.0.1:0", bmc)
}

pub(crate) fn serve_on(address: &str, mut bmc: Bmc) -> SocketAddr {
    let socket = UdpSocket::bind(address).unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        let mut now = Duration::ZERO;
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            now += Duration::from_millis(1);
            let answer = bmc.receive(now, &buffer[..length]);
            for datagram in answer.into_iter().chain(bmc.more.drain(..)) {
                let _ = socket.send_to(&datagram, from);
            }
        }
    });
    address
}
