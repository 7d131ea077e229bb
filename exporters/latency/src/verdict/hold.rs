//! How an outage ends: after a quiet time, which grows from one outage within an hour to the next. No I/O, no clock.
//!
//! Without that, an endpoint that flaps would make a page for each flap.

use std::collections::VecDeque;

/// The quiet time that ends the first, the second, and every later outage within an hour.
const QUIET: [f64; 3] = [30.0, 300.0, 600.0];

/// Outages are counted for so long.
const COUNTED: f64 = 3600.0;

/// So much of the quiet time must have succeeded.
const GOOD: f64 = 0.8;

/// So many failures in a row begin it anew.
const RELAPSE: u64 = 3;

/// The outages of the last hour, and the end of the present one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hold {
    /// When each was decided.
    outages: VecDeque<f64>,
    /// When the first round began that succeeded since.
    from: Option<f64>,
    /// What came of the rounds since then, as many as the quiet time has.
    rounds: VecDeque<bool>,
}

impl Hold {
    /// An outage is decided.
    pub(crate) fn begin(&mut self, at: f64) {
        self.outages.retain(|decided| *decided > at - COUNTED);
        self.outages.push_back(at);
        // More than three are as good as three.
        if self.outages.len() > QUIET.len() {
            self.outages.pop_front();
        }
        self.from = None;
        self.rounds.clear();
    }

    /// Takes in a round within an outage, after which so many have failed in a row; whether it is over.
    pub(crate) fn ends(&mut self, begun: f64, good: bool, in_a_row: u64, interval: f64) -> bool {
        let recent = self.outages.iter().filter(|decided| **decided > begun - COUNTED).count();
        let quiet = QUIET[recent.clamp(1, QUIET.len()) - 1].max(2.0 * interval);
        if good && self.from.is_none() {
            self.from = Some(begun);
            self.rounds.clear();
        }
        let Some(from) = self.from else { return false };
        self.rounds.push_back(good);
        while self.rounds.len() as f64 > quiet / interval + 1.0 {
            self.rounds.pop_front();
        }
        if !good && in_a_row >= RELAPSE {
            self.from = None;
        }
        let succeeded = self.rounds.iter().filter(|good| **good).count() as f64;
        good && begun - from >= quiet && succeeded >= GOOD * self.rounds.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When an outage that was decided then is over, with a success each 5 s.
    fn over(hold: &mut Hold, decided: f64) -> f64 {
        hold.begin(decided);
        let mut at = decided + 5.0;
        while !hold.ends(at, true, 0, 5.0) {
            at += 5.0;
        }
        at - decided - 5.0
    }

    #[test]
    fn the_quiet_time_grows_within_an_hour() {
        let mut hold = Hold::default();
        let mut ends = |at| over(&mut hold, at);
        assert_eq!(
            (ends(0.0), ends(700.0), ends(1400.0), ends(2100.0)),
            (30.0, 300.0, 600.0, 600.0)
        );
        assert_eq!((ends(9000.0),), (30.0,), "an hour later all is forgotten");
    }

    #[test]
    fn three_failures_in_a_row_begin_it_anew_and_one_does_not() {
        let run = |bad: std::ops::Range<u32>| {
            let mut hold = Hold::default();
            hold.begin(0.0);
            let mut row = 0;
            (1..40).find(|n| {
                row = if bad.contains(n) { row + 1 } else { 0 };
                hold.ends(5.0 * f64::from(*n), !bad.contains(n), row, 5.0)
            })
        };
        assert_eq!((run(0..0), run(4..5), run(3..6)), (Some(7), Some(7), Some(12)));
    }
}
