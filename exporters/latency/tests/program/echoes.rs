//! Hosts that answer echoes in every way there is, in a network namespace of the test's own, whose
//! kernel answers none.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// Gives a socket room for all that comes, so that a busy machine loses nothing; without privileges as much as there is
/// for everyone.
pub(crate) fn make_room(socket: &Socket) {
    const ROOM: usize = 64 << 20;
    if setsockopt(socket, sockopt::RcvBufForce, &ROOM).is_err() {
        setsockopt(socket, sockopt::RcvBuf, &ROOM).unwrap();
    }
}

/// How a host answers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Manner {
    /// After so long.
    After(Duration),
    /// Twice.
    Twice,
    /// Every second one late enough to be overtaken, and with another TTL.
    Uneven,
    /// A thousand times, in portions for a second: whoever does not read meanwhile has a full buffer.
    Flood,
    /// Not at all.
    Silent,
    /// From an address that is not its own.
    FromElsewhere,
    /// With another payload than was sent.
    Altered,
    /// With this ICMP error, which quotes so much of the request beside the IP header.
    Error { kind: u8, code: u8, quoted: usize },
    /// Not at all; but a router says this.
    Router { kind: u8, code: u8 },
    /// With this ICMP error, and then with a reply.
    ErrorThenReply { kind: u8, code: u8 },
    /// At once, as long as the uplink carries echoes with this identifier.
    Behind(&'static Uplink),
}

/// What a router that translates addresses knows of echoes, by their identifiers.
#[derive(Debug, Default)]
pub(crate) struct Uplink {
    /// Those that it has seen, and of them those that it sends nowhere.
    known: Mutex<(BTreeSet<u16>, BTreeSet<u16>)>,
}

impl Uplink {
    /// From now on, echoes with an identifier that it has seen are sent nowhere.
    pub(crate) fn switch(&self) {
        let mut known = self.known.lock().unwrap();
        let (seen, stale) = &mut *known;
        stale.clone_from(seen);
    }

    /// How many identifiers it has seen.
    pub(crate) fn identifiers(&self) -> usize {
        self.known.lock().unwrap().0.len()
    }

    /// Knows nothing.
    pub(crate) fn forget(&self) {
        *self.known.lock().unwrap() = Default::default();
    }

    fn carries(&self, request: &[u8]) -> bool {
        let identifier = u16::from_be_bytes([request[4], request[5]]);
        let mut known = self.known.lock().unwrap();
        known.0.insert(identifier);
        !known.1.contains(&identifier)
    }
}

/// [`peers::in_a_namespace`], whose own kernel answers no echoes.
pub(crate) fn in_a_namespace(name: &str) -> bool {
    let is_in = peers::in_a_namespace(name);
    if is_in {
        std::fs::write("/proc/sys/net/ipv4/icmp_echo_ignore_all", "1").unwrap();
        std::fs::write("/proc/sys/net/ipv6/icmp/echo_ignore_all", "1").unwrap();
    }
    is_in
}

/// Lets this many groups open unprivileged ICMP sockets: root's or none.
pub(crate) fn allow_dgram(allow: bool) {
    let range = if allow { "0 0" } else { "1 0" };
    std::fs::write("/proc/sys/net/ipv4/ping_group_range", range).unwrap();
}

/// Runs a program that must succeed.
pub(crate) fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status().unwrap();
    assert!(status.success(), "{program} {arguments:?}");
}

/// Puts a host at an address of this namespace, as long as the test process runs.
pub(crate) fn host(ip: &str, manner: Manner) {
    let ip: IpAddr = ip.parse().unwrap();
    add(ip);
    let host = Host { ip, socket: raw(ip) };
    if matches!(manner, Manner::FromElsewhere | Manner::Router { .. }) {
        add(elsewhere(ip));
    }
    thread::spawn(move || {
        let mut bytes = [0; 1500];
        loop {
            let (length, from) = host.socket.recv_from(&mut bytes).unwrap();
            // A raw IPv4 socket gives the IP header as well.
            let start = if ip.is_ipv4() { usize::from(bytes[0] & 15) * 4 } else { 0 };
            let request = &bytes[start..length];
            if request[0] == if ip.is_ipv4() { 8 } else { 128 } {
                host.answer(from.ip(), request, manner);
            }
        }
    });
}

static TURN: Mutex<()> = Mutex::new(());

struct Host {
    ip: IpAddr,
    /// Bound to the address: it hears what is sent there, and speaks from there.
    socket: UdpSocket,
}

