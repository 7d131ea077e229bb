//! The links of this machine, by their names: what an address means nothing without, and what a probe
//! may be told to leave by (I/O).

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6, UdpSocket};

use nix::net::if_::if_nametoindex;

/// The index of an interface, by its name or written as a number. Looked up each time: interfaces come
/// and go.
pub(crate) fn index(name: &str) -> io::Result<u32> {
    if let Ok(index) = name.parse() {
        return Ok(index);
    }
    Ok(if_nametoindex(name)?)
}

/// An address with a port, and with the link that it is on, where that must be said.
pub(crate) fn socket_address(ip: IpAddr, port: u16, link: Option<u32>) -> SocketAddr {
    match (ip, link) {
        (IpAddr::V6(ip), Some(link)) if ip.is_unicast_link_local() || ip.is_multicast() => {
            SocketAddrV6::new(ip, port, 0, link).into()
        }
        _ => SocketAddr::new(ip, port),
    }
}

/// Whether this machine has an address. Asked when a packet could not be sent from it: what the kernel
/// says then reads as if the network were at fault.
pub(crate) fn is_here(ip: IpAddr) -> bool {
    UdpSocket::bind((ip, 0)).is_ok()
}
