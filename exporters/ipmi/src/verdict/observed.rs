//! What was observed of a machine: what all verdicts rest on. No I/O, no clock.

use super::history::Clock;
use super::moment::Moment;
use super::running::Running;
use super::watched::Watched;

/// A machine, as its polls have shown it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Observed {
    pub(super) clock: Clock,
    pub(super) sensors: Vec<Watched>,
    pub(super) running: Running,
    /// The usual power, watts.
    pub(super) usual_watts: Option<f64>,
    /// Seconds between polls, as a rule.
    pub(super) interval: f64,
    /// Something was kept from an earlier process: then what warms now did not just start.
    pub(super) was_known: bool,
}

impl Observed {
    pub(super) fn now(&self) -> Moment {
        self.clock.now
    }

    /// Whether the machine was seen to start less than so many seconds ago.
    pub(super) fn boots(&self, seconds: f64) -> bool {
        self.running.started_within(self.now(), seconds)
    }

    pub(super) fn system_fans(&self) -> impl Iterator<Item = &Watched> {
        self.sensors.iter().filter(|it| it.is_system_fan())
    }

    pub(super) fn temperatures(&self) -> impl Iterator<Item = &Watched> {
        self.sensors.iter().filter(|it| it.is_temperature())
    }
}
