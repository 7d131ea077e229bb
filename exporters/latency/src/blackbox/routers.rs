//! What the network says of who is asked by datagrams: that the port is closed, mostly, or that there is no way to the host
//! (I/O).

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;

use nix::sys::socket::{MsgFlags, recvmsg, setsockopt, sockopt};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// So many errors are let go at once.
const MOST_ERRORS: usize = 16;

/// Whether what routers say of the one to whom this socket is connected is asked for, as TCP does until the other side has
/// answered: then a path that breaks may come back. What was asked for and not read takes room from what comes, and goes with
/// it.
pub(super) fn ask(socket: &UdpSocket, to: SocketAddr, is_asked: bool) {
    // Where it cannot be had, what a router says is silence.
    let _ = match to {
        SocketAddr::V4(_) => setsockopt(socket, sockopt::Ipv4RecvErr, &is_asked),
        SocketAddr::V6(_) => setsockopt(socket, sockopt::Ipv6RecvErr, &is_asked),
    };
}

/// What the network says. Who waits for datagrams is not woken by it, unless one comes.
pub(super) async fn said(socket: &UdpSocket) -> io::Error {
    loop {
        let said = || {
            let error = socket.take_error()?;
            drain(socket);
            error.ok_or(io::ErrorKind::WouldBlock.into())
        };
        let ready = socket.ready(Interest::ERROR).await;
        match ready.and_then(|_| socket.try_io(Interest::ERROR, said)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(error) | Err(error) => return error,
        }
    }
}

/// Lets go what the kernel keeps beside each error: who it is of, which nobody asks. It takes room from what comes. The
/// error goes with it, so that has to be taken before.
fn drain(socket: &UdpSocket) {
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let one = || recvmsg::<()>(socket.as_raw_fd(), &mut [], None, flags).is_ok();
    let _ = (0..MOST_ERRORS).take_while(|_| one()).count();
}
