//! ICMP echoes: one socket a family for all targets, times from the kernel.
//!
//! The time of arrival is the kernel's, so that a busy machine does not lengthen a round trip by
//! what it takes to read the socket. The time of departure is read before sending, so that a round
//! trip is never too short: 1 ms too short is 100 km too near.
//!
//! What an echo is sent with is said of each packet; only what may not be fragmented has sockets of
//! its own, because the kernel knows that of a socket alone; and an address that stays silent is asked
//! through another one, because a router may know the first too well.

use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tracing::{debug, warn};

use crate::clock::Clock;
use crate::metrics::counts::{ReceiveQueue, Strays};
use crate::outcome::Failure;

mod asset;
mod channel;
mod drops;
mod echo;
mod flight;
mod flow;
mod kernel;
pub(crate) mod options;
mod pending;
mod send_queue;
mod socket;
mod sockets;
mod surge;
mod waiter;

use asset::Asset;
use channel::{Channel, Told};
pub(crate) use echo::{Family, checksum, round_trip};
pub(crate) use flight::{Flight, Grounded};
pub(crate) use kernel::heeds_headers_of_ipv6_echoes;
use options::Asked;
pub(crate) use options::EchoOptions;
use socket::{Kind, Mode};
pub(crate) use socket::{Refusal, own_replies};
use sockets::Sockets;
use surge::Surge;
pub(crate) use waiter::{Inbox, Verdict};

/// Sends echoes to anybody.
#[derive(Clone, Debug)]
pub(crate) struct Icmp(Arc<Sender>);

/// By what echoes are sent: the word in the config.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Backend {
    /// Sockets of our own, with all that the kernel knows of their packets.
    #[default]
    Kernel,
    /// The crate `surge-ping`.
    Surge,
}

/// What sends them.
#[derive(Debug)]
enum Sender {
    Kernel(Engine),
    Surge(Surge),
}

/// So many kinds of sockets there may be: the two families, what must not be fragmented, and IPv6
/// addresses that modules send from.
const MOST_KINDS: usize = 32;

/// Those of a kind that was not used for so long are given back when another kind is needed: the module that had
/// it is gone, or asks so seldom that it may open them anew.
const IDLE: Duration = Duration::from_secs(600);

/// The sockets of all kinds.
#[derive(Debug)]
struct Engine {
    kinds: Mutex<Kinds>,
    clock: Clock,
    told: Told,
}

/// A kind of sockets that could not be had is tried again after so long: the machine may have had no
/// descriptor or no memory, or its settings came later than this program.
const AGAIN: Duration = Duration::from_secs(30);

/// A kind of sockets that was needed.
#[derive(Debug)]
enum Known {
    /// It could not be had at this moment.
    Refused(Kind, Duration),
    /// It is there.
    Open(Box<Sockets>),
}

/// The kinds of sockets that were needed.
#[derive(Debug, Default)]
struct Kinds {
    known: Vec<Known>,
    /// What those of each family did that were given back: counters do not go back.
    gone: [Gone; Family::ALL.len()],
}

#[derive(Clone, Copy, Debug, Default)]
struct Gone {
    moves: u64,
    dropped: u64,
}

/// What came back to an echo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The time there and back.
    pub(crate) rtt: Duration,
    /// The TTL or hop limit of the reply, where the kernel tells it.
    pub(crate) reply_hop_limit: Option<u8>,
}

/// What is to be shown of the sockets of a family.
#[derive(Clone, Debug)]
pub(crate) struct SocketFigures {
    /// The network family, as a label has it.
    pub(crate) family: &'static str,
    /// `dgram` or `raw`: that for ordinary echoes.
    pub(crate) mode: &'static str,
    /// What the kernel may refuse such a socket, and whether it has it.
    pub(crate) features: Vec<(&'static str, bool)>,
    /// How many are open.
    pub(crate) count: usize,
    /// How often a silent address was given a fresh one.
    pub(crate) moves: u64,
    /// How many packets the kernel has dropped, where it says so.
    pub(crate) dropped: Option<u64>,
}

impl Icmp {
    /// Opens a socket for each family that there is and that we may use. Must be called inside the
    /// runtime. What cannot be opened is logged, and its probes fail as `local`.
    pub(crate) fn by(backend: Backend, clock: Clock, queue: &ReceiveQueue) -> Self {
        Self(Arc::new(match backend {
            Backend::Kernel => Sender::Kernel(Engine::open(clock, queue)),
            Backend::Surge => Sender::Surge(Surge::open()),
        }))
    }

