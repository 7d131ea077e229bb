//! The rounds of the last minutes, two bits each: whether they say anything, and whether they failed. No I/O, no clock.
//!
//! A round has its place by when it began, so that one which is decided late falls where it belongs, and
//! one that says nothing leaves its place empty. While nothing fails there are no bits at all.

/// Rounds at an interval, as far back as a window reaches.
#[derive(Clone, Debug)]
pub(crate) struct Rounds {
    interval: f64,
    capacity: i64,
    /// When the first round began, which is in place 0.
    origin: Option<f64>,
    first: i64,
    newest: i64,
    bits: Option<Box<Bits>>,
}

#[derive(Clone, Debug)]
struct Bits {
    known: Box<[u64]>,
    failed: Box<[u64]>,
}

/// What was counted in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Rounds that say something.
    pub(crate) rounds: u32,
    /// Those that failed.
    pub(crate) failed: u32,
    /// The longest run of failures.
    pub(crate) longest: u32,
}

impl Count {
    /// The share of failures.
    pub(crate) fn share(self) -> f64 {
        if self.rounds == 0 { 0.0 } else { f64::from(self.failed) / f64::from(self.rounds) }
    }
}

impl Rounds {
    /// None yet; as many will be remembered as begin within so many seconds.
    pub(crate) fn new(interval: f64, window: f64) -> Self {
        let capacity = places(window, interval) + 1;
        Self { interval, capacity, origin: None, first: 0, newest: 0, bits: None }
    }

    /// Takes in a round that began then.
    pub(crate) fn put(&mut self, begun: f64, failed: bool) {
        let origin = *self.origin.get_or_insert(begun);
        let place = rounded((begun - origin) / self.interval);
        let passed = place - self.newest;
        if passed <= -self.capacity {
            return;
        }
        if self.bits.is_none() && failed {
            self.bits = Some(Box::new(self.all_good()));
        }
        if let Some(bits) = &mut self.bits {
            for between in 1..=passed.min(self.capacity) {
                bits.set(index(self.newest + between, self.capacity), None);
            }
            bits.set(index(place, self.capacity), Some(failed));
        }
        self.newest = self.newest.max(place);
        self.first = self.first.min(place);
    }

    /// Bits of what was seen so far, in which nothing has failed.
    fn all_good(&self) -> Bits {
        let words = usize::try_from(self.capacity / 64 + 1).unwrap_or(1);
        let none = vec![0; words].into_boxed_slice();
        let mut bits = Bits { known: none.clone(), failed: none };
        for place in self.first.max(self.newest - self.capacity + 1)..=self.newest {
            bits.set(index(place, self.capacity), Some(false));
        }
        bits
    }

    /// Whether any round that is remembered may have failed.
    pub(crate) fn may_have_failed(&self) -> bool {
        self.bits.is_some()
    }

    /// Counts the rounds of so many seconds, which end with the newest.
    pub(crate) fn count(&self, window: f64) -> Count {
        let reach = places(window, self.interval).min(self.capacity - 1);
        let from = self.newest - reach;
        let Some(bits) = &self.bits else {
            let rounds =
                if self.origin.is_some() { self.newest - self.first.max(from) + 1 } else { 0 };
            return Count { rounds: u32::try_from(rounds).unwrap_or(u32::MAX), ..Count::default() };
        };
        let mut count = Count::default();
        let mut run = 0;
        let mut at = index(from, self.capacity);
        let last = index(self.capacity - 1, self.capacity);
        for _ in 0..=reach {
            match bits.get(at) {
                None => {}
                Some(false) => {
                    count.rounds += 1;
                    run = 0;
                }
                Some(true) => {
                    count.rounds += 1;
                    count.failed += 1;
                    run += 1;
                    count.longest = count.longest.max(run);
                }
            }
            at = if at == last { 0 } else { at + 1 };
        }
        count
    }

