//! Resolvers on every address of 127.0.0.0/8 at one port: honest, broken and hostile ones. Each
//! address behaves as its third byte says, and answers from itself.

use std::collections::BTreeMap;
use std::io::{IoSlice, IoSliceMut, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, sendmsg, setsockopt,
    sockopt,
};

/// What the honest ones answer.
pub(crate) const TRUTH: [u8; 4] = [149, 154, 167, 220];
/// What the liars answer.
pub(crate) const LIE: [u8; 4] = [174, 37, 154, 236];

/// How an address behaves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum Behaviour {
    Honest = 1,
    Dissent,
    Nxdomain,
    Nodata,
    Servfail,
    Refused,
    Bogon,
    WrongId,
    WrongSource,
    WrongQuestion,
    Malformed,
    TruncatedThenTcp,
    TruncatedOnly,
    Silent,
    Duplicates,
    ForgedThenReal,
    CaseMangled,
    HeaderOnlyFormerr,
    MalformedThenGood,
    Reflected,
    Oversize,
    /// Does not understand EDNS, and says so.
    Phobic,
    /// Does not answer queries with EDNS.
    Deaf,
    /// Has the answer, and cannot validate it.
    Bogus,
    /// Takes a fifth of a second.
    Late,
    /// Answers thirty thousand times.
    Flood,
    CnameLoop,
    Referral,
    Offtype,
    RefusedThenReal,
    TruncatedThenReal,
    WrongPort,
    TwoOpts,
    /// Understands another version of EDNS, and says so.
    BadVersion,
    /// A TTL of 2^32 - 1, and one of 2^31, which mean nothing (RFC 2181 §8).
    LongestTtl,
    NegativeTtl,
    /// Cut, and over TCP: less than is said, as much as a message may have and no answer, and nothing at all.
    TruncatedThenLess,
    TruncatedThenMost,
    TruncatedThenHangs,
}

impl Behaviour {
    pub(crate) const ALL: [Self; 39] = [
        Self::Honest,
        Self::Dissent,
        Self::Nxdomain,
        Self::Nodata,
        Self::Servfail,
        Self::Refused,
        Self::Bogon,
        Self::WrongId,
        Self::WrongSource,
        Self::WrongQuestion,
        Self::Malformed,
        Self::TruncatedThenTcp,
        Self::TruncatedOnly,
        Self::Silent,
        Self::Duplicates,
        Self::ForgedThenReal,
        Self::CaseMangled,
        Self::HeaderOnlyFormerr,
        Self::MalformedThenGood,
        Self::Reflected,
        Self::Oversize,
        Self::Phobic,
        Self::Deaf,
        Self::Bogus,
        Self::Late,
        Self::Flood,
        Self::CnameLoop,
        Self::Referral,
        Self::Offtype,
        Self::RefusedThenReal,
        Self::TruncatedThenReal,
        Self::WrongPort,
        Self::TwoOpts,
        Self::BadVersion,
        Self::LongestTtl,
        Self::NegativeTtl,
        Self::TruncatedThenLess,
        Self::TruncatedThenMost,
        Self::TruncatedThenHangs,
    ];

    /// The address number `n` that behaves so.
    pub(crate) fn address(self, n: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, 0, self as u8, n)
    }

    /// How an address behaves.
    pub(crate) fn of(address: Ipv4Addr) -> Self {
        let byte = address.octets()[2];
        Self::ALL.into_iter().find(|it| *it as u8 == byte).unwrap_or(Self::Silent)
    }
}

/// How many datagrams each (address, type) got.
pub(crate) type Counts = BTreeMap<(Ipv4Addr, u16), usize>;

pub(crate) struct Responder {
    pub(crate) port: u16,
    counts: Arc<Mutex<Counts>>,
}

/// What an address replies to a query: after which time, from where, what.
pub(crate) type Replies = fn(&[u8], Ipv4Addr) -> Vec<(Duration, Ipv4Addr, Vec<u8>)>;

impl Responder {
    /// Starts answering, over UDP and TCP at the same port. Ends with the test's process.
    pub(crate) fn start() -> Self {
        Self::start_with(replies)
    }

    /// The same, with other resolvers.
    pub(crate) fn start_with(replies: Replies) -> Self {
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("0.0.0.0:0").unwrap();
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
                break (udp, tcp);
            }
        };
        setsockopt(&udp, sockopt::Ipv4PacketInfo, &true).unwrap();
        // As much as the system lets a program have.
        setsockopt(&udp, sockopt::RcvBuf, &(8 << 20)).unwrap();
        let port = udp.local_addr().unwrap().port();
        let counts = Arc::new(Mutex::new(Counts::new()));
        let counted = Arc::clone(&counts);
        thread::spawn(move || answer_datagrams(&Arc::new(udp), &counted, replies));
        thread::spawn(move || answer_connections(&tcp));
        Self { port, counts }
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts.lock().unwrap().clone()
    }
}

