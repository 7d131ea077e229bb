//! How one trace proceeds: which probe is sent when, and what is known in the end. No I/O, no clock.
//!
//! 1. A probe for each hop limit from 1, one each [`PACE`], as far as the path was long before. Further where a router
//!    answers there, with [`WINDOW`] under way beyond the last that answered, and [`LONGER`] where it stays silent twice:
//!    each probe that goes too far is an echo of the target's, which may answer only so many.
//! 2. One that stays without an answer for [`PATIENCE`] is sent once more, as far as that can tell anything.
//! 3. It ends when the target has answered and all before it is decided, or [`LAST_WAIT`] after the last probe.

use std::net::IpAddr;
use std::time::Duration;

use super::trace::{End, Hop, Trace};

/// From one probe to the next.
const PACE: Duration = Duration::from_millis(10);
/// A probe is taken for lost after so long.
const PATIENCE: Duration = Duration::from_secs(1);
/// And a trace ends so long after its last one.
const LAST_WAIT: Duration = Duration::from_secs(2);
/// So many silent routers in a row are gone past.
const LONGEST_SILENCE: usize = 8;
/// So many probes a trace has, whatever comes.
const MOST_PROBES: u32 = 45;
/// A path may have become so much longer.
const LONGER: usize = 3;
/// So many probes are under way beyond the last that was answered, where it is not known how long the path is.
const WINDOW: usize = 4;

/// A trace under way.
#[derive(Debug)]
pub(crate) struct Course {
    to: IpAddr,
    /// So long it was; zero where that is not known.
    known: usize,
    most: usize,
    asked: Vec<Asked>,
    probes: u32,
    last: Option<Duration>,
}

#[derive(Clone, Debug)]
struct Asked {
    at: Duration,
    times: u8,
    answer: Option<Answer>,
}

/// What came back to a probe.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    /// Who says so, and after how long.
    pub(crate) hop: Hop,
    /// What it says.
    pub(crate) says: Says,
}

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    /// That the probe was to go further.
    Passed,
    /// That it has arrived.
    Arrived,
    /// That it cannot go further.
    Refused,
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Send a probe with this hop limit.
    Send(u8),
    /// Nothing until then.
    Wait(Duration),
    /// It has ended.
    Done,
}

impl Course {
    /// A trace to an address, of so many hops at most, which was `known` long the last time.
    pub(crate) fn new(to: IpAddr, most: u8, known: Option<u8>) -> Self {
        let known = known.map_or(0, |known| known.min(most).into());
        Self { to, known, most: most.into(), asked: Vec::new(), probes: 0, last: None }
    }

    /// What is to be done now.
    pub(crate) fn step(&self, now: Duration) -> Step {
        let pace = self.last.map_or(Duration::ZERO, |last| last + PACE);
        let next = self.first_probe(now).or_else(|| self.second_probe(now));
        if let Some(hop_limit) = next {
            return if now >= pace { Step::Send(hop_limit) } else { Step::Wait(pace) };
        }
        let end = self.last.unwrap_or(now) + LAST_WAIT;
        if self.is_decided(now) || now >= end {
            return Step::Done;
        }
        // The next one that is taken for lost changes what is to be done.
        let lost = self.asked.iter().filter(|asked| asked.answer.is_none());
        let lost = lost.map(|asked| asked.at + PATIENCE).filter(|at| *at > now).min();
        Step::Wait(lost.map_or(end, |lost| lost.min(end)))
    }

    /// The probe was sent.
    pub(crate) fn sent(&mut self, hop_limit: u8, now: Duration) {
        let place = usize::from(hop_limit).saturating_sub(1);
        match self.asked.get_mut(place) {
            Some(asked) => (asked.at, asked.times) = (now, asked.times + 1),
            None => self.asked.push(Asked { at: now, times: 1, answer: None }),
        }
        self.probes += 1;
        self.last = Some(now);
    }

    /// An answer to a probe.
    pub(crate) fn heard(&mut self, hop_limit: u8, answer: Answer) {
        let place = usize::from(hop_limit).saturating_sub(1);
        if let Some(asked) = self.asked.get_mut(place) {
            asked.answer.get_or_insert(answer);
        }
    }

    /// What was found.
    pub(crate) fn trace(self) -> Trace {
        let end = self.end();
        let length = end.map_or(self.asked.len(), |place| place + 1);
        let answers = self.asked.into_iter().take(length).map(|asked| asked.answer);
        let mut answers: Vec<Option<Answer>> = answers.collect();
        let last = if end.is_some() { answers.pop().flatten() } else { None };
        let mut hops: Vec<Option<Hop>> =
            answers.into_iter().map(|answer| answer.map(|answer| answer.hop)).collect();
        let end = match last {
            Some(Answer { hop, says: Says::Refused }) if hop.address != self.to => {
                End::Unreachable { by: hop.address }
            }
            Some(answer) => {
                hops.push(Some(answer.hop));
                return Trace { to: self.to, hops, end: End::Reached };
            }
            None => End::Incomplete,
        };
        let known = hops.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        hops.truncate(known);
        Trace { to: self.to, hops, end }
    }