    /// The same by sockets of our own.
    #[cfg(test)]
    pub(crate) fn open(clock: Clock, queue: &ReceiveQueue) -> Self {
        Self::by(Backend::Kernel, clock, queue)
    }

    /// By what they are sent.
    pub(crate) fn backend(&self) -> Backend {
        match *self.0 {
            Sender::Kernel(_) => Backend::Kernel,
            Sender::Surge(_) => Backend::Surge,
        }
    }

    /// What is to be shown of the sockets, by family.
    pub(crate) fn sockets(&self) -> Vec<SocketFigures> {
        match &*self.0 {
            Sender::Kernel(engine) => engine.figures(),
            Sender::Surge(surge) => surge.figures(),
        }
    }

    /// Sends one echo with these options and waits for what becomes of it, at most for `timeout`.
    /// Replies that decide nothing are counted as `strays`.
    pub(crate) async fn echo(
        &self,
        to: IpAddr,
        options: &EchoOptions,
        timeout: Duration,
        strays: &Arc<Strays>,
    ) -> Result<Answer, Refusal> {
        // An IPv4 address that is written as an IPv6 one is none of the other family's.
        let to = to.to_canonical();
        match &*self.0 {
            Sender::Kernel(engine) => engine.echo(to, options, timeout, strays).await,
            // Boxed: an echo of the kernel's must not have its size.
            Sender::Surge(surge) => Box::pin(surge.echo(to, options, timeout)).await,
        }
    }
}

impl Engine {
    fn open(clock: Clock, queue: &ReceiveQueue) -> Self {
        let told = Told { queue: queue.clone(), inbox: Arc::default() };
        let engine = Self { kinds: Mutex::default(), clock, told };
        for family in Family::ALL {
            engine.with(Kind { family, dont_fragment: false, source: None }, |_| ());
        }
        engine
    }

    /// What is to be shown of the sockets, by family.
    fn figures(&self) -> Vec<SocketFigures> {
        let kinds = self.kinds();
        let figures = |family: Family| {
            let all = kinds.known.iter().filter_map(|known| match known {
                Known::Open(sockets) if sockets.kind().family == family => Some(&**sockets),
                _ => None,
            });
            let ordinary = all.clone().find(|sockets| sockets.kind().is_ordinary())?;
            let (socket, gone) = (ordinary.home().socket(), kinds.gone[family as usize]);
            let needed = |asset: &Asset| *asset != Asset::Filter || socket.mode == Mode::Raw;
            let features = Asset::ALL.into_iter().filter(needed);
            Some(SocketFigures {
                family: family.as_str(),
                mode: socket.mode.as_str(),
                features: features.map(|asset| (asset.as_str(), socket.has(asset))).collect(),
                count: all.clone().map(Sockets::count).sum(),
                moves: gone.moves + all.clone().map(Sockets::moves).sum::<u64>(),
                dropped: all.map(Sockets::dropped).sum::<Option<u64>>().map(|it| it + gone.dropped),
            })
        };
        Family::ALL.into_iter().filter_map(figures).collect()
    }

    async fn echo(
        &self,
        to: IpAddr,
        options: &EchoOptions,
        timeout: Duration,
        strays: &Arc<Strays>,
    ) -> Result<Answer, Refusal> {
        let sent = self.clock.monotonic();
        let (kind, asked, channel) = self.way(to, options, sent)?;
        // In two pieces, either of which malloc has ready for each thread: larger ones it looks for.
        let found = Box::pin(channel.echo(asked, options, (sent, timeout), strays)).await;
        self.settle(kind, asked, (&channel, sent), found)
    }

    /// What an echo that is sent now asks, and by which socket.
    fn way(
        &self,
        to: IpAddr,
        options: &EchoOptions,
        now: Duration,
    ) -> Result<(Kind, Asked, Arc<Channel>), Refusal> {
        let (kind, asked) = (options.kind(Family::of(to)), options.asked(to));
        let channel = self.with(kind, |sockets| sockets.to(asked, now, self.clock, &self.told));
        Ok((kind, asked, channel.ok_or(Refusal::of(Failure::Local))?))
    }

