//! The simulated resolvers: one thread that answers DNS on thousands of addresses of 127.0.0.0/8.
//!
//! Which of them, where and how they behave is [`world`]; what they answer can be changed at run
//! time, by country.

pub mod list;
pub mod message;
pub mod world;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use self::message::{A, AAAA, Question, Reply, wire_name};
use self::world::{Behaviour, COUNTRIES, Resolver};
use crate::datagrams::{Path, Socket};

/// The name that the world knows.
pub const NAME: &str = "api.messenger.example";
/// A name that nobody tampers with: whoever resolves at all resolves it.
pub const CONTROL: &str = "control.example";
/// What the honest majority answers.
pub const MAJORITY: Ipv4Addr = Ipv4Addr::new(149, 154, 167, 220);
/// The same for AAAA.
pub const MAJORITY_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0x67c, 0x4e8, 0xf004, 0, 0, 0, 9);
/// What resolvers in China answered in the incident.
pub const CHINA: Ipv4Addr = Ipv4Addr::new(174, 37, 154, 236);
/// What resolvers in Russia answered in the incident.
pub const RUSSIA: Ipv4Addr = Ipv4Addr::new(85, 142, 29, 248);

/// Datagrams taken before the replies that are due get their turn.
const BATCH: usize = 256;
/// No question is longer.
const LONGEST: usize = 1_232;

/// What a world is made of.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// About how many resolvers there are; 2,000 to 25,000 make sense.
    pub resolvers: usize,
    /// The round trips are multiplied with this; 0 replies at once.
    pub latency: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self { resolvers: 2_000, latency: 1.0 }
    }
}

/// The running resolvers. They end when this is dropped.
#[derive(Debug)]
pub struct Resolvers {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Resolvers {
    /// Answers on `socket`, which is bound to 0.0.0.0 and the port of all resolvers. China and
    /// Russia answer as in the incident.
    pub fn start(socket: UdpSocket, options: Options) -> anyhow::Result<Self> {
        let address = socket.local_addr().context("address of the resolvers")?;
        let all = world::resolvers(options.resolvers);
        let shared = Arc::new(Shared {
            received: all.iter().map(|_| AtomicU64::new(0)).collect(),
            controls: all.iter().map(|_| AtomicU64::new(0)).collect(),
            all,
            strays: AtomicU64::new(0),
            unsent: AtomicU64::new(0),
            latency: options.latency,
            answers: RwLock::new(Arc::new(Answers::of_the_incident())),
        });
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let guard = runtime.enter();
        let socket = Socket::new(socket).context("socket of the resolvers")?;
        drop(guard);
        let work = serve(socket, Arc::clone(&shared));
        let thread = std::thread::Builder::new().name("resolvers".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    result = work => if let Err(error) = result {
                        tracing::error!(%error, "the resolvers ended");
                    },
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { address, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// The port of all resolvers.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// All resolvers, in order of their addresses.
    pub fn all(&self) -> &[Resolver] {
        &self.shared.all
    }

    /// The resolvers of a country, as in `DE`.
    pub fn of(&self, country: &str) -> impl Iterator<Item = &Resolver> {
        let index = world::country_index(country);
        self.all().iter().filter(move |one| Some(one.country) == index)
    }

    /// The list of all resolvers in the format of public-dns.info.
    pub fn csv(&self) -> String {
        list::csv(self.all(), Timestamp::now())
    }

    /// From now on all honest resolvers answer so for A. With none, the name has no address.
    pub fn set_majority_answer(&self, addresses: &[Ipv4Addr]) {
        self.change(|answers| answers.v4 = addresses.to_vec());
    }

    /// From now on each resolver that answers gives its own address for A.
    pub fn answer_own_addresses(&self) {
        self.change(|answers| answers.own = true);
    }

    /// From now on the resolvers of a country answer `address` for A. False for an unknown country.
    pub fn tamper(&self, country: &str, address: Ipv4Addr) -> bool {
        let Some(index) = world::country_index(country) else { return false };
        self.change(|answers| answers.by_country[index] = Some([address]));
        true
    }

    /// From now on the resolvers of a country are honest. False for an unknown country.
    pub fn heal(&self, country: &str) -> bool {
        let Some(index) = world::country_index(country) else { return false };
        self.change(|answers| answers.by_country[index] = None);
        true
    }

    /// From now on one resolver behaves so, or by its nature again.
    pub fn set_behaviour(&self, address: Ipv4Addr, behaviour: Option<Behaviour>) {
        self.change(|answers| match behaviour {
            Some(behaviour) => drop(answers.behaviours.insert(address, behaviour)),
            None => drop(answers.behaviours.remove(&address)),
        });
    }

    /// As at the start: the majority's answer, China's and Russia's.
    pub fn reset(&self) {
        self.change(|answers| *answers = Answers::of_the_incident());
    }

    /// How many datagrams a resolver has received; none for an address that is no resolver's.
    pub fn received(&self, address: Ipv4Addr) -> Option<u64> {
        let position = world::position(&self.shared.all, address)?;
        Some(self.shared.received[position].load(Ordering::Relaxed))
    }

    /// How many datagrams each resolver has received, in the order of [`Resolvers::all`].
    pub fn received_by_each(&self) -> Vec<u64> {
        self.shared.received.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    }

    /// How many of these put the control question.
    pub fn controls_by_each(&self) -> Vec<u64> {
        self.shared.controls.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    }

    /// How many datagrams came to addresses that are no resolver's.
    pub fn strays(&self) -> u64 {
        self.shared.strays.load(Ordering::Relaxed)
    }

    /// How many replies the kernel did not take.
    pub fn unsent(&self) -> u64 {
        self.shared.unsent.load(Ordering::Relaxed)
    }

    fn change(&self, change: impl FnOnce(&mut Answers)) {
        // A panic while it was held leaves the old answers in place: they are whole.
        let mut answers = self.shared.answers.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut answers));
    }
}

impl Drop for Resolvers {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[derive(Debug)]
struct Shared {
    all: Vec<Resolver>,
    /// Datagrams received, by position in `all`.
    received: Vec<AtomicU64>,
    /// Those of them that put the control question.
    controls: Vec<AtomicU64>,
    strays: AtomicU64,
    unsent: AtomicU64,
    latency: f64,
    answers: RwLock<Arc<Answers>>,
}

/// What can be changed at run time.
#[derive(Clone, Debug)]
struct Answers {
    name: Vec<u8>,
    control: Vec<u8>,
    v4: Vec<Ipv4Addr>,
    v6: Vec<Ipv6Addr>,
    /// Another answer for A, by index of the country.
    by_country: [Option<[Ipv4Addr; 1]>; COUNTRIES.len()],
    behaviours: HashMap<Ipv4Addr, Behaviour>,
    /// Each answers its own address for A, so that an answer tells who gave it.
    own: bool,
}

impl Answers {
    fn of_the_incident() -> Self {
        let mut by_country = [None; COUNTRIES.len()];
        for (code, address) in [("CN", CHINA), ("RU", RUSSIA)] {
            let index = world::country_index(code).expect("the world has China and Russia");
            by_country[index] = Some([address]);
        }
        Self {
            name: wire_name(NAME).expect("the name is a host's name"),
            control: wire_name(CONTROL).expect("the name is a host's name"),
            v4: vec![MAJORITY],
            v6: vec![MAJORITY_V6],
            by_country,
            behaviours: HashMap::new(),
            own: false,
        }
    }

