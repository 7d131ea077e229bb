//! What is remembered of one question from sweep to sweep, and over a restart. No I/O, no clock.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::country::{Country, Difference};
use super::migration::Migration;
use super::pin::Former;
use super::reference::Reference;
use super::sighting::Sightings;
use super::whole::Severity;
use crate::expected::Expected;

/// How long an answer shows that a resolver works, minutes.
const DAY: u32 = 24 * 60;
/// How long what was told stands while nothing can be judged, seconds.
pub(crate) const STANDS: u64 = 86_400;

/// What is remembered of one question. Times are seconds since the epoch.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub(crate) struct Memory {
    /// The pin of the last sweep,
    pub(super) pin: Option<Expected>,
    /// and the one before it, while its answers may last.
    pub(super) former: Option<Former>,
    /// In how many answers each pinned address was.
    pub(super) sightings: Sightings,
    /// The largest TTL of an accepted answer, seconds.
    pub(super) ttl: u32,
    /// What was agreed upon.
    pub(super) reference: Option<Reference>,
    /// The change that is going on.
    pub(super) migration: Option<Migration>,
    /// The share that failed before it failed more, or fails by now.
    pub(super) failing_share: Option<f64>,
    /// How badly the name fails,
    pub(super) failing: Severity,
    /// and when that was judged last.
    pub(super) failing_at: u64,
    /// How bad it is that the answer is not the pinned one,
    pub(super) unexpected: Severity,
    /// and when that was judged last.
    pub(super) unexpected_at: u64,
    /// The countries that diverge.
    pub(super) countries: BTreeSet<String>,
    /// How they diverged,
    pub(super) diverging: Vec<Country>,
    /// and when that was judged last: of any, and of each.
    pub(super) diverging_at: u64,
    pub(super) diverged_at: BTreeMap<String, u64>,
    /// Whether a change had stopped half way, the answer of a changed pin was in no answer, and how many pinned addresses
    /// were in none any more,
    pub(super) is_split: bool,
    pub(super) is_unseen: bool,
    pub(super) missing: Option<usize>,
    /// and when enough answered for that last.
    pub(super) conclusive_at: u64,
    /// When each resolver answered last, in minutes since the epoch; 0 for never. In the order of the
    /// list, so it is kept apart from the rest.
    #[serde(skip)]
    pub(crate) answered: Vec<u32>,
    /// The same of those that are not in the list: where names are may be known later, or be as before again.
    #[serde(skip)]
    pub(crate) elsewhere: BTreeMap<IpAddr, u32>,
}

impl Memory {
    /// Whether a resolver, by its number in the list, answered within a day.
    pub(super) fn answered_within_a_day(&self, at: usize, now: u64) -> bool {
        let last = self.answered.get(at).copied().unwrap_or_default();
        last > 0 && minutes(now).saturating_sub(last) <= DAY
    }

    /// What was told of failing, while that stands.
    pub(crate) fn still_failing(&self, now: u64) -> Severity {
        stands(self.failing, self.failing_at, now)
    }

    /// What was told of this pinned answer, while that stands.
    pub(crate) fn still_unexpected(&self, pin: &Expected, now: u64) -> Severity {
        match &self.pin {
            Some(known) if known == pin => stands(self.unexpected, self.unexpected_at, now),
            _ => Severity::None,
        }
    }

    /// The countries that diverge, while that stands. What they answered by another pin says nothing of this one.
    pub(super) fn still_diverging(
        &self,
        pin: Option<&Expected>,
        now: u64,
    ) -> impl Iterator<Item = &Country> {
        let is_of_pin = self.pin.as_ref() == pin;
        let stands = move |it: &&Country| {
            let fails = matches!(it.difference, Some(Difference::Fails | Difference::Silent));
            (is_of_pin || fails) && is_recent(self.diverged_at(&it.code), now)
        };
        self.diverging.iter().filter(stands)
    }

    /// When each of the countries that diverge was judged last: these now, the others before.
    pub(super) fn diverged(
        &self,
        countries: &[Country],
        judged: &BTreeSet<String>,
        now: u64,
    ) -> BTreeMap<String, u64> {
        let diverging = countries.iter().filter(|country| country.difference.is_some());
        let at = |code: &str| if judged.contains(code) { now } else { self.diverged_at(code) };
        diverging.map(|country| (country.code.clone(), at(&country.code))).collect()
    }

    /// When a country that diverges was judged last.
    fn diverged_at(&self, code: &str) -> u64 {
        // A file of an earlier release has no more than the one time.
        self.diverged_at.get(code).copied().unwrap_or(self.diverging_at)
    }

    /// Whether a change had stopped half way, while that stands.
    pub(super) fn still_split(&self, now: u64) -> bool {
        self.is_split && is_recent(self.conclusive_at, now)
    }

    /// Whether the answer of this changed pin was in no answer, and how many of its addresses were missing, while that
    /// stands.
    pub(super) fn still_of_pin(&self, pin: Option<&Expected>, now: u64) -> (bool, Option<usize>) {
        if pin.is_some() && self.pin.as_ref() == pin && is_recent(self.conclusive_at, now) {
            (self.is_unseen, self.missing)
        } else {
            (false, None)
        }
    }

    /// Tells of each resolver, by its number in the list, whether it answered when any did last.
    pub(super) fn answered_last(&self) -> impl Fn(usize) -> bool {
        let newest = self.answered.iter().max().copied().unwrap_or_default();
        move |at| newest > 0 && self.answered.get(at) == Some(&newest)
    }

    /// Notes who answered.
    pub(super) fn note_answers(&mut self, answers: impl Fn(usize) -> bool, count: usize, now: u64) {
        self.answered.resize(count, 0);
        for (at, last) in self.answered.iter_mut().enumerate() {
            if answers(at) {
                *last = minutes(now).max(1);
            }
        }
    }

    /// This memory with the pins of another one: what a reload judges the last sweep by. What was seen under a pin says
    /// nothing under another one.
    pub(crate) fn with_pins_of(&self, other: &Self) -> Self {
        let is_same = self.pin == other.pin;
        let sightings = if is_same { self.sightings.clone() } else { Sightings::default() };
        Self { pin: other.pin.clone(), former: other.former.clone(), sightings, ..self.clone() }
    }
}

fn stands(severity: Severity, judged: u64, now: u64) -> Severity {
    if is_recent(judged, now) { severity } else { Severity::None }
}

fn is_recent(judged: u64, now: u64) -> bool {
    now.saturating_sub(judged) <= STANDS
}

fn minutes(seconds: u64) -> u32 {
    u32::try_from(seconds / 60).unwrap_or(u32::MAX)
}
