//! A BMC that speaks IPMI 2.0 over RMCP+ as real ones do, with their faults as switches. No I/O, no clock.
//!
//! Bytes and the time in, bytes out; [`fleet`] puts thousands of them on sockets. It shares no code
//! with the client under test: what they agree on is the specification, and `ipmitool` and
//! `ipmi-sensors` are the judges (`lab/tests/testbmc`).

mod bridge;
mod commands;
pub mod crypto;
mod device_sdr;
pub mod fleet;
pub mod inventory;
mod login;
pub mod machine;
pub mod quirks;
mod readings;
pub mod records;
mod repository;
pub mod server;
mod sessions;
pub mod specimens;
mod storage;
mod wire;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

pub use self::machine::Machine;
pub use self::quirks::Quirks;
use self::repository::Repository;
use self::sessions::{State, Table};
use self::wire::{Datagram, Protected, Request};

/// An answer, and how long after its request it is sent.
pub type Reply = (Duration, Outgoing);

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outgoing {
    /// A datagram as it is.
    Datagram(Vec<u8>),
    /// A message of a session, which is numbered and protected only when it is sent.
    Message {
        /// The BMC's ID of the session.
        session: u32,
        /// The message.
        message: Vec<u8>,
    },
}

/// A BMC: the machine it manages, its faults, and what it remembers.
#[derive(Debug)]
pub struct TestBmc {
    machine: Arc<Machine>,
    /// What is wrong with it; may be changed at any time.
    pub quirks: Quirks,
    /// Values that replace the script's, by owner, LUN and sensor number.
    values: BTreeMap<(u8, u8, u8), u8>,
    /// How often each sensor was asked for its reading, whether or not there is such a one.
    asked: BTreeMap<(u8, u8, u8), u64>,
    sessions: Table,
    repository: Repository,
    /// The reservations of device SDRs, by owner and LUN.
    device_reservations: BTreeMap<(u8, u8), u16>,
    rng: SmallRng,
    counters: Counters,
    /// How many replies were sent inside sessions.
    replies: u32,
    /// How many answers other controllers gave.
    controllers_answers: u32,
    rebooted: bool,
    lost_sessions: bool,
    /// Until when it works on a message of RAKP.
    busy_until: Duration,
}

/// What a BMC has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Sessions that were opened.
    pub sessions: u64,
    /// Sessions that were closed by the console.
    pub closed: u64,
    /// Log-ins that failed: wrong password, unknown name, level too high.
    pub refused_logins: u64,
    /// Log-ins that found the session table full.
    pub table_full: u64,
    /// Open Sessions that were not answered, since the suite is not spoken.
    pub unanswered_suites: u64,
    /// Requests that were answered inside sessions.
    pub requests: u64,
    /// Requests that were carried to other controllers.
    pub bridged: u64,
    /// Packets of sessions that were dropped: unknown session, not authentic, sequence number seen.
    pub dropped: u64,
    /// Requests for something that changes the BMC's state; all were refused.
    pub refused_changes: u64,
}

impl TestBmc {
    /// A BMC that has just started; `seed` makes its random numbers.
    pub fn new(machine: Arc<Machine>, quirks: Quirks, seed: u64) -> Self {
        let repository = Repository::new(&machine);
        Self {
            machine,
            quirks,
            values: BTreeMap::new(),
            asked: BTreeMap::new(),
            sessions: Table::default(),
            repository,
            device_reservations: BTreeMap::new(),
            rng: SmallRng::seed_from_u64(seed),
            counters: Counters::default(),
            replies: 0,
            controllers_answers: 0,
            rebooted: false,
            lost_sessions: false,
            busy_until: Duration::ZERO,
        }
    }

    /// Takes a datagram; `now` is the time since the BMC's start.
    pub fn datagram(&mut self, from: SocketAddr, bytes: &[u8], now: Duration) -> Vec<Reply> {
        if self.is_down(now) {
            return Vec::new();
        }
        self.sessions.expire(now, self.machine.session_timeout);
        let at_once = |answer: Option<Vec<u8>>| {
            answer.map(|bytes| (Duration::ZERO, Outgoing::Datagram(bytes))).into_iter().collect()
        };
        match wire::parse(bytes) {
            None => Vec::new(),
            Some(Datagram::Ping(tag)) => at_once(Some(wire::pong(tag))),
            Some(Datagram::Old(message)) => {
                let delay = self.works_for(self.quirks.open_takes, now);
                let answer = self.outside(message).map(|answer| wire::old(&answer));
                answer.map(|bytes| (delay, Outgoing::Datagram(bytes))).into_iter().collect()
            }
            Some(Datagram::Plain(kind, payload)) => {
                let takes = match kind {
                    wire::PAYLOAD_OPEN_REQUEST => self.quirks.open_takes,
                    wire::PAYLOAD_RAKP_1 | wire::PAYLOAD_RAKP_3 => self.quirks.rakp_takes,
                    _ => Duration::ZERO,
                };
                let delay = self.works_for(takes, now);
                let answer = self.plain(kind, from, payload, now);
                answer.map(|bytes| (delay, Outgoing::Datagram(bytes))).into_iter().collect()
            }
            Some(Datagram::Protected(packet)) => self.inside(from, &packet, now),
        }
    }

    /// How long it takes from now on to do that after all that it has to do before.
    fn works_for(&mut self, takes: Duration, now: Duration) -> Duration {
        self.busy_until = self.busy_until.max(now) + takes;
        self.busy_until.saturating_sub(now)
    }

