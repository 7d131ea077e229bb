//! One question to one server: over UDP, and over TCP if the answer does not fit.
//!
//! [`ask`] is for who asks a few servers, each by itself, as a check of a zone's own servers does. A
//! sweep asks thousands over a few sockets; its queries and replies are made of the same parts, and so are those that go
//! over a connection by TLS (`encrypted`, with `identity` for who must be there and `unanswered` for why nobody was).

mod effort;
pub(crate) mod encrypted;
pub(crate) mod identity;
pub mod message;
mod name;
pub mod question;
pub(crate) mod tcp;
pub(crate) mod unanswered;

pub use name::HostName;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use datagram::{Buffer, Socket, Watched};
use tokio::time::{Instant, timeout_at};

use message::{Reply, Whole};
use question::{Question, Template};

exporter_kit::label_enum! {
    /// How a query was sent. A closed set, since it is a label.
    pub enum Transport {
        /// One datagram.
        Udp = "udp",
        /// One connection.
        Tcp = "tcp",
        /// TLS, in a connection for all questions of a sweep.
        Dot = "dot",
        /// HTTPS, in the same way.
        Doh = "doh",
        /// QUIC, in the same way.
        Doq = "doq",
    }
}

/// Receive buffer that is asked for: room for an answer among some junk.
const RECEIVE_BUFFER: usize = 1 << 17;

/// An answer, and how it came.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What the server said.
    pub reply: Reply,
    /// How it came.
    pub transport: Transport,
    /// Time from the question to the answer, over the transport by which it came.
    pub took: Duration,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Failure {
    /// Nothing came in time.
    Timeout,
    /// The network says that the server cannot be reached: who says so, if it is known.
    Unreachable(Option<IpAddr>),
    /// Something came, but nothing that could be read.
    Malformed,
    /// The answer does not fit a datagram, and TCP did not bring the whole.
    Truncated(io::Error),
    /// The question never left this machine.
    Local(io::Error),
}

/// Asks one server one question: one datagram, and if the answer was cut, one connection. Each may
/// take `limit`.
///
/// What does not come from the server, with the right id and the right question, is no answer; what
/// the network says of the question is believed only when no answer comes.
pub async fn ask(
    server: SocketAddr,
    question: &Question,
    limit: Duration,
) -> Result<Answer, Failure> {
    let template = Template::new(question);
    let (id, case): (u16, u64) = (rand::random(), rand::random());
    let mut query = Vec::new();
    template.write(id, case, &mut query);
    let answer = over_udp(server, &query, limit, |bytes| {
        (message::id(bytes) == Some(id)).then(|| message::read(bytes, &template, case))
    })
    .await?;
    if !matches!(answer.reply, Reply::Truncated) {
        return Ok(answer);
    }
    let began = Instant::now();
    let bytes = tcp::ask(server, &query, limit).await.map_err(Failure::Truncated)?;
    match message::read(&bytes, &template, case) {
        Ok(reply @ (Reply::Whole(_) | Reply::Code(_))) if message::id(&bytes) == Some(id) => {
            Ok(Answer { reply, transport: Transport::Tcp, took: began.elapsed() })
        }
        _ => Err(Failure::Malformed),
    }
}

/// Asks over UDP; `read` says nothing to a datagram with another id.
async fn over_udp(
    server: SocketAddr,
    query: &[u8],
    limit: Duration,
    read: impl Fn(&[u8]) -> Option<Result<Reply, message::Flaw>>,
) -> Result<Answer, Failure> {
    let own: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = Socket::udp((own, 0).into(), RECEIVE_BUFFER).and_then(Watched::new);
    let socket = socket.map_err(Failure::Local)?;
    let mut buffer = Buffer::new(usize::from(u16::MAX));
    let sent = Instant::now();
    socket.send(query, server).await.map_err(Failure::Local)?;
    let mut failure = Failure::Timeout;
    while timeout_at(sent + limit, socket.ready()).await.is_ok() {
        while let Some(notice) = socket.notice(&mut buffer) {
            if is_same(notice.to, server) && notice.quoted.starts_with(&query[..2]) {
                failure = Failure::Unreachable(notice.offender);
            }
        }
        while let Some(datagram) = socket.receive(&mut buffer) {
            if !is_same(datagram.from, server) {
                continue;
            }
            match read(datagram.bytes) {
                Some(Ok(reply)) => {
                    let took = sent.elapsed().saturating_sub(datagram.waited);
                    return Ok(Answer { reply, transport: Transport::Udp, took });
                }
                Some(Err(_)) => failure = Failure::Malformed,
                None => {}
            }
        }
    }
    Err(failure)
}

/// Whether two addresses are of one socket; an IPv6 flow label makes none another.
fn is_same(one: SocketAddr, other: SocketAddr) -> bool {
    (one.ip(), one.port()) == (other.ip(), other.port())
}

impl Answer {
    /// The message, if there is a whole one.
    pub fn message(&self) -> Option<&hickory_proto::op::Message> {
        match &self.reply {
            Reply::Whole(Whole { message, .. }) => Some(message),
            _ => None,
        }
    }
}
