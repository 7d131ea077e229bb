//! Whether the way to a target has become longer: its smallest round trip against that of a day. No I/O, no clock.
//!
//! The minimum is the length of the path; queues only add to it. A name that gives other addresses has another
//! length by that: it is one that has become longer when the nearest of a whole window is further than what is usual,
//! and than the nearest of them was before.

/// The smallest round trip of so many seconds, and of so many rounds at least, is that of now.
const WINDOW: f64 = 120.0;
const ROUNDS: f64 = 5.0;

/// A window is remembered by the smallest of each of so many parts, and of the one that is not over.
const PARTS: usize = 12;

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
    /// When the first slot began, and how long each is.
    from: f64,
    slot: f64,
    /// The smallest of each slot; infinite where none came. The last one is not over.
    slots: Vec<f32>,
    /// When the usual is looked at next, and what it is.
    due: f64,
    usual: Option<f32>,
    is_longer: bool,
    /// The addresses that answered within a window.
    probed: Vec<Probed>,
    /// The part of a window that is now, counted from the clock's beginning.
    part: u64,
    /// Those that answered before, the newest last.
    before: Vec<Before>,
}

/// An address that answered within a window.
#[derive(Clone, Debug)]
struct Probed {
    address: u32,
    /// When it did last.
    to: f64,
    /// The smallest round trip of each part of the window, in a ring.
    parts: [f32; PARTS + 1],
    /// The smallest of what was before, while the path was not longer.
    own: Option<f32>,
}

/// One that answered before.
#[derive(Clone, Copy, Debug)]
struct Before {
    address: u32,
    to: f64,
    own: Option<f32>,
}

/// So many addresses are remembered: most names have fewer, of which they give some at a time.
const MOST_BEFORE: usize = 48;

/// An address that was never probed is held against those that were when they are so many: a name that has some far
/// away may have more of them.
const ENOUGH: usize = 4;

impl Path {
    /// To a target that is probed at this interval.
    pub(crate) fn new(interval: f64) -> Self {
        Self {
            interval,
            from: f64::INFINITY,
            slot: SHORTEST_SLOT.max(ROUNDS * interval),
            slots: Vec::new(),
            due: f64::NEG_INFINITY,
            usual: None,
            is_longer: false,
            probed: Vec::new(),
            part: 0,
            before: Vec::new(),
        }
    }

    fn window(&self) -> f64 {
        WINDOW.max(ROUNDS * self.interval)
    }

    /// Takes in the round trips of a round, each with a number for the address.
    pub(crate) fn feed(&mut self, at: f64, rtts: impl Iterator<Item = (u32, f32)> + Clone) {
        let Some(least) = rtts.clone().map(|(_, rtt)| rtt).min_by(f32::total_cmp) else { return };
        if !self.from.is_finite() {
            self.from = at;
        }
        if at < self.from {
            return;
        }
        self.pass(at);
        for (address, rtt) in rtts {
            let number = self.number_of(address);
            let probed = &mut self.probed[number];
            let part = &mut probed.parts[ring(self.part)];
            (*part, probed.to) = (part.min(rtt), at);
        }
        self.remember(at, least);
        if at >= self.due {
            self.due = at + self.slot.min(WINDOW);
            self.usual = self.look_back(at);
        }
        let (times, more) = if self.is_longer { LEAVE } else { ENTER };
        let is_far = |least: f32, usual: f32| least > times * usual && least - usual > more;
        self.is_longer = self.compared().is_some_and(|(least, usual)| is_far(least, usual));
    }

    /// The smallest round trip of the window, and what it is held against: what is usual, or what the nearest of
    /// the addresses that were probed in it had before, if that is more. Answers may turn faster than a window.
    fn compared(&self) -> Option<(f32, f32)> {
        let least = self.probed.iter().map(Probed::least).min_by(f32::total_cmp)?;
        let own = self.probed.iter().filter_map(|it| it.own).min_by(f32::total_cmp);
        let own = own.or_else(|| self.of_strangers());
        self.usual.map(|usual| (least, own.map_or(usual, |own| own.max(usual))))
    }

    /// Time goes on: what is no longer of the window was before.
    fn pass(&mut self, at: f64) {
        let window = self.window();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is positive"
        )]
        let part = (at / (window / PARTS as f64)) as u64;
        let is_longer = self.is_longer;
        let passed = part.saturating_sub(self.part).min(PARTS as u64 + 1);
        for part in part + 1 - passed..=part {
            for probed in &mut self.probed {
                let ended = std::mem::replace(&mut probed.parts[ring(part)], f32::INFINITY);
                // What is longer at the moment is not what it was.
                if !is_longer {
                    probed.own = less(probed.own, ended);
                }
            }
        }
        self.part = self.part.max(part);
        let (probed, before) = (&mut self.probed, &mut self.before);
        probed.retain(|it| {
            let stays = it.to > at - window;
            if !stays {
                // What it had is what it comes back to, unless all were further at that time.
                let own = if is_longer { it.own } else { less(it.own, it.least()) };
                before.push(Before { address: it.address, to: it.to, own });
            }
            stays
        });
        before.retain(|it| at - it.to < DAY);
        let too_many = before.len().saturating_sub(MOST_BEFORE);
        before.drain(..too_many);
    }

    /// Where an address is among those that are probed.
    fn number_of(&mut self, address: u32) -> usize {
        if let Some(number) = self.probed.iter().position(|it| it.address == address) {
            return number;
        }
        let earlier = self.before.iter().position(|it| it.address == address);
        let own = earlier.and_then(|number| self.before.remove(number).own);
        // Most have one, and a list that grows begins with room for four.
        self.probed.reserve_exact(1);
        self.probed.push(Probed { address, to: 0.0, parts: [f32::INFINITY; PARTS + 1], own });
        self.probed.len() - 1
    }

    /// What three in four of those that were probed before had, where that says something of one that was not.
    fn of_strangers(&self) -> Option<f32> {
        if self.before.len() < ENOUGH {
            return None;
        }
        let mut own: Vec<f32> = self.before.iter().filter_map(|it| it.own).collect();
        own.sort_unstable_by(f32::total_cmp);
        (own.len() >= ENOUGH).then(|| own[own.len() * 3 / 4])
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
        if !self.is_longer {
            return None;
        }
        let newest = self.probed.iter().map(|it| it.to).max_by(f64::total_cmp)?;
        let (least, usual) = self.compared()?;
        let is_fresh = now - newest <= self.window();
        is_fresh.then(|| (f64::from(least / usual), f64::from(usual)))
    }
}

