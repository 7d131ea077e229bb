//! What is said of a machine: one state machine a BMC, fed by every poll that succeeded. No I/O, no clock.
//!
//! * `class`, `moment`, `median`, `history`: parts and how fast they warm, times, the last half hour;
//! * `measure`: what a number is;
//! * `watched`, `judged`, `heat`, `fan`, `sensors`, `running`, `observed`: which readings are believed, and whether the machine is on;
//! * `usual`: what is usual for each sensor;
//! * `phantom`, `follow`: temperatures that cannot be, and the fans that follow them;
//! * `trend`, `cooling`: the rise that all parts share, and whether cooling is lost;
//! * `fans`, `limits` (with `stuck`), `presence`, `power_step`: the other verdicts;
//! * `matching`: sensors that moved their id or have another name;
//! * `held`, `record`, `kept`: what is held, what is remembered of it, and what outlives the process.
//!
//! Verdicts are judged here, at the full rate of polling and from raw readings, since a rule of
//! Prometheus sees only samples: windows that end at different times, and lost scrapes.

use std::sync::Arc;

use crate::inventory::Known;
use crate::sensor::Severity;
use crate::sensor::thresholds::Limits;

mod class;
mod cooling;
mod fan;
mod fans;
mod follow;
mod heat;
mod held;
mod history;
mod judged;
mod kept;
mod limits;
mod matching;
mod measure;
mod median;
mod moment;
mod observed;
mod phantom;
mod power_step;
mod presence;
mod record;
mod running;
mod sensors;
mod stuck;
mod trend;
mod usual;
mod watched;

#[cfg(test)]
pub(crate) use held::{Cause, What};
pub(crate) use held::{Kind, Level, Verdict};
pub(crate) use kept::Kept;
pub(crate) use measure::Measure;
pub(crate) use moment::Moment;
pub(crate) use watched::Listed;

use cooling::Cooling;
use held::Held;
use history::Clock;
use observed::Observed;
use power_step::Step;
use running::Running;
use sensors::watts_now;
use watched::{Raw, Watched};

/// Seconds of failed polls after which nothing is said of a machine any more.
pub(crate) const SILENT: f64 = 900.0;
/// Gaps of so many seconds between polls say nothing of their interval.
const LONGEST_INTERVAL: f64 = 75.0;

/// A reading of a poll.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Reading {
    /// The place of its sensor in the list that [`Machine::follow`] was given last.
    pub(crate) place: usize,
    /// The value; `None` if there was none to read.
    pub(crate) value: Option<f64>,
    /// What the BMC itself holds of it.
    pub(crate) severity: Option<Severity>,
    /// When it was asked for.
    pub(crate) asked: Moment,
    /// When it was answered: it was measured before that, and as a rule not before `asked`.
    pub(crate) answered: Moment,
}

/// What a BMC says of its machine beside its sensors; a minute old at times.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Says {
    /// Whether the machine is on.
    pub(crate) is_on: Option<bool>,
    /// What it draws, watts.
    pub(crate) watts: Option<f64>,
}

/// The state of one machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Machine {
    /// `None` before the first poll.
    observed: Option<Observed>,
    /// Sensors of the last process, until the first list.
    kept: Vec<Watched>,
    /// For each place of the list, the place of its sensor in [`Observed::sensors`].
    places: Box<[Place]>,
    /// The usual power of the last process, until the first list.
    usual_watts: Option<f64>,
    /// Whether it was on then.
    running: Running,
    cooling: Cooling,
    step: Option<Step>,
    held: Held,
}

impl Machine {
    /// A machine of which nothing is known but what was kept, and sensors that once were there.
    pub(crate) fn new(kept: Option<Kept>, baseline: &[Arc<Known>]) -> Self {
        let kept = kept.unwrap_or_default();
        let (usual_watts, cooling) = (kept.watts(), Cooling::of(kept.episode()));
        let (step, running) = (kept.step(), kept.running());
        let mut sensors: Vec<Watched> = kept.sensors().collect();
        for known in baseline {
            if sensors.iter().all(|it| *it.known != **known) {
                let (known, measure) = (Arc::clone(known), Measure::None);
                sensors.push(Watched::new(&Listed {
                    known,
                    measure,
                    limits: Limits::default(),
                    rate: None,
                }));
            }
        }
        Self { kept: sensors, usual_watts, running, cooling, step, ..Self::default() }
    }

    /// Goes by another list of sensors. One that moved its id or has another name goes on as the same;
    /// returns those, as they were and as they are.
    pub(crate) fn follow(&mut self, now: Moment, list: &[Listed]) -> Vec<(Arc<Known>, Arc<Known>)> {
        let observed = self.observed.get_or_insert_with(|| Observed {
            clock: Clock::new(now),
            was_known: self.kept.iter().any(|it| it.observed() > 0.0),
            sensors: std::mem::take(&mut self.kept),
            running: self.running,
            meter: None,
            usual_watts: self.usual_watts.take(),
            interval: 5.0,
        });
        let moved = matching::go_on(&mut observed.sensors, list);
        for (from, to) in &moved {
            self.held.rename(from, to);
        }
        let places = matching::places(&observed.sensors);
        self.places = list.iter().map(|it| place(*places.get(&it.known)?)).collect();
        moved
    }

