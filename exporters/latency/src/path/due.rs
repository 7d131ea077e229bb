//! When an address is traced: at its interval, and at once where something has happened. No I/O, no clock.
//!
//! 1. First when the address is new; then on a grid of the interval, which is splayed.
//! 2. [`AGAIN`] after a trace that is doubted.
//! 3. At once, but no more than once a minute, when the smallest round trip has moved by [`SHARE`] and
//!    [`MOVED`], or when two rounds of probes in a row have failed.

use std::time::Duration;

/// A doubted trace is repeated after so long.
const AGAIN: Duration = Duration::from_secs(10);
/// From one trace on demand to the next.
const SHORTEST: Duration = Duration::from_secs(60);
/// What counts as moved: so much of the smaller one, and so much.
const SHARE: f64 = 0.4;
const MOVED: Duration = Duration::from_millis(15);
/// So many rounds must have failed in a row.
const FAILED: u64 = 2;

/// Why an address is traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It is its turn.
    Turn,
    /// The trace before is doubted.
    Again,
    /// It is new, or something has happened.
    OutOfTurn,
}

/// When one address is traced.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    interval: Duration,
    splay: Duration,
    next: Duration,
    last: Option<Duration>,
    is_doubted: bool,
    rtt: Option<Duration>,
    fails: bool,
}

/// What is seen of an address by its probes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Signs {
    /// The smallest round trip of the last minute.
    pub(crate) rtt: Option<Duration>,
    /// Rounds in a row in which it did not answer.
    pub(crate) failed: u64,
}

impl Due {
    /// An address that is new, traced each `interval` and `splay`ed by a share of it.
    pub(crate) fn new(interval: Duration, splay: f64) -> Self {
        let splay = interval.mul_f64(splay.clamp(0.0, 1.0));
        Self {
            interval,
            splay,
            next: Duration::ZERO,
            last: None,
            is_doubted: false,
            rtt: None,
            fails: false,
        }
    }

    /// Why it is to be traced now, if it is.
    pub(crate) fn why(&mut self, now: Duration, signs: Signs) -> Option<Why> {
        // What could not be seen at the trace is the measure from when it can.
        if self.last.is_some() && self.rtt.is_none() {
            self.rtt = signs.rtt;
        }
        let fails = signs.failed >= FAILED;
        let has_happened = self.has_moved(signs.rtt) || (fails && !self.fails);
        if !fails {
            self.fails = false;
        }
        let may = self.last.is_none_or(|last| now >= last + SHORTEST);
        match self.last {
            None => Some(Why::OutOfTurn),
            Some(_) if now >= self.next && self.is_doubted => Some(Why::Again),
            Some(_) if now >= self.next => Some(Why::Turn),
            Some(_) => (has_happened && may).then_some(Why::OutOfTurn),
        }
    }

    fn has_moved(&self, rtt: Option<Duration>) -> bool {
        let (Some(before), Some(now)) = (self.rtt, rtt) else { return false };
        let difference = before.abs_diff(now);
        difference > MOVED && difference > before.min(now).mul_f64(SHARE)
    }

    /// It was traced, at this time; whether that is to be repeated.
    pub(crate) fn traced(&mut self, now: Duration, is_doubted: bool, signs: Signs) {
        self.last = Some(now);
        self.is_doubted = is_doubted;
        self.rtt = signs.rtt;
        self.fails = signs.failed >= FAILED;
        self.next = if is_doubted { now + AGAIN } else { self.on_grid(now) };
    }

    /// The first time after this one at which it is due.
    fn on_grid(&self, now: Duration) -> Duration {
        let passed = now.saturating_sub(self.splay).as_nanos() / self.interval.as_nanos().max(1);
        let number = u32::try_from(passed).unwrap_or(u32::MAX);
        let next = self.interval.saturating_mul(number).saturating_add(self.splay);
        if next > now { next } else { next + self.interval }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIVE_MINUTES: Duration = Duration::from_secs(300);

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn rtt(millis: u64) -> Signs {
        Signs { rtt: Some(Duration::from_millis(millis)), failed: 0 }
    }

    /// The seconds at which it is traced, by what is seen at each.
    fn traced(signs: impl Fn(u64) -> Signs, until: u64) -> Vec<u64> {
        let mut due = Due::new(FIVE_MINUTES, 0.5);
        let mut at = Vec::new();
        for second in 1..until {
            let now = signs(second);
            if due.why(s(second), now).is_some() {
                due.traced(s(second), false, now);
                at.push(second);
            }
        }
        at
    }

    #[test]
    fn it_is_traced_when_it_is_new_and_then_on_its_grid() {
        assert_eq!(traced(|_| rtt(20), 1000), [1, 150, 450, 750]);
        assert_eq!(traced(|_| Signs::default(), 500), [1, 150, 450]);
    }

    #[test]
    fn a_trace_that_is_doubted_is_repeated() {
        let mut due = Due::new(FIVE_MINUTES, 0.0);
        due.traced(s(7), true, rtt(20));
        assert_eq!(due.why(s(16), rtt(20)), None);
        assert_eq!(due.why(s(17), rtt(20)), Some(Why::Again));
    }

    #[test]
    fn a_round_trip_that_moves_is_a_reason_and_one_that_shakes_is_none() {
        let moves = |second| rtt(if second < 200 { 20 } else { 60 });
        assert_eq!(traced(moves, 449), [1, 150, 210], "once a minute at most");
        let shakes = |second| rtt(if second % 2 == 0 { 20 } else { 34 });
        assert_eq!(traced(shakes, 449), [1, 150]);
        let shrinks = |second| rtt(if second < 300 { 60 } else { 20 });
        assert_eq!(traced(shrinks, 449), [1, 150, 300]);
        // There was none at the trace.
        let later = |second| if second < 5 { Signs::default() } else { rtt(20) };
        assert_eq!(traced(later, 149), [1]);
    }

    #[test]
    fn two_rounds_that_fail_are_a_reason_once() {
        let fails = |second: u64| Signs { rtt: None, failed: second.saturating_sub(300) };
        assert_eq!(traced(fails, 449), [1, 150, 302]);
        let twice = |second: u64| Signs {
            rtt: None,
            failed: if second < 400 { second.saturating_sub(300) } else { second - 400 },
        };
        assert_eq!(traced(twice, 449), [1, 150, 302, 402]);
    }
}
