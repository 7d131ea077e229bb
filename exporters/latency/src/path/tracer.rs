//! Traces to any address, by one socket a family (I/O).

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use datagram::Buffer;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, warn};

use super::course::{Answer, Course, Says, Step};
use super::due::Why;
use super::flights::{Flights, MOST_STRAYS};
use super::packet::{self, Cookie};
use super::permits::Permits;
use super::socket::TraceSocket;
use super::trace::{End, Hop, Trace};
use crate::clock::Clock;
use crate::icmp::Family;

/// A socket that could not be had is tried again after so long.
const AGAIN: Duration = Duration::from_secs(30);
/// So many packets are read before other tasks have their turn.
const BATCH: usize = 256;
/// A quote of 128 bytes, and labels behind it.
const LONGEST_PACKET: usize = 1024;

/// Sends traces to anybody.
#[derive(Clone, Debug)]
pub(crate) struct Tracer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    /// For IPv4 and IPv6, which have one table of identifiers.
    identifiers: [u16; 2],
    /// Opened when they are first needed: who traces nothing has none.
    channels: Mutex<[Channel; 2]>,
    pace: Pace,
    permits: Permits,
}

#[derive(Debug, Default)]
enum Channel {
    #[default]
    Unopened,
    Refused(Duration),
    Open {
        shared: Arc<Shared>,
        _reader: Reader,
    },
}

/// The task that reads a socket, which ends with this.
#[derive(Debug)]
struct Reader(AbortHandle);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[derive(Debug)]
struct Shared {
    socket: TraceSocket,
    flights: Mutex<Flights<(u8, Heard)>>,
    clock: Clock,
}

/// Where the answers to one trace go: one for each probe at most.
type Heard = mpsc::UnboundedSender<(u8, Answer)>;

impl Tracer {
    /// One for this vantage, whose name says by which identifier routers know its traces.
    pub(crate) fn new(vantage: &str, rate: u32, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            clock,
            identifiers: [Family::V4, Family::V6].map(|family| identifier(vantage, family)),
            channels: Mutex::default(),
            pace: Pace::new(rate),
            permits: Permits::new(),
        }))
    }

    /// Sends so many datagrams a second from now on.
    pub(crate) fn set_rate(&self, rate: u32) {
        self.0.pace.rate.store(rate.max(1), Ordering::Relaxed);
    }

    /// By which identifier routers know its traces by IPv4.
    #[cfg(test)]
    pub(super) fn identifier(&self) -> u16 {
        self.0.identifiers[0]
    }

    /// How many probes are under way.
    #[cfg(test)]
    pub(super) fn under_way(&self) -> usize {
        let channels = self.0.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let open = channels.iter().filter_map(|channel| match channel {
            Channel::Open { shared, .. } => Some(shared.flights().len()),
            Channel::Refused(_) | Channel::Unopened => None,
        });
        open.sum()
    }

    /// Traces the path to an address, over so many hops at most; it was `known` long the last time.
    pub(crate) async fn trace(
        &self,
        why: Why,
        to: SocketAddr,
        most: u8,
        known: Option<u8>,
    ) -> Trace {
        let unsent = Trace::unsent(to.ip(), End::Local);
        let Some(_permit) = self.0.permits.take(why).await else { return unsent };
        let Some(channel) = self.0.channel(Family::of(to.ip())) else { return unsent };
        let (sender, mut answers) = mpsc::unbounded_channel();
        let mut probes = Probes::begin(&channel, to.ip());
        let mut course = Course::new(to.ip(), most, known);
        loop {
            while let Ok((hop_limit, answer)) = answers.try_recv() {
                course.heard(hop_limit, answer);
            }
            let now = self.0.clock.monotonic();
            match course.step(now) {
                Step::Done if probes.are_guessed_at() => {
                    warn!(to = %to.ip(), "a trace is not believed: somebody guesses at its probes");
                    return Trace::unsent(to.ip(), End::Incomplete);
                }
                Step::Done => return course.trace(),
                Step::Wait(until) => {
                    tokio::select! {
                        Some((hop_limit, answer)) = answers.recv() => course.heard(hop_limit, answer),
                        () = sleep(until.saturating_sub(now)) => {}
                    }
                }
                Step::Send(hop_limit) => {
                    self.0.pace.turn().await;
                    // What came while it waited may have made the probe needless.
                    while let Ok((hop_limit, answer)) = answers.try_recv() {
                        course.heard(hop_limit, answer);
                    }
                    let now = self.0.clock.monotonic();
                    if course.step(now) != Step::Send(hop_limit) {
                        continue;
                    }
                    if let Err(error) = probes.send(to, hop_limit, &sender)
                        && probes.sent.is_empty()
                    {
                        debug!(%to, "a trace was not sent: {error}");
                        return unsent;
                    }
                    course.sent(hop_limit, now);
                }
            }
        }
    }
}

