//! The parts of a machine that are not well by its BMC's own word. No I/O, no clock.
//!
//! A rule that looked for them among all that is well would read thirty series a machine, of ten
//! thousand machines each fifteen seconds; here it costs nothing.

use std::sync::Arc;

use crate::inventory::Known;
use crate::sensor::list::{SUPPLY, SensorList};
use crate::sensor::thresholds::Limits;
use crate::sensor::{Quantity, Sensor, Severity};
use crate::slow::{Asserted, Log, Power, Silent, Slow};
use crate::state::{Outcome, Snapshot};
use crate::verdict::{Kind, Level, Verdict};

/// Types of sensors (IPMI 2.0 table 42-3) whose warnings are somebody's work. Presence, log-ins and the
/// like are none; temperatures in degrees are judged by verdicts.
const TYPES: [&str; 21] = [
    "Temperature",
    "Chassis",
    "Power Supply",
    "Power Unit",
    "Cooling Device",
    "Fan",
    "Voltage",
    "Current",
    "Processor",
    "Memory",
    "Drive Slot",
    "Physical Security",
    "Critical Interrupt",
    "Battery",
    "Module/Board",
    "Add In Card",
    "Chip Set",
    "Cable/Interconnect",
    "Slot/Connector",
    "Management Subsystem Health",
    "Event Logging Disabled",
];
/// Types whose warnings are the course of things (a part that starts, a clock that was set), and whose failures
/// are somebody's work.
const FAILURES_ALONE: [&str; 5] =
    ["System Firmware Progress", "System Event", "OS Critical Stop", "Version Change", "FRU State"];
/// States of a slot that is empty, was emptied, or is switched off.
const NOT_IN_USE: [&str; 4] =
    ["device removed/device absent", "entity absent", "FRU not installed", "FRU inactive"];
/// Bytes of an entry of the event log (IPMI 2.0 table 32-1).
const ENTRY: u64 = 16;
/// Free bytes that may be more (IPMI 2.0 section 31.2).
const SO_MUCH_OR_MORE: u32 = 0xFFFF;

/// How bad it is; the discriminants are the values of `ipmi_fault_state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Degree {
    /// The BMC warns.
    Warning = 1,
    /// The part has failed.
    Critical = 2,
    /// It stops the machine.
    Fatal = 3,
}

/// A part that is not well.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fault<'a> {
    /// Which part.
    pub(crate) part: Part<'a>,
    /// What is wrong with it; `None` where only its maker can say.
    pub(crate) state: Option<&'static str>,
    /// How bad it is.
    pub(crate) degree: Degree,
}

/// What is not well.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Part<'a> {
    /// What a sensor watches.
    Sensor(&'a Arc<Known>),
    /// What the BMC says of the whole machine.
    Machine(&'static str),
}

/// What is known of a machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told<'a> {
    /// What the last poll found.
    pub(crate) snapshot: &'a Snapshot,
    /// What was learnt beside the polls.
    pub(crate) slow: &'a Slow,
    /// What was known of that before polls failed: it holds until it is told anew.
    pub(crate) before: Option<&'a Slow>,
    /// The supplies that carry nothing, since they have had nothing to tell for long.
    pub(crate) silent: &'a Silent,
    /// What is held of the machine.
    pub(crate) verdicts: &'a [Verdict],
    /// Whether it is off, as far as all of its sensors tell: some BMCs say so of a machine that works.
    pub(crate) is_off: bool,
}

impl<'a> Told<'a> {
    fn anew_or_before<T>(&self, of: impl Fn(&'a Slow) -> Option<T>) -> Option<T> {
        of(self.slow).or_else(|| of(self.before?))
    }
}

/// All that is not well of a machine, once each: what a verdict is held on is left to the verdict.
pub(crate) fn faults<'a>(told: &Told<'a>) -> Vec<Fault<'a>> {
    let mut faults = numbers(told);
    let mut supplies = Supplies::default();
    let list = &told.snapshot.list;
    for known in &list.discrete {
        let Some(asserted) = told.anew_or_before(|slow| slow.states(known)) else {
            supplies.silent += usize::from(told.silent.carries_nothing(known));
            continue;
        };
        let part = Part::Sensor(known);
        let fault = of_states(asserted);
        faults.extend(fault.map(|(state, degree)| Fault { part, state, degree }));
        if asserted.sensor_type == SUPPLY {
            supplies.count(asserted);
        }
    }
    let whole =
        |part, state, degree| Fault { part: Part::Machine(part), state: Some(state), degree };
    let power = told.anew_or_before(Slow::power);
    if supplies.have_all_failed(list, power.is_some_and(|power| power.is_on)) {
        faults.push(whole("every power supply", "failed", Degree::Fatal));
    }
    faults.extend(of_chassis(power).map(|(part, state)| whole(part, state, Degree::Critical)));
    if told.anew_or_before(Slow::log).is_some_and(is_nearly_full) {
        faults.push(whole("event log", "nearly full", Degree::Warning));
    }
    faults
}

/// What the sensors of the power supplies say together.
#[derive(Default)]
struct Supplies {
    told: usize,
    failed: usize,
    /// Those that have had nothing to tell for long: an empty slot, or one that is dead; none that may be
    /// one that the BMC cannot read.
    silent: usize,
    /// Those of whose states only the maker knows what they say.
    unclear: usize,
}

impl Supplies {
    fn count(&mut self, asserted: &Asserted) {
        self.told += 1;
        match asserted.severity {
            Some(Severity::Critical) if asserted.is_confirmed => self.failed += 1,
            Some(_) => {}
            None => self.unclear += 1,
        }
    }

