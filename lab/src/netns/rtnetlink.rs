//! The few rtnetlink requests that a namespace needs: link up, address, route.
//!
//! Written out by hand so that the lab depends on no `ip` program; layouts as in rtnetlink(7).

use std::io::{self, Read};
use std::net::IpAddr;

use nix::net::if_::if_nametoindex;
use socket2::{Domain, Protocol, Socket, Type};

const NLMSG_ERROR: u16 = 2;
const RTM_NEWLINK: u16 = 16;
const RTM_NEWADDR: u16 = 20;
const RTM_NEWROUTE: u16 = 24;
/// Request, acknowledge.
const REQUEST: u16 = 0x1 | 0x4;
/// Create, replace.
const CREATE: u16 = 0x400 | 0x100;

const IFLA_MTU: u16 = 4;
const IFLA_TXQLEN: u16 = 13;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_PREFSRC: u16 = 7;

const IFF_UP: u32 = 1;
/// No duplicate address detection: an IPv6 address is usable at once.
const IFA_F_NODAD: u8 = 2;
const RT_TABLE_MAIN: u8 = 254;
const RT_TABLE_LOCAL: u8 = 255;
const RTPROT_STATIC: u8 = 4;
const RT_SCOPE_LINK: u8 = 253;
const RT_SCOPE_HOST: u8 = 254;
const RTN_UNICAST: u8 = 1;
const RTN_LOCAL: u8 = 2;

/// The loopback device is the first in every namespace.
const LOOPBACK: u32 = 1;

/// A netlink socket of the calling thread's namespace.
pub(crate) struct Rtnetlink {
    socket: Socket,
    sequence: u32,
}

impl Rtnetlink {
    /// Opens the socket in the calling thread's namespace.
    pub(crate) fn open() -> io::Result<Self> {
        let domain = Domain::from(libc::AF_NETLINK);
        let route = Protocol::from(libc::NETLINK_ROUTE);
        Ok(Self { socket: Socket::new(domain, Type::RAW, Some(route))?, sequence: 0 })
    }

    /// Brings the loopback device up, with which 127.0.0.0/8 and `::1` appear.
    pub(crate) fn loopback_up(&mut self) -> io::Result<()> {
        self.link_up(LOOPBACK, &[])
    }

    /// Brings a device up with this MTU in octets and transmit queue in packets.
    pub(crate) fn device_up(&mut self, device: &str, mtu: u32, queue: u32) -> io::Result<()> {
        let (mtu, queue) = (mtu.to_ne_bytes(), queue.to_ne_bytes());
        self.link_up(index(device)?, &[(IFLA_MTU, &mtu), (IFLA_TXQLEN, &queue)])
    }

    /// Gives a device one address, without a subnet.
    pub(crate) fn add_address(&mut self, device: &str, address: IpAddr) -> io::Result<()> {
        let octets = octets(address);
        let mut body = vec![family(address), bits(&octets), IFA_F_NODAD, 0];
        body.extend(index(device)?.to_ne_bytes());
        self.ask(RTM_NEWADDR, CREATE, body, &[(IFA_LOCAL, &octets), (IFA_ADDRESS, &octets)])
    }

    /// Sends everything without a better route into a device, from this address.
    pub(crate) fn add_default_route(&mut self, device: &str, from: IpAddr) -> io::Result<()> {
        let (device, source) = (index(device)?.to_ne_bytes(), octets(from));
        let body = route(family(from), 0, RT_TABLE_MAIN, RT_SCOPE_LINK, RTN_UNICAST);
        self.ask(RTM_NEWROUTE, CREATE, body, &[(RTA_OIF, &device), (RTA_PREFSRC, &source)])
    }

    /// Makes every address of a prefix the namespace's own (Linux calls it `AnyIP`).
    pub(crate) fn add_local_prefix(&mut self, network: IpAddr, length: u8) -> io::Result<()> {
        let body = route(family(network), length, RT_TABLE_LOCAL, RT_SCOPE_HOST, RTN_LOCAL);
        let (network, device) = (octets(network), LOOPBACK.to_ne_bytes());
        self.ask(RTM_NEWROUTE, CREATE, body, &[(RTA_DST, &network), (RTA_OIF, &device)])
    }

