//! One sensor, as the verdicts see it: which of its readings are believed. No I/O, no clock.

use std::sync::Arc;

use super::class::{Class, Physics};
use super::held::Cause;
use super::history::{Clock, Ring};
use super::limit::Limits;
use super::measure::Measure;
use super::moment::Moment;
use super::record::{FanFailure, Phantom};
use crate::entity::Entity;
use crate::inventory::Known;

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
const REFRESH: f64 = 30.0;

/// What a poll brought of a sensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Raw {
    /// It was never asked.
    Unknown,
    /// A value.
    Value(f64),
    /// The BMC has the sensor and gives no value.
    Unreadable,
    /// The BMC does not list it any more.
    Gone,
}

/// A sensor of the list that a poll goes by.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Listed {
    /// Its identity.
    pub(crate) known: Arc<Known>,
    /// What its number is.
    pub(crate) measure: Measure,
    /// The limits of it that are believed.
    pub(crate) limits: Limits,
    /// The fastest that its part can warm, degrees Celsius per second, where the config says so.
    pub(crate) rate: Option<f64>,
}

/// What is usual for a sensor; kept over a restart.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Usual {
    /// The usual value: it follows in six hours.
    pub(crate) value: Option<f32>,
    /// The highest, less a degree a day.
    pub(crate) highest: Option<f32>,
    /// Seconds that it was learnt from.
    pub(crate) observed: f32,
    /// Seconds that it was readable while the machine was on.
    pub(crate) readable: f32,
    /// Of a fan: the lowest speed that it held for five minutes.
    pub(crate) lowest: Option<f32>,
    /// Of a fan: its speed as a share of its peers' median.
    pub(crate) share: Option<f32>,
    /// Of a fan: seconds that it stood still in peace.
    pub(crate) stood: f32,
}

/// A value that is too far off to be believed at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pending {
    pub(super) value: f64,
    pub(super) since: Moment,
    polls: u8,
}

/// How far a sensor is beyond the limits of the BMC.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Beyond {
    /// 0 normal, 1 non-critical, 2 critical, 3 non-recoverable.
    pub(super) degree: u8,
    /// Since when.
    pub(super) since: Option<Moment>,
    /// Polls since then.
    pub(super) polls: u32,
    /// It was so at the very first reading, and was not normal for long since.
    pub(super) from_the_start: bool,
    /// Whether a first reading was judged.
    pub(super) judged: bool,
    /// Just below a limit since then.
    pub(super) near: Option<Moment>,
}

/// One sensor.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Watched {
    pub(super) known: Arc<Known>,
    pub(super) measure: Measure,
    pub(super) class: Class,
    pub(super) limits: Limits,
    /// The fastest that its part can warm, where the config says so.
    rate: Option<f64>,
    /// The last poll's; [`Raw::Unreadable`] for a value that is none.
    pub(super) raw: Raw,
    /// The value of the poll before.
    pub(super) previous: Option<f64>,
    /// What the BMC itself holds of it: 0 to 2.
    pub(super) severity: Option<u8>,
    /// The last value that is believed.
    pub(super) accepted: Option<f64>,
    /// When that was read; `None` for one that comes from the last process.
    pub(super) accepted_at: Option<Moment>,
    pub(super) pending: Option<Pending>,
    /// Impossible values since, and how many.
    bad: Option<(Moment, u32)>,
    /// Without a value since.
    pub(super) unreadable: Option<Moment>,
    /// Not listed since, and for how many polls.
    pub(super) gone: Option<(Moment, u32)>,
    /// The half hour behind it; of temperatures, fans and power only.
    pub(super) ring: Option<Ring>,
    pub(super) usual: Usual,
    pub(super) beyond: Beyond,
    /// Held while its value is impossible.
    pub(super) phantom: Option<Box<Phantom>>,
    pub(super) failed: Option<FanFailure>,
    /// A fan that seems to fail since, and for how many polls.
    pub(super) failing: Option<(Moment, u32)>,
    /// A failed fan that seems well since.
    pub(super) recovering: Option<Moment>,
    /// Its value when the machine began to lose its cooling.
    pub(super) at_onset: Option<f64>,
    /// The last change of its value, and the last value with its time.
    changed: Option<Moment>,
    last: Option<(f64, Moment)>,
    /// How long the BMC may hold a reading, seconds.
    pub(super) refresh: f64,
}

