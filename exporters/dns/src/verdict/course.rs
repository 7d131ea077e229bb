//! How the share of an address went from look to look, and what that says of who gives it. No I/O, no clock.

use std::iter::Sum;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// What a former look counts, once all caches have asked anew: about fifty are remembered.
pub(super) const FORMER: f64 = 0.98;
/// For how long caches keep what they have where nothing ever varies, though not all give the same, seconds: they answer by
/// place, or hide it.
const UNVARIED: f64 = 8.0 * 3_600.0;
/// What two sums of the same things may differ by.
const ROUNDING: f64 = 1e-12;

/// The share of an address in each look; all sums fade.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub(super) struct Course {
    /// Looks, each by the part of the caches that had asked anew,
    pub(super) weight: f64,
    /// the shares in them, and their squares.
    sum: f64,
    squares: f64,
    /// Half of the squares of the steps from each look to the next, and the squares of those up.
    steps: f64,
    rises: f64,
    /// The share in the last look.
    pub(super) last: f64,
}

impl Course {
    /// One that was in nothing, for so many looks.
    pub(super) fn absent(weight: f64) -> Self {
        Self { weight, ..Self::default() }
    }

    /// Adds a look, before which a part of the caches had asked anew.
    pub(super) fn add(&mut self, share: f64, part: f64) {
        if self.weight <= 0.0 {
            self.last = share;
        }
        let step = share - self.last;
        self.fade(part);
        self.weight += part;
        self.sum += share * part;
        self.squares += share * share * part;
        self.steps += step * step / 2.0;
        self.rises += step.max(0.0).powi(2);
        self.last = share;
    }

    /// Adds so many looks without it.
    pub(super) fn pass(&mut self, parts: f64) {
        if parts > 0.0 {
            self.steps += self.last * self.last / 2.0;
            self.fade(parts);
            self.weight += (1.0 - FORMER.powf(parts)) / -FORMER.ln();
            self.last = 0.0;
        }
    }

    fn fade(&mut self, part: f64) {
        let former = FORMER.powf(part);
        for sum in
            [&mut self.weight, &mut self.sum, &mut self.squares, &mut self.steps, &mut self.rises]
        {
            *sum *= former;
        }
    }

    /// The share as a whole.
    pub(super) fn mean(&self) -> f64 {
        if self.weight > 0.0 { (self.sum / self.weight).min(1.0) } else { 0.0 }
    }

    /// How it varied, where so many networks gave it or not.
    pub(super) fn variation(&self, networks: f64) -> Variation {
        if self.weight <= 0.0 || networks <= 0.0 {
            return Variation::default();
        }
        let mean = self.mean();
        Variation {
            chance: mean * (1.0 - mean) / networks,
            variance: (self.squares / self.weight - mean * mean).max(0.0),
            steps: self.steps / self.weight,
            rises: self.rises / self.weight,
        }
    }
}

/// How shares varied from look to look.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Variation {
    /// What their variance is where each network draws for itself.
    chance: f64,
    /// What it is, by the shares, by their steps, and by their rises. All are the same where each look is a new draw.
    variance: f64,
    steps: f64,
    rises: f64,
}

impl Add for Variation {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            chance: self.chance + other.chance,
            variance: self.variance + other.variance,
            steps: self.steps + other.steps,
            rises: self.rises + other.rises,
        }
    }
}

impl Sub for Variation {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            chance: self.chance - other.chance,
            variance: self.variance - other.variance,
            steps: self.steps - other.steps,
            rises: self.rises - other.rises,
        }
    }
}

impl Sum for Variation {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
    }
}

/// How far the answers of a look are draws of their own.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub(super) struct Draws {
    /// How many networks say the same, as those do that ask one cache.
    shared: f64,
    /// Which part of those that may have asked anew has.
    anew: f64,
}

impl Default for Draws {
    fn default() -> Self {
        Self { shared: 1.0, anew: 1.0 }
    }
}

impl Draws {
    /// As the addresses beside one show them, and the rises of all: one that fades as caches forget it varies by itself.
    /// Shares that are always all or nothing show nothing. `seconds` are those in which all would have asked anew by what
    /// they say.
    pub(super) fn of(others: Variation, all: Variation, seconds: f64) -> Self {
        let times = |of: f64, chance: f64| if chance > ROUNDING { of / chance } else { 1.0 };
        let shared = times(others.variance, others.chance).max(times(all.rises, all.chance));
        let anew = match others {
            Variation { chance, .. } if chance <= ROUNDING => 1.0,
            Variation { variance, .. } if variance <= ROUNDING => (seconds / UNVARIED).min(1.0),
            Variation { variance, steps, .. } => (steps / variance).clamp(0.0, 1.0),
        };
        Self { shared: shared.max(1.0), anew }
    }

    /// How many draws so many networks are, and at least how many of them did ask anew.
    pub(super) fn count(self, networks: f64, at_least: f64) -> f64 {
        (networks * self.anew).max(at_least) / self.shared
    }
}
