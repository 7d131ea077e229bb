//! Our client's sessions over sockets that all BMCs share, instead of a socket each.
//!
//! It is here to be compared with: a socket is emptied at each wake-up, a datagram finds its session by
//! the address that it came from, and one heap has every deadline.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use ipmi_lan::Credentials;
use ipmi_lan::command::Command;
use ipmi_lan::connection::{Connection, Event};
use ipmi_lan::sdr::Record;
use ipmi_lan::sdr::fetch::{Fetch, Next};
use ipmi_lan::sensor::RawReading;
use tokio::net::UdpSocket;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::bmcs::Bmcs;
use super::tally::{SHARED, Tally};
use super::{Options, ours};
use crate::bench::report::Row;
use crate::datagrams;

/// Measured: one carries 10,000 BMCs with a fifth of a core, and two take more, waking each other's
/// threads.
const SOCKETS: usize = 1;

/// More than any datagram of the protocol.
const DATAGRAM: usize = 2_048;

/// So many datagrams at a time, so that no deadline waits for a busy socket.
const BATCH: usize = 256;

/// Logs in everywhere, then polls and measures.
pub(super) async fn measure(bmcs: &Bmcs, options: &Options) -> anyhow::Result<Row> {
    let credentials = Arc::new(ours::credentials()?);
    // All sockets and the one who measures.
    let (start, end) = (Barrier::new(SOCKETS + 1), Barrier::new(SOCKETS + 1));
    let (start, end) = (Arc::new(start), Arc::new(end));
    let mut tasks = JoinSet::new();
    for first in 0..SOCKETS {
        let indices = (first..bmcs.count()).step_by(SOCKETS);
        let unopened = indices.map(|index| (index, bmcs.address(index))).collect();
        let line = Line::new(Arc::clone(&credentials), unopened)?;
        let plan =
            Plan { count: bmcs.count(), interval: options.interval(), rounds: options.rounds };
        tasks.spawn(line.run(plan, Arc::clone(&start), Arc::clone(&end)));
    }
    let (tally, used) = ours::watch(&start, &end, options, tasks).await?;
    Ok(tally.row((SHARED, "ipmi"), bmcs.count(), tally.took.len() as f64, &used))
}

/// When which BMC is polled.
#[derive(Clone, Copy)]
struct Plan {
    /// Of the BMCs of all sockets.
    count: usize,
    interval: Duration,
    rounds: u32,
}

/// A socket and the BMCs that are spoken to over it.
struct Line {
    socket: UdpSocket,
    credentials: Arc<Credentials>,
    /// The moment from which its time is counted.
    epoch: Instant,
    /// The BMCs without a session yet.
    unopened: VecDeque<(usize, SocketAddr)>,
    bmcs: Vec<Bmc>,
    /// Their places in `bmcs`.
    places: HashMap<SocketAddr, usize>,
    /// When which BMC has to be looked at, the earliest first. One that was answered meanwhile is
    /// looked at for nothing: that is cheaper than to take its alarm out.
    alarms: BinaryHeap<Reverse<(Duration, usize)>>,
    /// How many BMCs still have something to do.
    under_way: usize,
    tally: Tally,
}

impl Line {
    fn new(
        credentials: Arc<Credentials>,
        unopened: VecDeque<(usize, SocketAddr)>,
    ) -> anyhow::Result<Self> {
        let socket = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        datagrams::enlarge_buffers(&socket)?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket: UdpSocket::from_std(socket)?,
            credentials,
            epoch: Instant::now(),
            bmcs: Vec::with_capacity(unopened.len()),
            places: HashMap::with_capacity(unopened.len()),
            unopened,
            alarms: BinaryHeap::new(),
            under_way: 0,
            tally: Tally::default(),
        })
    }

    async fn run(mut self, plan: Plan, start: Arc<Barrier>, end: Arc<Barrier>) -> Tally {
        self.open_more();
        self.carry().await;
        start.wait().await;
        self.poll(plan);
        self.carry().await;
        end.wait().await;
        for bmc in &mut self.bmcs {
            for datagram in bmc.connection.farewell() {
                let _ = self.socket.try_send_to(&datagram, bmc.address);
            }
        }
        self.tally
    }

    /// Begins the next log-ins.
    fn open_more(&mut self) {
        while self.under_way < ours::LOGINS / SOCKETS
            && let Some((index, address)) = self.unopened.pop_front()
        {
            let options = ipmi_lan::Options::default();
            let now = self.epoch.elapsed();
            let connection = Connection::new(now, &self.credentials, &options, rand::random());
            let place = self.bmcs.len();
            self.places.insert(address, place);
            self.bmcs.push(Bmc::new(index, address, connection));
            self.under_way += 1;
            self.settle(place, now);
        }
    }

    /// Begins the polls, spread over the interval.
    fn poll(&mut self, plan: Plan) {
        let now = self.epoch.elapsed();
        for place in 0..self.bmcs.len() {
            let bmc = &mut self.bmcs[place];
            if matches!(bmc.stage, Stage::Lost) {
                tracing::warn!(address = %bmc.address, "no session");
                self.tally.failed += u64::from(plan.rounds);
                continue;
            }
            let first = now + plan.interval.mul_f64(bmc.index as f64 / plan.count as f64);
            bmc.polls = (0..plan.rounds).map(|round| first + plan.interval * round).collect();
            self.under_way += usize::from(!bmc.is_at_rest());
            self.settle(place, now);
        }
    }

    /// Carries datagrams to and fro until every BMC is at rest.
    async fn carry(&mut self) {
        let mut alarm = pin!(sleep_until(self.epoch));
        while self.under_way > 0 {
            // Whoever is under way has one.
            let Some(&Reverse((next, _))) = self.alarms.peek() else {
                return;
            };
            if alarm.deadline() != self.epoch + next {
                alarm.as_mut().reset(self.epoch + next);
            }
            tokio::select! {
                _ = self.socket.readable() => self.receive(),
                () = &mut alarm => {}
            }
            self.ring();
            self.open_more();
        }
    }

    /// Takes what has arrived.
    fn receive(&mut self) {
        let mut buffer = [0; DATAGRAM];
        for _ in 0..BATCH {
            let Ok((length, from)) = self.socket.try_recv_from(&mut buffer) else {
                return;
            };
            let Some(&place) = self.places.get(&from) else {
                continue;
            };
            let now = self.epoch.elapsed();
            self.bmcs[place].connection.datagram_received(now, &buffer[..length]);
            self.settle(place, now);
        }
    }

    /// Looks at those whose time has come.
    fn ring(&mut self) {
        let now = self.epoch.elapsed();
        while let Some(&Reverse((at, place))) = self.alarms.peek()
            && at <= now
        {
            self.alarms.pop();
            let bmc = &mut self.bmcs[place];
            bmc.alarm = bmc.alarm.filter(|&alarm| alarm != at);
            bmc.time_passed(now);
            self.settle(place, now);
        }
    }

    /// Acts on what a session says, sends what it has to send, and sets its alarm.
    fn settle(&mut self, place: usize, now: Duration) {
        let bmc = &mut self.bmcs[place];
        let was_at_rest = bmc.is_at_rest();
        while let Some(event) = bmc.connection.next_event() {
            bmc.act(event, now, &mut self.tally);
        }
        if !was_at_rest && bmc.is_at_rest() {
            self.under_way -= 1;
        }
        while let Some(datagram) = bmc.connection.next_datagram() {
            // What cannot be sent is lost, as on a network.
            let _ = self.socket.try_send_to(&datagram, bmc.address);
        }
        if let Some(next) = bmc.next()
            && bmc.alarm.is_none_or(|alarm| next < alarm)
        {
            bmc.alarm = Some(next);
            self.alarms.push(Reverse((next, place)));
        }
    }
}

