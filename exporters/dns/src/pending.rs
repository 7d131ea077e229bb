//! The queries of one socket, from the moment each is sent until all is said about it. No I/O, no clock.
//!
//! Time is the time since the sweep began, and is an argument. Every query gets exactly one
//! [`Outcome`], whatever arrives in whatever order.

mod ids;
mod query;
mod queue;
mod repeated;

use ids::{Ids, Known};
pub(crate) use query::Query;
use query::Since;
use queue::Queue;
use repeated::{add, repeated};

use std::net::SocketAddr;
use std::time::Duration;

use crate::answer::{Content, Flag};
use crate::exchange::message;
use crate::exchange::question::{Form, MAX_UDP_PAYLOAD, Template};
use crate::outcome::{Ignored, Outcome};
use crate::reply::{self, Reply};

/// How long a query stays open for a second, different answer after its first. An injector on the
/// path loses the race to the true answer in one case of nine, and wins it in the others; both then
/// arrive within a round trip of each other.
pub(crate) const LINGER: Duration = Duration::from_secs(1);

/// What a datagram turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// The first answer to a query, which was sent that long ago.
    Answered(Duration),
    /// A truncated answer to this query: ask again over TCP, then call [`Pending::whole`].
    Truncated(usize),
    /// The resolver does not understand EDNS, by its word: send this query once more without, which
    /// [`Pending::send_again`] makes ready.
    WithoutEdns(usize),
    /// A second answer to a query, and not the same as the first.
    SecondAnswer,
    /// Nothing of use.
    Ignored(Ignored),
}

/// All queries of one socket.
#[derive(Debug)]
pub(crate) struct Pending<'a> {
    templates: &'a [Template],
    timeout: Duration,
    retries: u8,
    /// Those to which anything may come that counts.
    queries: Queue<Query>,
    ids: Ids,
    /// Deadlines in their order: the timeout is the same for all, so a queue does.
    deadlines: Queue<(Duration, usize)>,
    in_flight: usize,
    /// Until when anything more may come to a query that has its reply.
    lingers_until: Option<Duration>,
}

impl<'a> Pending<'a> {
    /// No query yet. Each will be given up after `timeout`, having been sent again `retries` times.
    pub(crate) fn new(templates: &'a [Template], timeout: Duration, retries: u8) -> Self {
        Self {
            templates,
            timeout,
            retries,
            queries: Queue::default(),
            ids: Ids::default(),
            deadlines: Queue::default(),
            in_flight: 0,
            lingers_until: None,
        }
    }

    /// An id that no remembered query has.
    pub(crate) fn free_id(&self, draw: impl FnMut() -> u16) -> u16 {
        self.ids.free(draw)
    }

    /// Adds a query that is being sent now.
    pub(crate) fn begin(
        &mut self,
        now: Duration,
        peer: SocketAddr,
        question: usize,
        id: u16,
        case: u64,
        form: Form,
    ) -> usize {
        let index = self.queries.push(Query {
            ip: peer.ip(),
            port: peer.port(),
            question: u32::try_from(question).expect("fewer questions than IPv4 addresses"),
            id,
            case,
            form,
            sent: now.into(),
            retries_left: self.retries,
            over_tcp: false,
            is_held: false,
            refusal: None,
            errs_either_way: false,
            saw_malformed: false,
            saw_unreachable: false,
            outcome: None,
            meanwhile: None,
            answered: Since::default(),
        });
        self.ids.remember(id, index);
        self.deadlines.push((now + self.timeout, index));
        self.in_flight += 1;
        index
    }

    /// A query by its index, to which anything may come.
    pub(crate) fn query(&self, index: usize) -> &Query {
        self.queries.get(index).expect("it is not over")
    }

    /// The same; none if it is over.
    pub(crate) fn open(&self, index: usize) -> Option<&Query> {
        self.queries.get(index)
    }

    /// Takes the first query, if nothing that comes counts any more.
    pub(crate) fn take_over(&mut self, now: Duration) -> Option<Query> {
        let query = self.queries.front()?;
        let is_error = match query.outcome.as_ref()? {
            Outcome::Answer(answer) => !answer.content.is_conclusive(),
            Outcome::Truncated | Outcome::NotAsked => true,
            _ => false,
        };
        let until =
            if is_error { query.sent.get() + self.timeout } else { query.answered.get() + LINGER };
        if now < until {
            return None;
        }
        let is_late = matches!(
            query.outcome,
            Some(Outcome::Timeout | Outcome::Malformed | Outcome::Unreachable)
        );
        self.ids.note_over(query.id, self.queries.first(), query.peer(), is_late);
        self.queries.pop()
    }