    /// What an address did decides how it is asked next; returns what is to be said of it.
    fn settle(
        &self,
        kind: Kind,
        asked: Asked,
        (channel, sent): (&Channel, Duration),
        found: Verdict,
    ) -> Verdict {
        match &found {
            Ok(_) => drop(self.with(kind, |sockets| sockets.answered(asked))),
            Err(refusal) if refusal.failure.is_ours() => {}
            Err(refusal) => {
                let now = self.clock.monotonic();
                let silent = self.with(kind, |sockets| sockets.silent(asked, now)).unwrap_or(1);
                if refusal.failure == Failure::Timeout && channel.excuses(sent, silent) {
                    debug!(to = %asked.to, "an echo without an answer: this machine has dropped replies");
                    self.with(kind, |sockets| sockets.excused(asked, now));
                    return Err(Refusal::of(Failure::Local));
                }
            }
        }
        found
    }

    /// Does something with the sockets of a kind, which are opened when they are first needed.
    fn with<T>(&self, kind: Kind, act: impl FnOnce(&mut Sockets) -> T) -> Option<T> {
        let mut kinds = self.kinds();
        let now = match kinds.known.iter_mut().find(|known| known.kind() == kind) {
            Some(Known::Open(sockets)) => return Some(act(sockets)),
            _ => self.clock.monotonic(),
        };
        match kinds.known.iter_mut().find(|known| known.kind() == kind) {
            Some(Known::Refused(_, at)) if now < *at + AGAIN => return None,
            Some(_) => {}
            None => {
                kinds.give_back_idle(now);
                if kinds.known.len() >= MOST_KINDS {
                    debug!(?kind, "no ICMP: there are {MOST_KINDS} kinds of sockets already");
                    return None;
                }
            }
        }
        match Sockets::open(kind, self.clock, self.told.clone()) {
            Ok(sockets) => {
                let mut sockets = Box::new(sockets);
                let done = act(&mut sockets);
                kinds.forget(kind);
                kinds.known.push(Known::Open(sockets));
                Some(done)
            }
            // The machine may get the address yet.
            Err(error) if kind.source.is_some() => {
                debug!(?kind, "no ICMP: {error}");
                None
            }
            Err(error) => {
                // It is said once.
                if !kinds.forget(kind) {
                    say_why(kind.family, &error);
                }
                kinds.known.push(Known::Refused(kind, now));
                None
            }
        }
    }

    fn kinds(&self) -> MutexGuard<'_, Kinds> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says why there are no echoes of a family.
fn say_why(family: Family, error: &io::Error) {
    let mend = match error.kind() {
        ErrorKind::PermissionDenied => "; allow it by net.ipv4.ping_group_range or CAP_NET_RAW",
        _ => "",
    };
    warn!(family = family.as_str(), "no ICMP: {error}{mend}");
}

impl Kinds {
    /// Gives back what was not used for long; the ordinary sockets stay.
    fn give_back_idle(&mut self, now: Duration) {
        let is_idle = |known: &mut Known| match known {
            Known::Open(sockets) => {
                !sockets.kind().is_ordinary() && now.saturating_sub(sockets.used()) > IDLE
            }
            Known::Refused(kind, at) => !kind.is_ordinary() && now.saturating_sub(*at) > IDLE,
        };
        for known in self.known.extract_if(.., is_idle) {
            if let Known::Open(sockets) = known {
                let gone = &mut self.gone[sockets.kind().family as usize];
                gone.moves += sockets.moves();
                gone.dropped += sockets.dropped().unwrap_or(0);
            }
        }
    }

