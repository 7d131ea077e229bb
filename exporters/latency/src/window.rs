//! The smallest value of the last minute. No I/O, no clock.
//!
//! The minimum is the length of the path; what is above it is queueing. It is what may be compared
//! with the speed of light, and what shows a new route within a minute.

use std::collections::VecDeque;
use std::time::Duration;

/// What the label `window="1m"` stands for.
pub(crate) const WINDOW: Duration = Duration::from_secs(60);

/// Values of the last minute that can still become its minimum: each is larger than all before it,
/// so the first is the minimum.
#[derive(Clone, Debug, Default)]
pub(crate) struct Window(VecDeque<(Duration, Duration)>);

impl Window {
    /// Takes in a value that was measured at `now` (any clock that never goes back).
    pub(crate) fn push(&mut self, now: Duration, value: Duration) {
        self.forget(now);
        while self.0.back().is_some_and(|(_, larger)| *larger >= value) {
            self.0.pop_back();
        }
        self.0.push_back((now, value));
    }

    /// The smallest value of the minute that ends at `now`.
    pub(crate) fn min(&self, now: Duration) -> Option<Duration> {
        self.0.iter().find(|(at, _)| is_fresh(*at, now)).map(|(_, value)| *value)
    }

    fn forget(&mut self, now: Duration) {
        while self.0.front().is_some_and(|(at, _)| !is_fresh(*at, now)) {
            self.0.pop_front();
        }
    }
}

fn is_fresh(at: Duration, now: Duration) -> bool {
    now.saturating_sub(at) <= WINDOW
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn window(values: &[(u64, u64)]) -> Window {
        let mut window = Window::default();
        for (at, value) in values {
            window.push(s(*at), ms(*value));
        }
        window
    }

    #[test]
    fn the_minimum_is_that_of_the_last_minute() {
        let window = window(&[(0, 20), (10, 25), (30, 22), (50, 90)]);
        assert_eq!(window.min(s(50)), Some(ms(20)));
        assert_eq!(window.min(s(60)), Some(ms(20)));
        assert_eq!(window.min(s(61)), Some(ms(22)));
        assert_eq!(window.min(s(91)), Some(ms(90)));
        assert_eq!(window.min(s(111)), None);
    }

    #[test]
    fn what_can_no_longer_be_the_minimum_is_not_kept() {
        assert_eq!(window(&[(0, 30), (1, 20), (2, 20), (3, 10)]).0.len(), 1);
    }

    #[test]
    fn it_agrees_with_looking_at_every_value() {
        let values: Vec<(u64, u64)> = (0..500).map(|i| (i, (i * 7919) % 101 + 1)).collect();
        let mut window = Window::default();
        for (index, (at, value)) in values.iter().enumerate() {
            window.push(s(*at), ms(*value));
            let plain =
                values[..=index].iter().filter(|(t, _)| at - t <= 60).map(|(_, v)| *v).min();
            assert_eq!(window.min(s(*at)), plain.map(ms));
        }
    }

    #[test]
    fn an_empty_window_has_no_minimum() {
        assert_eq!(Window::default().min(s(5)), None);
    }
}
