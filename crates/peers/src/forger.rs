//! One who says of whoever is asked by UDP that nobody is there: he knows the ports, and nothing else is needed.

use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

/// What he says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgery {
    /// The port is closed.
    Port,
    /// There is no way to the host.
    Host,
}

impl Forgery {
    /// Says it to `from`, of what that has sent to `to`. Needs the right to open raw sockets.
    ///
    /// # Panics
    /// Where no raw socket is to be had, the message cannot be sent, or the addresses are of two families.
    pub fn tell(self, from: SocketAddr, to: SocketAddr) {
        let udp = [from.port().to_be_bytes(), to.port().to_be_bytes(), [0, 8], [0, 0]].concat();
        let (domain, protocol, message) = match (from.ip(), to.ip()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let code = if self == Self::Port { 3 } else { 1 };
                let header = [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0];
                let quoted = [&header[..], &own.octets(), &other.octets(), &udp].concat();
                let message = [&[3, code, 0, 0, 0, 0, 0, 0], &quoted[..]].concat();
                (Domain::IPV4, Protocol::ICMPV4, with_checksum(message))
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let code = if self == Self::Port { 4 } else { 3 };
                let header = [0x60, 0, 0, 0, 0, 8, 17, 64];
                let quoted = [&header[..], &own.octets(), &other.octets(), &udp].concat();
                // The kernel fills in the checksum.
                let message = [&[1, code, 0, 0, 0, 0, 0, 0], &quoted[..]].concat();
                (Domain::IPV6, Protocol::ICMPV6, message)
            }
            _ => panic!("{from} and {to} are of two families"),
        };
        let socket = Socket::new(domain, Type::RAW, Some(protocol)).expect("a raw socket");
        let to = SocketAddr::new(from.ip(), 0);
        socket.send_to(&message, &to.into()).expect("a message that leaves");
    }
}

/// RFC 1071.
fn with_checksum(mut message: Vec<u8>) -> Vec<u8> {
    let words =
        message.chunks(2).map(|pair| pair.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)));
    let sum: u32 = words.sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    let [.., high, low] = (!(sum + (sum >> 16))).to_be_bytes();
    message[2..4].copy_from_slice(&[high, low]);
    message
}
