//! How many probes of a target there were. No I/O, no clock.

use crate::outcome::Outcome;

/// How many probes there were. Kept with the rest, so that one page agrees with itself: what was sent was
/// answered, has failed, or is under way.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Tally {
    /// Those that are decided.
    pub(crate) decided: u64,
    /// Those of them that failed.
    pub(crate) failed: u64,
    /// Those that are not decided yet.
    pub(crate) in_flight: u64,
}

impl Tally {
    /// Those that were sent.
    pub(crate) fn sent(self) -> u64 {
        self.decided + self.in_flight
    }

    /// One is decided.
    pub(crate) fn decide(&mut self, outcome: &Outcome) {
        self.decided += 1;
        self.failed += u64::from(outcome.failure.is_some());
    }
}