/// The probes of one trace, which are forgotten with it.
struct Probes<'a> {
    channel: &'a Shared,
    to: IpAddr,
    sent: Vec<u16>,
}

impl<'a> Probes<'a> {
    fn begin(channel: &'a Shared, to: IpAddr) -> Self {
        channel.flights().begin(to);
        Self { channel, to, sent: Vec::new() }
    }

    /// Whether more was said of probes that are none than chance explains.
    fn are_guessed_at(&self) -> bool {
        self.channel.flights().strays(self.to) > MOST_STRAYS
    }

    fn send(&mut self, to: SocketAddr, hop_limit: u8, heard: &Heard) -> io::Result<()> {
        let (cookie, drawn): (Cookie, u16) = rand::random();
        let sent = self.channel.clock.monotonic();
        // Recorded before it is sent: the answer may be faster than we are.
        let mut flights = self.channel.flights();
        let whose = (hop_limit, heard.clone());
        let sequence = flights.send(to.ip(), cookie, sent, whose, drawn);
        let sequence = sequence.ok_or(ErrorKind::WouldBlock)?;
        let outcome = self.channel.socket.send(to, sequence, &cookie, hop_limit);
        if outcome.is_err() {
            flights.forget(sequence);
        } else {
            self.sent.push(sequence);
        }
        outcome
    }
}

impl Drop for Probes<'_> {
    fn drop(&mut self) {
        let mut flights = self.channel.flights();
        self.sent.iter().for_each(|sequence| flights.forget(*sequence));
        flights.end(self.to);
    }
}

impl Inner {
    fn channel(&self, family: Family) -> Option<Arc<Shared>> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let place = usize::from(family == Family::V6);
        let channel = &mut channels[place];
        let now = self.clock.monotonic();
        match channel {
            Channel::Open { shared, .. } => return Some(Arc::clone(shared)),
            Channel::Refused(at) if now < *at + AGAIN => return None,
            Channel::Refused(_) | Channel::Unopened => {}
        }
        match TraceSocket::open(family, self.identifiers[place]) {
            Ok(socket) => {
                let flights = Mutex::default();
                let shared = Arc::new(Shared { socket, flights, clock: self.clock });
                let reader = Reader(tokio::spawn(read(Arc::clone(&shared))).abort_handle());
                *channel = Channel::Open { shared: Arc::clone(&shared), _reader: reader };
                Some(shared)
            }
            Err(error) => {
                // It is said once.
                if matches!(channel, Channel::Unopened) {
                    say_why(family, &error);
                }
                *channel = Channel::Refused(now);
                None
            }
        }
    }
}

impl Shared {
    fn flights(&self) -> MutexGuard<'_, Flights<(u8, Heard)>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads ICMP errors; returns whether there may be more.
    fn read_errors(&self, buffer: &mut Buffer) -> bool {
        for _ in 0..BATCH {
            let Some(notice) = self.socket.notice(buffer) else { return false };
            let Some((sequence, says)) = self.socket.refusal(&notice) else { continue };
            let Some(address) = notice.offender.map(|ip| ip.to_canonical()) else { continue };
            let now = self.clock.monotonic();
            let whose = self.flights().error(sequence, notice.to.ip(), now, notice.waited);
            if let Some(((hop_limit, heard), rtt)) = whose {
                let mpls = packet::mpls(self.socket.family(), notice.quoted);
                let hop = Hop { address, rtt, mpls };
                // Nobody waits when the trace has ended.
                let _ = heard.send((hop_limit, Answer { hop, says }));
            }
        }
        true
    }

