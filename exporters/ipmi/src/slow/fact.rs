//! What a fault can rest on. No I/O, no clock.

use std::sync::Arc;

use crate::inventory::Known;

/// A part of what the slow lane knows that a fault can rest on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fact {
    /// What the BMC says of the whole machine.
    Power,
    /// How full the event log is.
    Log,
    /// The states of a discrete sensor.
    States(Arc<Known>),
}
