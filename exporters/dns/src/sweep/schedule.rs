//! When the queries of one worker are due, and when it has something to do next. No I/O, no clock.
//!
//! Time is the time since the sweep began, and is an argument.

use std::time::Duration;

use super::later::{Due, Later};
use crate::config::WINDOW;
use crate::pending::Pending;

/// How much of a delay is made good by sending faster afterwards.
const CATCH_UP: Duration = Duration::from_millis(20);

/// What a worker has to ask, and how fast.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// How many resolvers it asks.
    pub(super) members: usize,
    /// How many questions each of them is asked, without the control question.
    pub(super) questions: usize,
    /// Whether a control question comes first.
    pub(super) has_control: bool,
    /// When the first query is due.
    pub(super) first: Duration,
    /// From one query to the next.
    pub(super) step: Duration,
    /// Least time between two queries to the same resolver.
    pub(super) gap: Duration,
    /// When the worker stops, whatever is left to do.
    pub(super) end: Duration,
}

/// Where a worker is in its list of queries.
#[derive(Debug)]
pub(super) struct Schedule {
    pace: Pace,
    /// The number of the next query.
    next: usize,
    /// When the rate has room for one more, whatever it is.
    room: Duration,
    /// When the present pass over the members began, and the next query may go.
    pass_began: Duration,
    not_before: Duration,
}

impl Schedule {
    /// Nothing was asked yet.
    pub(super) fn new(pace: Pace) -> Self {
        let first = pace.first;
        Self { pace, next: 0, room: first, pass_began: first, not_before: first }
    }

    /// The query that is due now, if one is and there is room for it. The control question comes
    /// first; then each member begins with another question, so that no name is asked in a burst.
    pub(super) fn due(&self, now: Duration, in_flight: usize) -> Option<Due> {
        if self.is_done() || self.next_at() > now || in_flight >= WINDOW {
            return None;
        }
        let Pace { members, questions, has_control, .. } = self.pace;
        let (pass, member) = (self.next / members, self.next % members);
        let is_control = pass < usize::from(has_control);
        let question = if is_control { questions } else { (pass + member) % questions };
        Some(Due { number: self.next, member, question })
    }

    /// Moves on to the next query: this one was sent, or is not to be.
    pub(super) fn advance(&mut self, now: Duration) {
        self.room = self.next_at();
        self.spend(now);
        self.put_off();
    }

    /// Moves on to the next query: this one is sent at another time.
    pub(super) fn put_off(&mut self) {
        self.next += 1;
        if self.next.is_multiple_of(self.pace.members) {
            self.not_before = self.room.max(self.pass_began + self.pace.gap);
            self.pass_began = self.not_before;
        }
    }

    /// Whether the rate has room for one more.
    pub(super) fn has_room(&self, now: Duration) -> bool {
        self.room <= now
    }

    /// One more was sent, which has its share of the rate as all others have.
    pub(super) fn spend(&mut self, now: Duration) {
        self.room = self.room.max(now.saturating_sub(CATCH_UP)) + self.pace.step;
    }

    fn next_at(&self) -> Duration {
        self.room.max(self.not_before)
    }

    /// Whether every query was sent.
    pub(super) fn is_done(&self) -> bool {
        let Pace { members, questions, has_control, .. } = self.pace;
        self.next == members * (questions + usize::from(has_control))
    }

    /// Whether there is nothing left to do, nor of what was put off.
    pub(super) fn is_over(&self, now: Duration, pending: &Pending<'_>, later: &Later) -> bool {
        self.is_done() && later.is_empty() && pending.is_over(now) || now >= self.pace.end
    }

    /// When there will be something to do, if nothing arrives before: a query to send, one to give
    /// up, or the end. Later than now for a worker that is not over and has done all that was due:
    /// one that woke in the past would never sleep.
    pub(super) fn wake(&self, now: Duration, pending: &Pending<'_>, later: &Later) -> Duration {
        let may_send = !self.is_done() && pending.in_flight() < WINDOW;
        let send = may_send.then(|| self.next_at());
        let later = later.next(pending.in_flight()).map(|at| at.max(self.room));
        // While there is more to send, nobody waits for the last answer's linger; and when it is over, something else
        // is waited for.
        let linger = self.is_done().then(|| pending.lingers_until()).flatten();
        let linger = linger.filter(|until| *until > now);
        let earliest = [send, later, pending.next_deadline(), linger].into_iter().flatten().min();
        earliest.unwrap_or(self.pace.end).min(self.pace.end)
    }
}

