//! One worker of a sweep: its sockets, its resolvers, its share of the rate.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use datagram::{Buffer, Datagram};
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use super::junk::Junk;
use super::schedule::{Due, Pace, Schedule};
use super::sockets::Sockets;
use super::{Shared, WorkerReport, local_error, passes_control};
use crate::exchange::question::MAX_UDP_PAYLOAD;
use crate::exchange::{Transport, tcp};
use crate::outcome::{Ignored, LocalError};
use crate::pending::{Pending, Received};

/// Datagrams that are read before it is time to send again.
const BURST: usize = 256;

/// Bursts that are read before queries are given up: a buffer of four megabytes, and no more, since
/// a flood may go on for ever.
const BURSTS: usize = 32;

/// How long connection, question and answer over TCP may take together.
const TCP_LIMIT: Duration = Duration::from_secs(5);

/// What a query over TCP brought: its index, and the message if there is one.
type Whole = (usize, Option<Vec<u8>>);

/// What a worker needs to read its sockets.
struct Reading {
    buffer: Buffer,
    /// For each socket.
    junk: [Junk; 2],
    tcp: JoinSet<Whole>,
}

/// A worker that is ready to go.
#[derive(Debug)]
pub(super) struct Worker {
    shared: Arc<Shared>,
    /// Indices of its resolvers, in the order in which they are asked.
    members: Vec<usize>,
    /// When the first query is due.
    first: Duration,
    /// From one query to the next.
    step: Duration,
}

impl Worker {
    pub(super) fn new(
        shared: Arc<Shared>,
        members: Vec<usize>,
        first: Duration,
        step: Duration,
    ) -> Self {
        Self { shared, members, first, step }
    }

    /// Sends every query at its time and waits for the answers. An error means that no socket could
    /// be opened.
    pub(super) async fn run(self) -> anyhow::Result<WorkerReport> {
        let shared = Arc::clone(&self.shared);
        let (set, counts) = (&shared.plan.set, &shared.counts);
        let peers = self.members.iter().map(|&member| set.list.resolvers[member].address);
        let sockets = Sockets::open(peers).inspect_err(|error| local_error(counts, error))?;
        let mut reading = Reading {
            buffer: Buffer::new(usize::from(MAX_UDP_PAYLOAD) + 1),
            junk: Default::default(),
            tcp: JoinSet::new(),
        };
        let mut pending = Pending::new(&shared.templates, set.timeout, set.retries);
        let mut schedule = Schedule::new(self.pace());
        let mut asked = Vec::new();
        // Control questions that are counted.
        let mut controls = 0;

        loop {
            let mut now = shared.began.elapsed();
            if pending.next_deadline().is_some_and(|deadline| deadline <= now) {
                // If we were held up, answers that came in time are in the sockets.
                for _ in 0..BURSTS {
                    if !self.read(&sockets, &mut reading, &mut pending) {
                        break;
                    }
                }
                now = shared.began.elapsed();
                for index in pending.expire(now) {
                    counts.retry();
                    self.send(&sockets, &mut pending, index).await;
                }
            }
            while let Some(due) = schedule.due(now, pending.in_flight()) {
                self.count_controls(&pending, asked.len(), &mut controls);
                if !self.failed_control(&pending, asked.len(), due) {
                    let (peer, id) = (self.peer(due.member), pending.free_id(rand::random));
                    let index = pending.begin(now, peer, due.question, id, rand::random());
                    asked.push((self.members[due.member], due.question));
                    self.send(&sockets, &mut pending, index).await;
                }
                schedule.advance(now);
            }
            if schedule.is_over(now, &pending) {
                break;
            }
            tokio::select! {
                () = sockets.ready() => {
                    self.read(&sockets, &mut reading, &mut pending);
                }
                Some(done) = reading.tcp.join_next() => {
                    let (index, message) = done?;
                    pending.whole(index, message.as_deref());
                }
                () = sleep_until(shared.began + schedule.wake(&pending)) => {}
            }
        }

        let mut lost = 0;
        for (socket, junk) in sockets.each().zip(&mut reading.junk) {
            let dropped = u64::from(socket.get().dropped());
            counts.local_error(LocalError::ReceiveBufferDrop, dropped);
            junk.dropped(dropped);
            lost += junk.unexplained();
        }
        let outcomes = asked.into_iter().zip(pending.into_outcomes());
        Ok(WorkerReport {
            outcomes: outcomes
                .map(|((member, question), outcome)| (member, question, outcome))
                .collect(),
            lost,
        })
    }