    /// None when the resolver stays silent.
    fn reply<'a>(&'a self, resolver: &'a Resolver, question: &Question) -> Option<Reply<'a>> {
        let behaviour = self.behaviours.get(&resolver.address).copied();
        match behaviour.unwrap_or(resolver.behaviour) {
            Behaviour::Silent => return None,
            Behaviour::Servfail => return Some(Reply::Servfail),
            Behaviour::Refused => return Some(Reply::Refused),
            Behaviour::Answers => {}
        }
        if question.name() == self.control && question.kind == A {
            return Some(Reply::V4(&[MAJORITY]));
        }
        if question.name() != self.name {
            return Some(Reply::NxDomain);
        }
        Some(match question.kind {
            A if self.own => Reply::V4(std::slice::from_ref(&resolver.address)),
            A => match &self.by_country[resolver.country] {
                Some(other) => Reply::V4(other),
                None => Reply::V4(&self.v4),
            },
            // Tampering hit A alone.
            AAAA => Reply::V6(&self.v6),
            _ => Reply::V4(&[]),
        })
    }
}

/// A reply that is on its way; in order of when it arrives.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pending {
    at: Instant,
    path: Path,
    bytes: Vec<u8>,
}

/// Receives, answers, and sends each answer when its resolver's round trip is over.
async fn serve(mut socket: Socket, shared: Arc<Shared>) -> io::Result<()> {
    let mut pending: BinaryHeap<Reverse<Pending>> = BinaryHeap::new();
    let mut buffer = [0; LONGEST];
    loop {
        let next = pending.peek().map(|Reverse(one)| one.at);
        tokio::select! {
            biased;
            () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
            result = socket.readable() => result?,
        }
        let answers = Arc::clone(&shared.answers.read().unwrap_or_else(PoisonError::into_inner));
        let now = Instant::now();
        for _ in 0..BATCH {
            let Some((length, path)) = socket.receive(&mut buffer)? else { break };
            let Some((delay, bytes)) = shared.answer(&answers, &buffer[..length], path.to) else {
                continue;
            };
            if delay.is_zero() {
                shared.send(&socket, path, &bytes);
            } else {
                pending.push(Reverse(Pending { at: now + delay, path, bytes }));
            }
        }
        while pending.peek().is_some_and(|Reverse(one)| one.at <= now) {
            let Some(Reverse(one)) = pending.pop() else { break };
            shared.send(&socket, one.path, &one.bytes);
        }
    }
}

impl Shared {
    /// The reply to a datagram that was sent to `to`, and after which time it arrives.
    fn answer(&self, answers: &Answers, query: &[u8], to: Ipv4Addr) -> Option<(Duration, Vec<u8>)> {
        let Some(position) = world::position(&self.all, to) else {
            self.strays.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        self.received[position].fetch_add(1, Ordering::Relaxed);
        let resolver = &self.all[position];
        let question = Question::parse(query)?;
        if question.name() == answers.control {
            self.controls[position].fetch_add(1, Ordering::Relaxed);
        }
        let reply = answers.reply(resolver, &question)?;
        let milliseconds = resolver.round_trip * self.latency;
        let delay = Duration::try_from_secs_f64(milliseconds / 1_000.0).unwrap_or_default();
        // Each resolver's cache has another rest of the record's life.
        let ttl = 1 + u32::try_from(position % 300).unwrap_or_default();
        Some((delay, question.reply(query, reply, ttl)))
    }

    fn send(&self, socket: &Socket, path: Path, bytes: &[u8]) {
        if socket.reply(path, bytes).is_err() {
            self.unsent.fetch_add(1, Ordering::Relaxed);
        }
    }
}