    /// Forgets a kind; whether it was known.
    fn forget(&mut self, kind: Kind) -> bool {
        let before = self.known.len();
        self.known.retain(|known| known.kind() != kind);
        self.known.len() < before
    }
}

impl Known {
    fn kind(&self) -> Kind {
        match self {
            Self::Refused(kind, _) => *kind,
            Self::Open(sockets) => sockets.kind(),
        }
    }
}

impl Kind {
    /// Whether it is for echoes of which nothing special is said.
    fn is_ordinary(self) -> bool {
        !self.dont_fragment && self.source.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sockets_that_nobody_uses_are_given_back_and_their_counts_are_kept() {
        if !peers::in_a_namespace(
            "icmp::tests::sockets_that_nobody_uses_are_given_back_and_their_counts_are_kept",
        ) {
            return;
        }
        let clock = Clock::start();
        let told = Told { queue: ReceiveQueue::default(), inbox: Arc::default() };
        let mut kinds = Kinds::default();
        for dont_fragment in [false, true] {
            let kind = Kind { family: Family::V4, dont_fragment, source: None };
            let sockets = Sockets::open(kind, clock, told.clone()).unwrap();
            kinds.known.push(Known::Open(Box::new(sockets)));
        }
        let now = clock.monotonic();
        let gone = Kind { family: Family::V6, dont_fragment: true, source: None };
        kinds.known.push(Known::Refused(gone, now));
        kinds.give_back_idle(now + IDLE / 2);
        assert_eq!(kinds.known.len(), 3);
        let asked = EchoOptions::default().asked([127, 0, 0, 1].into());
        if let Some(Known::Open(used)) = kinds.known.get_mut(1) {
            drop(used.to(asked, now + IDLE, clock, &told));
        }
        kinds.give_back_idle(now + IDLE + Duration::from_secs(1));
        assert_eq!(kinds.known.len(), 2, "the refused one is forgotten");
        kinds.give_back_idle(now + 3 * IDLE);
        let left: Vec<Kind> = kinds.known.iter().map(Known::kind).collect();
        assert!(left.len() == 1 && left[0].is_ordinary(), "{left:?}");
    }

    #[tokio::test]
    async fn what_lies_in_the_socket_past_the_limit_had_come_in_time() {
        if !peers::in_a_namespace(
            "icmp::tests::what_lies_in_the_socket_past_the_limit_had_come_in_time",
        ) {
            return;
        }
        let icmp = Icmp::open(Clock::start(), &ReceiveQueue::default());
        assert!(icmp.sockets().iter().any(|sockets| sockets.family == "ip4"));
        let (options, strays) = (EchoOptions::default(), Arc::default());
        // Linux begins to stamp packets a while after a socket asks for it, when it finds the time: before that the
        // stamp of a packet is that of its reading.
        let mut tries_left = 20;
        let mut in_time = 0;
        while in_time < 3 {
            // Long, for a machine that is busy may take a while between looking at the time and sending.
            let limit = Duration::from_millis(700);
            let echo = icmp.echo([127, 0, 0, 1].into(), &options, limit, &strays);
            // Nobody reads meanwhile, nor looks at the time: a machine that is starved.
            let starved = async { std::thread::sleep(limit + Duration::from_millis(300)) };
            let (answer, ()) = tokio::join!(echo, starved);
            if in_time == 0 && answer.is_err() && tries_left > 0 {
                tries_left -= 1;
                continue;
            }
            in_time += 1;
            assert!(answer.is_ok_and(|answer| answer.rtt < limit), "{answer:?}");
        }
    }

    #[tokio::test]
    async fn all_that_lies_in_the_socket_is_taken_in_before_anybody_is_given_up() {
        if !peers::in_a_namespace(
            "icmp::tests::all_that_lies_in_the_socket_is_taken_in_before_anybody_is_given_up",
        ) {
            return;
        }
        let clock = Clock::start();
        let icmp = Icmp::open(clock, &ReceiveQueue::default());
        assert!(icmp.sockets().iter().any(|sockets| sockets.family == "ip4"));
        let (options, strays) = (EchoOptions::default(), Arc::default());
        let limit = Duration::from_millis(300);
        let begin = |number| {
            let at = (clock.monotonic(), limit);
            icmp.begin([127, 0, 0, 1].into(), &options, at, (number, &strays)).ok()
        };
        // More than are read at once.
        let flights: Vec<_> = (0..300).filter_map(begin).collect();
        // A machine that is stopped: nobody reads meanwhile.
        std::thread::sleep(limit * 2);
        let (inbox, mut told) = (icmp.inbox().unwrap(), Vec::new());
        flights.last().unwrap().look();
        inbox.take(&mut told);
        assert_eq!(told.len(), flights.len());
    }
}
