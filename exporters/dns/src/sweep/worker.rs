//! One worker of a sweep: its sockets, its resolvers, its share of the rate.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use datagram::{Buffer, Datagram};
use exporter_kit::off_the_thread;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::asked::{Asked, Shown};
use super::junk::Junk;
use super::later::{Due, Put};
use super::schedule::{Pace, Schedule};
use super::sockets::{self, Sockets};
use super::{Shared, local_error, passes_control};
use crate::answer::Content;
use crate::config::TCP_LIMIT;
use crate::courtesy::{Refusal, Turn};
use crate::exchange::question::{Form, MAX_UDP_PAYLOAD};
use crate::exchange::{Transport, tcp};
use crate::outcome::{Ignored, LocalError, Outcome};
use crate::pending::{Pending, Received};

/// Datagrams that are read before it is time to send again.
const BURST: usize = 256;

/// Bursts that are read before queries are given up: a buffer of four megabytes, and no more, since
/// a flood may go on for ever.
const BURSTS: usize = 32;

/// Resolvers that fail on a name, of one worker, that are asked whether they have it unvalidated: enough to
/// tell what it is about.
pub(super) const MOST_UNCHECKED: usize = 250;

/// Arrivals are read no more often than this, which is the resolution of the runtime's timer: at a high rate a wake-up
/// for each would cost more than to read it. When it came is the kernel's to say.
const TICK: Duration = Duration::from_millis(1);

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
    members: Arc<[usize]>,
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
        Self { shared, members: members.into(), first, step }
    }

    /// Sends every query at its time and waits for the answers. Returns how many datagrams the kernel dropped, and that no
    /// single peer's junk explains: answers, as far as we know. An error means that no socket could be opened.
    pub(super) async fn run(self) -> anyhow::Result<u64> {
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
        let mut asked =
            Asked { control_of: vec![Shown::Unasked; self.members.len()], ..Asked::default() };

        let mut read = Duration::ZERO;
        loop {
            let mut now = shared.began.elapsed();
            if pending.next_deadline().is_some_and(|deadline| deadline <= now) {
                // If we were held up, answers that came in time are in the sockets.
                for _ in 0..BURSTS {
                    if !self.read(&sockets, &mut reading, &mut pending, &mut asked, true) {
                        break;
                    }
                }
                now = shared.began.elapsed();
                for index in pending.expire(now) {
                    pending.hold(index);
                    asked.later.push(now, Put::Again(index));
                }
            }
            while schedule.has_room(now)
                && let Some(put) = asked.later.due(now, pending.in_flight())
            {
                if self.put(&sockets, &mut reading.tcp, &mut pending, &mut asked, now, put).await {
                    schedule.spend(now);
                }
            }
            while let Some(due) = schedule.due(now, pending.in_flight()) {
                let put = Put::Due(due);
                if self.put(&sockets, &mut reading.tcp, &mut pending, &mut asked, now, put).await {
                    schedule.advance(now);
                } else {
                    schedule.put_off();
                }
            }
            self.take_over(&mut pending, &mut asked, now);
            if schedule.is_over(now, &pending, &asked.later) {
                if asked.is_checked || now >= set.interval {
                    break;
                }
                let (shared, members) = (Arc::clone(&shared), Arc::clone(&self.members));
                let may_make = off_the_thread(move || shared.may_make(&members)).await;
                asked.check(self.shared.began.elapsed(), may_make);
                continue;
            }
            tokio::select! {
                () = arrival(&sockets, shared.began + read + TICK) => {
                    self.read(&sockets, &mut reading, &mut pending, &mut asked, false);
                    read = shared.began.elapsed();
                }
                Some(done) = reading.tcp.join_next() => {
                    let (index, message) = done?;
                    pending.whole(index, message.as_deref());
                }
                () = sleep_until(shared.began + schedule.wake(now, &pending, &asked.later)) => {}
            }
        }

        let mut lost = 0;
        for (socket, junk) in sockets.each().zip(&mut reading.junk) {
            let dropped = u64::from(socket.get().dropped());
            counts.local_error(LocalError::ReceiveBufferDrop, dropped);
            junk.dropped(dropped);
            lost += junk.unexplained();
        }
        let mut gathered = shared.gathered();
        for (query, member) in pending.into_queries().zip(asked.members) {
            gathered.add(self.members[member], query);
        }
        Ok(lost)
    }

    /// Takes note of what is over.
    fn take_over(&self, pending: &mut Pending<'_>, asked: &mut Asked, now: Duration) {
        self.count_controls(pending, asked);
        let control = self.shared.plan.questions.len();
        while let Some(query) = pending.take_over(now) {
            let member = asked.members.pop_front().expect("one for each query");
            asked.first += 1;
            let outcome = query.outcome();
            if query.question() == control && control != self.shared.probe {
                asked.control_of[member] = Shown::Over(outcome.is_some_and(passes_control));
            } else if !query.form.is_unchecked
                && query.question() != self.shared.probe
                && asked.failed.len() < MOST_UNCHECKED
                && matches!(outcome, Some(Outcome::Answer(it)) if it.content == Content::Servfail)
                && (self.shared.plan.set.control.is_none()
                    || matches!(asked.control_of[member], Shown::Over(true)))
            {
                asked.failed.push((member, query.question()));
            }
            self.shared.gathered().add(self.members[member], query);
        }
    }

    /// Reads a burst of what has arrived; false if there is no more. `is_held_up` asks the kernel itself: the runtime may
    /// not know yet what arrived while the whole program stood still.
    fn read(
        &self,
        sockets: &Sockets,
        reading: &mut Reading,
        pending: &mut Pending<'_>,
        asked: &mut Asked,
        is_held_up: bool,
    ) -> bool {
        let Reading { buffer, junk, .. } = reading;
        sockets.read_notices(buffer, |peer, id| pending.unreachable(peer, id));
        let mut is_more = false;
        for (socket, junk) in sockets.each().zip(junk) {
            let mut left = BURST;
            while left > 0
                && let Some(datagram) = sockets::receive(socket, buffer, is_held_up)
            {
                left -= 1;
                let is_junk = !self.take(pending, asked, datagram);
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

    /// Sends what is to be sent; false if politeness puts it off, or nothing is to be sent any more.
    async fn put(
        &self,
        sockets: &Sockets,
        tcp: &mut JoinSet<Whole>,
        pending: &mut Pending<'_>,
        asked: &mut Asked,
        now: Duration,
        put: Put,
    ) -> bool {
        self.count_controls(pending, asked);
        let (member, question, is_fallback) = match put {
            // It has had its turn.
            Put::Due(due) if self.failed_control(pending, asked, due) => return true,
            Put::Due(due) => (due.member, due.question, false),
            Put::Again(index) | Put::Whole(index) => {
                // It may be over by now, or asked over TCP.
                let Some(query) = pending.open(index) else { return false };
                if matches!(put, Put::Again(_)) && !query.may_go_again() {
                    return false;
                }
                (asked.member(index), query.question(), query.is_fallback())
            }
            Put::Unchecked(member, question) => (member, question, false),
            Put::Prefix(member) => (member, self.shared.probe, false),
        };
        let (plan, resolver) = (&self.shared.plan, self.members[member]);
        let has_tcp = self.shared.has_tcp.get(question).is_some_and(|it| *it);
        let want = put.want(is_fallback, has_tcp);
        match (self.shared.courtesy.ask(&plan.set.list.resolvers[resolver], want), put) {
            (Ok(()), _) => {}
            (Err(Refusal::For(time)), _) => {
                asked.later.push(now + time, put);
                return false;
            }
            (Err(Refusal::ForThisHour), Put::Again(index)) => {
                pending.not_sent_again(index);
                return false;
            }
            (Err(Refusal::ForThisHour), Put::Whole(index)) => {
                pending.not_asked_on(index);
                return false;
            }
            (Err(Refusal::ForThisHour), _) => return false,
        }
        let id = pending.free_id(rand::random);
        let index = match put {
            Put::Again(index) if pending.send_again(index, now, id) => {
                self.shared.counts.retry();
                index
            }
            Put::Again(_) => return false,
            Put::Whole(index) => {
                let (shared, bytes) = (Arc::clone(&self.shared), self.message(pending, index));
                tcp.spawn(async move { (index, whole(&shared, resolver, &bytes).await) });
                return true;
            }
            Put::Due(_) | Put::Unchecked(..) | Put::Prefix(_) => {
                let form = Form {
                    is_plain: self.shared.turns[self.members[member]] == Turn::Trial
                        || self.shared.plain[self.members[member]].load(Ordering::Relaxed),
                    is_unchecked: matches!(put, Put::Unchecked(..)),
                };
                let (peer, case) = (self.peer(member), rand::random());
                let index = pending.begin(now, peer, question, id, case, form);
                asked.members.push_back(member);
                if matches!(put, Put::Due(_)) && question == self.shared.plan.questions.len() {
                    asked.control_of[member] = Shown::Asked(index);
                    asked.controls.push_back(index);
                }
                index
            }
        };
        self.send(sockets, pending, index).await;
        true
    }

    /// Whether the member whose turn it is has shown itself unhealthy, by a control that is good: it is
    /// asked no further.
    fn failed_control(&self, pending: &Pending<'_>, asked: &Asked, due: Due) -> bool {
        let has_failed = match asked.control_of[due.member] {
            Shown::Unasked => false,
            Shown::Asked(index) => pending.outcome(index).is_some_and(|it| !passes_control(it)),
            Shown::Over(has_passed) => !has_passed,
        };
        has_failed && self.shared.tally.is_good()
    }

    /// Counts the results of the control question, in the order in which it was asked.
    fn count_controls(&self, pending: &Pending<'_>, asked: &mut Asked) {
        while let Some(index) = asked.controls.front()
            && let Some(outcome) = pending.outcome(*index)
        {
            self.shared.tally.add(passes_control(outcome));
            asked.controls.pop_front();
        }
    }

    fn peer(&self, member: usize) -> SocketAddr {
        let set = &self.shared.plan.set;
        set.list.peer(self.members[member], set.port)
    }

    /// A query as it is on the wire.
    fn message(&self, pending: &Pending<'_>, index: usize) -> Vec<u8> {
        let (query, mut bytes) = (pending.query(index), Vec::new());
        let template = &self.shared.templates[query.question()];
        template.write_as(query.form, query.id, query.case, &mut bytes);
        bytes
    }

    async fn send(&self, sockets: &Sockets, pending: &mut Pending<'_>, index: usize) {
        let (peer, bytes) = (pending.query(index).peer(), self.message(pending, index));
        match sockets.send(&bytes, peer).await {
            Ok(()) => self.shared.counts.query(Transport::Udp),
            Err(error) => {
                local_error(&self.shared.counts, &error);
                pending.not_sent(index);
            }
        }
    }

    /// Takes a datagram; false if it was of no use.
    fn take(&self, pending: &mut Pending<'_>, asked: &mut Asked, datagram: Datagram<'_>) -> bool {
        let counts = &self.shared.counts;
        // When the kernel had it, however late we read it.
        let arrived = self.shared.began.elapsed().saturating_sub(datagram.waited);
        match pending.received(arrived, datagram.from, datagram.bytes) {
            Received::Answered(took) => {
                counts.answered(took);
                true
            }
            Received::Truncated(index) => {
                asked.later.push(self.shared.began.elapsed(), Put::Whole(index));
                true
            }
            Received::WithoutEdns(index) => {
                let member = asked.member(index);
                if self.shared.erring[self.members[member]] {
                    pending.give_up(index);
                    return true;
                }
                self.shared.plain[self.members[member]].store(true, Ordering::Relaxed);
                let now = self.shared.began.elapsed();
                asked.later.push(now + self.shared.plan.gap(), Put::Again(index));
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

/// Completes when there may be something to read, and not before.
async fn arrival(sockets: &Sockets, not_before: Instant) {
    if not_before > Instant::now() {
        sleep_until(not_before).await;
    }
    sockets.ready().await;
}

/// The whole answer to a truncated one, or nothing if it is not to be had.
async fn whole(shared: &Shared, resolver: usize, query: &[u8]) -> Option<Vec<u8>> {
    let set = &shared.plan.set;
    let peer = set.list.peer(resolver, set.port);
    let _permit = shared.tcp_connections.acquire().await.ok()?;
    shared.counts.query(Transport::Tcp);
    tcp::ask(peer, query, TCP_LIMIT).await.ok()
}