#[cfg(test)]
mod tests {
    use super::super::later::Put;
    use super::*;
    use crate::exchange::question::{Form, Question, Template};
    use crate::pending::Received;

    const SECOND: Duration = Duration::from_secs(1);

    fn pace(members: usize, step: Duration) -> Pace {
        let end = Duration::from_secs(3600);
        Pace { members, questions: 1, has_control: false, first: step, step, gap: SECOND, end }
    }

    /// What a resolver of the world does.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Does {
        /// It answers after so long.
        Answers(Duration),
        /// It never does.
        Nothing,
        /// It answers with what is cut after so long, and TCP brings nothing in five seconds.
        Cuts(Duration),
    }

    /// What a worker did.
    struct Done {
        /// When it sent each query.
        sent: Vec<Duration>,
        /// How often it woke, and when it was over.
        turns: usize,
        over: Duration,
    }

    /// Runs a worker in virtual time, each of whose queries is sent again so often before it is given up. At the end
    /// it sends fifty more at once, and is put off until three seconds later with one.
    fn run(pace: Pace, does: impl Fn(usize) -> Does, retries: u8) -> Done {
        let name = "a.example".parse().unwrap();
        let templates =
            [Template::new(&Question::recursive(name, hickory_proto::rr::RecordType::A))];
        let mut pending = Pending::new(&templates, SECOND * 2, retries);
        let mut later = Later::default();
        let mut schedule = Schedule::new(pace);
        let (mut now, mut sent, mut turns) = (Duration::ZERO, Vec::new(), 0);
        let mut is_checked = false;
        // What arrives: when, the id, and whether it is cut; and what TCP brings.
        let mut answers = std::collections::BTreeSet::new();
        let mut whole = std::collections::VecDeque::new();
        let peer = std::net::SocketAddr::from(([127, 0, 0, 1], 53));
        let answered = |id: u16, now: Duration| match does(usize::from(id)) {
            Does::Answers(latency) => Some((now + latency, id, false)),
            Does::Cuts(latency) => Some((now + latency, id, true)),
            Does::Nothing => None,
        };
        let mut next_id = 0_u16;
        loop {
            turns += 1;
            if pending.next_deadline().is_some_and(|deadline| deadline <= now) {
                for index in pending.expire(now) {
                    pending.hold(index);
                    later.push(now, Put::Again(index));
                }
            }
            while schedule.has_room(now)
                && let Some(put) = later.due(now, pending.in_flight())
            {
                match put {
                    Put::Again(index) => assert!(pending.send_again(index, now, 0)),
                    Put::Whole(index) => whole.push_back((now + SECOND * 5, index)),
                    _ => {
                        pending.begin(now, peer, 0, next_id, 0, Form::default());
                        answers.extend(answered(next_id, now));
                        next_id += 1;
                    }
                }
                sent.push(now);
                schedule.spend(now);
            }
            while schedule.due(now, pending.in_flight()).is_some() {
                pending.begin(now, peer, 0, next_id, 0, Form::default());
                answers.extend(answered(next_id, now));
                next_id += 1;
                sent.push(now);
                schedule.advance(now);
            }
            if schedule.is_over(now, &pending, &later) {
                if is_checked {
                    return Done { sent, turns, over: now };
                }
                is_checked = true;
                // Many at once, and one when they are long over.
                (0..50).for_each(|member| later.push(now, Put::Unchecked(member, 0)));
                later.push(now + SECOND * 3, Put::Unchecked(50, 0));
                continue;
            }
            let wake = schedule.wake(now, &pending, &later);
            assert!(wake > now, "woke at {now:?} to wake at {wake:?}");
            now = answers.first().map_or(wake, |(at, ..)| wake.min(*at));
            now = whole.front().map_or(now, |(at, _)| now.min(*at));
            while let Some((at, id, is_cut)) = answers.first().copied().filter(|it| it.0 <= now) {
                answers.pop_first();
                let mut answer = Vec::new();
                templates[0].write(id, 0, &mut answer);
                // A reply, with the code that there is no such name; or one that is cut.
                (answer[2], answer[3]) = (answer[2] | 0x80 | if is_cut { 2 } else { 0 }, 3);
                if let Received::Truncated(index) = pending.received(at, peer, &answer) {
                    later.push(now, Put::Whole(index));
                }
            }
            while let Some((_, index)) = whole.pop_front_if(|(at, _)| *at <= now) {
                pending.whole(index, None);
            }
        }
    }

    /// How many of these times are within any second.
    fn most_in_a_second(sent: &[Duration]) -> usize {
        let from = |at: usize| sent[at..].iter().take_while(|it| **it < sent[at] + SECOND).count();
        (0..sent.len()).map(from).max().unwrap_or_default()
    }

    #[test]
    fn a_worker_wakes_a_few_times_a_query_and_no_more_at_any_rate() {
        let latencies = [30, 900, 1_500].map(Duration::from_millis).map(Does::Answers);
        let cut = Does::Cuts(Duration::from_millis(40));
        for rate in [1, 2, 3, 4, 5, 10, 100, 1_000] {
            for usual in latencies.into_iter().chain([Does::Nothing]) {
                // All alike, every fourth silent, and every fourth cut.
                for fourth in [usual, Does::Nothing, cut] {
                    let does = |n: usize| if n % 4 == 3 { fourth } else { usual };
                    for retries in [0, 1] {
                        let done = run(pace(40, SECOND / rate), does, retries);
                        let (sent, turns) = (done.sent.len(), done.turns);
                        assert!(sent >= 91 && turns <= 4 * sent + 6, "{rate}/s: {sent}, {turns}");
                        let paced = SECOND * u32::try_from(sent).unwrap() / rate;
                        assert!(done.over <= paced + SECOND * 20, "{rate}/s: {:?}", done.over);
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_sent_again_is_within_the_rate_as_all_else_is() {
        for rate in [5, 50, 500] {
            for (does, each) in [(Does::Nothing, 3), (Does::Cuts(SECOND / 10), 2)] {
                let done = run(pace(400, SECOND / rate), |_| does, 2);
                assert!(done.sent.len() >= 400 * each);
                let most = usize::try_from(rate + rate / 50 + 1).unwrap();
                assert!(most_in_a_second(&done.sent) <= most, "{rate}/s: {does:?}");
            }
        }
    }

    #[test]
    fn a_full_window_of_silent_resolvers_is_sent_again_and_given_up_in_time() {
        let at_once = pace(WINDOW * 2, Duration::from_nanos(1));
        let done = run(at_once, |_| Does::Nothing, 1);
        assert_eq!(done.sent.len(), WINDOW * 4 + 102);
        assert!(done.over < SECOND * 20, "{:?}", done.over);
    }

    #[test]
    fn a_resolver_is_left_alone_for_the_gap_and_begins_with_another_question() {
        let mut schedule =
            Schedule::new(Pace { questions: 2, has_control: true, ..pace(3, SECOND / 10) });
        let (mut now, mut asked) = (Duration::ZERO, Vec::new());
        while !schedule.is_done() {
            now = now.max(schedule.next_at());
            let due = schedule.due(now, 0).unwrap();
            asked.push((due.member, due.question, now.as_millis()));
            schedule.advance(now);
        }
        assert_eq!(
            asked,
            [
                (0, 2, 100),
                (1, 2, 200),
                (2, 2, 300),
                (0, 1, 1100),
                (1, 0, 1200),
                (2, 1, 1300),
                (0, 0, 2100),
                (1, 1, 2200),
                (2, 0, 2300),
            ]
        );
    }

    #[test]
    fn a_full_window_waits_for_an_answer_or_a_deadline() {
        let mut schedule = Schedule::new(pace(2_000, Duration::from_nanos(1)));
        assert_eq!(schedule.due(SECOND, WINDOW), None);
        assert!(schedule.due(SECOND, WINDOW - 1).is_some());
        // What was missed by more than a little is not made good.
        schedule.advance(SECOND);
        assert_eq!(schedule.next_at() + CATCH_UP, SECOND + Duration::from_nanos(1));
    }
}
