//! The states of a target. No I/O, no clock.

/// Whether a target can be read at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its first round has not ended yet.
    Pending,
    /// The last round succeeded.
    Up,
    /// The last round failed, for a reason out of the exporter's closed set.
    Down(&'static str),
}