    fn query_mut(&mut self, index: usize) -> &mut Query {
        self.queries.get_mut(index).expect("it is not over")
    }

    /// The query could not be sent.
    pub(crate) fn not_sent(&mut self, index: usize) {
        self.settle(index, Outcome::LocalError);
    }

    /// Takes a datagram that arrived at `now`, which may be a while ago.
    pub(crate) fn received(
        &mut self,
        now: Duration,
        from: SocketAddr,
        datagram: &[u8],
    ) -> Received {
        let Some(id) = message::id(datagram) else { return Received::Ignored(Ignored::Malformed) };
        let index = match self.ids.get(id) {
            Some(Known::Open(index)) => index as usize,
            Some(Known::Over { peer, .. }) if peer != self.ids.number(from) => {
                return Received::Ignored(Ignored::WrongSource);
            }
            Some(Known::Over { is_late: true, .. }) => return Received::Ignored(Ignored::Late),
            Some(Known::Over { .. }) => return Received::Ignored(Ignored::Duplicate),
            Some(Known::Exchanged) | None => return Received::Ignored(Ignored::Unmatched),
        };
        let query = self.queries.get_mut(index).expect("an open id is that of a query");
        if (query.ip, query.port) != (from.ip(), from.port()) {
            return Received::Ignored(Ignored::WrongSource);
        }
        if query.waits() && now > query.sent.get() + self.timeout {
            // About to be given up.
            return Received::Ignored(Ignored::Late);
        }
        if datagram.len() > usize::from(MAX_UDP_PAYLOAD) {
            query.saw_malformed = true;
            return Received::Ignored(Ignored::Oversize);
        }
        match reply::read(datagram, &self.templates[query.question()], query.case) {
            Reply::Ignored(reason) => {
                query.saw_malformed |= reason == Ignored::Malformed;
                Received::Ignored(reason)
            }
            reply if query.outcome.is_some() || query.over_tcp => {
                repeated(query, now, self.timeout, reply, &mut self.lingers_until)
            }
            Reply::Truncated => {
                query.over_tcp = true;
                Received::Truncated(index)
            }
            Reply::Answer(answer) if query.is_held && answer.content == Content::OtherRcode => {
                Received::Ignored(Ignored::Duplicate)
            }
            Reply::Answer(answer)
                if answer.content == Content::OtherRcode && !query.form.is_plain =>
            {
                query.form.is_plain = true;
                query.is_held = true;
                query.refusal = Some(Box::new(answer));
                Received::WithoutEdns(index)
            }
            Reply::Answer(mut answer) => {
                // One that comes while the query is held answers the one with EDNS.
                let is_without = query.refusal.is_some() && !query.is_held;
                query.errs_either_way = is_without && answer.content == Content::OtherRcode;
                if is_without && !query.errs_either_way {
                    answer.flags.set(Flag::NoEdns);
                }
                let took = now.saturating_sub(query.sent.get());
                query.answered = now.into();
                // An error may be forged, and the answer on its way.
                let is_error = !answer.content.is_conclusive();
                let until = if is_error { query.sent.get() + self.timeout } else { now + LINGER };
                self.lingers_until = self.lingers_until.max(Some(until));
                self.settle(index, Outcome::Answer(answer));
                Received::Answered(took)
            }
        }
    }

    /// Takes what TCP brought for a truncated query: the whole message, or nothing.
    pub(crate) fn whole(&mut self, index: usize, message: Option<&[u8]>) {
        if self.open(index).is_none_or(|query| query.outcome.is_some()) {
            return;
        }
        let Some(query) = self.queries.get_mut(index) else { return };
        let meanwhile = query.meanwhile.take();
        let reply = message
            .filter(|message| message::id(message) == Some(query.id))
            .map(|message| reply::read(message, &self.templates[query.question()], query.case));
        let whole = match reply {
            Some(Reply::Answer(mut answer)) => {
                answer.flags.set(Flag::Tc);
                Some(answer)
            }
            _ => None,
        };
        let outcome = match (whole, meanwhile) {
            (Some(mut whole), Some(other)) => {
                add(&mut whole, *other);
                Outcome::Answer(whole)
            }
            (Some(answer), None) => Outcome::Answer(answer),
            (None, Some(answer)) => Outcome::Answer(*answer),
            (None, None) => Outcome::Truncated,
        };
        self.settle(index, outcome);
    }