    /// Reads packets; returns whether there may be more.
    fn read_replies(&self, buffer: &mut Buffer) -> bool {
        for _ in 0..BATCH {
            let Some(packet) = self.socket.receive(buffer) else { return false };
            let Some((sequence, cookie)) = self.socket.reply(&packet) else { continue };
            let (from, now) = (packet.from.ip(), self.clock.monotonic());
            let whose = self.flights().reply(sequence, from, &cookie, now, packet.waited);
            if let Some(((hop_limit, heard), rtt)) = whose {
                let hop = Hop { address: from, rtt, mpls: Vec::new() };
                let _ = heard.send((hop_limit, Answer { hop, says: Says::Arrived }));
            }
        }
        true
    }
}

/// Reads a socket for ever.
async fn read(shared: Arc<Shared>) {
    let mut buffer = Buffer::new(LONGEST_PACKET);
    loop {
        if let Err(error) = shared.socket.ready().await {
            warn!("the socket of traces cannot be read any more: {error}");
            return;
        }
        // Errors first: reading a packet would report the oldest of them and lose which it was.
        let more_errors = shared.read_errors(&mut buffer);
        let more_replies = shared.read_replies(&mut buffer);
        if more_errors || more_replies {
            tokio::task::yield_now().await;
        }
    }
}

/// Says why there are no traces of a family.
fn say_why(family: Family, error: &io::Error) {
    let mend = match error.kind() {
        ErrorKind::PermissionDenied => "; allow it by net.ipv4.ping_group_range or CAP_NET_RAW",
        _ => "",
    };
    warn!(family = family.as_str(), "no traces: {error}{mend}");
}

/// One turn after the other, for all traces together.
#[derive(Debug)]
struct Pace {
    rate: AtomicU32,
    next: Mutex<Instant>,
}

impl Pace {
    fn new(rate: u32) -> Self {
        Self { rate: AtomicU32::new(rate.max(1)), next: Mutex::new(Instant::now()) }
    }

    async fn turn(&self) {
        let at = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let at = (*next).max(Instant::now());
            *next = at + Duration::from_secs(1) / self.rate.load(Ordering::Relaxed);
            at
        };
        sleep_until(at).await;
    }
}

/// So many identifiers there are for either family.
const IDENTIFIERS: u16 = 32_000;

/// The same for a vantage at each start, and another for others: FNV-1a of its name. Not among the low ones,
/// which others prefer; and never the same for both families, as the kernel gives each to one socket alone.
fn identifier(vantage: &str, family: Family) -> u16 {
    let digest = vantage
        .bytes()
        .fold(0x811c_9dc5_u32, |digest, byte| (digest ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let number = u16::try_from(digest % u32::from(IDENTIFIERS)).unwrap_or_default();
    match family {
        Family::V4 => 1024 + number,
        Family::V6 => 1024 + IDENTIFIERS + number,
    }
}

/// Where a trace goes, without a port.
pub(crate) fn destination(ip: IpAddr, link: Option<u32>) -> SocketAddr {
    crate::link::socket_address(ip, 0, link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vantage_has_an_identifier_of_its_own() {
        for family in [Family::V4, Family::V6] {
            assert_eq!(identifier("fra", family), identifier("fra", family));
            assert_ne!(identifier("fra", family), identifier("ams", family));
        }
        // More apart than are tried when one is taken.
        for name in ["", "fra", "ams1", "a very long name"] {
            let (v4, v6) = (identifier(name, Family::V4), identifier(name, Family::V6));
            assert!(v4 >= 1024 && v6.abs_diff(v4) > 64, "{name}: {v4} {v6}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn all_traces_together_keep_the_pace() {
        let pace = Arc::new(Pace::new(100));
        let began = Instant::now();
        let turns = (0..50).map(|_| {
            let pace = Arc::clone(&pace);
            tokio::spawn(async move { pace.turn().await })
        });
        futures_util::future::join_all(turns).await;
        let took = began.elapsed();
        assert!(
            (Duration::from_millis(480)..Duration::from_millis(550)).contains(&took),
            "{took:?}"
        );
    }
}
