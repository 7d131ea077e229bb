//! The smallest value of the last minute, and of the last ten. No I/O, no clock.
//!
//! The minimum is the length of the path; what is above it is queueing. It is what may be compared
//! with the speed of light, and what shows a new route within a minute.

use std::collections::VecDeque;
use std::time::Duration;

/// What the label `window="1m"` stands for.
pub(crate) const WINDOW: Duration = Duration::from_secs(60);

/// Values of the last minute that can still become its minimum: each is larger than all before it,
/// so the first is the minimum. When each was measured, and the value, in nanoseconds: half of the room.
#[derive(Clone, Debug, Default)]
pub(crate) struct Window(VecDeque<(u64, u64)>);

impl Window {
    /// Takes in a value that was measured at `now` (any clock that never goes back).
    pub(crate) fn push(&mut self, now: Duration, value: Duration) {
        self.forget(now);
        let value = nanos(value);
        while self.0.back().is_some_and(|(_, larger)| *larger >= value) {
            self.0.pop_back();
        }
        self.0.push_back((nanos(now), value));
    }

    /// The smallest value of the minute that ends at `now`.
    pub(crate) fn min(&self, now: Duration) -> Option<Duration> {
        self.0
            .iter()
            .find(|(at, _)| is_fresh(*at, now))
            .map(|(_, value)| Duration::from_nanos(*value))
    }

    fn forget(&mut self, now: Duration) {
        while self.0.front().is_some_and(|(at, _)| !is_fresh(*at, now)) {
            self.0.pop_front();
        }
    }
}

/// What the label `window="10m"` stands for.
const TENTHS: u32 = 10;

/// The smallest value of each of the last ten minutes, in steps of 64 ns (light goes 20 m): of ten minutes that end
/// with the current one, so that no more is kept than a number a minute. What takes more than four minutes is no
/// shorter than that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Minutes {
    smallest: [u32; TENTHS as usize],
    /// The newest minute with a value.
    newest: u32,
}

/// No value in a minute.
const NONE: u32 = u32::MAX;

/// A step, as a power of two nanoseconds.
const STEP: u32 = 6;

impl Default for Minutes {
    fn default() -> Self {
        Self { smallest: [NONE; TENTHS as usize], newest: 0 }
    }
}

impl Minutes {
    /// Takes in a value that was measured at `now`.
    pub(crate) fn push(&mut self, now: Duration, value: Duration) {
        let minute = minute(now);
        let new = minute.saturating_sub(self.newest).min(TENTHS);
        for passed in 0..new {
            self.smallest[place(minute - passed)] = NONE;
        }
        self.newest = self.newest.max(minute);
        let value = u32::try_from(value.as_nanos() >> STEP).unwrap_or(NONE).min(NONE - 1);
        let smallest = &mut self.smallest[place(minute)];
        *smallest = value.min(*smallest);
    }

    /// The smallest value of the ten minutes up to `now`, the first of which may have begun before.
    pub(crate) fn min(&self, now: Duration) -> Option<Duration> {
        let first = minute(now).saturating_sub(TENTHS - 1);
        let kept = self.newest.saturating_sub(TENTHS - 1).max(first)..=self.newest;
        let smallest = kept.map(|minute| self.smallest[place(minute)]).min();
        smallest
            .filter(|value| *value != NONE)
            .map(|value| Duration::from_nanos(u64::from(value) << STEP))
    }
}

/// Where a minute stands.
fn place(minute: u32) -> usize {
    (minute % TENTHS) as usize
}

/// Which minute it is; there are enough for eight thousand years.
fn minute(now: Duration) -> u32 {
    u32::try_from(now.as_secs() / 60).unwrap_or(u32::MAX)
}

fn is_fresh(at: u64, now: Duration) -> bool {
    now.saturating_sub(Duration::from_nanos(at)) <= WINDOW
}

/// Never cut: that would be centuries.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
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

    #[test]
    fn ten_minutes_are_looked_at_minute_by_minute() {
        let mut minutes = Minutes::default();
        assert_eq!(minutes.min(s(0)), None);
        for (at, value) in [(0, 30), (59, 20), (60, 25), (300, 40), (301, 50)] {
            minutes.push(s(at), ms(value));
        }
        assert_eq!(minutes.min(s(301)), Some(ms(20)));
        assert_eq!(minutes.min(s(599)), Some(ms(20)));
        assert_eq!(minutes.min(s(600)), Some(ms(25)));
        assert_eq!(minutes.min(s(660)), Some(ms(40)));
        assert_eq!(minutes.min(s(899)), Some(ms(40)));
        assert_eq!(minutes.min(s(900)), None);
        minutes.push(s(100_000), ms(60));
        assert_eq!(minutes.min(s(100_000)), Some(ms(60)));
    }

    #[test]
    fn ten_minutes_agree_with_looking_at_every_value() {
        let mut minutes = Minutes::default();
        let values: Vec<(u64, u64)> = (0..900).map(|i| (i * 7, (i * 7919) % 1009 + 1)).collect();
        for (index, (at, value)) in values.iter().enumerate() {
            minutes.push(s(*at), ms(*value));
            let first = at / 60 - (at / 60).min(9);
            let plain = values[..=index].iter().filter(|(t, _)| t / 60 >= first).map(|(_, v)| *v);
            assert_eq!(minutes.min(s(*at)), plain.min().map(ms));
        }
    }
}