    /// When the first of the failed rounds began that are remembered.
    pub(crate) fn first_failed(&self) -> Option<f64> {
        let bits = self.bits.as_ref()?;
        let mut places = self.newest - self.capacity + 1..=self.newest;
        let place = places.find(|place| bits.get(index(*place, self.capacity)) == Some(true))?;
        Some(self.origin? + place as f64 * self.interval)
    }

    /// The failures of rounds that began at this moment or later are no evidence.
    pub(crate) fn forget_failures(&mut self, since: f64) {
        let (Some(bits), Some(origin)) = (&mut self.bits, self.origin) else { return };
        for place in self.newest - self.capacity + 1..=self.newest {
            let at = index(place, self.capacity);
            if origin + place as f64 * self.interval >= since && bits.get(at) == Some(true) {
                bits.set(at, None);
            }
        }
        self.settle();
    }

    /// Lets the bits go when no failure is left among them.
    pub(crate) fn settle(&mut self) {
        if self.bits.as_ref().is_some_and(|bits| bits.failed.iter().all(|word| *word == 0)) {
            self.bits = None;
        }
    }
}

impl Bits {
    fn get(&self, at: usize) -> Option<bool> {
        let (word, bit) = (at / 64, 1 << (at % 64));
        (self.known[word] & bit != 0).then_some(self.failed[word] & bit != 0)
    }

    fn set(&mut self, at: usize, round: Option<bool>) {
        let (word, bit) = (at / 64, 1 << (at % 64));
        self.known[word] &= !bit;
        self.failed[word] &= !bit;
        if let Some(failed) = round {
            self.known[word] |= bit;
            self.failed[word] |= if failed { bit } else { 0 };
        }
    }
}

fn index(place: i64, capacity: i64) -> usize {
    usize::try_from(place.rem_euclid(capacity)).unwrap_or(0)
}

/// How many places before the newest a window reaches.
fn places(window: f64, interval: f64) -> i64 {
    rounded((window / interval + 1e-9).floor())
}

fn rounded(value: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "a cast of a float saturates")]
    let whole = value.round() as i64;
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(outcomes: &str) -> Rounds {
        let mut rounds = Rounds::new(5.0, 100.0);
        for (n, letter) in outcomes.chars().enumerate().filter(|(_, letter)| *letter != ' ') {
            rounds.put(1000.0 + 5.0 * n as f64 + [0.0, 0.3, 0.6][n % 3], letter == 'x');
        }
        rounds
    }

    #[test]
    fn rounds_are_counted_within_the_window() {
        let count = |outcomes, window| {
            let Count { rounds: all, failed, longest } = rounds(outcomes).count(window);
            (all, failed, longest)
        };
        assert_eq!(count("", 100.0), (0, 0, 0));
        assert_eq!(count("......", 100.0), (6, 0, 0));
        assert_eq!(count("..xx.x", 100.0), (6, 3, 2));
        assert_eq!(count("..x x.x", 100.0), (6, 3, 2), "what says nothing ends no run");
        assert_eq!(count("..xx.x", 10.0), (3, 2, 1));
        assert_eq!(count("x.......................", 100.0), (21, 0, 0), "it is past");
    }

    #[test]
    fn a_round_that_is_decided_late_falls_where_it_belongs() {
        let mut rounds = rounds(". ..");
        rounds.put(1005.0, true);
        assert_eq!(rounds.count(100.0), Count { rounds: 4, failed: 1, longest: 1 });
        assert_eq!(rounds.first_failed(), Some(1005.0));
        rounds.put(500.0, true);
        assert_eq!(rounds.count(100.0).failed, 1, "too old");
    }

    #[test]
    fn bits_go_with_the_last_failure() {
        let mut rounds = rounds("..x");
        assert!(rounds.may_have_failed());
        rounds.forget_failures(1011.0);
        assert!(rounds.may_have_failed());
        rounds.forget_failures(1010.0);
        assert!(!rounds.may_have_failed());
        assert_eq!(rounds.count(100.0).rounds, 3);
    }
}