fn answer_datagrams(socket: &Arc<UdpSocket>, counts: &Mutex<Counts>, replies: Replies) {
    loop {
        let mut buffer = [0; 2048];
        let mut control = nix::cmsg_space!(nix::libc::in_pktinfo);
        let (length, from, to) = {
            let mut parts = [IoSliceMut::new(&mut buffer)];
            let message = recvmsg::<SockaddrIn>(
                socket.as_raw_fd(),
                &mut parts,
                Some(&mut control),
                MsgFlags::empty(),
            )
            .unwrap();
            let to = message.cmsgs().unwrap().find_map(|control| match control {
                ControlMessageOwned::Ipv4PacketInfo(info) => {
                    Some(Ipv4Addr::from(u32::from_be(info.ipi_addr.s_addr)))
                }
                _ => None,
            });
            (message.bytes, message.address.unwrap(), to.unwrap())
        };
        let query = buffer[..length].to_vec();
        *counts.lock().unwrap().entry((to, asked_type(&query))).or_default() += 1;
        for (delay, source, reply) in replies(&query, to) {
            if Behaviour::of(to) == Behaviour::WrongPort {
                let other = UdpSocket::bind((to, 0)).unwrap();
                other.send_to(&reply, SocketAddr::from((from.ip(), from.port()))).unwrap();
                continue;
            }
            let socket = Arc::clone(socket);
            let send = move || {
                let info = nix::libc::in_pktinfo {
                    ipi_ifindex: 0,
                    ipi_spec_dst: nix::libc::in_addr { s_addr: u32::from(source).to_be() },
                    ipi_addr: nix::libc::in_addr { s_addr: 0 },
                };
                let control = [ControlMessage::Ipv4PacketInfo(&info)];
                let parts = [IoSlice::new(&reply)];
                sendmsg(socket.as_raw_fd(), &parts, &control, MsgFlags::empty(), Some(&from))
                    .unwrap();
            };
            if Behaviour::of(to) == Behaviour::Flood {
                thread::spawn(move || flood(send));
            } else if delay.is_zero() {
                send();
            } else {
                thread::spawn(move || {
                    thread::sleep(delay);
                    send();
                });
            }
        }
    }
}

/// As much as fills any buffer, for a third of a second.
fn flood(send: impl Fn()) {
    for _ in 0..300 {
        (0..100).for_each(|_| send());
        thread::sleep(Duration::from_millis(1));
    }
}

fn answer_connections(listener: &TcpListener) {
    for stream in listener.incoming() {
        let stream = stream.unwrap();
        thread::spawn(move || answer_connection(stream));
    }
}

fn answer_connection(mut stream: TcpStream) {
    let SocketAddr::V4(to) = stream.local_addr().unwrap() else { unreachable!("IPv4") };
    let behaviour = Behaviour::of(*to.ip());
    if behaviour == Behaviour::TruncatedOnly {
        return;
    }
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut query).unwrap();
    let mut reply = truth(&query);
    let mut length = reply.len();
    match behaviour {
        Behaviour::TruncatedThenTcp => {}
        Behaviour::TruncatedThenLess => length += 500,
        Behaviour::TruncatedThenMost => {
            length = usize::from(u16::MAX);
            reply[6..8].fill(0xff);
            reply.resize(length, 0xc0);
        }
        Behaviour::TruncatedThenHangs => {
            // Until whoever asked has gone.
            let _ = stream.read(&mut [0]);
            return;
        }
        _ => return,
    }
    let length = u16::try_from(length).unwrap().to_be_bytes();
    // Who asked may have gone.
    let _ = stream.write_all(&[&length[..], &reply].concat());
}

