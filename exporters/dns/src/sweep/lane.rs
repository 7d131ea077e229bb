//! One lane of a sweep: its sockets, its resolvers, its share of the rate.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep_until;

use super::socket::Sockets;
use super::{Ground, LaneReport, local_error, passes_control, tcp};
use crate::answer::Ignored;
use crate::metrics::{LocalError, Transport};
use crate::pending::{Pending, Received};
use crate::question::MAX_UDP_PAYLOAD;

/// Queries in flight at one socket. What a default receive buffer (212,992 bytes) holds if all
/// answer at once, with room to spare.
const WINDOW: usize = 1_000;

/// How much of a delay is made good by sending faster afterwards.
const CATCH_UP: Duration = Duration::from_millis(20);

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

/// Where a lane is in its list of queries.
struct Position {
    /// The next query: first every member's first, then every member's second, and so on.
    next: usize,
    /// When it is due.
    due: Duration,
    /// When the present pass over the members began.
    pass_began: Duration,
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
        let mut position = Position { next: 0, due: self.first, pass_began: self.first };
        let mut asked = Vec::new();
        let mut tcp = JoinSet::new();
        let mut buffer = [0; MAX_UDP_PAYLOAD as usize + 1];

        loop {
            let now = ground.began.elapsed();
            if pending.next_due().is_some_and(|due| due <= now) {
                sockets.drain_errors(|peer, id| pending.unreachable(peer, id));
                for index in pending.expire(now) {
                    metrics.retry();
                    self.send(&mut sockets, &mut pending, index).await;
                }
            }
            while let Some(question) = self.question(&position, now, pending.in_flight()) {
                let member = position.next % self.members.len();
                if !self.failed_control(&pending, &asked, position.next) {
                    let id = pending.free_id(rand::random);
                    let index = pending.begin(now, self.peer(member), question, id, rand::random());
                    asked.push((self.members[member], question, position.next));
                    self.send(&mut sockets, &mut pending, index).await;
                }
                self.advance(&mut position, now);
            }
            let all_sent = position.next == self.queries();
            if all_sent && pending.is_over(now) || now >= set.interval {
                break;
            }

            let may_send = !all_sent && pending.in_flight() < WINDOW;
            let next_send = may_send.then_some(position.due);
            let wake =
                [next_send, pending.next_due(), Some(set.interval)].into_iter().flatten().min();
            tokio::select! {
                () = sockets.readable() => {
                    for _ in 0..BURST {
                        let Some((length, from)) = sockets.receive(&mut buffer) else { break };
                        self.take(&mut pending, &mut tcp, from, &buffer[..length]);
                    }
                }
                Some(done) = tcp.join_next() => {
                    let (index, message): (usize, Option<Vec<u8>>) = done?;
                    pending.whole(index, message.as_deref());
                }
                () = sleep_until(ground.began + wake.unwrap_or_default()) => {}
            }
        }

        let dropped = sockets.dropped().await;
        metrics.local_error(LocalError::ReceiveBufferDrop, dropped);
        let outcomes = asked.into_iter().zip(pending.into_outcomes());
        Ok(LaneReport {
            outcomes: outcomes
                .map(|((member, question, _), outcome)| (member, question, outcome))
                .collect(),
            dropped,
        })
    }

    /// How many queries there are in all.
    fn queries(&self) -> usize {
        self.members.len() * self.ground.templates.len()
    }

    /// The question that is due now, if one is and there is room for it. The control question comes
    /// first; then each member begins with another question, so that no name is asked in a burst.
    fn question(&self, position: &Position, now: Duration, in_flight: usize) -> Option<usize> {
        if position.next == self.queries() || position.due > now || in_flight >= WINDOW {
            return None;
        }
        let questions = self.ground.plan.questions.len();
        let (pass, member) =
            (position.next / self.members.len(), position.next % self.members.len());
        let control = self.ground.templates.len() - questions;
        Some(if pass < control { questions } else { (pass + member) % questions })
    }

    /// Whether the member whose turn it is has shown itself unhealthy: it is asked no further.
    fn failed_control(
        &self,
        pending: &Pending<'_>,
        sent: &[(usize, usize, usize)],
        next: usize,
    ) -> bool {
        let has_control = self.ground.templates.len() > self.ground.plan.questions.len();
        let member = next % self.members.len();
        // In the first pass nobody is left out: query number and index in `pending` are the same.
        let asked = has_control && next >= self.members.len() && member < sent.len();
        asked && pending.outcome(member).is_some_and(|outcome| !passes_control(outcome))
    }

    /// Moves on to the next query and says when it is due.
    fn advance(&self, position: &mut Position, now: Duration) {
        position.next += 1;
        position.due = (position.due + self.step).max(now.saturating_sub(CATCH_UP));
        if position.next.is_multiple_of(self.members.len()) {
            position.due = position.due.max(position.pass_began + self.ground.plan.gap());
            position.pass_began = position.due;
        }
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

    fn take(
        &self,
        pending: &mut Pending<'_>,
        tcp: &mut JoinSet<(usize, Option<Vec<u8>>)>,
        from: SocketAddr,
        datagram: &[u8],
    ) {
        let metrics = &self.ground.metrics;
        match pending.received(self.ground.began.elapsed(), from, datagram) {
            Received::Answered(took) => metrics.answered(took),
            Received::Truncated(index) => {
                let query = pending.query(index);
                let (peer, mut bytes) = (query.peer, Vec::new());
                self.ground.templates[query.question].write(query.id, query.case, &mut bytes);
                let ground = Arc::clone(&self.ground);
                tcp.spawn(async move { (index, whole(&ground, peer, &bytes).await) });
            }
            Received::SecondAnswer => metrics.ignored(Ignored::Duplicate),
            Received::Ignored(reason) => metrics.ignored(reason),
        }
    }
}

/// The whole answer to a truncated one, or nothing if it is not to be had.
async fn whole(ground: &Ground, peer: SocketAddr, query: &[u8]) -> Option<Vec<u8>> {
    let _permit = ground.tcp_connections.acquire().await.ok()?;
    ground.metrics.query(Transport::Tcp);
    tcp::ask(peer, query).await.ok()
}
