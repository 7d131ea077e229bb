//! What a poll brought of one sensor, with the times when it was asked and answered.

use tokio::time::Instant;

use super::Severity;
use crate::outcome::ReadFailure;

/// What a poll brought of one sensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Slot {
    /// It was read in this poll.
    Fresh(Reading),
    /// It was asked for, or should have been, and gave nothing.
    Failed(ReadFailure),
    /// It was not asked: its turn comes later, or it was not to be asked.
    NotAsked,
}

/// One value of a sensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Reading {
    /// In the unit of the sensor's [`Quantity`](super::Quantity); finite.
    pub(crate) value: f64,
    /// What the BMC holds of it; `None` where it says nothing.
    pub(crate) severity: Option<Severity>,
    /// When it was asked for.
    pub(crate) asked: Instant,
    /// When it was answered: it was measured before that, and as a rule not before `asked`.
    pub(crate) answered: Instant,
}