    /// The network says that a query did not reach its resolver. It is noted, and the query goes on
    /// waiting: the message may be forged, and the answer on its way.
    pub(crate) fn unreachable(&mut self, peer: SocketAddr, id: u16) {
        if let Some(Known::Open(index)) = self.ids.get(id) {
            let query = self.query_mut(index as usize);
            query.saw_unreachable |= (query.ip, query.port) == (peer.ip(), peer.port());
        }
    }

    /// Gives up the queries whose time is over; returns those that are to be sent once more.
    pub(crate) fn expire(&mut self, now: Duration) -> Vec<usize> {
        let mut again = Vec::new();
        while let Some(&(deadline, index)) = self.deadlines.front() {
            let Some(query) = self.queries.get_mut(index) else {
                self.deadlines.pop();
                continue;
            };
            // One that was sent again has another deadline.
            let waits = query.waits() && query.sent.get() + self.timeout == deadline;
            if waits && deadline > now {
                break;
            }
            self.deadlines.pop();
            if !waits {
                continue;
            }
            let silent = !query.saw_malformed && !query.saw_unreachable;
            if silent && query.retries_left > 0 {
                query.retries_left -= 1;
                query.sent = now.into();
                self.deadlines.push((now + self.timeout, index));
                again.push(index);
            } else if let Some(refusal) = query.refusal.take() {
                self.settle(index, Outcome::Answer(*refusal));
            } else if query.saw_malformed {
                self.settle(index, Outcome::Malformed);
            } else if query.saw_unreachable {
                self.settle(index, Outcome::Unreachable);
            } else {
                self.settle(index, Outcome::Timeout);
            }
        }
        again
    }

    /// Makes a query ready to be sent again at `now`; false if it has its outcome by now. One that goes without EDNS
    /// gets this id, so that nothing that answers the former one is taken for its answer.
    pub(crate) fn send_again(&mut self, index: usize, now: Duration, id: u16) -> bool {
        let query = self.query_mut(index);
        if !query.may_go_again() {
            return false;
        }
        (query.sent, query.is_held) = (now.into(), false);
        if query.refusal.is_some() {
            let former = std::mem::replace(&mut query.id, id);
            self.ids.exchange(former, id, index);
        }
        self.deadlines.push((now + self.timeout, index));
        true
    }

    /// The resolver is not asked on: not over TCP, or not without EDNS. That says nothing about it, but for what came
    /// beside.
    pub(crate) fn not_asked_on(&mut self, index: usize) {
        let query = self.query_mut(index);
        if query.outcome.is_none() {
            let meanwhile = query.meanwhile.take();
            self.settle(index, meanwhile.map_or(Outcome::NotAsked, |it| Outcome::Answer(*it)));
        }
    }

    /// The same of one that was to be sent again. It may be asked over TCP by now, and that goes on.
    pub(crate) fn not_sent_again(&mut self, index: usize) {
        let query = self.query_mut(index);
        if query.is_held && !query.over_tcp {
            self.not_asked_on(index);
        }
    }

    /// A query that is held is not sent again: what was said of EDNS remains.
    pub(crate) fn give_up(&mut self, index: usize) {
        let query = self.query_mut(index);
        if !query.may_go_again() {
            return;
        }
        let outcome = query.refusal.take().map_or(Outcome::Timeout, |it| Outcome::Answer(*it));
        self.settle(index, outcome);
    }

    /// A query that is to be sent again waits for its turn.
    pub(crate) fn hold(&mut self, index: usize) {
        self.query_mut(index).is_held = true;
    }