    /// One that was not asked yet, or could not be read just now, may well be the one that carries the
    /// machine; so may one that is missing from a list with holes, and while the machine `is_on` one that
    /// is silent, or of which only the maker knows what it says.
    fn have_all_failed(&self, list: &SensorList, is_on: bool) -> bool {
        let are_all_told = list.complete && self.told + self.silent == list.supplies.len();
        let may_carry = if is_on { self.unclear + self.silent } else { 0 };
        let are_failed = self.failed + self.unclear == self.told && may_carry == 0;
        are_all_told && self.failed > 0 && are_failed
    }
}

/// Whether what a sensor of this type says is somebody's work.
fn is_work(sensor_type: &str, severity: Severity) -> bool {
    TYPES.contains(&sensor_type)
        || severity == Severity::Critical && FAILURES_ALONE.contains(&sensor_type)
}

/// Numbers beyond a threshold. The fans and voltages of a machine that is off are at 0, and nothing is
/// wrong with them.
fn numbers<'a>(told: &Told<'a>) -> Vec<Fault<'a>> {
    if told.is_off {
        return Vec::new();
    }
    let is_told = |known: &Arc<Known>| {
        let of_it = |it: &&Verdict| it.sensor.as_ref() == Some(known);
        told.verdicts.iter().filter(of_it).any(says_it)
    };
    let degree = |quantity, severity| match (quantity, severity) {
        (Quantity::Temperature, _) | (_, Severity::Nominal) => None,
        (Quantity::Other(of), severity) if !is_work(of, severity) => None,
        (_, Severity::Critical) => Some(("beyond a critical threshold", Degree::Critical)),
        (Quantity::Other(_) | Quantity::FanSpeed | Quantity::FanRatio, Severity::Warning) => {
            Some(("beyond a threshold", Degree::Warning))
        }
        // A verdict tells it of voltage, current and power, once it is not a moment's.
        (_, Severity::Warning) => None,
    };
    let is_still = |it: &(&Sensor, &Outcome)| {
        let stands = matches!(it.1, Outcome::Read(value) if value.number <= 0.0);
        it.0.quantity.is_fan() && stands
    };
    let are_parked = told.snapshot.rows().filter(is_still).nth(1).is_some();
    let fault = |(sensor, outcome): (&'a Sensor, &Outcome)| {
        let Outcome::Read(value) = outcome else { return None };
        let said = value.severity.filter(|it| *it > Severity::Nominal)?;
        let limits = Limits::of(sensor.quantity, sensor.kind, &sensor.thresholds);
        let (state, degree) = degree(sensor.quantity, limits.bear_out(said, value.number))?;
        let is_fan = sensor.quantity.is_fan();
        // Several that stand still may be told to, and one that is fast has been told to: a verdict says what
        // follows from that.
        if is_fan && degree == Degree::Warning {
            let limit = limits.beyond(Severity::Warning, value.number).map(f64::from);
            let is_fast = limit.is_some_and(|limit| value.number > limit);
            if is_fast || are_parked && value.number <= 0.0 {
                return None;
            }
        }
        let part = Part::Sensor(&sensor.known);
        (!is_told(&sensor.known)).then_some(Fault { part, state: Some(state), degree })
    };
    told.snapshot.rows().filter_map(fault).collect()
}

/// Whether a verdict says of its sensor what a fault would: by an alert of its own, or since there is no
/// fault. One that is for information alone has no alert, and hides nothing.
fn says_it(verdict: &Verdict) -> bool {
    match verdict.kind {
        // The fan of a supply that has little to cool, too.
        Kind::FanFailed => true,
        Kind::LimitExceeded | Kind::SensorUnreadable => verdict.level >= Level::Ticket,
        _ => false,
    }
}

/// What states say of their part; of a state that was read once and stops the machine, that it is critical.
fn of_states(asserted: &Asserted) -> Option<(Option<&'static str>, Degree)> {
    let severity = asserted.says().filter(|it| *it > Severity::Nominal)?;
    if let Some(state) = asserted.fatal() {
        let is_sure = asserted.is_confirmed;
        return Some((Some(state), if is_sure { Degree::Fatal } else { Degree::Critical }));
    }
    let is_not_in_use = asserted.states.iter().any(|it| NOT_IN_USE.contains(it));
    if !is_work(asserted.sensor_type, severity) || is_not_in_use {
        return None;
    }
    let is_critical = severity == Severity::Critical;
    let state = asserted.worst.or_else(|| asserted.of_events());
    Some((state, if is_critical { Degree::Critical } else { Degree::Warning }))
}

fn of_chassis(power: Option<Power>) -> impl Iterator<Item = (&'static str, &'static str)> {
    let facts = power.map(|power| {
        [
            (power.main_fault, "main power", "failed"),
            (power.drive_fault, "a drive", "failed"),
            (power.cooling_fault, "the cooling", "failed"),
            (power.intrusion, "the chassis", "open"),
        ]
    });
    let set = facts.into_iter().flatten().filter(|(is_set, ..)| *is_set);
    set.map(|(_, part, state)| (part, state))
}

/// Nine tenths of it are used, by the size of an entry.
fn is_nearly_full(log: Log) -> bool {
    let used = ENTRY * u64::from(log.entries);
    let free = log.free_bytes.filter(|free| *free < SO_MUCH_OR_MORE);
    free.is_some_and(|free| 9 * u64::from(free) < used)
}

#[cfg(test)]
mod tests;
