//! Whether the way to a target has become longer: its smallest round trip against that of a day. No I/O, no clock.
//!
//! The minimum is the length of the path; queues only add to it. A name that gives other addresses has another
//! length by that: it is one that has become longer when all that were probed in a whole window are further than what
//! is usual, and than they were themselves.

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
    /// Of the addresses that are probed, and of those that were probed before, the newest last.
    probed: Option<Stretch>,
    before: Vec<Stretch>,
}

/// The same addresses were probed until then, and their smallest round trip in that stretch and in those before it.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    probed: u64,
    to: f64,
    least: f32,
    own: Option<f32>,
}

/// So many sets of addresses are remembered: answers of four addresses out of eight come in 70.
const MOST_BEFORE: usize = 96;

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
            probed: None,
            before: Vec::new(),
        }
    }

    fn window(&self) -> f64 {
        WINDOW.max(ROUNDS * self.interval)
    }

    /// Takes in a round trip, the smallest to the addresses that are probed.
    pub(crate) fn feed(&mut self, at: f64, rtt: f32, probed: u64) {
        if !self.from.is_finite() {
            self.from = at;
        }
        if at < self.from {
            return;
        }
        self.belong(at, rtt, probed);
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
        let (Some(usual), Some((_, shortest))) = (self.usual(), self.now.front()) else { return };
        let (times, more) = if self.is_longer { LEAVE } else { ENTER };
        let is_far = |least: f32, usual: f32| least > times * usual && least - usual > more;
        // Answers may turn faster than a window: all that there were in it speak, each for itself.
        let mut others = self.before.iter().rev().take_while(|it| it.to > before);
        self.is_longer = is_far(*shortest, usual)
            && others.all(|it| self.usual_of(it).is_some_and(|usual| is_far(it.least, usual)));
    }

    /// Notes which addresses these are; what was measured of others is no evidence of them.
    fn belong(&mut self, at: f64, rtt: f32, probed: u64) {
        if let Some(now) = self.probed.as_mut().filter(|now| now.probed == probed) {
            (now.to, now.least) = (at, now.least.min(rtt));
            return;
        }
        if let Some(ended) = self.probed.take() {
            self.now.clear();
            self.before.retain(|it| at - it.to < DAY);
            if self.before.len() >= MOST_BEFORE {
                self.before.remove(0);
            }
            self.before.push(ended);
        }
        let earlier = self.before.iter().position(|it| it.probed == probed);
        let earlier = earlier.map(|number| self.before.remove(number));
        let own = earlier.map(|it| it.own.map_or(it.least, |own| own.min(it.least)));
        self.probed = Some(Stretch { probed, to: at, least: rtt, own });
    }

    /// What is usual of the addresses that are probed.
    fn usual(&self) -> Option<f32> {
        self.probed.as_ref().and_then(|probed| self.usual_of(probed))
    }

    /// What is usual, or what these addresses had when they were probed before, if that is more.
    fn usual_of(&self, of: &Stretch) -> Option<f32> {
        self.usual.map(|usual| of.own.map_or(usual, |own| own.max(usual)))
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
        let (usual, (newest, shortest)) =
            (self.usual()?, (self.now.back()?.0, self.now.front()?.1));
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
        told_of(interval, seconds, rtt, |_| 0)
    }

    /// The same of a name that has these addresses.
    fn told_of(
        interval: f64,
        seconds: f64,
        rtt: impl Fn(f64) -> f64,
        probed: impl Fn(f64) -> u64,
    ) -> Option<(f64, f64, f64)> {
        let mut path = Path::new(interval);
        let mut told: Option<(f64, f64, f64)> = None;
        let mut t = 0.0;
        while t < seconds {
            path.feed(t, short(rtt(t)), probed(t));
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

    #[test]
    fn addresses_that_take_turns_are_no_other_path() {
        // One near, and one further away, each in its turn.
        for turn in [60.0, 300.0, 3600.0] {
            let is_far = |t: f64| t > 1200.0 && (t / turn) % 2.0 >= 1.0;
            let rtt = |t: f64| if is_far(t) { 0.14 } else { 0.025 };
            let told = told_of(5.0, 30_000.0, rtt, |t| u64::from(is_far(t)));
            // At most once: that one is where all go may be for good.
            let most = if turn > 100.0 { 1200.0 + 3.0 * turn } else { 0.0 };
            assert!(told.is_none_or(|(_, last, _)| last < most), "{turn}: {told:?}");
        }
        // The way to one of them becomes longer.
        let is_second = |t: f64| (t / 300.0) % 2.0 >= 1.0;
        let rtt = |t: f64| match (is_second(t), t > 20_000.0) {
            (false, _) => 0.025,
            (true, false) => 0.08,
            (true, true) => 0.2,
        };
        let (_, last, usual) = told_of(5.0, 22_000.0, rtt, |t| u64::from(is_second(t))).unwrap();
        assert!(last > 20_000.0 && (usual - 0.08).abs() < 1e-6, "{last} {usual}");
    }

    #[test]
    fn answers_that_turn_hide_no_longer_path() {
        // By turns one of these sets, each as far as it is; or one that never was there.
        for (turn, interval, sets) in [(60.0, 5.0, 8.0), (60.0, 5.0, 1e9), (300.0, 60.0, 70.0)] {
            let set = |t: f64| (t / turn).floor() % sets;
            let rtt = |t: f64| {
                let near = 0.02 + 0.001 * (set(t) % 5.0);
                if t < 80_000.0 { near } else { near + 0.115 }
            };
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
            let probed = |t: f64| set(t) as u64;
            let (first, ..) = told_of(interval, 82_000.0, rtt, probed).unwrap();
            let soonest = 80_000.0 + f64::max(WINDOW, ROUNDS * interval);
            assert!((soonest..=soonest + 2.0 * turn).contains(&first), "{turn} {sets}: {first}");
            // It is near again, in one of them alone.
            let one_is_near = |t: f64| if set(t) % 2.0 == 0.0 { 0.02 } else { rtt(t) };
            if turn < WINDOW {
                assert_eq!(told_of(interval, 82_000.0, one_is_near, probed), None);
            }
        }
    }

    #[test]
    fn addresses_that_were_always_far_are_no_other_path() {
        // Of four out of eight there are 70, and few of them are near.
        let set = |t: f64| (t / 300.0).floor() % 70.0;
        let rtt = |t: f64| if set(t) < 40.0 { 0.025 } else { 0.14 };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
        let probed = |t: f64| set(t) as u64;
        let told = told_of(5.0, 80_000.0, rtt, probed);
        assert!(told.is_none_or(|(_, last, _)| last < 70.0 * 300.0 + WINDOW), "{told:?}");
    }

    #[test]
    fn a_name_that_leads_elsewhere_for_good_is_told() {
        let is_far = |t: f64| t >= 3600.0;
        let rtt = |t: f64| if is_far(t) { 0.14 } else { 0.025 };
        let (first, ..) = told_of(5.0, 4000.0, rtt, |t| u64::from(is_far(t))).unwrap();
        assert!((3710.0..3730.0).contains(&first), "{first}");
    }
}
