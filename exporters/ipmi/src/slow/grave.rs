//! States that somebody is woken for, and when they are believed. No I/O, no clock.

use super::answer::Asserted;
use crate::sensor::Severity;
use crate::sensor::list::SUPPLY;

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
    /// The state that a machine does not survive, if one holds.
    pub(crate) fn fatal(&self) -> Option<&'static str> {
        self.states.iter().find(|it| FATAL.contains(it)).copied()
    }

    /// Whether it has to be read a second time before anybody is woken by it: a BMC that boots asserts
    /// what it likes once.
    pub(super) fn is_grave(&self) -> bool {
        let is_told = self.severity > Some(Severity::Nominal);
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