    /// Takes a poll that succeeded. Sensors that were not asked are left out of `readings`; those that
    /// are not in the list are lost if it `is_complete`. `says` is what the BMC says beside its sensors.
    pub(crate) fn feed(
        &mut self,
        now: Moment,
        readings: &[Reading],
        is_complete: bool,
        says: Says,
    ) {
        let Some(seen) = &mut self.observed else { return };
        let gap = now.since(seen.clock.now).max(0.0);
        if gap > 0.0 && gap < LONGEST_INTERVAL {
            seen.interval += 0.2 * (gap - seen.interval);
        }
        let closed = seen.clock.advance(now);
        for it in seen.sensors.iter_mut().chain(seen.meter.as_deref_mut()) {
            if let Some(ring) = it.ring_mut() {
                ring.close(&seen.clock, closed);
            }
        }
        lose(seen, &self.places, is_complete);
        let mut jumped = take(seen, &self.places, readings);
        seen.metered(says.watts);
        let power = watts_now(seen).zip(seen.usual_watts);
        seen.running.observe(&mut seen.clock, &seen.sensors, power, says.is_on);
        jumped.sort_unstable();
        phantom::jumps(seen, &jumped);
        follow::phantoms(seen, &mut self.held);
        let slot_ended = closed > 0;
        if slot_ended {
            usual::learn(seen, closed);
        }
        fans::judge(seen, &mut self.held);
        limits::judge(seen, &mut self.held);
        self.cooling.judge(seen, slot_ended, &mut self.held);
        presence::judge(seen, &mut self.held);
        if slot_ended {
            power_step::judge(&mut self.step, seen, &mut self.held);
        }
    }

    /// The verdicts that are held; `None` while the machine is not judged: before its first poll, and
    /// a quarter of an hour after its last.
    pub(crate) fn verdicts(&self, now: Moment) -> Option<&[Verdict]> {
        let last = self.observed.as_ref()?.clock.now;
        (now.since(last) < SILENT).then(|| self.held.all())
    }

    /// Whether it is off, as far as all of its sensors tell.
    pub(crate) fn is_off(&self) -> bool {
        self.observed.as_ref().is_some_and(|seen| seen.running.is_off())
    }

    /// What is worth keeping: before the first poll what was kept, and nothing where that is nothing.
    pub(crate) fn keep(&self) -> Option<Kept> {
        let (watts, running, sensors) = match &self.observed {
            Some(seen) => (seen.usual_watts, seen.running, &seen.sensors),
            None if self.knows_nothing() => return None,
            None => (self.usual_watts, self.running, &self.kept),
        };
        Some(Kept::of(watts, self.cooling.episode, self.step, running, sensors))
    }

    /// Whether it was begun with nothing but the names of sensors.
    fn knows_nothing(&self) -> bool {
        let of_the_machine = self.usual_watts.is_some()
            || self.cooling.episode.is_some()
            || self.step.is_some()
            || self.running != Running::default();
        !of_the_machine && self.kept.iter().all(|it| it.measure == Measure::None)
    }

    /// Takes the sensors of the last list for all there are.
    pub(crate) fn accept(&mut self) {
        let Some(seen) = &mut self.observed else { return };
        let mut moved_to = vec![None; seen.sensors.len()];
        let mut left = Vec::with_capacity(self.places.len());
        for (was, it) in std::mem::take(&mut seen.sensors).into_iter().enumerate() {
            if self.places.contains(&place(was)) {
                moved_to[was] = place(left.len());
                left.push(it);
            } else {
                self.held.forget(&it.known);
            }
        }
        seen.sensors = left;
        for place in &mut self.places {
            *place = place.and_then(|was| moved_to.get(usize::from(was)).copied().flatten());
        }
    }
}

/// The place of a sensor among those of its machine, of which there are at most twice
/// [`MOST_SENSORS`](crate::inventory::MOST_SENSORS); `None` of one that found no room.
type Place = Option<u16>;

fn place(place: usize) -> Place {
    u16::try_from(place).ok()
}

/// Gives each reading to its sensor; returns the places of those that confirm a jump.
fn take(seen: &mut Observed, places: &[Place], readings: &[Reading]) -> Vec<usize> {
    let (now, interval) = (seen.clock.now, seen.interval);
    let mut jumped = Vec::new();
    for reading in readings {
        let Some(place) = places.get(reading.place).copied().flatten() else { continue };
        let place = usize::from(place);
        let Some(it) = seen.sensors.get_mut(place) else { continue };
        let raw = reading.value.map_or(Raw::Unreadable, Raw::Value);
        it.severity = reading.severity;
        if it.take(now, raw, (reading.asked, reading.answered), interval) {
            jumped.push(place);
        }
    }
    jumped
}

/// Says of every sensor whether it is listed; of those that are not, whether they are lost.
fn lose(seen: &mut Observed, places: &[Place], is_complete: bool) {
    let (now, interval) = (seen.clock.now, seen.interval);
    let mut is_listed = vec![false; seen.sensors.len()];
    for place in places.iter().flatten() {
        if let Some(it) = is_listed.get_mut(usize::from(*place)) {
            *it = true;
        }
    }
    for (it, is_listed) in seen.sensors.iter_mut().zip(is_listed) {
        match (is_listed, is_complete) {
            (true, _) => it.is_there(),
            (false, true) => {
                it.take(now, Raw::Gone, (now, now), interval);
            }
            // A list with holes says nothing of what is not in it.
            (false, false) => it.is_not_told(),
        }
    }
}

#[cfg(test)]
mod tests;