    /// Reads a burst of what has arrived; false if there is no more.
    fn read(&self, sockets: &Sockets, reading: &mut Reading, pending: &mut Pending<'_>) -> bool {
        let Reading { buffer, junk, tcp } = reading;
        sockets.read_notices(buffer, |peer, id| pending.unreachable(peer, id));
        let mut is_more = false;
        for (socket, junk) in sockets.each().zip(junk) {
            let mut left = BURST;
            while let Some(datagram) = (left > 0).then(|| socket.receive(buffer)).flatten() {
                left -= 1;
                let is_junk = !self.take(pending, tcp, datagram);
                junk.received(datagram.from.ip(), is_junk, datagram.dropped.into());
            }
            is_more |= left == 0;
        }
        is_more
    }

    fn pace(&self) -> Pace {
        let plan = &self.shared.plan;
        Pace {
            members: self.members.len(),
            questions: plan.questions.len(),
            has_control: plan.set.control.is_some(),
            first: self.first,
            step: self.step,
            gap: plan.gap(),
            end: plan.set.interval,
        }
    }

    /// Whether the member whose turn it is has shown itself unhealthy, by a control that is good: it is
    /// asked no further.
    fn failed_control(&self, pending: &Pending<'_>, asked: usize, due: Due) -> bool {
        let has_control = self.shared.plan.set.control.is_some();
        // In the first pass nobody is left out: query number and index in `pending` are the same.
        let was_asked = has_control && due.number >= self.members.len() && due.member < asked;
        was_asked
            && self.shared.tally.is_good()
            && pending.outcome(due.member).is_some_and(|outcome| !passes_control(outcome))
    }

    /// Counts the results of the control question, in the order in which it was asked.
    fn count_controls(&self, pending: &Pending<'_>, asked: usize, counted: &mut usize) {
        if self.shared.plan.set.control.is_none() {
            return;
        }
        while *counted < self.members.len().min(asked)
            && let Some(outcome) = pending.outcome(*counted)
        {
            self.shared.tally.add(passes_control(outcome));
            *counted += 1;
        }
    }

    fn peer(&self, member: usize) -> SocketAddr {
        let set = &self.shared.plan.set;
        (set.list.resolvers[self.members[member]].address, set.port).into()
    }

    async fn send(&self, sockets: &Sockets, pending: &mut Pending<'_>, index: usize) {
        let query = pending.query(index);
        let (peer, mut bytes) = (query.peer, Vec::new());
        self.shared.templates[query.question].write(query.id, query.case, &mut bytes);
        match sockets.send(&bytes, peer).await {
            Ok(()) => self.shared.counts.query(Transport::Udp),
            Err(error) => {
                local_error(&self.shared.counts, &error);
                pending.not_sent(index);
            }
        }
    }

    /// Takes a datagram; false if it was of no use.
    fn take(
        &self,
        pending: &mut Pending<'_>,
        tcp: &mut JoinSet<Whole>,
        datagram: Datagram<'_>,
    ) -> bool {
        let counts = &self.shared.counts;
        // When the kernel had it, however late we read it.
        let arrived = self.shared.began.elapsed().saturating_sub(datagram.waited);
        match pending.received(arrived, datagram.from, datagram.bytes) {
            Received::Answered(took) => {
                counts.answered(took);
                true
            }
            Received::Truncated(index) => {
                let query = pending.query(index);
                let (peer, mut bytes) = (query.peer, Vec::new());
                self.shared.templates[query.question].write(query.id, query.case, &mut bytes);
                let shared = Arc::clone(&self.shared);
                tcp.spawn(async move { (index, whole(&shared, peer, &bytes).await) });
                true
            }
            Received::SecondAnswer => {
                counts.ignored(Ignored::Duplicate);
                false
            }
            Received::Ignored(reason) => {
                counts.ignored(reason);
                false
            }
        }
    }
}

/// The whole answer to a truncated one, or nothing if it is not to be had.
async fn whole(shared: &Shared, peer: SocketAddr, query: &[u8]) -> Option<Vec<u8>> {
    let _permit = shared.tcp_connections.acquire().await.ok()?;
    shared.counts.query(Transport::Tcp);
    tcp::ask(peer, query, TCP_LIMIT).await.ok()
}
