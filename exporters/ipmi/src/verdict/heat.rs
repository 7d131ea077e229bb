//! What is remembered of a temperature, and which of its readings are believed. No I/O, no clock.

use super::history::Ring;
use super::measure::{Maybe, Short, small};
use super::moment::Moment;
use super::record::Phantom;
use super::stuck::Stuck;

/// At this and above, a temperature is no temperature: the codes 126 to 255 of BMCs for "no reading".
const NO_TEMPERATURE: f64 = 126.0;
/// Below this, a temperature is no temperature either.
const COLDEST: f64 = -100.0;
/// A value that high is taken once it has lasted for so many seconds.
const HIGH_FOR: f64 = 60.0;
/// A smaller step is believed at once.
const STEP: f64 = 6.0;
/// Polls further apart than this, in seconds, confirm a jump by two readings, closer ones by three.
const SLOW_POLLS: f64 = 15.0;
/// How long a BMC may hold a reading before it reads anew, until it is seen to be quicker; seconds.
const REFRESH: f32 = 30.0;

/// What is remembered of a temperature.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Heat {
    pub(super) ring: Ring,
    /// The fastest that its part can warm, where the config says so.
    pub(super) rate: Maybe,
    /// When the last value that is believed was read; `None` for one that comes from the last process.
    pub(super) accepted_at: Option<Moment>,
    /// Boxed, as what is rare: ten thousand machines have a dozen temperatures each.
    pub(super) pending: Option<Box<Pending>>,
    /// Impossible values since, and how many.
    bad: Option<Box<(Moment, u32)>>,
    /// The usual value: it follows in six hours. This and the next two are kept over a restart.
    pub(super) usual: Option<f32>,
    /// The highest, less a degree a day.
    pub(super) highest: Short,
    /// Seconds that it was learnt from.
    pub(super) observed: f32,
    /// Held while its value is impossible.
    pub(super) phantom: Option<Box<Phantom>>,
    /// It was critical when it was first seen. Boxed, as what is rare.
    pub(super) stuck: Option<Box<Stuck>>,
    /// Its value when the machine began to lose its cooling.
    pub(super) at_onset: Short,
    /// The last change of its value.
    changed: Option<Moment>,
    /// The last value, and when it was read.
    last: Short,
    last_at: Option<Moment>,
    /// How long the BMC may hold a reading, seconds.
    pub(super) refresh: f32,
}

/// A value that is too far off to be believed at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pending {
    value: f64,
    pub(super) since: Moment,
    polls: u8,
}

impl Heat {
    /// `rate` is the fastest that its part can warm, where the config says so.
    pub(super) fn new(rate: Option<f64>) -> Self {
        Self {
            ring: Ring::new(16.0),
            rate: rate.into(),
            accepted_at: None,
            pending: None,
            bad: None,
            usual: None,
            highest: Short::default(),
            observed: 0.0,
            phantom: None,
            stuck: None,
            at_onset: Short::default(),
            changed: None,
            last: Short::default(),
            last_at: None,
            refresh: REFRESH,
        }
    }

    /// Whether a value is none: a code for "no reading", or 0 where it is never so cold.
    pub(super) fn is_no_reading(&mut self, now: Moment, value: f64, accepted: Option<f64>) -> bool {
        let usual = self.usual.map(f64::from);
        let base = accepted.or(usual);
        let is_high = value >= NO_TEMPERATURE;
        let is_warm_here = base.is_none_or(|it| it > 8.0) || usual.is_some_and(|it| it > 8.0);
        let is_cold_here = base.is_some_and(|it| it <= 0.0);
        let is_zero = value <= 0.0 && is_warm_here && !is_cold_here;
        if !is_high && value > COLDEST && !is_zero {
            self.bad = None;
            return false;
        }
        let (since, polls) = &mut **self.bad.get_or_insert_with(|| Box::new((now, 0)));
        *polls += 1;
        // What is that high for a minute may be a fire.
        !is_high || now.since(*since) < HIGH_FOR || *polls < 3
    }

    /// Learns how quickly the BMC reads anew: as quickly as its value was ever seen to change twice.
    pub(super) fn note_refresh(&mut self, now: Moment, value: f64, interval: f64) {
        let last = Short::from(Some(value));
        if let Some(at) = self.last_at
            && last != self.last
        {
            if let Some(changed) = self.changed
                && now.since(at) <= 20.0
                && now.since(changed) <= 20.0
            {
                self.refresh = self.refresh.min(small(now.since(changed))).max(small(interval));
            }
            self.changed = Some(now);
        }
        (self.last, self.last_at) = (last, Some(now));
    }

    /// Whether a value is believed at once: the first, a small step, and any of a processor.
    pub(super) fn believes(
        &mut self,
        value: f64,
        accepted: Option<f64>,
        is_processor: bool,
    ) -> bool {
        let Some(accepted) = accepted else { return true };
        let believes = is_processor || (value - accepted).abs() < STEP;
        if believes {
            self.pending = None;
        }
        believes
    }

    /// A jump is confirmed by readings in a row on the same side, each at least half as far off as the
    /// first: so no glitch of one or two polls is ever judged.
    pub(super) fn is_confirmed(
        &mut self,
        now: Moment,
        value: f64,
        accepted: f64,
        interval: f64,
    ) -> bool {
        let jump = value - accepted;
        let goes_on = |pending: &Pending| {
            let first = pending.value - accepted;
            jump * first > 0.0 && jump.abs() >= 0.5 * first.abs()
        };
        match &mut self.pending {
            Some(pending) if goes_on(pending) => {
                pending.polls = pending.polls.saturating_add(1);
                pending.polls >= if interval <= SLOW_POLLS { 3 } else { 2 }
            }
            _ => {
                self.pending = Some(Box::new(Pending { value, since: now, polls: 1 }));
                false
            }
        }
    }
}