    /// Where the path ends, as far as that is known.
    fn end(&self) -> Option<usize> {
        let ends =
            |asked: &Asked| asked.answer.as_ref().is_some_and(|answer| answer.says != Says::Passed);
        self.asked.iter().position(ends)
    }

    fn first_probe(&self, now: Duration) -> Option<u8> {
        let place = self.asked.len();
        if self.end().is_some() || self.probes >= MOST_PROBES {
            return None;
        }
        let is_silent = |asked: &&Asked| asked.is_silent(now);
        let silent = self.asked.iter().rev().take_while(is_silent).count();
        let may = place < self.known || self.may_go_beyond(place, now);
        let hop_limit = u8::try_from(place + 1).ok()?;
        (place < self.most && silent < LONGEST_SILENCE && may).then_some(hop_limit)
    }

    /// Whether a probe may go so far, beyond what is known.
    fn may_go_beyond(&self, place: usize, now: Duration) -> bool {
        let answered = self.asked.iter().rposition(|asked| asked.answer.is_some());
        let answered = answered.map_or(0, |last| last + 1);
        let under_way = self.asked[answered..].iter().filter(|asked| !asked.is_silent(now));
        let is_longer = answered >= self.known || {
            let target = self.known.checked_sub(1).and_then(|last| self.asked.get(last));
            let stays_silent = target.is_some_and(|asked| asked.times > 1 && asked.is_lost(now));
            stays_silent && place < self.known + LONGER
        };
        is_longer && under_way.count() < WINDOW
    }

    fn second_probe(&self, now: Duration) -> Option<u8> {
        if self.probes >= MOST_PROBES {
            return None;
        }
        let lost = |asked: &Asked| asked.times == 1 && asked.is_lost(now);
        let place = self.asked[..self.bound()].iter().position(lost)?;
        u8::try_from(place + 1).ok()
    }

    /// What is beyond tells nothing of the path.
    fn bound(&self) -> usize {
        let answered = self.asked.iter().rposition(|asked| asked.answer.is_some());
        let silent = answered.map_or(0, |last| last + 1) + LONGEST_SILENCE;
        self.end().unwrap_or(silent).min(self.asked.len())
    }

    fn is_decided(&self, now: Duration) -> bool {
        let decided = |asked: &Asked| asked.answer.is_some() || asked.is_lost(now);
        !self.asked.is_empty() && self.asked[..self.bound()].iter().all(decided)
    }
}

impl Asked {
    /// Whether it did not answer in time, though it may be asked once more.
    fn is_silent(&self, now: Duration) -> bool {
        self.answer.is_none() && (self.times > 1 || self.is_lost(now))
    }

