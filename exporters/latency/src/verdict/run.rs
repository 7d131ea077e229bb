//! The failures since the newest success, by when their rounds began. No I/O, no clock.
//!
//! Probes are decided out of order where timeouts are longer than intervals. A success that began at some
//! moment says nothing of rounds that began later, so it removes those that began before it, and only these.

use std::collections::VecDeque;

/// A timeout is 60 intervals at most: no success comes after so many later rounds.
const REMEMBERED: usize = 61;

/// An open run of failures.
#[derive(Clone, Debug, Default)]
pub(crate) struct Run {
    /// When the first failed round began.
    first: f64,
    /// How many failed.
    count: u64,
    /// When the newest of them began, in order.
    newest: VecDeque<f64>,
}

impl Run {
    /// A round that began then failed.
    pub(crate) fn fail(&mut self, begun: f64) {
        self.first = if self.count == 0 { begun } else { self.first.min(begun) };
        self.count += 1;
        let place = self.newest.partition_point(|known| *known <= begun);
        self.newest.insert(place, begun);
        if self.newest.len() > REMEMBERED {
            self.newest.pop_front();
        }
    }

    /// A round that began then succeeded.
    pub(crate) fn succeed(&mut self, begun: f64) {
        if self.count == 0 || begun < self.first {
            return;
        }
        while self.newest.front().is_some_and(|failed| *failed < begun) {
            self.newest.pop_front();
        }
        self.count = self.newest.len() as u64;
        self.first = self.newest.front().copied().unwrap_or_default();
    }

    /// Nothing has failed.
    pub(crate) fn clear(&mut self) {
        self.count = 0;
        self.newest.clear();
    }

    /// How many rounds failed.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// When the first began, if the run is so long (between the beginnings of its first and last round)
    /// and of so many rounds.
    pub(crate) fn begun(&self, span: f64, rounds: u64) -> Option<f64> {
        let last = self.newest.back().copied()?;
        (self.count >= rounds && last - self.first >= span).then_some(self.first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_success_removes_what_began_before_it_only() {
        let mut run = Run::default();
        for begun in [5.0, 10.0, 15.0, 20.0] {
            run.fail(begun);
        }
        run.succeed(1.0);
        assert_eq!((run.count(), run.begun(15.0, 3)), (4, Some(5.0)));
        run.succeed(12.0);
        assert_eq!((run.count(), run.begun(5.0, 2)), (2, Some(15.0)));
        run.succeed(30.0);
        assert_eq!((run.count(), run.begun(0.0, 0)), (0, None));
    }

    #[test]
    fn an_outage_of_ninety_seconds_is_too_short_at_any_phase() {
        for interval in [1_u32, 3, 5, 7, 15, 45, 60] {
            for phase in 0..interval {
                let mut run = Run::default();
                let begins = (0..400).map(|n| phase + n * interval);
                begins.filter(|t| (1000..1090).contains(t)).for_each(|t| run.fail(f64::from(t)));
                assert_eq!(run.begun(90.0, 3), None, "{interval} {phase}");
            }
        }
    }

    #[test]
    fn a_long_run_is_remembered_by_its_first_and_its_newest() {
        let mut run = Run::default();
        (0..1000).for_each(|t| run.fail(f64::from(t)));
        assert_eq!((run.count(), run.begun(999.0, 3)), (1000, Some(0.0)));
        assert_eq!(run.newest.len(), REMEMBERED);
        run.succeed(998.0);
        assert_eq!((run.count(), run.begun(1.0, 2)), (2, Some(998.0)));
    }
}
