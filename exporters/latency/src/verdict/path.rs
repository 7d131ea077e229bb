//! Whether the way to a target has become longer: its smallest round trip against that of a day. No I/O, no clock.
//!
//! The minimum is the length of the path; queues only add to it.

use std::collections::VecDeque;

/// The smallest round trip of so many seconds, and of so many rounds at least, is that of now.
const WINDOW: f64 = 120.0;
const ROUNDS: f64 = 5.0;

/// The smallest of each slot is remembered. Slots are short at first and twice as long each time that they
/// are too many, until so many make a day.
const SHORTEST_SLOT: f64 = 30.0;
const LONGEST_SLOT: f64 = 1800.0;
const SLOTS: usize = 48;
const DAY: f64 = 86_400.0;

/// What is so young is not yet usual.
const YOUNG: f64 = 900.0;

/// So many times the usual, and so many seconds more, it takes to speak, and to go on.
const ENTER: (f32, f32) = (1.4, 0.015);
const LEAVE: (f32, f32) = (1.2, 0.008);

/// The path to a target.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    interval: f64,
    /// Round trips that can still become the smallest of the window: each is larger than all before it.
    now: VecDeque<(f64, f32)>,
    /// When the first slot began, and how long each is.
    from: f64,
    slot: f64,
    /// The smallest of each slot; infinite where none came. The last one is not over.
    slots: Vec<f32>,
    /// When the usual is looked at next, and what it is.
    due: f64,
    usual: Option<f32>,
    is_longer: bool,
}

impl Path {
    /// To a target that is probed at this interval.
    pub(crate) fn new(interval: f64) -> Self {
        Self {
            interval,
            now: VecDeque::new(),
            from: f64::INFINITY,
            slot: SHORTEST_SLOT.max(ROUNDS * interval),
            slots: Vec::new(),
            due: f64::NEG_INFINITY,
            usual: None,
            is_longer: false,
        }
    }

    fn window(&self) -> f64 {
        WINDOW.max(ROUNDS * self.interval)
    }

    /// Takes in a round trip.
    pub(crate) fn feed(&mut self, at: f64, rtt: f32) {
        if !self.from.is_finite() {
            self.from = at;
        }
        if at < self.from {
            return;
        }
        let before = at - self.window();
        while self.now.front().is_some_and(|(when, _)| *when <= before) {
            self.now.pop_front();
        }
        while self.now.back().is_some_and(|(_, larger)| *larger >= rtt) {
            self.now.pop_back();
        }
        self.now.push_back((at, rtt));
        self.remember(at, rtt);
        if at >= self.due {
            self.due = at + self.slot.min(WINDOW);
            self.usual = self.look_back(at);
        }
        let (Some(usual), Some((_, shortest))) = (self.usual, self.now.front()) else { return };
        let (times, more) = if self.is_longer { LEAVE } else { ENTER };
        self.is_longer = *shortest > times * usual && shortest - usual > more;
    }

    fn remember(&mut self, at: f64, rtt: f32) {
        while self.from + self.slot * self.slots.len() as f64 <= at {
            if self.slots.len() == SLOTS && self.slot < LONGEST_SLOT {
                self.slots = self
                    .slots
                    .chunks(2)
                    .map(|pair| pair.iter().copied().fold(f32::INFINITY, f32::min))
                    .collect();
                self.slot *= 2.0;
            }
            if self.slots.len() >= SLOTS || self.slot * self.slots.len() as f64 > DAY {
                self.slots.remove(0);
                self.from += self.slot;
            }
            if self.from + self.slot * self.slots.len() as f64 <= at {
                self.slots.push(f32::INFINITY);
            }
        }
        if let Some(last) = self.slots.last_mut() {
            *last = last.min(rtt);
        }
    }

    /// The median of what is no longer young; of a young exporter, what it measured first.
    fn look_back(&self, at: f64) -> Option<f32> {
        let ended = self.slots.len().checked_sub(1)?;
        let is_old = |number: usize| self.from + self.slot * (number + 1) as f64 <= at - YOUNG;
        let slots =
            || self.slots[..ended].iter().copied().enumerate().filter(|(_, rtt)| rtt.is_finite());
        let mut old: Vec<f32> =
            slots().filter(|(number, _)| is_old(*number)).map(|(_, rtt)| rtt).collect();
        if old.is_empty() {
            return slots().next().map(|(_, rtt)| rtt);
        }
        old.sort_unstable_by(f32::total_cmp);
        Some(old[old.len() / 2])
    }

    /// How many times the usual it is, and the usual in seconds, while it is longer.
    pub(crate) fn longer(&self, now: f64) -> Option<(f64, f64)> {
        let (usual, (newest, shortest)) = (self.usual?, (self.now.back()?.0, self.now.front()?.1));
        let is_fresh = now - newest <= self.window();
        (self.is_longer && is_fresh).then(|| (f64::from(shortest / usual), f64::from(usual)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short(value: f64) -> f32 {
        #[expect(clippy::cast_possible_truncation, reason = "seconds need no more")]
        let short = value as f32;
        short
    }

    /// When it is told first and last, and what is usual then.
    fn told(interval: f64, seconds: f64, rtt: impl Fn(f64) -> f64) -> Option<(f64, f64, f64)> {
        let mut path = Path::new(interval);
        let mut told: Option<(f64, f64, f64)> = None;
        let mut t = 0.0;
        while t < seconds {
            path.feed(t, short(rtt(t)));
            if let Some((_, usual)) = path.longer(t) {
                told = Some((told.map_or(t, |(first, ..)| first), t, usual));
            }
            assert!(path.slots.len() <= SLOTS);
            t += interval;
        }
        told
    }

    fn step(at: f64) -> impl Fn(f64) -> f64 {
        move |t| if t < at { 0.025 } else { 0.14 }
    }

    #[test]
    fn a_longer_path_is_told_after_two_minutes_and_becomes_the_usual_one() {
        let (first, _, usual) = told(5.0, 4000.0, step(3600.0)).unwrap();
        assert!((3710.0..3730.0).contains(&first), "{first}");
        assert!((usual - 0.025).abs() < 1e-6);
        let (first, last, _) = told(60.0, 400_000.0, step(100_000.0)).unwrap();
        assert!((100_200.0..100_400.0).contains(&first), "{first}");
        assert!((140_000.0..160_000.0).contains(&last), "half a day: {last}");
    }

    #[test]
    fn a_young_exporter_compares_with_what_it_measured_first() {
        let (first, ..) = told(1.0, 300.0, step(60.0)).unwrap();
        assert!((175.0..190.0).contains(&first), "{first}");
    }

    #[test]
    fn queues_and_small_steps_are_no_other_path() {
        assert_eq!(told(5.0, 9000.0, |t| 0.025 + 0.01 * (t % 35.0)), None);
        assert_eq!(
            told(5.0, 9000.0, |t| if t < 4000.0 { 0.01 } else { 0.024 }),
            None,
            "15 ms at least"
        );
        assert_eq!(
            told(5.0, 9000.0, |t| if t < 4000.0 { 0.1 } else { 0.135 }),
            None,
            "40 % at least"
        );
    }
}
