//! Whether some of the requests fail: two windows of rounds, each without its longest run of failures. No I/O, no clock.
//!
//! A single outage too short to be told must not come back as a share of failures, so the longest run (as
//! long as such an outage at most) is left out. What remains is divided by the rounds of a *full* window, so
//! that a young one claims nothing early.

use std::collections::VecDeque;

use super::evidence::Failed;
use super::rounds::{Count, Rounds};

/// The longest run of failures that is left out, in seconds: what may stay silent.
const BLIP: f64 = 90.0;

/// With fewer failures in a window nothing is claimed.
const FEWEST: u32 = 4;

/// So many failures are remembered with their reasons.
const REASONS: usize = 30;

/// A window, and from which share on it speaks.
#[derive(Clone, Copy, Debug)]
struct Limit {
    seconds: f64,
    rounds: f64,
    enter: f64,
    leave: f64,
}

/// About half fail, or more: at 5 s, 60 % at random show as 0.55, 40 % as 0.36.
const SEVERE: Limit = Limit { seconds: 300.0, rounds: 30.0, enter: 0.45, leave: 0.25 };

/// Some fail: 1 and 2 % of constant noise stay below.
const PARTIAL: Limit = Limit { seconds: 900.0, rounds: 60.0, enter: 0.05, leave: 0.02 };

impl Limit {
    fn window(self, interval: f64) -> f64 {
        self.seconds.max(self.rounds * interval)
    }

    /// The share without the longest run.
    fn without_longest(self, count: Count, interval: f64) -> f64 {
        if count.failed < FEWEST {
            return 0.0;
        }
        let full = (self.seconds / interval).max(self.rounds);
        let left_out = f64::from(count.longest).min((BLIP / interval).floor() + 2.0);
        (f64::from(count.failed) - left_out) / (full - left_out).max(1.0)
    }
}

/// How much fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Much {
    /// Some of it.
    Some,
    /// About half, or more.
    Half,
}

/// The failures of the last minutes.
#[derive(Clone, Debug)]
pub(crate) struct Shares {
    interval: f64,
    rounds: Rounds,
    /// The newest failures: when each round began, and why it failed.
    reasons: VecDeque<(f64, Failed)>,
    is_severe: bool,
    is_partial: bool,
    /// When the first of the failed rounds began.
    since: f64,
    /// The plain share of each window.
    severe: f64,
    partial: f64,
    /// The newest round that was weighed.
    weighed: f64,
}

impl Shares {
    /// Of a target that is probed at this interval.
    pub(crate) fn new(interval: f64) -> Self {
        Self {
            interval,
            rounds: Rounds::new(interval, PARTIAL.window(interval)),
            reasons: VecDeque::new(),
            is_severe: false,
            is_partial: false,
            since: 0.0,
            severe: 0.0,
            partial: 0.0,
            weighed: f64::NEG_INFINITY,
        }
    }

    /// Takes in a round.
    pub(crate) fn feed(&mut self, begun: f64, failed: Option<Failed>) {
        self.rounds.put(begun, failed.is_some());
        if let Some(failed) = failed {
            if self.reasons.len() == REASONS {
                self.reasons.pop_front();
            }
            self.reasons.push_back((begun, failed));
        }
        // Each second is enough for windows of minutes.
        if begun - self.weighed >= 1.0 && (self.rounds.may_have_failed() || self.much().is_some()) {
            self.weigh(begun);
        }
    }

    fn weigh(&mut self, begun: f64) {
        self.weighed = begun;
        let count = |limit: Limit| self.rounds.count(limit.window(self.interval));
        let (severe, partial) = (count(SEVERE), count(PARTIAL));
        (self.severe, self.partial) = (severe.share(), partial.share());
        let was = self.much().is_some();
        let speaks = |limit: Limit, count: Count, speaks: bool| {
            limit.without_longest(count, self.interval)
                >= if speaks { limit.leave } else { limit.enter }
        };
        self.is_severe = speaks(SEVERE, severe, self.is_severe);
        self.is_partial = speaks(PARTIAL, partial, self.is_partial);
        if !was && self.much().is_some() {
            self.since = self.rounds.first_failed().unwrap_or(begun);
        }
        if partial.failed == 0 {
            self.rounds.settle();
        }
    }

    /// How much fails; none where it is nothing to speak of.
    pub(crate) fn much(&self) -> Option<Much> {
        match (self.is_severe, self.is_partial) {
            (true, _) => Some(Much::Half),
            (_, true) => Some(Much::Some),
            _ => None,
        }
    }