    /// The datagram of what is due; none when its session is over.
    pub fn send(&mut self, outgoing: Outgoing) -> Option<Vec<u8>> {
        let (session, message) = match outgoing {
            Outgoing::Datagram(bytes) => return Some(bytes),
            Outgoing::Message { session, message } => (session, message),
        };
        let vector = self.rng.random();
        let slot = self.sessions.get(session)?;
        let console = slot.console;
        let State::Active(active) = &mut slot.state else { return None };
        active.sent = active.sent.checked_add(1).unwrap_or(1);
        let padding = self.quirks.padding;
        Some(wire::protected(&active.keys, console, active.sent, vector, padding, &message))
    }

    /// Gives a sensor of the BMC a value of its own instead of the script's.
    pub fn set_value(&mut self, lun: u8, number: u8, raw: u8) {
        self.set_value_of(machine::BMC, lun, number, raw);
    }

    /// The same for a sensor of the controller with the address `owner`.
    pub fn set_value_of(&mut self, owner: u8, lun: u8, number: u8, raw: u8) {
        self.values.insert((owner, lun, number), raw);
    }

    /// How often the reading of a sensor was asked for at its owner, the BMC or a controller, whether
    /// or not there is such a sensor.
    pub fn asked(&self, owner: u8, lun: u8, number: u8) -> u64 {
        self.asked.get(&(owner, lun, number)).copied().unwrap_or_default()
    }

    /// How many sessions are open.
    pub fn open_sessions(&self) -> usize {
        self.sessions.active()
    }

    /// Forgets every session, as a BMC does whose management process was restarted.
    pub fn lose_sessions(&mut self) {
        self.sessions.clear();
    }

    /// What it has counted.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The machine it manages.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Whether it is rebooting; acts on the moments that the quirks name.
    fn is_down(&mut self, now: Duration) -> bool {
        if self.quirks.sessions_lost_at.is_some_and(|at| at <= now) && !self.lost_sessions {
            self.lost_sessions = true;
            self.sessions.clear();
        }
        let Some((from, until)) = self.quirks.reboot else { return false };
        if now >= from && !self.rebooted {
            self.rebooted = true;
            self.sessions.clear();
            self.repository = Repository::new(&self.machine);
        }
        (from..until).contains(&now)
    }

    /// An RMCP+ payload outside of any session.
    fn plain(
        &mut self,
        kind: u8,
        from: SocketAddr,
        payload: &[u8],
        now: Duration,
    ) -> Option<Vec<u8>> {
        let (kind, answer) = match kind {
            wire::PAYLOAD_IPMI => (kind, self.outside(payload)?),
            wire::PAYLOAD_OPEN_REQUEST => {
                (login::OPEN_RESPONSE, self.open_session(from, payload, now)?)
            }
            wire::PAYLOAD_RAKP_1 => (login::RAKP_2, self.rakp_1(payload, now)?),
            wire::PAYLOAD_RAKP_3 => (login::RAKP_4, self.rakp_3(payload, now)?),
            _ => return None,
        };
        Some(wire::plain(kind, &login::as_refused(answer, self.quirks.refusals)))
    }

    /// A message outside of any session.
    fn outside(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        let request = Request::parse(message)?;
        let (code, data) = commands::outside(&self.machine, &request);
        Some(request.respond(code, &data))
    }

    /// A packet of a session.
    fn inside(&mut self, from: SocketAddr, packet: &Protected<'_>, now: Duration) -> Vec<Reply> {
        let Some((request, level)) = self.authentic_request(from, packet, now) else {
            self.counters.dropped += 1;
            return Vec::new();
        };
        self.counters.requests += 1;
        let answer = self.execute(packet.session, level, &request, now);
        if answer.is_silence {
            return Vec::new();
        }
        let session = packet.session;
        let mut replies =
            self.deliver(session, answer.delay, request.respond(answer.code, &answer.data));
        if let Some((delay, message)) = answer.behind {
            replies.extend(self.deliver(session, delay, message));
        }
        if answer.closes {
            self.sessions.remove(session);
            self.counters.closed += 1;
        }
        replies
    }

    /// The request of a packet, if its session exists, it is authentic and its number is new.
    fn authentic_request(
        &mut self,
        from: SocketAddr,
        packet: &Protected<'_>,
        now: Duration,
    ) -> Option<(Request, machine::Privilege)> {
        let slot = self.sessions.get(packet.session).filter(|slot| slot.peer == from)?;
        let State::Active(active) = &mut slot.state else { return None };
        let message = packet.open(&active.keys)?;
        active.window.accept(packet.sequence).then_some(())?;
        slot.last = now;
        Some((Request::parse(&message)?, active.level))
    }

    /// At once, slowly, late or twice, as the quirks say. What the network holds up or doubles was
    /// numbered before; what the BMC itself is slow with is not.
    fn deliver(&mut self, session: u32, delay: Duration, message: Vec<u8>) -> Vec<Reply> {
        self.replies = self.replies.wrapping_add(1);
        let every = |n: u32| n != 0 && self.replies.is_multiple_of(n);
        let late = self.quirks.late.filter(|late| every(late.every)).map(|late| late.by);
        let twice = self.quirks.duplicated.is_some_and(every);
        let outgoing = Outgoing::Message { session, message };
        if !delay.is_zero() && late.is_none() && !twice {
            return vec![(delay, outgoing)];
        }
        let Some(bytes) = self.send(outgoing) else { return Vec::new() };
        let reply = (delay + late.unwrap_or_default(), Outgoing::Datagram(bytes));
        vec![reply; if twice { 2 } else { 1 }]
    }
}