    fn link_up(&mut self, index: u32, attributes: &[(u16, &[u8])]) -> io::Result<()> {
        let mut body = vec![0; 4];
        for field in [index, IFF_UP, IFF_UP] {
            body.extend(field.to_ne_bytes());
        }
        self.ask(RTM_NEWLINK, 0, body, attributes)
    }

    /// Sends one request and reads the kernel's verdict.
    fn ask(
        &mut self,
        kind: u16,
        flags: u16,
        body: Vec<u8>,
        attributes: &[(u16, &[u8])],
    ) -> io::Result<()> {
        self.sequence += 1;
        let request = message(kind, REQUEST | flags, self.sequence, body, attributes);
        self.socket.send(&request)?;
        let mut answer = [0; 4096];
        let length = (&self.socket).read(&mut answer)?;
        verdict(&answer[..length])
    }
}

fn index(device: &str) -> io::Result<u32> {
    Ok(if_nametoindex(device)?)
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn bits(octets: &[u8]) -> u8 {
    if octets.len() == 4 { 32 } else { 128 }
}

fn family(address: IpAddr) -> u8 {
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    u8::try_from(family).expect("2 or 10")
}

fn route(family: u8, destination_bits: u8, table: u8, scope: u8, kind: u8) -> Vec<u8> {
    vec![family, destination_bits, 0, 0, table, RTPROT_STATIC, scope, kind, 0, 0, 0, 0]
}

fn message(kind: u16, flags: u16, sequence: u32, body: Vec<u8>, rest: &[(u16, &[u8])]) -> Vec<u8> {
    let mut message = vec![0; 4];
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend(sequence.to_ne_bytes());
    message.extend([0; 4]);
    message.extend(body);
    for (kind, value) in rest {
        let length = u16::try_from(4 + value.len()).expect("an address at most");
        message.extend(length.to_ne_bytes());
        message.extend(kind.to_ne_bytes());
        message.extend(*value);
        message.resize(message.len().next_multiple_of(4), 0);
    }
    let length = u32::try_from(message.len()).expect("a hundred octets at most");
    message[..4].copy_from_slice(&length.to_ne_bytes());
    message
}

/// An acknowledgement is an error message with the code zero.
fn verdict(answer: &[u8]) -> io::Result<()> {
    let kind = answer.get(4..6).map(|kind| u16::from_ne_bytes([kind[0], kind[1]]));
    let code = answer.get(16..20).map(|c| i32::from_ne_bytes([c[0], c[1], c[2], c[3]]));
    match (kind, code) {
        (Some(NLMSG_ERROR), Some(0)) => Ok(()),
        (Some(NLMSG_ERROR), Some(code)) => Err(io::Error::from_raw_os_error(-code)),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "not a netlink acknowledgement")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_its_length_and_pads_each_attribute() {
        let message = message(RTM_NEWROUTE, REQUEST, 7, vec![1; 12], &[(RTA_DST, &[1, 2, 3])]);
        assert_eq!(message.len(), 16 + 12 + 8);
        assert_eq!(message[..4], 36_u32.to_ne_bytes());
        assert_eq!(message[28..30], 7_u16.to_ne_bytes());
        assert_eq!(message[35], 0);
    }

    #[test]
    fn a_refusal_carries_the_kernels_reason() {
        let mut answer = vec![0; 36];
        answer[4..6].copy_from_slice(&NLMSG_ERROR.to_ne_bytes());
        assert!(verdict(&answer).is_ok());
        answer[16..20].copy_from_slice(&(-libc::EEXIST).to_ne_bytes());
        let error = verdict(&answer).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EEXIST));
        assert!(verdict(&[1, 2]).is_err());
    }
}
