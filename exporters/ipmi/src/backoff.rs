//! When what fails is asked again: a sensor, or a silent device. No I/O, no clock.

use std::time::Duration;

/// Failures in a row that change nothing yet.
const PATIENCE: u32 = 3;
const SHORTEST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(60);

/// One sensor's or device's record of failures. Times are since any fixed moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct BackOff {
    failures: u32,
    not_before: Duration,
}

impl BackOff {
    /// Whether it should be asked `now`.
    pub(crate) fn is_due(&self, now: Duration) -> bool {
        now >= self.not_before
    }

    /// Records a failure: from the third in a row on it waits, each time twice as long, for
    /// a minute at most.
    pub(crate) fn failed(&mut self, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        if let Some(doublings) = self.failures.checked_sub(PATIENCE) {
            let wait = SHORTEST.saturating_mul(1 << doublings.min(8));
            self.not_before = now + wait.min(LONGEST);
        }
    }

    /// Forgets all failures.
    pub(crate) fn succeeded(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing(times: u64) -> Vec<u64> {
        let mut back_off = BackOff::default();
        let mut asked = Vec::new();
        for now in (0..times).map(|poll| poll * 5) {
            if back_off.is_due(Duration::from_secs(now)) {
                asked.push(now);
                back_off.failed(Duration::from_secs(now));
            }
        }
        asked
    }

    #[test]
    fn a_sensor_that_goes_on_failing_is_asked_each_minute() {
        assert_eq!(failing(60), [0, 5, 10, 15, 25, 45, 85, 145, 205, 265]);
    }

    #[test]
    fn a_success_forgets_all_failures() {
        let mut back_off = BackOff::default();
        for _ in 0..10 {
            back_off.failed(Duration::ZERO);
        }
        assert!(!back_off.is_due(Duration::from_secs(59)));
        back_off.succeeded();
        assert_eq!(back_off, BackOff::default());
    }
}
