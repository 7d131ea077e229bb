//! One lane of a sweep: its sockets, its resolvers, its share of the rate.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep_until;

use super::junk::Junk;
use super::schedule::{Due, Pace, Schedule};
use super::socket::Sockets;
use super::{Ground, LaneReport, local_error, passes_control, tcp};
use crate::answer::Ignored;
use crate::metrics::{LocalError, Transport};
use crate::pending::{Pending, Received};
use crate::question::MAX_UDP_PAYLOAD;

/// Datagrams that are read before it is time to send again.
const BURST: usize = 256;

/// A lane that is ready to go.
#[derive(Debug)]
pub(super) struct Lane {
    ground: Arc<Ground>,
    /// Indices of its resolvers, in the order in which they are asked.
    members: Vec<usize>,
    /// When the first query is due.
    first: Duration,
    /// From one query to the next.
    step: Duration,
}

impl Lane {
    pub(super) fn new(
        ground: Arc<Ground>,
        members: Vec<usize>,
        first: Duration,
        step: Duration,
    ) -> Self {
        Self { ground, members, first, step }
    }

    /// Sends every query at its time and waits for the answers. An error means that no socket could
    /// be opened.
    pub(super) async fn run(self) -> anyhow::Result<LaneReport> {
        let ground = Arc::clone(&self.ground);
        let (set, metrics) = (&ground.plan.set, &ground.metrics);
        let peers = self.members.iter().map(|&member| set.list.resolvers[member].address);
        let mut sockets = Sockets::open(peers).inspect_err(|error| local_error(metrics, error))?;
        let mut pending = Pending::new(&ground.templates, set.timeout, set.retries);
        let mut schedule = Schedule::new(self.pace());
        let (mut asked, mut junk) = (Vec::new(), Junk::default());
        let mut tcp = JoinSet::new();
        let mut buffer = [0; MAX_UDP_PAYLOAD as usize + 1];

        loop {
            let now = ground.began.elapsed();
            if pending.next_deadline().is_some_and(|deadline| deadline <= now) {
                sockets.drain_errors(|peer, id| pending.unreachable(peer, id));
                for index in pending.expire(now) {
                    metrics.retry();
                    self.send(&mut sockets, &mut pending, index).await;
                }
            }
            while let Some(due) = schedule.due(now, pending.in_flight()) {
                if !self.failed_control(&pending, asked.len(), due) {
                    let (peer, id) = (self.peer(due.member), pending.free_id(rand::random));
                    let index = pending.begin(now, peer, due.question, id, rand::random());
                    asked.push((self.members[due.member], due.question));
                    self.send(&mut sockets, &mut pending, index).await;
                }
                schedule.advance(now);
            }
            if schedule.is_over(now, &pending) {
                break;
            }
            tokio::select! {
                () = sockets.readable() => {
                    for _ in 0..BURST {
                        let Some((length, from)) = sockets.receive(&mut buffer) else { break };
                        let datagram = &buffer[..length];
                        let is_junk = !self.take(&mut pending, &mut tcp, from, datagram);
                        junk.received(from.ip(), is_junk, sockets.dropped());
                    }
                }
                Some(done) = tcp.join_next() => {
                    let (index, message): (usize, Option<Vec<u8>>) = done?;
                    pending.whole(index, message.as_deref());
                }
                () = sleep_until(ground.began + schedule.wake(&pending)) => {}
            }
        }

        let dropped = sockets.all_dropped().await;
        metrics.local_error(LocalError::ReceiveBufferDrop, dropped);
        junk.dropped(dropped);
        let outcomes = asked.into_iter().zip(pending.into_outcomes());
        Ok(LaneReport {
            outcomes: outcomes
                .map(|((member, question), outcome)| (member, question, outcome))
                .collect(),
            lost: junk.unexplained(),
        })
    }

    fn pace(&self) -> Pace {
        let plan = &self.ground.plan;
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

    /// Whether the member whose turn it is has shown itself unhealthy: it is asked no further.
    fn failed_control(&self, pending: &Pending<'_>, asked: usize, due: Due) -> bool {
        let has_control = self.ground.plan.set.control.is_some();
        // In the first pass nobody is left out: query number and index in `pending` are the same.
        let was_asked = has_control && due.number >= self.members.len() && due.member < asked;
        was_asked && pending.outcome(due.member).is_some_and(|outcome| !passes_control(outcome))
    }

    fn peer(&self, member: usize) -> SocketAddr {
        let set = &self.ground.plan.set;
        (set.list.resolvers[self.members[member]].address, set.port).into()
    }

    async fn send(&self, sockets: &mut Sockets, pending: &mut Pending<'_>, index: usize) {
        let query = pending.query(index);
        let (peer, mut bytes) = (query.peer, Vec::new());
        self.ground.templates[query.question].write(query.id, query.case, &mut bytes);
        let unreachable = |peer, id| pending.unreachable(peer, id);
        match sockets.send(&bytes, peer, unreachable).await {
            Ok(()) => self.ground.metrics.query(Transport::Udp),
            Err(error) => {
                local_error(&self.ground.metrics, &error);
                pending.not_sent(index);
            }
        }
    }

    /// Takes a datagram; false if it was of no use.
    fn take(
        &self,
        pending: &mut Pending<'_>,
        tcp: &mut JoinSet<(usize, Option<Vec<u8>>)>,
        from: SocketAddr,
        datagram: &[u8],
    ) -> bool {
        let metrics = &self.ground.metrics;
        match pending.received(self.ground.began.elapsed(), from, datagram) {
            Received::Answered(took) => {
                metrics.answered(took);
                true
            }
            Received::Truncated(index) => {
                let query = pending.query(index);
                let (peer, mut bytes) = (query.peer, Vec::new());
                self.ground.templates[query.question].write(query.id, query.case, &mut bytes);
                let ground = Arc::clone(&self.ground);
                tcp.spawn(async move { (index, whole(&ground, peer, &bytes).await) });
                true
            }
            Received::SecondAnswer => {
                metrics.ignored(Ignored::Duplicate);
                false
            }
            Received::Ignored(reason) => {
                metrics.ignored(reason);
                false
            }
        }
    }
}

/// The whole answer to a truncated one, or nothing if it is not to be had.
async fn whole(ground: &Ground, peer: SocketAddr, query: &[u8]) -> Option<Vec<u8>> {
    let _permit = ground.tcp_connections.acquire().await.ok()?;
    ground.metrics.query(Transport::Tcp);
    tcp::ask(peer, query).await.ok()
}
