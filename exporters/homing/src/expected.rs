//! How many vantages there should be, by the evaluations before. No I/O, no clock.

use crate::outcome::QueryFailure;

/// The share of the vantages before below which an answer is taken for a part of one: of a Prometheus that
/// has just begun, or of half a pair.
const LEAST_SHARE: f64 = 0.5;
/// So many evaluations may be refused for that; then they are what is left.
const MOST_REFUSED: u32 = 3;

/// What is expected of an answer.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    vantages: usize,
    refused: u32,
    is_refused: bool,
}

impl Expected {
    /// Whether so many can be all that there are.
    pub(crate) fn check(&mut self, vantages: usize) -> Result<(), QueryFailure> {
        if vantages == 0 {
            return Err(QueryFailure::Empty);
        }
        let is_few = (vantages as f64) < LEAST_SHARE * self.vantages as f64;
        if is_few && self.refused < MOST_REFUSED {
            self.is_refused = true;
            return Err(QueryFailure::Fewer);
        }
        Ok(())
    }

    /// Ends an evaluation, by so many if it was complete.
    pub(crate) fn end_of_evaluation(&mut self, vantages: Option<usize>) {
        match vantages {
            Some(vantages) => *self = Self { vantages, ..Self::default() },
            None => self.refused += u32::from(std::mem::take(&mut self.is_refused)),
        }
    }
}

/// Seconds by which the clock of a Prometheus may be another one.
const APART: f64 = 60.0;

/// Whether a Prometheus that was asked between these two moments has the same time as this machine.
pub(crate) fn have_one_time(before: f64, theirs: f64, after: f64) -> bool {
    (before - APART..=after + APART).contains(&theirs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_never_all_and_far_fewer_are_after_three_evaluations() {
        let mut expected = Expected::default();
        assert_eq!(expected.check(0), Err(QueryFailure::Empty));
        assert_eq!(expected.check(10), Ok(()));
        expected.end_of_evaluation(Some(10));
        assert_eq!(expected.check(5), Ok(()));
        for _ in 0..3 {
            // Two of a pair are refused in one evaluation.
            assert_eq!(expected.check(4), Err(QueryFailure::Fewer));
            assert_eq!(expected.check(4), Err(QueryFailure::Fewer));
            expected.end_of_evaluation(None);
            // One that fails otherwise says nothing of it.
            expected.end_of_evaluation(None);
        }
        assert_eq!((expected.check(4), expected.check(0)), (Ok(()), Err(QueryFailure::Empty)));
        expected.end_of_evaluation(Some(4));
        assert_eq!(expected.check(1), Err(QueryFailure::Fewer));
    }

    #[test]
    fn a_clock_that_is_ten_minutes_ahead_is_another_one() {
        assert!(have_one_time(1_000.0, 950.0, 1_010.0) && have_one_time(1_000.0, 1_060.0, 1_010.0));
        assert!(
            !have_one_time(1_000.0, 400.0, 1_010.0) && !have_one_time(1_000.0, 1_600.0, 1_010.0)
        );
        assert!(!have_one_time(1_000.0, f64::NAN, 1_010.0));
    }
}