    /// How many queries have no outcome yet.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// When [`Pending::expire`] will have something to do. Nothing if no query waits for anything, or
    /// for anything but TCP.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        self.deadlines.front().map(|&(deadline, _)| deadline)
    }

    /// Until when a second, different answer is waited for, or one after an error.
    pub(crate) fn lingers_until(&self) -> Option<Duration> {
        self.lingers_until
    }

    /// What became of a query to which anything may come, if that is known by now.
    pub(crate) fn outcome(&self, index: usize) -> Option<&Outcome> {
        self.query(index).outcome.as_ref()
    }

    /// Whether every query has its outcome and the last answer's linger is over.
    pub(crate) fn is_over(&self, now: Duration) -> bool {
        self.in_flight == 0 && self.lingers_until().is_none_or(|end| now >= end)
    }

    /// The queries that were not taken, in the order in which they began. One that has no outcome by now was cut short
    /// by us.
    pub(crate) fn into_queries(self) -> impl Iterator<Item = Query> {
        self.queries.into_iter()
    }

    fn settle(&mut self, index: usize, outcome: Outcome) {
        let query = self.query_mut(index);
        debug_assert!(query.outcome.is_none(), "an outcome is set once");
        let is_cut = matches!(outcome, Outcome::Truncated | Outcome::NotAsked);
        let sent = query.sent.get();
        query.outcome = Some(outcome);
        self.in_flight -= 1;
        if is_cut {
            self.lingers_until = self.lingers_until.max(Some(sent + self.timeout));
        }
        if self.in_flight == 0 {
            // Deadlines of queries that were answered in time.
            self.deadlines.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::question::Question;

    const SECOND: Duration = Duration::from_secs(1);
    const TIMEOUT: Duration = Duration::from_secs(2);

    fn templates() -> Vec<Template> {
        vec![Template::new(&Question::recursive(
            "a.example".parse().unwrap(),
            hickory_proto::rr::RecordType::A,
        ))]
    }

    fn peer(n: u8) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, n], 53))
    }

    /// A reply with this id and address.
    fn reply(id: u16, address: u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        templates()[0].write(id, 0, &mut bytes);
        bytes.truncate(12 + 11 + 4);
        bytes[2..4].copy_from_slice(&[0x81, 0x80]);
        bytes[6..12].copy_from_slice(&[0, 1, 0, 0, 0, 0]);
        bytes.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, address]);
        bytes
    }

    fn truncated(id: u16) -> Vec<u8> {
        let mut bytes = reply(id, 1);
        bytes[2] |= 2;
        bytes
    }

    fn garbage(id: u16) -> Vec<u8> {
        let mut bytes = reply(id, 1);
        bytes.truncate(bytes.len() - 2);
        bytes
    }

    #[track_caller]
    fn only(pending: Pending<'_>) -> Outcome {
        let outcomes: Vec<_> = pending.into_queries().map(Query::into_outcome).collect();
        let [outcome] = outcomes.as_slice() else { panic!("{outcomes:?}") };
        outcome.clone()
    }

    fn content(outcome: &Outcome) -> Option<&Content> {
        match outcome {
            Outcome::Answer(answer) => Some(&answer.content),
            _ => None,
        }
    }

    /// A reply of nothing but this response code.
    fn code(id: u16, rcode: u8) -> Vec<u8> {
        let mut bytes = reply(id, 1);
        bytes.truncate(12);
        (bytes[3], bytes[5], bytes[7]) = (0x80 | rcode, 0, 0);
        bytes
    }

    #[test]
    fn an_answer_that_comes_after_what_a_forger_cut_is_the_answer() {
        let templates = templates();
        for has_room in [true, false] {
            for (later, is_answer) in [(TIMEOUT, true), (TIMEOUT + SECOND / 10, false)] {
                let mut pending = Pending::new(&templates, TIMEOUT, 0);
                let index = pending.begin(Duration::ZERO, peer(1), 0, 7, 0, Form::default());
                let cut = pending.received(SECOND / 10, peer(1), &truncated(7));
                assert_eq!(cut, Received::Truncated(index));
                // The forger resets the connection as well.
                if has_room {
                    pending.whole(index, None);
                } else {
                    pending.not_asked_on(index);
                }
                assert!(!pending.is_over(SECOND));
                assert!(pending.take_over(SECOND).is_none());
                // An error is no answer.
                pending.received(later, peer(1), &code(7, 5));
                pending.received(later, peer(1), &reply(7, 1));
                let is_over = pending.is_over(later + SECOND / 2);
                assert_eq!(is_over, !is_answer, "a third may be on its way");
                pending.received(later + SECOND / 2, peer(1), &reply(7, 2));
                let outcome = pending.take_over(later + LINGER).unwrap().into_outcome();
                assert_eq!(matches!(outcome, Outcome::Answer(_)), is_answer, "{outcome:?}");
                if let Outcome::Answer(answer) = outcome {
                    assert!(answer.content.is_conclusive() && answer.others.len() == 1);
                    let flags = [Flag::Tc, Flag::MultipleAnswers];
                    assert!(flags.into_iter().all(|flag| answer.flags.has(flag)));
                }
            }
        }
    }

    /// What README says of a query that anything may come to.
    #[test]
    fn a_query_takes_a_quarter_of_a_kilobyte_while_it_is_open() {
        println!("a query: {} bytes", size_of::<Query>());
        assert!(size_of::<Query>() <= 256, "{}", size_of::<Query>());
    }

    #[test]
    fn a_resolver_that_does_not_understand_edns_is_asked_without_once() {
        let templates = templates();
        let mut pending = Pending::new(&templates, TIMEOUT, 0);
        let index = pending.begin(Duration::ZERO, peer(1), 0, 7, 0, Form::default());
        assert_eq!(pending.received(SECOND, peer(1), &code(7, 1)), Received::WithoutEdns(index));
        let again = pending.received(SECOND, peer(1), &code(7, 1));
        assert_eq!(again, Received::Ignored(Ignored::Duplicate));
        // While it waits for its turn, nobody gives it up.
        assert!(pending.expire(5 * SECOND).is_empty() && pending.outcome(index).is_none());
        assert!(pending.send_again(index, 5 * SECOND, 8) && pending.query(index).form.is_plain);
        assert_eq!(pending.next_deadline(), Some(5 * SECOND + TIMEOUT));
        let late = pending.received(6 * SECOND, peer(1), &code(7, 1));
        assert_eq!(late, Received::Ignored(Ignored::Unmatched));
        let answered = pending.received(6 * SECOND, peer(1), &reply(8, 1));
        assert_eq!(answered, Received::Answered(SECOND));
        let Outcome::Answer(answer) = only(pending) else { panic!() };
        assert!(answer.flags.has(Flag::NoEdns) && !answer.flags.has(Flag::MultipleAnswers));
    }

    #[test]
    fn what_was_said_of_edns_remains_if_nothing_is_said_without() {
        let templates = templates();
        let mut pending = Pending::new(&templates, TIMEOUT, 0);
        let index = pending.begin(Duration::ZERO, peer(1), 0, 7, 0, Form::default());
        pending.received(SECOND, peer(1), &code(7, 4));
        assert!(pending.send_again(index, SECOND, 8));
        pending.expire(SECOND + TIMEOUT);
        assert_eq!(content(&only(pending)), Some(&Content::OtherRcode));
        // The answer that was overtaken by a forged refusal is the answer.
        let mut pending = Pending::new(&templates, TIMEOUT, 0);
        let index = pending.begin(Duration::ZERO, peer(1), 0, 7, 0, Form::default());
        pending.received(SECOND, peer(1), &code(7, 1));
        pending.received(SECOND, peer(1), &reply(7, 1));
        assert!(!pending.send_again(index, 2 * SECOND, 8));
        let Outcome::Answer(answer) = only(pending) else { panic!() };
        assert!(!answer.flags.has(Flag::NoEdns) && answer.content.is_conclusive());
    }

    #[test]
    fn who_says_an_error_either_way_is_known_and_one_that_is_not_sent_without_is_settled() {
        let templates = templates();
        let mut pending = Pending::new(&templates, TIMEOUT, 0);
        let index = pending.begin(Duration::ZERO, peer(1), 0, 7, 0, Form::default());
        pending.received(SECOND, peer(1), &code(7, 1));
        assert!(pending.query(index).is_fallback() && pending.send_again(index, SECOND, 8));
        pending.received(SECOND, peer(1), &code(8, 1));
        assert!(pending.query(index).errs_either_way);
        let other = pending.begin(SECOND, peer(2), 0, 9, 0, Form::default());
        assert!(!pending.query(other).is_fallback());
        pending.received(SECOND, peer(2), &code(9, 1));
        pending.give_up(other);
        assert_eq!((pending.in_flight(), pending.query(other).errs_either_way), (0, false));
        assert_eq!(pending.outcome(other).and_then(content), Some(&Content::OtherRcode));
    }

    #[test]
    fn an_answer_counts_only_from_where_the_query_went() {
        let templates = templates();
        let mut pending = Pending::new(&templates, TIMEOUT, 0);
        pending.begin(Duration::ZERO, peer(1), 0, 7, 0, Form::default());
        let ignored = |reason| Received::Ignored(reason);
        assert_eq!(pending.received(SECOND, peer(1), &reply(8, 1)), ignored(Ignored::Unmatched));
        assert_eq!(pending.received(SECOND, peer(2), &reply(7, 1)), ignored(Ignored::WrongSource));
        let other_port = SocketAddr::from(([127, 0, 0, 1], 54));
        assert_eq!(
            pending.received(SECOND, other_port, &reply(7, 1)),
            ignored(Ignored::WrongSource)
        );
        assert_eq!(pending.received(SECOND, peer(1), &reply(7, 1)), Received::Answered(SECOND));
        assert_eq!(pending.received(SECOND, peer(1), &reply(7, 1)), ignored(Ignored::Duplicate));
        assert!(content(&only(pending)).is_some());
    }

    #[test]
    fn a_second_different_answer_is_flagged_while_it_lingers() {
        for (after, flagged) in [(SECOND, true), (SECOND * 2, false)] {
            let templates = templates();
            let mut pending = Pending::new(&templates, TIMEOUT, 0);
            pending.begin(Duration::ZERO, peer(1), 0, 7, 0, Form::default());
            pending.received(Duration::ZERO, peer(1), &reply(7, 6));
            let second = pending.received(after, peer(1), &reply(7, 1));
            assert_eq!(second == Received::SecondAnswer, flagged);
            assert!(pending.is_over(after.max(SECOND)));
            let Outcome::Answer(answer) = only(pending) else { panic!() };
            assert_eq!(answer.flags.has(Flag::MultipleAnswers), flagged);
        }
    }

    #[test]
    fn it_counts_when_an_answer_arrived_and_not_when_it_was_read() {
        for (arrived, wanted) in [
            (TIMEOUT, Received::Answered(TIMEOUT)),
            (TIMEOUT + Duration::from_millis(1), Received::Ignored(Ignored::Late)),
        ] {
            let templates = templates();
            let mut pending = Pending::new(&templates, TIMEOUT, 0);
            pending.begin(Duration::ZERO, peer(1), 0, 7, 0, Form::default());
            assert_eq!(pending.received(arrived, peer(1), &reply(7, 1)), wanted);
            pending.expire(TIMEOUT * 5);
            assert_eq!(only(pending) == Outcome::Timeout, wanted != Received::Answered(TIMEOUT));
        }
    }

    #[test]
    fn a_good_answer_after_a_bad_one_is_taken() {
        let templates = templates();
        let mut pending = Pending::new(&templates, TIMEOUT, 0);
        pending.begin(Duration::ZERO, peer(1), 0, 7, 0, Form::default());
        assert_eq!(
            pending.received(SECOND, peer(1), &garbage(7)),
            Received::Ignored(Ignored::Malformed)
        );
        let long = [reply(7, 1), vec![0; 1300]].concat();
        assert_eq!(pending.received(SECOND, peer(1), &long), Received::Ignored(Ignored::Oversize));
        assert_eq!(pending.received(SECOND, peer(1), &reply(7, 1)), Received::Answered(SECOND));
    }

    #[test]
    fn silence_garbage_and_unreachability_are_told_apart_at_the_deadline() {
        let templates = templates();
        let run = |act: fn(&mut Pending<'_>)| {
            let mut pending = Pending::new(&templates, TIMEOUT, 0);
            pending.begin(Duration::ZERO, peer(1), 0, 7, 0, Form::default());
            act(&mut pending);
            assert_eq!(pending.next_deadline(), Some(TIMEOUT));
            assert!(pending.expire(Duration::from_millis(1999)).is_empty());
            assert_eq!(pending.in_flight(), 1);
            assert!(pending.expire(TIMEOUT).is_empty());
            assert!(pending.is_over(TIMEOUT));
            assert_eq!(
                pending.received(TIMEOUT, peer(1), &reply(7, 1)),
                Received::Ignored(Ignored::Late)
            );
            only(pending)
        };
        assert_eq!(run(|_| {}), Outcome::Timeout);
        assert_eq!(
            run(|p| {
                p.received(SECOND, peer(1), &garbage(7));
            }),
            Outcome::Malformed
        );
        assert_eq!(run(|p| p.unreachable(peer(1), 7)), Outcome::Unreachable);
        assert_eq!(run(|p| p.unreachable(peer(2), 7)), Outcome::Timeout);
    }

    #[test]
    fn a_retry_is_asked_for_once_and_only_after_silence() {
        let templates = templates();
        let mut pending = Pending::new(&templates, TIMEOUT, 1);
        pending.begin(Duration::ZERO, peer(1), 0, 7, 0, Form::default());
        pending.begin(Duration::ZERO, peer(2), 0, 8, 0, Form::default());
        pending.received(SECOND, peer(2), &garbage(8));
        assert_eq!(pending.expire(TIMEOUT), [0]);
        assert_eq!(
            pending.received(TIMEOUT + SECOND, peer(1), &reply(7, 1)),
            Received::Answered(SECOND)
        );
        assert!(pending.expire(TIMEOUT * 2).is_empty());
        let outcomes: Vec<_> = pending.into_queries().map(Query::into_outcome).collect();
        assert!(content(&outcomes[0]).is_some() && outcomes[1] == Outcome::Malformed);
    }

    #[test]
    fn a_truncated_answer_waits_for_tcp() {
        for (message, wanted) in [
            (Some(reply(7, 1)), true),
            (Some(reply(8, 1)), false),
            (Some(truncated(7)), false),
            (None, false),
        ] {
            let templates = templates();
            let mut pending = Pending::new(&templates, TIMEOUT, 0);
            pending.begin(Duration::ZERO, peer(1), 0, 7, 0, Form::default());
            assert_eq!(pending.received(SECOND, peer(1), &truncated(7)), Received::Truncated(0));
            assert!(pending.expire(TIMEOUT * 9).is_empty());
            assert_eq!(pending.in_flight(), 1, "TCP has its own time limit");
            pending.whole(0, message.as_deref());
            match only(pending) {
                Outcome::Answer(answer) => assert!(wanted && answer.flags.has(Flag::Tc)),
                outcome => assert!(!wanted && outcome == Outcome::Truncated),
            }
        }
    }

    #[test]
    fn what_is_asked_over_tcp_goes_on_where_the_same_may_not_be_sent_again() {
        let templates = templates();
        let mut pending = Pending::new(&templates, TIMEOUT, 0);
        let index = pending.begin(Duration::ZERO, peer(1), 0, 7, 0, Form::default());
        assert_eq!(pending.received(SECOND, peer(1), &code(7, 1)), Received::WithoutEdns(index));
        assert_eq!(pending.received(SECOND, peer(1), &truncated(7)), Received::Truncated(index));
        pending.not_sent_again(index);
        assert_eq!((pending.in_flight(), pending.outcome(index)), (1, None));
        pending.whole(index, Some(&reply(7, 1)));
        // What comes once more, or of one that was taken, is nothing.
        pending.whole(index, None);
        assert_eq!(pending.in_flight(), 0);
        assert!(pending.take_over(SECOND * 9).is_some());
        pending.whole(index, None);
        assert_eq!(pending.in_flight(), 0);
        // Without TCP it is over.
        let index = pending.begin(Duration::ZERO, peer(1), 0, 7, 0, Form::default());
        assert_eq!(pending.received(SECOND, peer(1), &code(7, 1)), Received::WithoutEdns(index));
        pending.not_sent_again(index);
        assert_eq!((pending.in_flight(), pending.outcome(index)), (0, Some(&Outcome::NotAsked)));
    }

    #[test]
    fn what_was_not_asked_on_says_nothing_but_what_came_beside() {
        let templates = templates();
        let mut pending = Pending::new(&templates, TIMEOUT, 0);
        for id in 7..10 {
            pending.begin(Duration::ZERO, peer(1), 0, id, 0, Form::default());
        }
        pending.received(SECOND, peer(1), &truncated(7));
        pending.received(SECOND, peer(1), &truncated(8));
        pending.received(SECOND, peer(1), &reply(8, 1));
        pending.received(SECOND, peer(1), &code(9, 1));
        (0..3).for_each(|index| pending.not_asked_on(index));
        assert_eq!(pending.in_flight(), 0);
        let outcomes: Vec<_> = pending.into_queries().map(Query::into_outcome).collect();
        assert!(content(&outcomes[1]).is_some_and(Content::is_conclusive));
        assert_eq!([&outcomes[0], &outcomes[2]], [&Outcome::NotAsked; 2]);
    }

    #[test]
    fn what_is_over_is_taken_and_what_comes_after_is_known_for_late_or_repeated() {
        let templates = templates();
        let mut pending = Pending::new(&templates, TIMEOUT, 0);
        for id in 7..10 {
            pending.begin(Duration::ZERO, peer(1), 0, id, 0, Form::default());
        }
        pending.received(SECOND, peer(1), &reply(7, 1));
        pending.received(SECOND, peer(1), &code(9, 2));
        assert!(pending.take_over(Duration::from_millis(1_999)).is_none());
        assert_eq!(pending.take_over(SECOND * 2).map(|query| query.id), Some(7));
        // In the order in which they began.
        assert!(pending.take_over(SECOND * 2).is_none() && pending.open(0).is_none());
        pending.expire(TIMEOUT);
        assert_eq!(pending.take_over(TIMEOUT).map(Query::into_outcome), Some(Outcome::Timeout));
        assert_eq!(pending.take_over(TIMEOUT).map(|query| query.id), Some(9));
        assert!(pending.take_over(TIMEOUT).is_none() && pending.is_over(TIMEOUT));
        let mut late = |from, id| pending.received(TIMEOUT, from, &reply(id, 2));
        assert_eq!(late(peer(1), 7), Received::Ignored(Ignored::Duplicate));
        assert_eq!(late(peer(1), 8), Received::Ignored(Ignored::Late));
        assert_eq!(late(peer(2), 8), Received::Ignored(Ignored::WrongSource));
        let next = pending.begin(TIMEOUT, peer(3), 0, 11, 0, Form::default());
        assert_eq!(next, 3);
        assert_eq!(
            pending.received(TIMEOUT, peer(3), &reply(11, 1)),
            Received::Answered(Duration::ZERO)
        );
        assert!(content(&only(pending)).is_some());
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one arm for each thing that can happen")]
    fn every_query_has_one_outcome_whatever_the_schedule() {
        let templates = templates();
        let mut state = 7_u64;
        let mut random = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let mut resent = 0;
        for _ in 0..300 {
            let mut pending = Pending::new(&templates, TIMEOUT, u8::try_from(random(2)).unwrap());
            let (mut now, mut sent, mut truncations) = (Duration::ZERO, Vec::new(), Vec::new());
            // Those that are to be sent again, and how often each was.
            let mut held: Vec<usize> = Vec::new();
            let mut taken = 0;
            for _ in 0..200 {
                now += Duration::from_millis(random(300));
                while pending.take_over(now).is_some() {
                    taken += 1;
                }
                let to = peer(u8::try_from(random(20)).unwrap());
                match random(10) {
                    0 | 1 => {
                        let id = pending.free_id(|| {
                            u16::try_from(random(64)).unwrap()
                                + 64 * u16::try_from(sent.len()).unwrap()
                        });
                        sent.push((id, pending.begin(now, to, 0, id, 0, Form::default())));
                        if random(20) == 0 {
                            pending.not_sent(sent.len() - 1);
                        }
                    }
                    2 => {
                        for index in pending.expire(now) {
                            pending.hold(index);
                            held.push(index);
                        }
                    }
                    3 | 4 if !held.is_empty() => {
                        let at = usize::try_from(random(held.len() as u64)).unwrap();
                        let index = held.swap_remove(at);
                        let id = pending.free_id(|| u16::try_from(random(60_000)).unwrap());
                        // As the worker does it: it may have been taken by now.
                        match random(4) {
                            _ if pending.open(index).is_none() => {}
                            0 => pending.not_sent_again(index),
                            1 => pending.give_up(index),
                            _ => {
                                let may_go = pending.query(index).may_go_again();
                                assert_eq!(pending.send_again(index, now, id), may_go);
                                sent[index].0 = pending.query(index).id;
                                resent += usize::from(may_go);
                            }
                        }
                    }
                    5 => {
                        if random(3) == 0
                            && let Some(index) = truncations.pop()
                            && pending.open(index).is_some()
                        {
                            pending.not_asked_on(index);
                        }
                    }
                    3 => {
                        if let Some(index) = truncations.pop()
                            && pending.open(index).is_some()
                        {
                            let whole = (random(2) == 0).then(|| reply(pending.query(index).id, 1));
                            pending.whole(index, whole.as_deref());
                        }
                    }
                    _ if sent.is_empty() => {}
                    _ => {
                        let (id, index) = sent[usize::try_from(random(sent.len() as u64)).unwrap()];
                        let asked = pending.open(index).map_or(to, Query::peer);
                        let from = if random(4) == 0 { to } else { asked };
                        let datagram = match random(6) {
                            0 => garbage(id),
                            1 => truncated(id),
                            2 => code(id, 1),
                            n => reply(id, u8::try_from(n).unwrap()),
                        };
                        match pending.received(now, from, &datagram) {
                            Received::Truncated(index) => truncations.push(index),
                            Received::WithoutEdns(index) => held.push(index),
                            _ => {}
                        }
                    }
                }
            }
            for index in truncations {
                pending.whole(index, None);
            }
            for index in held {
                if pending.open(index).is_some() {
                    pending.not_sent_again(index);
                }
            }
            while pending.in_flight() > 0 {
                now += TIMEOUT;
                pending.expire(now);
            }
            assert_eq!(taken + pending.into_queries().map(Query::into_outcome).count(), sent.len());
        }
        assert!(resent > 1_000, "{resent}");
    }
}