impl Probed {
    /// The smallest of the window.
    fn least(&self) -> f32 {
        self.parts.iter().copied().fold(f32::INFINITY, f32::min)
    }
}

/// Where a part of a window is in the ring.
fn ring(part: u64) -> usize {
    usize::try_from(part % (PARTS as u64 + 1)).unwrap_or_default()
}

fn less(own: Option<f32>, other: f32) -> Option<f32> {
    match own {
        Some(own) => Some(own.min(other)),
        None => other.is_finite().then_some(other),
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
        probed: impl Fn(f64) -> u32,
    ) -> Option<(f64, f64, f64)> {
        let mut path = Path::new(interval);
        let mut told: Option<(f64, f64, f64)> = None;
        let mut t = 0.0;
        while t < seconds {
            path.feed(t, [(probed(t), short(rtt(t)))].into_iter());
            if let Some((_, usual)) = path.longer(t) {
                told = Some((told.map_or(t, |(first, ..)| first), t, usual));
            }
            assert!(path.slots.len() <= SLOTS);
            t += interval;
        }
        told
    }

    #[test]
    fn of_two_addresses_that_stay_one_that_is_rerouted_is_told_where_nothing_is_as_near_any_more() {
        let told = |first: f64, second: f64| {
            let mut path = Path::new(5.0);
            let mut t = 0.0;
            while t < 7_200.0 {
                let first = if t < 3_600.0 { 0.02 } else { first };
                let second = if t < 3_600.0 { 0.06 } else { second };
                path.feed(t, [(4, short(first)), (6, short(second))].into_iter());
                t += 5.0;
            }
            path.longer(t).map(|(times, _)| times.round())
        };
        assert_eq!(told(0.1, 0.06), Some(3.0));
        // The other way round the way is as short as it was.
        assert_eq!(told(0.02, 0.2), None);
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
            let told = told_of(5.0, 30_000.0, rtt, |t| u32::from(is_far(t)));
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
        let (_, last, usual) = told_of(5.0, 22_000.0, rtt, |t| u32::from(is_second(t))).unwrap();
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
            let probed = |t: f64| set(t) as u32;
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
        // Four of so many, some of which are near, others each time: of ten there are 210 sets.
        for (turn, of, near) in
            [(60.0, 10, 3), (300.0, 10, 3), (300.0, 40, 13), (120.0, 1_000, 300)]
        {
            let (mut path, mut draw, mut told) = (Path::new(5.0), 7_u32, 0.0);
            let mut set = Vec::new();
            for round in 0..40_000_u32 {
                let t = 5.0 * f64::from(round);
                if t % turn == 0.0 {
                    set.clear();
                    while set.len() < 4 {
                        draw = draw.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        let address = (draw >> 8) % of;
                        if !set.contains(&address) {
                            set.push(address);
                        }
                    }
                }
                let rtt = |address: u32| if address < near { 0.025 } else { 0.14 };
                path.feed(t, set.iter().map(|address| (*address, rtt(*address))));
                if path.longer(t).is_some() {
                    told = t;
                }
                assert!(path.before.len() <= MOST_BEFORE);
            }
            // Until there are enough of them to compare with.
            assert!(told < 20.0 * turn, "{turn} {of}: {told}");
        }
    }

    #[test]
    fn a_far_address_beside_a_near_one_that_comes_and_goes_is_no_other_path() {
        let (mut path, mut told) = (Path::new(5.0), 0.0);
        for round in 0..20_000_u32 {
            let t = 5.0 * f64::from(round);
            let is_near_there = (t / 600.0) % 2.0 < 1.0;
            let near = is_near_there.then_some((1, 0.025));
            path.feed(t, [(2, 0.14)].into_iter().chain(near));
            if path.longer(t).is_some() {
                told = t;
            }
        }
        assert!(told < 1_200.0, "{told}");
    }

    #[test]
    fn a_name_that_leads_elsewhere_for_good_is_told() {
        let is_far = |t: f64| t >= 3600.0;
        let rtt = |t: f64| if is_far(t) { 0.14 } else { 0.025 };
        let (first, ..) = told_of(5.0, 4000.0, rtt, |t| u32::from(is_far(t))).unwrap();
        assert!((3710.0..3730.0).contains(&first), "{first}");
    }
}