impl Watched {
    pub(super) fn new(listed: &Listed) -> Self {
        let Listed { known, measure, limits, rate } = listed;
        let (known, measure, limits, rate) = (Arc::clone(known), *measure, *limits, *rate);
        let class = class(&known, measure);
        let ring = match measure {
            Measure::Temperature => Some(Ring::new(16.0)),
            Measure::Rpm => Some(Ring::new(0.5)),
            Measure::Ratio => Some(Ring::new(8192.0)),
            Measure::Watts => Some(Ring::new(1.0)),
            Measure::Other | Measure::None => None,
        };
        Self {
            known,
            measure,
            class,
            limits,
            rate,
            raw: Raw::Unknown,
            previous: None,
            severity: None,
            accepted: None,
            accepted_at: None,
            pending: None,
            bad: None,
            unreadable: None,
            gone: None,
            ring,
            usual: Usual::default(),
            beyond: Beyond::default(),
            phantom: None,
            failed: None,
            failing: None,
            recovering: None,
            at_onset: None,
            changed: None,
            last: None,
            refresh: REFRESH,
        }
    }

    /// Goes on as another sensor: one that moved its id, or has another name, is the same one.
    pub(super) fn go_on_as(&mut self, listed: &Listed) {
        if listed.measure != self.measure {
            *self = Self::new(listed);
            return;
        }
        self.class = class(&listed.known, listed.measure);
        self.known = Arc::clone(&listed.known);
        (self.limits, self.rate) = (listed.limits, listed.rate);
    }

    /// How fast it can warm; `None` where a fast rise proves nothing.
    pub(super) fn physics(&self) -> Option<Physics> {
        let known = self.class.physics();
        let Some(rate) = self.rate else { return known };
        let by_config = Physics { offset: 15.0, rate, cap: None };
        Some(known.map_or(by_config, |known| Physics { rate, ..known }))
    }

    /// A fan that cools the machine, not a power supply.
    pub(super) fn is_system_fan(&self) -> bool {
        self.measure.is_fan() && self.class != Class::Psu
    }

    pub(super) fn is_temperature(&self) -> bool {
        self.measure == Measure::Temperature
    }

    /// The last poll's value, believed or not.
    pub(super) fn value(&self) -> Option<f64> {
        match self.raw {
            Raw::Value(value) => Some(value),
            _ => None,
        }
    }

    /// The value that is believed, if the last poll gave one.
    pub(super) fn believed(&self) -> Option<f64> {
        self.value().and(self.accepted)
    }

    /// Its value is held for impossible; a candidate of a boot is not.
    pub(super) fn is_phantom(&self) -> bool {
        self.phantom.as_ref().is_some_and(|it| it.cause != Cause::Boot)
    }

    pub(super) fn is_gone(&self) -> bool {
        self.raw == Raw::Gone
    }

    pub(super) fn ago(&self, clock: &Clock, seconds: f64, reach: usize) -> Option<f64> {
        self.ring.as_ref()?.ago(clock, seconds, reach)
    }

    pub(super) fn before(&self, clock: &Clock, then: Moment) -> Option<f64> {
        self.ring.as_ref()?.before(clock, then)
    }

    /// By how much the believed value rose in so many seconds.
    pub(super) fn rise(&self, clock: &Clock, seconds: f64, reach: usize) -> Option<f64> {
        Some(self.believed()? - self.ago(clock, seconds, reach)?)
    }

    /// It is listed.
    pub(super) fn is_there(&mut self) {
        self.gone = None;
        if self.raw == Raw::Gone {
            self.raw = Raw::Unknown;
        }
    }

    /// Nothing is known of it now.
    pub(super) fn is_not_told(&mut self) {
        self.raw = Raw::Unknown;
        self.pending = None;
    }

