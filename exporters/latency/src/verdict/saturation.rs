//! Whether a server runs full: the first byte comes ever later while connecting stays fast. No I/O, no clock.

use std::collections::VecDeque;

/// A window of so many seconds, and of so many rounds at least.
const WINDOW: f64 = 300.0;
const ROUNDS: f64 = 5.0;

/// History is kept for a day.
const DAY: f64 = 86_400.0;

/// What was as slow so long ago is the peak of yesterday; without so many of it there is none.
const PAST: f64 = 3.0 * 3600.0;
const FEWEST_PAST: usize = 12;

/// So many times the usual it takes to speak, and to go on.
const ENTER: f32 = 3.0;
const LEAVE: f32 = 2.0;

/// And so many seconds more than usual.
const MORE: f32 = 0.25;

/// And so many times yesterday's peak.
const PEAK: f32 = 1.25;

/// Connecting may take so much longer than usual: beyond it is the network.
const CONNECT: (f32, f32) = (1.5, 0.02);

/// It is told after so many seconds.
const TOLD_AFTER: f64 = 60.0;

/// It is weighed so often at most.
const WEIGHED: f64 = 5.0;

/// A round, or the medians of a slot: when, seconds to connect, seconds to the first byte.
type Times = (f64, f32, f32);

/// How fast a server answers, against its own day.
#[derive(Clone, Debug)]
pub(crate) struct Saturation {
    window: f64,
    now: VecDeque<Times>,
    /// Medians of the slots of the last day.
    slots: VecDeque<Times>,
    /// When the present slot began.
    slot: f64,
    weighed: f64,
    /// Since when it is saturated, and how many times the usual it takes.
    on: Option<(f64, f32)>,
}

impl Saturation {
    /// Of a server that is asked at this interval.
    pub(crate) fn new(interval: f64) -> Self {
        Self {
            window: WINDOW.max(ROUNDS * interval),
            now: VecDeque::new(),
            slots: VecDeque::new(),
            slot: f64::INFINITY,
            weighed: f64::NEG_INFINITY,
            on: None,
        }
    }

    /// Takes in the times of a round.
    pub(crate) fn feed(&mut self, at: f64, connect: f32, ttfb: f32) {
        if !self.slot.is_finite() {
            self.slot = at;
        }
        if at - self.slot >= self.window {
            let slot = self.now.iter().filter(|(when, ..)| *when >= self.slot);
            let (connects, ttfbs) = slot.map(|(_, connect, ttfb)| (*connect, *ttfb)).unzip();
            if let (Some(connect), Some(ttfb)) = (median(connects), median(ttfbs)) {
                self.slots.push_back((self.slot, connect, ttfb));
            }
            self.slot = at;
            while self.slots.front().is_some_and(|(when, ..)| *when < at - DAY) {
                self.slots.pop_front();
            }
        }
        self.now.push_back((at, connect, ttfb));
        while self.now.front().is_some_and(|(when, ..)| *when <= at - self.window) {
            self.now.pop_front();
        }
        if at - self.weighed >= WEIGHED && self.slots.len() >= 2 && self.now.len() >= 5 {
            self.weighed = at;
            self.weigh(at);
        }
    }

    fn weigh(&mut self, at: f64) {
        let column = |of: &VecDeque<Times>, is_ttfb: bool| -> Vec<f32> {
            of.iter().map(|times| if is_ttfb { times.2 } else { times.1 }).collect()
        };
        let (Some(ttfb), Some(connect)) =
            (median(column(&self.now, true)), median(column(&self.now, false)))
        else {
            return;
        };
        // The lowest tenth of a day does not creep along with slow growth.
        let usual = quantile(column(&self.slots, true), 10, 1);
        let usual_connect = quantile(column(&self.slots, false), 10, 1);
        let past = self.slots.iter().filter(|(when, ..)| *when < at - PAST);
        let past: Vec<f32> = past.map(|(.., ttfb)| *ttfb).collect();
        let peak = if past.len() < FEWEST_PAST { 0.0 } else { quantile(past, 10, 9) };
        let factor = if self.on.is_some() { LEAVE } else { ENTER };
        let is_on = ttfb >= factor * usual
            && ttfb - usual >= MORE
            && ttfb >= PEAK * peak
            && connect <= CONNECT.0 * usual_connect + CONNECT.1;
        let since = self.on.map_or(at, |(since, _)| since);
        self.on = is_on.then(|| (since, ttfb / usual.max(f32::MIN_POSITIVE)));
    }

