//! States that somebody is woken for, and when they are believed. No I/O, no clock.

use super::answer::Asserted;
use crate::sensor::Severity;
use crate::sensor::list::SUPPLY;

/// States, by the type of their sensor, that FreeIPMI calls critical as events, and has no rule for as states.
const OF_EVENTS: [(&str, &str); 4] = [
    ("Chip Set", "soft power control failure"),
    ("Chip Set", "thermal trip"),
    ("OS Critical Stop", "critical stop during OS load/initialization"),
    ("OS Critical Stop", "run-time critical stop"),
];

/// States that a machine does not survive.
const FATAL: [&str; 10] = [
    "IERR",
    "thermal trip",
    "uncorrectable ECC",
    "machine check exception",
    "SM BIOS uncorrectable CPU-complex error",
    "fatal NMI",
    "bus fatal error",
    "power unit failure detected",
    "non-redundant: insufficient resources",
    "run-time critical stop",
];

impl Asserted {
    /// What its states say of the machine; `None` where nobody knows.
    pub(crate) fn says(&self) -> Option<Severity> {
        self.severity.or_else(|| self.of_events().map(|_| Severity::Critical))
    }

    /// The state that is critical as an event, if one holds.
    pub(crate) fn of_events(&self) -> Option<&'static str> {
        let mut states = self.states.iter();
        states.find(|it| OF_EVENTS.contains(&(self.sensor_type, **it))).copied()
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