impl Host {
    fn answer(&self, to: IpAddr, request: &[u8], manner: Manner) {
        match manner {
            Manner::After(delay) => {
                let (socket, reply) = (self.socket.try_clone().unwrap(), self.reply(request));
                thread::spawn(move || {
                    thread::sleep(delay);
                    send(&socket, to, &reply);
                });
            }
            Manner::Twice => {
                self.send(to, &self.reply(request));
                self.send(to, &self.reply(request));
            }
            Manner::Uneven => {
                let is_slow = request[7] & 1 == 0;
                let (socket, reply) = (self.socket.try_clone().unwrap(), self.reply(request));
                thread::spawn(move || {
                    if is_slow {
                        thread::sleep(Duration::from_millis(330));
                    }
                    let ttl = if is_slow { 44 } else { 55 };
                    let socket = SockRef::from(&socket);
                    // One at a time: the socket has one TTL.
                    let _turn = TURN.lock().unwrap();
                    socket.set_ttl_v4(ttl).unwrap();
                    let _ = socket.send_to(&reply, &SocketAddr::new(to, 0).into());
                });
            }
            Manner::Flood => {
                let (socket, reply) = (self.socket.try_clone().unwrap(), self.reply(request));
                thread::spawn(move || {
                    for _ in 0..50 {
                        for _ in 0..20 {
                            send(&socket, to, &reply);
                        }
                        thread::sleep(Duration::from_millis(20));
                    }
                });
            }
            Manner::Behind(uplink) if uplink.carries(request) => {
                self.send(to, &self.reply(request));
            }

            Manner::Silent | Manner::Behind(_) => {}
            Manner::FromElsewhere => send(&raw(elsewhere(self.ip)), to, &self.reply(request)),
            Manner::Altered => {
                let mut altered = request.to_vec();
                altered[10] ^= 1;
                self.send(to, &self.reply(&altered));
            }
            Manner::Error { kind, code, quoted } => {
                self.send(to, &self.error(kind, code, to, &request[..quoted]));
            }
            Manner::Router { kind, code } => {
                send(&raw(elsewhere(self.ip)), to, &self.error(kind, code, to, request));
            }
            Manner::ErrorThenReply { kind, code } => {
                self.send(to, &self.error(kind, code, to, request));
                self.send(to, &self.reply(request));
            }
        }
    }

    fn send(&self, to: IpAddr, message: &[u8]) {
        send(&self.socket, to, message);
    }

    fn reply(&self, request: &[u8]) -> Vec<u8> {
        let mut reply = request.to_vec();
        reply[0] = if self.ip.is_ipv4() { 0 } else { 129 };
        self.checked(reply)
    }

    fn error(&self, kind: u8, code: u8, from: IpAddr, request: &[u8]) -> Vec<u8> {
        let mut error = vec![kind, code, 0, 0, 0, 0, 0, 0];
        let length = u16::try_from(request.len()).unwrap();
        match (from, self.ip) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                error.extend([0x45, 0]);
                error.extend((length + 20).to_be_bytes());
                error.extend([0, 0, 0, 0, 64, 1, 0, 0]);
                error.extend(from.octets());
                error.extend(to.octets());
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                error.extend([0x60, 0, 0, 0]);
                error.extend(length.to_be_bytes());
                error.extend([58, 64]);
                error.extend(from.octets());
                error.extend(to.octets());
            }
            _ => unreachable!("one family at a time"),
        }
        error.extend(request);
        self.checked(error)
    }

    /// With its checksum, which the kernel fills in for IPv6.
    fn checked(&self, message: Vec<u8>) -> Vec<u8> {
        if self.ip.is_ipv4() { sealed(message) } else { message }
    }
}

/// A message of ICMP with its checksum (RFC 1071).
pub(crate) fn sealed(mut message: Vec<u8>) -> Vec<u8> {
    message[2..4].fill(0);
    let words = message
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    message[2..4].copy_from_slice(&(!u16::try_from(sum).unwrap()).to_be_bytes());
    message
}

fn send(socket: &UdpSocket, to: IpAddr, message: &[u8]) {
    socket.send_to(message, SocketAddr::new(to, 0)).unwrap();
}

/// Every address of 127.0.0.0/8 is there already.
pub(crate) fn add(ip: IpAddr) {
    if ip.is_ipv6() {
        run("ip", &["address", "replace", &ip.to_string(), "dev", "lo", "nodad"]);
    }
}

fn raw(ip: IpAddr) -> UdpSocket {
    let (domain, protocol) = match ip {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    let socket = Socket::new(domain, Type::RAW, Some(protocol)).unwrap();
    socket.bind(&SocketAddr::new(ip, 0).into()).unwrap();
    socket.into()
}

/// A router's address, or a stranger's.
pub(crate) fn elsewhere(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => "127.7.7.7".parse().unwrap(),
        IpAddr::V6(_) => "fd00:7::7".parse().unwrap(),
    }
}