    /// Takes what a poll brought, and when it was asked for and answered: a rise counts over the
    /// longest time that it may have taken. Polls are `interval` seconds apart as a rule. Returns
    /// whether a jump is confirmed by it, which is then to be judged and accepted.
    pub(super) fn take(
        &mut self,
        now: Moment,
        raw: Raw,
        (asked, answered): (Moment, Moment),
        interval: f64,
    ) -> bool {
        self.previous = self.value();
        self.raw = raw;
        if raw == Raw::Gone {
            self.pending = None;
            let (since, polls) = self.gone.unwrap_or((now, 0));
            self.gone = Some((since, polls.saturating_add(1)));
            return false;
        }
        self.gone = None;
        let Raw::Value(value) = raw else {
            self.pending = None;
            self.unreadable.get_or_insert(now);
            return false;
        };
        if self.measure != Measure::Temperature {
            self.unreadable = None;
            self.accept(asked, value);
            return false;
        }
        if self.is_no_reading(now, value) {
            self.raw = Raw::Unreadable;
            self.unreadable.get_or_insert(now);
            return false;
        }
        self.unreadable = None;
        self.note_refresh(now, value, interval);
        let Some(accepted) = self.accepted else {
            self.accept(asked, value);
            return false;
        };
        if self.class.is_processor() || (value - accepted).abs() < STEP {
            self.pending = None;
            self.accept(asked, value);
            return false;
        }
        self.is_confirmed(answered, value, accepted, interval)
    }

    /// Believes a value.
    pub(super) fn accept(&mut self, now: Moment, value: f64) {
        self.accepted = Some(value);
        self.accepted_at = Some(now);
        if let Some(ring) = &mut self.ring {
            ring.push(value);
        }
    }

    /// Whether a value of a temperature is none: a code for "no reading", or 0 where it is never so cold.
    fn is_no_reading(&mut self, now: Moment, value: f64) -> bool {
        let usual = self.usual.value.map(f64::from);
        let base = self.accepted.or(usual);
        let is_high = value >= NO_TEMPERATURE;
        let is_warm_here = base.is_none_or(|it| it > 8.0) || usual.is_some_and(|it| it > 8.0);
        let is_cold_here = base.is_some_and(|it| it <= 0.0);
        let is_zero = value <= 0.0 && is_warm_here && !is_cold_here;
        if !is_high && value > COLDEST && !is_zero {
            self.bad = None;
            return false;
        }
        let (since, polls) = self.bad.map_or((now, 1), |(since, polls)| (since, polls + 1));
        self.bad = Some((since, polls));
        // What is that high for a minute may be a fire.
        !is_high || now.since(since) < HIGH_FOR || polls < 3
    }

    /// Learns how quickly the BMC reads anew: as quickly as its value was ever seen to change twice.
    fn note_refresh(&mut self, now: Moment, value: f64, interval: f64) {
        if let Some((last, at)) = self.last
            && value.total_cmp(&last).is_ne()
        {
            if let Some(changed) = self.changed
                && now.since(at) <= 20.0
                && now.since(changed) <= 20.0
            {
                self.refresh = self.refresh.min(now.since(changed)).max(interval);
            }
            self.changed = Some(now);
        }
        self.last = Some((value, now));
    }

    /// A jump is confirmed by readings in a row on the same side, each at least half as far off as the
    /// first: so no glitch of one or two polls is ever judged.
    fn is_confirmed(&mut self, now: Moment, value: f64, accepted: f64, interval: f64) -> bool {
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
                self.pending = Some(Pending { value, since: now, polls: 1 });
                false
            }
        }
    }
}

fn class(known: &Known, measure: Measure) -> Class {
    match measure {
        Measure::Temperature => Class::of(known.entity, &known.name),
        // Some boards list the fans of power supplies among their own.
        _ if is_of_a_supply(known) => Class::Psu,
        _ => Class::Other,
    }
}

fn is_of_a_supply(known: &Known) -> bool {
    let name = known.name.to_ascii_uppercase();
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let is_digit = |c: char| c.is_ascii_digit();
    known.entity == Entity::Psu
        || name.starts_with("POWER SUPPLY")
        || words.any(|word| word.starts_with("PSU") || word.trim_end_matches(is_digit) == "PS")
}