    fn is_lost(&self, now: Duration) -> bool {
        self.answer.is_none() && now >= self.at + PATIENCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    const TARGET: u8 = 99;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Runs a course against routers that answer after 20 ms or not at all; the trace, how many probes it
    /// took, and how long.
    fn run(course: Course, answers: impl Fn(u8, u32) -> Option<(u8, Says)>) -> (Trace, u32, u64) {
        run_slowly(course, 20, answers)
    }

    /// The same against routers that answer after so many milliseconds.
    fn run_slowly(
        mut course: Course,
        millis: u64,
        answers: impl Fn(u8, u32) -> Option<(u8, Says)>,
    ) -> (Trace, u32, u64) {
        let (mut now, mut due): (u64, Vec<(u64, u8, Answer)>) = (0, Vec::new());
        let mut asked = [0; 256];
        loop {
            due.sort_by_key(|(at, ..)| *at);
            while due.first().is_some_and(|(at, ..)| *at <= now) {
                let (_, hop_limit, answer) = due.remove(0);
                course.heard(hop_limit, answer);
            }
            match course.step(ms(now)) {
                Step::Done => break,
                Step::Send(hop_limit) => {
                    course.sent(hop_limit, ms(now));
                    let times = &mut asked[usize::from(hop_limit)];
                    *times += 1;
                    if let Some((last, says)) = answers(hop_limit, *times) {
                        let hop = Hop { address: ip(last), rtt: ms(millis), mpls: Vec::new() };
                        due.push((now + millis, hop_limit, Answer { hop, says }));
                    }
                }
                Step::Wait(until) => {
                    let until = u64::try_from(until.as_millis()).unwrap();
                    assert!(until > now, "it must not spin");
                    now = due.first().map_or(until, |(at, ..)| (*at).min(until));
                }
            }
        }
        let probes = course.probes;
        (course.trace(), probes, now)
    }

    fn addresses(trace: &Trace) -> Vec<Option<IpAddr>> {
        trace.hops.iter().map(|hop| hop.as_ref().map(|hop| hop.address)).collect()
    }

    /// A path of so many hops, the last being the target's.
    fn path(length: u8) -> impl Fn(u8, u32) -> Option<(u8, Says)> {
        move |hop_limit, _| {
            Some(if hop_limit < length {
                (hop_limit, Says::Passed)
            } else {
                (TARGET, Says::Arrived)
            })
        }
    }

    #[test]
    fn a_known_path_costs_as_many_probes_as_it_is_long() {
        let (trace, probes, took) = run(Course::new(ip(TARGET), 30, Some(13)), path(13));
        assert_eq!((trace.end, trace.hops.len()), (End::Reached, 13));
        assert!(probes == 13 && took < 300, "{probes} {took}");
        assert_eq!(run_slowly(Course::new(ip(TARGET), 30, Some(13)), 250, path(13)).1, 13);
        // A path that has become much longer, or shorter.
        let longer = run(Course::new(ip(TARGET), 30, Some(5)), path(13));
        assert_eq!(longer.0.hops, trace.hops);
        assert_eq!(run(Course::new(ip(TARGET), 30, Some(25)), path(13)).0, trace);
    }

    #[test]
    fn a_path_of_which_nothing_is_known_costs_the_target_few_echoes() {
        for millis in [1, 20, 250] {
            let (trace, probes, took) =
                run_slowly(Course::new(ip(TARGET), 30, None), millis, path(13));
            assert_eq!((trace.end, trace.hops.len()), (End::Reached, 13));
            assert!((13..17).contains(&probes) && took < 3600, "{probes} {took}");
        }
    }

    #[test]
    fn beyond_a_known_path_is_asked_where_its_end_stays_silent() {
        // The target answers the second probe: nothing goes further.
        let slow = |hop_limit, times| match (hop_limit, times) {
            (5.., 1) => None,
            (5.., _) => Some((TARGET, Says::Arrived)),
            _ => Some((hop_limit, Says::Passed)),
        };
        let (trace, probes, _) = run(Course::new(ip(TARGET), 30, Some(5)), slow);
        assert_eq!((trace.end, trace.hops.len(), probes), (End::Reached, 5, 6));
        // A router that is silent is where it was.
        let moved = |hop_limit, _| match hop_limit {
            5 => None,
            6.. => Some((TARGET, Says::Arrived)),
            _ => Some((hop_limit, Says::Passed)),
        };
        let (trace, probes, _) = run(Course::new(ip(TARGET), 30, Some(5)), moved);
        assert_eq!((trace.end, trace.hops.len()), (End::Reached, 6));
        assert!(probes <= 9, "{probes}");
        // One that is down is asked for three times more at most, each twice.
        let down = |hop_limit, _| (hop_limit < 5).then_some((hop_limit, Says::Passed));
        let (trace, probes, _) = run(Course::new(ip(TARGET), 30, Some(5)), down);
        assert_eq!(trace.end, End::Incomplete);
        assert!(probes <= 12, "{probes}");
    }

    #[test]
    fn one_that_is_silent_is_asked_once_more() {
        let silent = |hop_limit, times| match (hop_limit, times) {
            (2, _) | (3, 1) => None,
            (6.., _) => Some((TARGET, Says::Arrived)),
            _ => Some((hop_limit, Says::Passed)),
        };
        let (trace, probes, took) = run(Course::new(ip(TARGET), 30, Some(6)), silent);
        let wanted = [Some(ip(1)), None, Some(ip(3)), Some(ip(4)), Some(ip(5)), Some(ip(TARGET))];
        assert_eq!(addresses(&trace), wanted);
        assert!(probes <= 11 && took <= 2100, "{probes} {took}");
    }

    #[test]
    fn silence_ends_it() {
        let silent = |hop_limit, _| (hop_limit < 4).then_some((hop_limit, Says::Passed));
        let (trace, probes, took) = run(Course::new(ip(TARGET), 30, None), silent);
        assert_eq!(addresses(&trace), [Some(ip(1)), Some(ip(2)), Some(ip(3))]);
        assert_eq!(trace.end, End::Incomplete);
        assert!(probes <= MOST_PROBES && took <= 3500, "{probes} {took}");
        let (trace, probes, _) = run(Course::new(ip(TARGET), 64, None), |_, _| None);
        assert_eq!((trace.hops.len(), trace.end), (0, End::Incomplete));
        assert!(probes <= MOST_PROBES);
    }

    #[test]
    fn who_refuses_is_told_and_who_is_asked_may_refuse() {
        let refused = |last| {
            move |hop_limit, _| {
                Some(match hop_limit {
                    1 | 2 => (hop_limit, Says::Passed),
                    _ => (last, Says::Refused),
                })
            }
        };
        let (trace, ..) = run(Course::new(ip(TARGET), 30, None), refused(2));
        assert_eq!(trace.end, End::Unreachable { by: ip(2) });
        assert_eq!(addresses(&trace), [Some(ip(1)), Some(ip(2))]);
        let (trace, ..) = run(Course::new(ip(TARGET), 30, None), refused(TARGET));
        assert_eq!((trace.end, trace.hops.len()), (End::Reached, 3));
    }

    #[test]
    fn an_answer_that_nobody_waits_for_changes_nothing() {
        let mut course = Course::new(ip(TARGET), 30, None);
        let hop = Hop { address: ip(7), rtt: ms(1), mpls: Vec::new() };
        course.heard(9, Answer { hop, says: Says::Passed });
        assert_eq!(course.trace().hops, []);
    }
}
