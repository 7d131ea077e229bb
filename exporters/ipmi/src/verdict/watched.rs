//! One sensor, as the verdicts see it: which of its readings are believed. No I/O, no clock.
//!
//! Ten thousand machines have twenty sensors each, so a sensor has room for what it is judged for,
//! and for nothing else.

use std::sync::Arc;

use super::class::{Class, Physics};
use super::fan::Fan;
use super::heat::{Heat, Pending};
use super::held::Cause;
use super::history::{Clock, Ring};
use super::judged::Judged;
use super::measure::{Maybe, Measure};
use super::moment::Moment;
use super::record::{FanFailure, Phantom};
use super::stuck::Stuck;
use crate::inventory::Known;
use crate::sensor::Severity;
use crate::sensor::thresholds::Limits;

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

/// Why a poll brought no value. Kept apart from the value: the two take half the room of [`Raw`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Absent {
    Unknown,
    Unreadable,
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

/// How far a sensor is beyond the limits of the BMC.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Beyond {
    /// 0 normal, 1 non-critical, 2 critical, 3 non-recoverable.
    pub(super) degree: u8,
    /// Since when.
    pub(super) since: Option<Moment>,
    /// Polls since then.
    pub(super) polls: u32,
    /// It was non-critical at the very first reading, and not normal for long since.
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
    /// The last poll's value, if it gave one.
    value: Maybe,
    /// Why there is none.
    absent: Absent,
    /// The last value that is believed.
    accepted: Maybe,
    /// Without a value since.
    pub(super) unreadable: Option<Moment>,
    /// Not listed since, and for how many polls.
    gone: Option<Moment>,
    gone_polls: u8,
    pub(super) beyond: Beyond,
    pub(super) limits: Limits,
    /// Seconds that it was readable while the machine was on; kept over a restart.
    pub(super) readable: f32,
    pub(super) measure: Measure,
    pub(super) class: Class,
    /// What the BMC itself holds of it.
    pub(super) severity: Option<Severity>,
    judged: Judged,
}

impl Watched {
    pub(super) fn new(listed: &Listed) -> Self {
        Self {
            known: Arc::clone(&listed.known),
            value: Maybe::default(),
            absent: Absent::Unknown,
            accepted: Maybe::default(),
            unreadable: None,
            gone: None,
            gone_polls: 0,
            beyond: Beyond::default(),
            limits: listed.limits,
            readable: 0.0,
            measure: listed.measure,
            class: Class::of_sensor(&listed.known, listed.measure),
            severity: None,
            judged: Judged::of(listed.measure, listed.rate),
        }
    }

    /// Goes on as another sensor: one that moved its id, or has another name, is the same one.
    pub(super) fn go_on_as(&mut self, listed: &Listed) {
        if listed.measure != self.measure {
            *self = Self::new(listed);
            return;
        }
        self.class = Class::of_sensor(&listed.known, listed.measure);
        self.known = Arc::clone(&listed.known);
        self.limits = listed.limits;
        if let Some(heat) = self.heat_mut() {
            heat.rate = listed.rate.into();
        }
    }

    /// What is remembered of a temperature.
    pub(super) fn heat(&self) -> Option<&Heat> {
        self.judged.heat()
    }

    pub(super) fn heat_mut(&mut self) -> Option<&mut Heat> {
        self.judged.heat_mut()
    }

    /// What is remembered of a fan.
    pub(super) fn fan(&self) -> Option<&Fan> {
        self.judged.fan()
    }

    pub(super) fn fan_mut(&mut self) -> Option<&mut Fan> {
        self.judged.fan_mut()
    }

    pub(super) fn ring_mut(&mut self) -> Option<&mut Ring> {
        self.judged.ring_mut()
    }

    /// How fast it can warm; `None` where a fast rise proves nothing.
    pub(super) fn physics(&self) -> Option<Physics> {
        let known = self.class.physics();
        let Some(rate) = self.heat().and_then(|heat| heat.rate.get()) else { return known };
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
        self.value.get()
    }

    /// What the last poll brought; [`Raw::Unreadable`] for a value that is none.
    pub(super) fn raw(&self) -> Raw {
        match (self.value(), self.absent) {
            (Some(value), _) => Raw::Value(value),
            (None, Absent::Unknown) => Raw::Unknown,
            (None, Absent::Unreadable) => Raw::Unreadable,
            (None, Absent::Gone) => Raw::Gone,
        }
    }

    fn set_raw(&mut self, raw: Raw) {
        (self.value, self.absent) = match raw {
            Raw::Value(value) => (Some(value).into(), Absent::Unknown),
            Raw::Unknown => (None.into(), Absent::Unknown),
            Raw::Unreadable => (None.into(), Absent::Unreadable),
            Raw::Gone => (None.into(), Absent::Gone),
        };
    }

    /// Not listed since, and for how many polls.
    pub(super) fn gone(&self) -> Option<(Moment, u8)> {
        Some((self.gone?, self.gone_polls))
    }

    /// The last value that was believed, whenever that was.
    pub(super) fn accepted(&self) -> Option<f64> {
        self.accepted.get()
    }

    /// The value that is believed, if the last poll gave one.
    pub(super) fn believed(&self) -> Option<f64> {
        self.value().and(self.accepted())
    }

    /// A value that is too far off to be believed at once.
    pub(super) fn pending(&self) -> Option<&Pending> {
        self.heat()?.pending.as_deref()
    }

    /// What is usual for it: of a temperature in degrees, of a fan in its own unit.
    pub(super) fn usual(&self) -> Option<f64> {
        self.judged.usual()
    }

