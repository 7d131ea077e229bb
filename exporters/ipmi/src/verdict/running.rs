//! Whether the machine is on, and since when. No I/O, no clock.

use serde::{Deserialize, Serialize};

use super::class::Class;
use super::history::Clock;
use super::moment::Moment;
use super::watched::{Raw, Watched};

/// Of the usual power, what a machine that is off may still draw.
const STANDBY: f64 = 0.35;
/// Seconds after a start of which no trend is taken.
const TRENDS_AFTER: f64 = 300.0;

/// Whether the machine is on. Kept over restarts: one that boots meanwhile boots still.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(super) struct Running {
    /// `None` before the first poll.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on: Option<bool>,
    /// When it was seen to start; `None` if it ran when it was first seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<Moment>,
    /// Polls in a row that say it is off.
    #[serde(skip)]
    off_polls: u32,
}

impl Running {
    /// Off, as far as can be told.
    pub(super) fn is_off(&self) -> bool {
        self.on == Some(false)
    }

    /// On.
    pub(super) fn is_on(&self) -> bool {
        self.on == Some(true)
    }

    /// Whether it was seen to start less than so many seconds ago.
    pub(super) fn started_within(&self, now: Moment, seconds: f64) -> bool {
        self.since.is_some_and(|since| now.since(since) < seconds)
    }

    /// Takes a poll. `power` is what the machine draws now and as a rule, `chassis` what the BMC says itself.
    pub(super) fn observe(
        &mut self,
        clock: &mut Clock,
        sensors: &[Watched],
        power: Option<(f64, f64)>,
        chassis: Option<bool>,
    ) {
        let seems_on = seems_on(sensors, power, chassis);
        self.off_polls = if seems_on { 0 } else { self.off_polls.saturating_add(1) };
        let on = match (seems_on, self.on) {
            (true, _) => true,
            (false, Some(true)) => self.off_polls < 2,
            (false, _) => false,
        };
        if on && self.on == Some(false) {
            self.since = Some(clock.now);
            clock.cut = Some(clock.now.after(TRENDS_AFTER));
        }
        self.on = Some(on);
    }
}

fn seems_on(sensors: &[Watched], power: Option<(f64, f64)>, chassis: Option<bool>) -> bool {
    let listed = || sensors.iter().filter(|it| !it.is_gone() && it.raw() != Raw::Unknown);
    let is_read = |it: &Watched| it.value().is_some();
    if listed().any(Watched::is_temperature)
        && !listed().any(|it| it.is_temperature() && is_read(it))
    {
        return false;
    }
    let is_processor = |it: &Watched| it.is_temperature() && it.class == Class::Cpu;
    let has_processors = listed().any(is_processor);
    let processor_is_read = listed().any(|it| is_processor(it) && is_read(it));
    let has_fans = listed().any(Watched::is_system_fan);
    let fan_turns =
        listed().any(|it| it.is_system_fan() && it.value().is_some_and(|speed| speed > 0.0));
    let draws = |little: bool| power.is_some_and(|(now, usual)| (now < STANDBY * usual) == little);
    let draws_little = draws(true);
    if chassis == Some(false) {
        // Some say so of a machine that works: what its parts do says more.
        return processor_is_read && fan_turns && !draws_little;
    }
    match (has_processors, processor_is_read) {
        (true, false) => fan_turns && !draws_little,
        (true, true) => !(draws_little && has_fans && !fan_turns),
        // Fans that all stopped are no proof: they may have failed.
        (false, _) if has_fans => {
            fan_turns || draws(false) || chassis == Some(true) && !draws_little
        }
        (false, _) => !draws_little,
    }
}
