//! States that somebody is woken for, and when they are believed. No I/O, no clock.

use super::answer::Asserted;
use crate::sensor::Severity;
use crate::sensor::list::SUPPLY;

/// States, by the type of their sensor, that FreeIPMI calls critical as events, and has no rule for as states.
/// Those of OS Critical Stop are none: no state says that the machine runs again, so they would never end.
const OF_EVENTS: [(&str, &str); 2] =
    [("Chip Set", "soft power control failure"), ("Chip Set", "thermal trip")];

/// States that a machine does not survive.
const FATAL: [&str; 9] = [
    "IERR",
    "thermal trip",
    "uncorrectable ECC",
    "machine check exception",
    "SM BIOS uncorrectable CPU-complex error",
    "fatal NMI",
    "bus fatal error",
    "power unit failure detected",
    "non-redundant: insufficient resources",
];

/// Whether a state of a sensor of this type is critical, though no rule says so of it as a state.
pub(crate) fn is_critical_as_event(sensor_type: &'static str, state: &'static str) -> bool {
    OF_EVENTS.contains(&(sensor_type, state))
}

impl Asserted {
    /// What its states say of the machine; `None` where nobody knows.
    pub(crate) fn says(&self) -> Option<Severity> {
        self.severity.or_else(|| self.of_events().map(|_| Severity::Critical))
    }

    /// The state that is critical as an event, if one holds.
    pub(crate) fn of_events(&self) -> Option<&'static str> {
        let mut states = self.states.iter();
        states.find(|it| is_critical_as_event(self.sensor_type, it)).copied()
    }

    /// The state that a machine does not survive, if one holds.
    pub(crate) fn fatal(&self) -> Option<&'static str> {
        self.states.iter().find(|it| FATAL.contains(it)).copied()
    }

    /// Whether it has to be read a second time before anybody is woken by it: a BMC that boots asserts
    /// what it likes once.
    pub(super) fn is_grave(&self) -> bool {
        let is_told = self.says() > Some(Severity::Nominal);
        is_told && (self.fatal().is_some() || self.is_failed_supply())
    }

    /// Whether this reading said the same as what is grave in a later one.
    pub(crate) fn bears_out(&self, later: &Self) -> bool {
        match later.fatal() {
            Some(state) => self.states.contains(&state),
            None => later.is_failed_supply() && self.is_failed_supply(),
        }
    }

    fn is_failed_supply(&self) -> bool {
        self.sensor_type == SUPPLY && self.severity == Some(Severity::Critical)
    }
}