    /// Seconds that its usual value was learnt from.
    pub(super) fn observed(&self) -> f32 {
        self.judged.observed()
    }

    /// Holds its value for impossible.
    pub(super) fn hold_phantom(&mut self, phantom: Phantom) {
        if let Some(heat) = self.heat_mut() {
            heat.phantom = Some(Box::new(phantom));
        }
    }

    /// Held while its value is impossible.
    pub(super) fn phantom(&self) -> Option<&Phantom> {
        self.heat()?.phantom.as_deref()
    }

    /// Its value is held for impossible; a candidate of a boot is not.
    pub(super) fn is_phantom(&self) -> bool {
        self.phantom().is_some_and(|it| it.cause != Cause::Boot)
    }

    /// It was critical at the very first reading, and neither rose nor was normal for long since.
    pub(super) fn is_stuck(&self) -> bool {
        self.heat().and_then(|heat| heat.stuck.as_ref()).is_some_and(|stuck| stuck.holds())
    }

    pub(super) fn stuck_mut(&mut self) -> Option<&mut Stuck> {
        self.heat_mut()?.stuck.as_deref_mut()
    }

    /// Says that it was critical at the very first reading, of a temperature.
    pub(super) fn hold_stuck(&mut self, stuck: Stuck) {
        if let Some(heat) = self.heat_mut() {
            heat.stuck = Some(Box::new(stuck));
        }
    }

    /// It was normal for long.
    pub(super) fn forget_stuck(&mut self) {
        if let Some(heat) = self.heat_mut() {
            heat.stuck = None;
        }
    }

    /// It is a fan that failed.
    pub(super) fn failed(&self) -> Option<FanFailure> {
        self.fan()?.failed
    }

    /// Its value when the machine began to lose its cooling.
    pub(super) fn at_onset(&self) -> Option<f64> {
        self.judged.at_onset()
    }

    /// Says what that was, of a temperature or a fan.
    pub(super) fn set_onset(&mut self, value: Option<f64>) {
        self.judged.set_onset(value);
    }

    pub(super) fn is_gone(&self) -> bool {
        self.raw() == Raw::Gone
    }

    pub(super) fn ago(&self, clock: &Clock, seconds: f64, reach: usize) -> Option<f64> {
        self.judged.ring()?.ago(clock, seconds, reach)
    }

    pub(super) fn before(&self, clock: &Clock, then: Moment) -> Option<f64> {
        self.judged.ring()?.before(clock, then)
    }

    /// By how much the believed value rose in so many seconds.
    pub(super) fn rise(&self, clock: &Clock, seconds: f64, reach: usize) -> Option<f64> {
        Some(self.believed()? - self.ago(clock, seconds, reach)?)
    }

    /// It is listed.
    pub(super) fn is_there(&mut self) {
        self.gone = None;
        if self.is_gone() {
            self.set_raw(Raw::Unknown);
        }
    }

    /// Nothing is known of it now.
    pub(super) fn is_not_told(&mut self) {
        self.set_raw(Raw::Unknown);
        self.forget_pending();
    }

    fn forget_pending(&mut self) {
        if let Some(heat) = self.heat_mut() {
            heat.pending = None;
        }
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
        let previous = self.value();
        if let Some(fan) = self.fan_mut() {
            fan.previous = previous.into();
        }
        self.set_raw(raw);
        if raw == Raw::Gone {
            self.forget_pending();
            self.gone_polls =
                if self.gone.is_none() { 1 } else { self.gone_polls.saturating_add(1) };
            self.gone.get_or_insert(now);
            return false;
        }
        self.gone = None;
        let Raw::Value(value) = raw else {
            self.forget_pending();
            self.unreadable.get_or_insert(now);
            return false;
        };
        let (accepted, is_processor) = (self.accepted(), self.class.is_processor());
        if let Some(heat) = self.heat_mut() {
            if heat.is_no_reading(now, value, accepted) {
                self.set_raw(Raw::Unreadable);
                self.unreadable.get_or_insert(now);
                return false;
            }
            heat.note_refresh(now, value, interval);
            if !heat.believes(value, accepted, is_processor) {
                let confirmed = accepted
                    .is_some_and(|accepted| heat.is_confirmed(answered, value, accepted, interval));
                self.unreadable = None;
                return confirmed;
            }
        }
        self.unreadable = None;
        self.accept(asked, value);
        false
    }

    /// Believes a value.
    pub(super) fn accept(&mut self, now: Moment, value: f64) {
        self.accepted = Some(value).into();
        if let Some(heat) = self.heat_mut() {
            heat.accepted_at = Some(now);
        }
        if let Some(ring) = self.ring_mut() {
            ring.push(value);
        }
    }

    /// Goes on with when it was lost in the last process.
    pub(super) fn was_gone(&mut self, since: Option<Moment>) {
        (self.gone, self.gone_polls) = (since, 0);
    }

    /// Goes on with what was believed in the last process.
    pub(super) fn had_accepted(&mut self, value: Option<f64>) {
        self.accepted = value.into();
        self.beyond.judged = value.is_some();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sensor_has_no_more_room_than_it_needs() {
        // Ten thousand machines have twenty to fifty sensors each: sixteen bytes of one are megabytes.
        assert_eq!(size_of::<Watched>(), 112);
        assert_eq!(size_of::<Ring>(), 140);
        assert_eq!(size_of::<Heat>(), 232);
        assert_eq!(size_of::<Fan>(), 216);
    }
}