fn replies(query: &[u8], to: Ipv4Addr) -> Vec<(Duration, Ipv4Addr, Vec<u8>)> {
    use Behaviour as B;
    let now = Duration::ZERO;
    let behaviour = Behaviour::of(to);
    let truth = truth(query);
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = truth.clone();
        change(&mut bytes);
        bytes
    };
    let cut = || changed(&|bytes| bytes[7] += 1);
    let one = |reply| vec![(now, to, reply)];
    let (has_edns, is_unchecked) = (query[11] == 1, query[3] & 0x10 != 0);
    match behaviour {
        B::Phobic if has_edns => one(header(query, 1, 0)),
        B::Deaf if has_edns => Vec::new(),
        B::Bogus if !is_unchecked => one(header(query, 2, 0)),
        B::Late => vec![(Duration::from_millis(200), to, truth)],
        B::BadVersion if has_edns => one(with_opt(&header(query, 0, 0), 1)),
        B::Honest | B::Phobic | B::Deaf | B::Bogus | B::Flood | B::WrongPort | B::BadVersion => {
            one(truth)
        }
        B::Dissent => one(data(query, LIE)),
        B::Nxdomain => one(header(query, 3, 0)),
        B::Nodata => one(header(query, 0, 0)),
        B::Servfail => one(header(query, 2, 0)),
        B::Refused => one(header(query, 5, 0)),
        B::Bogon => one(data(query, [127, 0, 0, 1])),
        B::WrongId => one(changed(&|bytes| bytes[1] ^= 1)),
        B::WrongSource => vec![(now, Ipv4Addr::new(127, 0, 99, 1), truth)],
        B::WrongQuestion => one(changed(&|bytes| bytes[13] ^= 1)),
        B::Malformed => one(cut()),
        B::TruncatedThenTcp
        | B::TruncatedOnly
        | B::TruncatedThenLess
        | B::TruncatedThenMost
        | B::TruncatedThenHangs => one(changed(&|bytes| bytes[2] |= 2)),
        B::CnameLoop => one(record(query, 1, 5, 60, &[0xc0, 12])),
        // The NS of the name asked for stands in the authority section.
        B::Referral => one(record(query, 0, 2, 60, &[0xc0, 12])),
        B::Offtype => one(record(query, 1, 16, 60, b"\x01x")),
        B::RefusedThenReal => {
            vec![(now, to, header(query, 5, 0)), (Duration::from_millis(50), to, truth)]
        }
        B::TruncatedThenReal => vec![
            (now, to, changed(&|bytes| bytes[2] |= 2)),
            (Duration::from_millis(50), to, truth.clone()),
        ],
        B::TwoOpts => one(with_opt(&with_opt(&truth, 0), 0)),
        B::LongestTtl => one(changed(&|bytes| set_ttl(bytes, [0xff; 4]))),
        B::NegativeTtl => one(changed(&|bytes| set_ttl(bytes, [0x80, 0, 0, 0]))),
        B::Silent => Vec::new(),
        B::Duplicates => vec![(now, to, truth); 5],
        B::ForgedThenReal => {
            vec![(now, to, data(query, LIE)), (Duration::from_millis(50), to, truth)]
        }
        B::CaseMangled => one(changed(&|bytes| bytes[12..24].make_ascii_lowercase())),
        B::HeaderOnlyFormerr => {
            let mut bytes = header(query, 1, 0);
            bytes.truncate(12);
            bytes[5] = 0;
            one(bytes)
        }
        B::MalformedThenGood => vec![(now, to, cut()), (Duration::from_millis(20), to, truth)],
        B::Reflected => one(query.to_vec()),
        B::Oversize => one(changed(&|bytes| bytes.resize(1400, 0))),
    }
}

fn question_end(query: &[u8]) -> usize {
    12 + query[12..].iter().position(|byte| *byte == 0).unwrap() + 5
}

fn asked_type(query: &[u8]) -> u16 {
    let end = question_end(query);
    u16::from_be_bytes([query[end - 4], query[end - 3]])
}

/// The name has an IPv4 address, and no IPv6 address.
fn truth(query: &[u8]) -> Vec<u8> {
    if asked_type(query) == 1 { data(query, TRUTH) } else { header(query, 0, 0) }
}

/// A reply with the query's question and no record.
pub(crate) fn header(query: &[u8], rcode: u8, answers: u8) -> Vec<u8> {
    let mut bytes = query[..question_end(query)].to_vec();
    bytes[2..12].copy_from_slice(&[0x81, 0x80 | rcode, 0, 1, 0, answers, 0, 0, 0, 0]);
    bytes
}

/// A reply with one record of the type asked for.
pub(crate) fn data(query: &[u8], address: [u8; 4]) -> Vec<u8> {
    let kind = asked_type(query);
    // As an IPv6 address, 127.0.0.1 becomes ::127.0.0.1, and any other a public one.
    let prefix = if address[0] == 127 { [0; 2] } else { [0x26, 0x06] };
    let rdata =
        if kind == 1 { address.to_vec() } else { [&prefix[..], &[0; 10], &address].concat() };
    record(query, 1, u8::try_from(kind).unwrap(), 60, &rdata)
}

/// A reply with one record of any type, owned by the name asked for: an answer, or else in the authority section.
pub(crate) fn record(query: &[u8], answers: u8, kind: u8, ttl: u8, rdata: &[u8]) -> Vec<u8> {
    let mut bytes = header(query, 0, answers);
    bytes[9] = 1 - answers;
    bytes.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0, ttl, 0, u8::try_from(rdata.len()).unwrap()]);
    bytes.extend_from_slice(rdata);
    bytes
}

/// A reply with an OPT record more, which has the upper bits of the response code.
fn with_opt(reply: &[u8], code: u8) -> Vec<u8> {
    let mut bytes = reply.to_vec();
    bytes[11] += 1;
    bytes.extend([0, 0, 41, 4, 208, code, 0, 0, 0, 0, 0]);
    bytes
}

/// Sets the TTL of the record of [`data`].
fn set_ttl(reply: &mut [u8], ttl: [u8; 4]) {
    let end = question_end(reply);
    if let Some(at) = reply.get_mut(end + 6..end + 10) {
        at.copy_from_slice(&ttl);
    }
}