    /// How many times the usual it takes, while it is saturated and long enough.
    pub(crate) fn ratio(&self, now: f64) -> Option<f64> {
        self.on.filter(|(since, _)| now - since >= TOLD_AFTER).map(|(_, ratio)| f64::from(ratio))
    }
}

fn median(mut values: Vec<f32>) -> Option<f32> {
    if values.is_empty() {
        return None;
    }
    values.sort_unstable_by(f32::total_cmp);
    let middle = values.len() / 2;
    Some(if values.len() % 2 == 1 {
        values[middle]
    } else {
        f32::midpoint(values[middle - 1], values[middle])
    })
}

/// The value that `times` of `of` equal parts of the values lie below.
fn quantile(mut values: Vec<f32>, of: usize, times: usize) -> f32 {
    values.sort_unstable_by(f32::total_cmp);
    values.get(values.len() * times / of).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short(value: f64) -> f32 {
        #[expect(clippy::cast_possible_truncation, reason = "seconds need no more")]
        let short = value as f32;
        short
    }

    /// Asks each 15 s; returns the first and the last moment at which it is told.
    fn told(
        seconds: f64,
        connect: impl Fn(f64) -> f64,
        ttfb: impl Fn(f64) -> f64,
    ) -> Option<(f64, f64)> {
        let mut it = Saturation::new(15.0);
        let mut told: Option<(f64, f64)> = None;
        let mut t = 0.0;
        while t < seconds {
            it.feed(t, short(connect(t)), short(ttfb(t)));
            if it.ratio(t).is_some() {
                told = Some((told.map_or(t, |(first, _)| first), t));
            }
            t += 15.0;
        }
        told
    }

    #[test]
    fn a_first_byte_that_comes_ever_later_is_told() {
        let climb = |t: f64| if t < 3600.0 { 0.15 } else { 0.15 + 2.65 * ((t - 3600.0) / 4800.0) };
        let (first, _) = told(8400.0, |_| 0.03, climb).unwrap();
        assert!((4200.0..5000.0).contains(&first), "{first}");
        let slow = |t: f64| 0.2 * 10_f64.powf(((t - 3600.0) / 10_800.0).clamp(0.0, 1.0));
        assert!(told(14_400.0, |_| 0.03, slow).is_some(), "tenfold within three hours");
    }

    #[test]
    fn a_network_that_becomes_slow_is_no_server_that_runs_full() {
        let step = |low: f64, high: f64| move |t: f64| if t < 3600.0 { low } else { high };
        assert_eq!(told(7200.0, step(0.03, 0.4), step(0.12, 0.5)), None);
        assert!(told(7200.0, step(0.03, 0.03), step(0.12, 0.5)).is_some());
    }

    #[test]
    fn a_spike_and_a_fast_server_are_not_told() {
        let spike = |t: f64| if (3600.0..3720.0).contains(&t) { 2.0 } else { 0.12 };
        assert_eq!(told(7200.0, |_| 0.03, spike), None);
        assert_eq!(told(7200.0, |_| 0.001, |t| if t < 3600.0 { 0.01 } else { 0.2 }), None);
    }

    #[test]
    fn the_rush_hour_of_yesterday_is_known() {
        let day = |t: f64| 0.45 + 0.25 * (t / DAY * std::f64::consts::TAU).cos();
        assert_eq!(told(2.0 * DAY, |_| 0.03, day), None);
    }

    #[test]
    fn it_is_over_below_twice_the_usual() {
        let ttfb = |t: f64| if (3600.0..5400.0).contains(&t) { 0.6 } else { 0.12 };
        let (_, last) = told(9000.0, |_| 0.03, ttfb).unwrap();
        assert!((5400.0..5700.0).contains(&last), "{last}");
    }
}
