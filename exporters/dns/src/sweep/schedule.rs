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
    /// When it is due.
    due: Duration,
    /// When the present pass over the members began.
    pass_began: Duration,
}

impl Schedule {
    /// Nothing was asked yet.
    pub(super) fn new(pace: Pace) -> Self {
        Self { pace, next: 0, due: pace.first, pass_began: pace.first }
    }

    /// The query that is due now, if one is and there is room for it. The control question comes
    /// first; then each member begins with another question, so that no name is asked in a burst.
    pub(super) fn due(&self, now: Duration, in_flight: usize) -> Option<Due> {
        if self.is_done() || self.due > now || in_flight >= WINDOW {
            return None;
        }
        let Pace { members, questions, has_control, .. } = self.pace;
        let (pass, member) = (self.next / members, self.next % members);
        let is_control = pass < usize::from(has_control);
        let question = if is_control { questions } else { (pass + member) % questions };
        Some(Due { number: self.next, member, question })
    }

    /// Moves on to the next query and says when it is due.
    pub(super) fn advance(&mut self, now: Duration) {
        self.next += 1;
        self.due = (self.due + self.pace.step).max(now.saturating_sub(CATCH_UP));
        if self.next.is_multiple_of(self.pace.members) {
            self.due = self.due.max(self.pass_began + self.pace.gap);
            self.pass_began = self.due;
        }
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
    pub(super) fn wake(&self, pending: &Pending<'_>, later: &Later) -> Duration {
        let may_send = !self.is_done() && pending.in_flight() < WINDOW;
        let send = may_send.then_some(self.due);
        let later = later.next(pending.in_flight());
        // While there is more to send, nobody waits for the last answer's linger.
        let linger = self.is_done().then(|| pending.lingers_until()).flatten();
        let earliest = [send, later, pending.next_deadline(), linger].into_iter().flatten().min();
        earliest.unwrap_or(self.pace.end).min(self.pace.end)
    }
}

#[cfg(test)]
mod tests {
    use super::super::later::Put;
    use super::*;
    use crate::exchange::question::{Form, Question, Template};

    const SECOND: Duration = Duration::from_secs(1);

    fn pace(members: usize, step: Duration) -> Pace {
        let end = Duration::from_secs(3600);
        Pace { members, questions: 1, has_control: false, first: step, step, gap: SECOND, end }
    }

    /// Runs a worker in virtual time against resolvers that answer after `latency`, or never. Returns
    /// how many queries it sent, how often it woke, and when it was over.
    fn run(pace: Pace, latency: Option<Duration>) -> (usize, usize, Duration) {
        run_again(pace, latency, 0)
    }

    /// The same, where each query is sent again so often before it is given up.
    fn run_again(pace: Pace, latency: Option<Duration>, retries: u8) -> (usize, usize, Duration) {
        let name = "a.example".parse().unwrap();
        let templates =
            [Template::new(&Question::recursive(name, hickory_proto::rr::RecordType::A))];
        let mut pending = Pending::new(&templates, SECOND * 2, retries);
        let mut later = Later::default();
        let mut schedule = Schedule::new(pace);
        let (mut now, mut sent, mut turns) = (Duration::ZERO, 0, 0);
        let mut answers = std::collections::VecDeque::new();
        let peer = std::net::SocketAddr::from(([127, 0, 0, 1], 53));
        loop {
            turns += 1;
            if pending.next_deadline().is_some_and(|deadline| deadline <= now) {
                for index in pending.expire(now) {
                    pending.hold(index);
                    later.push(now, Put::Again(index));
                }
            }
            while let Some(Put::Again(index)) = later.due(now, pending.in_flight()) {
                assert!(pending.send_again(index, now, 0));
                sent += 1;
            }
            while schedule.due(now, pending.in_flight()).is_some() {
                let id = u16::try_from(sent).unwrap();
                pending.begin(now, peer, 0, id, 0, Form::default());
                answers.extend(latency.map(|latency| (now + latency, id)));
                sent += 1;
                schedule.advance(now);
            }
            if schedule.is_over(now, &pending, &later) {
                return (sent, turns, now);
            }
            let wake = schedule.wake(&pending, &later);
            assert!(wake > now, "woke at {now:?} to wake at {wake:?}");
            now = answers.front().map_or(wake, |(at, _)| wake.min(*at));
            while let Some((_, id)) = answers.pop_front_if(|(at, _)| *at <= now) {
                let mut answer = Vec::new();
                templates[0].write(id, 0, &mut answer);
                // A reply, with the code that there is no such name.
                (answer[2], answer[3]) = (answer[2] | 0x80, 3);
                pending.received(now, peer, &answer);
            }
        }
    }

    #[test]
    fn a_worker_wakes_a_few_times_a_query_and_no_more_at_any_rate() {
        for rate in [1, 2, 3, 4, 5, 10, 100, 1_000] {
            for latency in [None, Some(30), Some(900), Some(1_500)] {
                let latency = latency.map(Duration::from_millis);
                let (sent, turns, over) = run(pace(40, SECOND / rate), latency);
                assert_eq!(sent, 40);
                assert!(turns <= 3 * sent + 3, "{rate}/s, {latency:?}: {turns} turns");
                let paced = SECOND * 40 / rate;
                assert!(over >= paced && over <= paced + SECOND * 3, "{rate}/s: {over:?}");
            }
        }
    }

    #[test]
    fn a_full_window_of_silent_resolvers_is_sent_again_and_given_up_in_time() {
        let at_once = pace(WINDOW * 2, Duration::from_nanos(1));
        let (sent, _, over) = run_again(at_once, None, 1);
        assert_eq!(sent, WINDOW * 4);
        assert!(over < SECOND * 10, "{over:?}");
    }

    #[test]
    fn a_resolver_is_left_alone_for_the_gap_and_begins_with_another_question() {
        let mut schedule =
            Schedule::new(Pace { questions: 2, has_control: true, ..pace(3, SECOND / 10) });
        let (mut now, mut asked) = (Duration::ZERO, Vec::new());
        while !schedule.is_done() {
            now = now.max(schedule.due);
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
        assert_eq!(schedule.due + CATCH_UP, SECOND);
    }
}
