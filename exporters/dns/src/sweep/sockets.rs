//! The UDP sockets of one worker: one for each family that is needed, each at a port of its own.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Once;

use datagram::{Buffer, Datagram, Socket, Watched};
use tracing::info;

/// Receive buffer that is asked for. What the kernel gives may be less: the pace does not rest on it.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Notices that are read at a time: a flood of them may go on for ever.
const NOTICES: usize = 256;

/// One socket for each family that is needed.
#[derive(Debug)]
pub(super) struct Sockets {
    v4: Option<Watched>,
    v6: Option<Watched>,
}

impl Sockets {
    /// Opens what is needed to talk to these peers, each at a port that the kernel chooses.
    pub(super) fn open(mut peers: impl Iterator<Item = IpAddr> + Clone) -> io::Result<Self> {
        let v4 = peers.clone().any(|peer| peer.is_ipv4());
        let v6 = peers.any(|peer| peer.is_ipv6());
        Ok(Self {
            v4: v4.then(|| open(Ipv4Addr::UNSPECIFIED.into())).transpose()?,
            v6: v6.then(|| open(Ipv6Addr::UNSPECIFIED.into())).transpose()?,
        })
    }

    /// The sockets, to be read one after the other.
    pub(super) fn each(&self) -> impl Iterator<Item = &Watched> {
        [&self.v4, &self.v6].into_iter().flatten()
    }

    /// Sends one datagram.
    pub(super) async fn send(&self, datagram: &[u8], peer: SocketAddr) -> io::Result<()> {
        let socket = if peer.is_ipv4() { &self.v4 } else { &self.v6 };
        let socket = socket.as_ref().expect("a socket for every peer was opened");
        socket.send(datagram, peer).await
    }

    /// Completes when there may be something to read.
    pub(super) async fn ready(&self) {
        tokio::select! {
            () = ready(self.v4.as_ref()) => {}
            () = ready(self.v6.as_ref()) => {}
        }
    }

    /// Reads some of what the network says of datagrams that were sent: where each was to go, and its id.
    pub(super) fn read_notices(
        &self,
        buffer: &mut Buffer,
        mut unreachable: impl FnMut(SocketAddr, u16),
    ) {
        for socket in self.each() {
            for _ in 0..NOTICES {
                let Some(notice) = socket.notice(buffer) else { break };
                if let Some(id) = notice.quoted.first_chunk() {
                    unreachable(notice.to, u16::from_be_bytes(*id));
                }
            }
        }
    }
}

/// The next datagram of a socket, if one has arrived as far as the runtime knows; or as the kernel does.
pub(super) fn receive<'a>(
    socket: &Watched,
    buffer: &'a mut Buffer,
    of_the_kernel: bool,
) -> Option<Datagram<'a>> {
    if of_the_kernel { socket.get().receive(buffer).ok() } else { socket.receive(buffer) }
}

fn open(address: IpAddr) -> io::Result<Watched> {
    static SAID: Once = Once::new();
    let socket = Socket::udp((address, 0).into(), RECEIVE_BUFFER)?;
    if !socket.missing().is_empty() {
        // The same for every socket of every sweep.
        SAID.call_once(|| {
            for missing in socket.missing() {
                info!("the kernel does not give all that was asked of a socket: {missing}");
            }
        });
    }
    Watched::new(socket)
}

async fn ready(socket: Option<&Watched>) {
    match socket {
        // An error is a reason to look, too: reading will clear it.
        Some(socket) => drop(socket.ready().await),
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::UdpSocket;

    use super::*;

    #[tokio::test]
    async fn a_flood_of_notices_is_read_bit_by_bit() {
        let sockets = Sockets::open([Ipv4Addr::LOCALHOST.into()].into_iter()).unwrap();
        let closed = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        for id in 0..600_u16 {
            sockets.send(&id.to_be_bytes(), closed).await.unwrap();
        }
        let (mut told, mut buffer) = (Vec::new(), Buffer::new(64));
        sockets.ready().await;
        sockets.read_notices(&mut buffer, |_, id| told.push(id));
        assert_eq!(told.len(), NOTICES);
        while told.len() < 600 {
            sockets.ready().await;
            sockets.read_notices(&mut buffer, |_, id| told.push(id));
        }
        assert!(told.into_iter().eq(0..600));
    }

    #[tokio::test]
    async fn a_closed_port_is_told_by_the_id_of_what_was_sent() {
        let sockets = Sockets::open([Ipv4Addr::LOCALHOST.into()].into_iter()).unwrap();
        let closed = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (mut told, mut buffer) = (Vec::new(), Buffer::new(64));
        sockets.send(&[1, 2, 3], closed).await.unwrap();
        sockets.send(&[4, 5], peer.local_addr().unwrap()).await.unwrap();
        while told.is_empty() {
            sockets.ready().await;
            sockets.read_notices(&mut buffer, |peer, id| told.push((peer, id)));
        }
        assert_eq!(told, [(closed, 0x0102)]);
        assert_eq!(peer.recv(&mut [0; 8]).await.unwrap(), 2);
    }
}
