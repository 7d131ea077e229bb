//! What a fault can rest on. No I/O, no clock.

use std::sync::Arc;

use super::Question;
use crate::inventory::Known;

/// A part of what the slow questions brought that a fault can rest on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fact {
    /// What the BMC says of the whole machine.
    Power,
    /// How full the event log is.
    Log,
    /// The states of a discrete sensor.
    States(Arc<Known>),
}

impl Fact {
    /// What the answer to a question is of; `sensor` is the one whose states were asked for.
    pub(crate) fn of(question: Question, sensor: Option<&Arc<Known>>) -> Option<Self> {
        match question {
            Question::Power => Some(Self::Power),
            Question::Log => Some(Self::Log),
            Question::States(_) => sensor.map(|sensor| Self::States(Arc::clone(sensor))),
            _ => None,
        }
    }
}