/// A BMC, its session, and what is being done with it.
struct Bmc {
    index: usize,
    address: SocketAddr,
    connection: Connection,
    stage: Stage,
    records: Vec<Record>,
    /// When it has still to be polled.
    polls: VecDeque<Duration>,
    /// Its earliest alarm.
    alarm: Option<Duration>,
}

enum Stage {
    LoggingIn,
    Listing(Box<Fetch>),
    Waiting,
    Reading { record: usize, began: Duration, whole: bool },
    Lost,
}

impl Bmc {
    fn new(index: usize, address: SocketAddr, connection: Connection) -> Self {
        Self {
            index,
            address,
            connection,
            stage: Stage::LoggingIn,
            records: Vec::new(),
            polls: VecDeque::new(),
            alarm: None,
        }
    }

    /// Whether nothing is to be done with it.
    fn is_at_rest(&self) -> bool {
        match self.stage {
            Stage::Waiting => self.polls.is_empty(),
            Stage::Lost => true,
            Stage::LoggingIn | Stage::Listing(_) | Stage::Reading { .. } => false,
        }
    }

    /// When to look at it again.
    fn next(&self) -> Option<Duration> {
        match self.stage {
            Stage::Waiting => self.polls.front().copied(),
            _ => self.connection.deadline(),
        }
    }

    fn time_passed(&mut self, now: Duration) {
        if matches!(self.stage, Stage::Waiting)
            && self.polls.front().is_some_and(|poll| *poll <= now)
        {
            self.polls.pop_front();
            self.stage = Stage::Reading { record: 0, began: now, whole: true };
            self.ask(0, now);
        }
        self.connection.time_passed(now);
    }

    /// Asks for the reading of a record's sensor; each of the records is one.
    fn ask(&mut self, record: usize, now: Duration) {
        if let Some(id) = self.records[record].sensor_id() {
            self.connection.request(now, Command::SensorReading(id));
        }
    }

    fn act(&mut self, event: Event, now: Duration, tally: &mut Tally) {
        match (&mut self.stage, event) {
            (Stage::LoggingIn, Event::Opened) => {
                let fetch = Box::new(Fetch::new(0));
                self.connection.request(now, fetch.question());
                self.stage = Stage::Listing(fetch);
            }
            (Stage::Listing(fetch), Event::Reply(_, answer)) => {
                match fetch.answer(answer.as_deref().map_err(|error| *error)) {
                    Next::Ask => self.connection.request(now, fetch.question()),
                    Next::Done(Ok(list)) if ours::is_whole(&list) => {
                        self.records = list.records;
                        self.stage = Stage::Waiting;
                    }
                    Next::Done(_) => self.stage = Stage::Lost,
                }
            }
            (Stage::Reading { record, began, whole }, Event::Reply(_, answer)) => {
                let reading = answer.and_then(|data| RawReading::parse(&data)).ok();
                let of = &self.records[*record];
                match reading.and_then(|it| ours::is_right(self.index, of, it)) {
                    Some(true) => {}
                    Some(false) => tally.wrong += 1,
                    None => *whole = false,
                }
                *record += 1;
                if *record < self.records.len() {
                    let record = *record;
                    self.ask(record, now);
                } else {
                    tally.took.push(now.saturating_sub(*began));
                    tally.failed += u64::from(!*whole);
                    self.stage = Stage::Waiting;
                }
            }
            (stage, _) => {
                // What will not be polled any more has failed.
                let under_way = u64::from(matches!(stage, Stage::Reading { .. }));
                tally.failed += under_way + self.polls.len() as u64;
                self.polls.clear();
                self.stage = Stage::Lost;
            }
        }
    }
}