    /// When the first of the failed rounds began that it was told for.
    pub(crate) fn since(&self) -> f64 {
        self.since
    }

    /// The plain share of failures in the window that says so.
    pub(crate) fn ratio(&self, much: Much) -> f64 {
        match much {
            Much::Half => self.severe,
            Much::Some => self.partial,
        }
    }

    /// The most frequent reason of the last failures, as it was when it last was one.
    pub(crate) fn reason(&self) -> Option<Failed> {
        let mut counts: Vec<(Failed, usize)> = Vec::new();
        for (_, failed) in &self.reasons {
            match counts.iter_mut().find(|(known, _)| known.is_like(*failed)) {
                Some((known, count)) => (*known, *count) = (*failed, *count + 1),
                None => counts.push((*failed, 1)),
            }
        }
        counts.into_iter().max_by_key(|(_, count)| *count).map(|(failed, _)| failed)
    }

    /// What failed at this moment or later was our own fault.
    pub(crate) fn forget_failures(&mut self, since: f64) {
        self.rounds.forget_failures(since);
        self.reasons.retain(|(begun, _)| *begun < since);
    }

    /// What was told as an outage is not told again as a share of failures.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Failure, Phase};

    const BAD: Failed = Failed { status: Some(502), ..Failed::by(Failure::HttpStatus) };

    /// Whether and when it says that half, and some, fail.
    fn told(
        interval: f64,
        seconds: f64,
        fails: impl Fn(f64) -> bool,
    ) -> (Option<f64>, Option<f64>) {
        let mut shares = Shares::new(interval);
        let (mut half, mut some) = (None, None);
        let mut t = 0.0;
        while t < seconds {
            shares.feed(t, fails(t).then_some(BAD));
            match shares.much() {
                Some(Much::Half) => drop(half.get_or_insert(t)),
                Some(Much::Some) => drop(some.get_or_insert(t)),
                None => {}
            }
            t += interval;
        }
        (half, some)
    }

    #[test]
    fn a_single_blip_says_nothing_and_two_do() {
        let at = |from: f64, long: f64| move |t: f64| t >= from && t < from + long;
        assert_eq!(told(5.0, 3600.0, at(1000.0, 90.0)), (None, None));
        assert_eq!(told(60.0, 36000.0, at(9000.0, 90.0)), (None, None));
        let two = |t: f64| at(1000.0, 60.0)(t) || at(1300.0, 60.0)(t);
        assert!(told(5.0, 3600.0, two).1.is_some());
        let far = |t: f64| at(1000.0, 60.0)(t) || at(2800.0, 60.0)(t);
        assert_eq!(told(5.0, 3600.0, far), (None, None));
    }

    #[test]
    fn three_of_five_is_half_and_one_of_five_is_some() {
        let every = |of: u32, bad: u32| {
            move |t: f64| (t / 5.0) % f64::from(of) < f64::from(bad) && t >= 600.0
        };
        let (half, some) = told(5.0, 1800.0, every(5, 3));
        assert!(half.is_some_and(|at| (700.0..=900.0).contains(&at)), "{half:?}");
        assert!(some < half);
        let (half, some) = told(5.0, 1800.0, every(5, 1));
        assert!(half.is_none() && some.is_some_and(|at| at < 1000.0), "{half:?} {some:?}");
        assert_eq!(told(5.0, 7200.0, every(50, 1)), (None, None), "2 % are noise");
    }

    #[test]
    fn the_most_frequent_reason_is_named_with_its_status() {
        let mut shares = Shares::new(5.0);
        let timeout = Failed::by(Failure::Timeout);
        for (n, failed) in [timeout, BAD, BAD].into_iter().enumerate() {
            shares.feed(5.0 * n as f64, Some(failed));
        }
        assert_eq!(shares.reason(), Some(BAD));
        shares.forget_failures(5.0);
        assert_eq!(shares.reason(), Some(timeout));
        // In whichever phase, it is one reason.
        let phases =
            [Phase::Connect, Phase::Tls].map(|phase| Failed { phase: Some(phase), ..timeout });
        for (n, failed) in [BAD, BAD, phases[0], phases[1]].into_iter().enumerate() {
            shares.feed(5.0 * (n + 1) as f64, Some(failed));
        }
        assert_eq!(shares.reason(), Some(phases[1]));
    }
}
