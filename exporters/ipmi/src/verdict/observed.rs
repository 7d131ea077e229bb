//! What was observed of a machine: what all verdicts rest on. No I/O, no clock.

use std::sync::Arc;

use super::history::Clock;
use super::measure::Measure;
use super::moment::Moment;
use super::running::Running;
use super::watched::{Listed, Raw, Watched};
use crate::entity::Entity;
use crate::inventory::Known;
use crate::sensor::thresholds::Limits;

/// A machine, as its polls have shown it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Observed {
    pub(super) clock: Clock,
    pub(super) sensors: Vec<Watched>,
    pub(super) running: Running,
    /// What the BMC says of the power beside its sensors, once it did: it tells it each minute.
    pub(super) meter: Option<Box<Watched>>,
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

    /// Takes what the BMC says of the power beside its sensors, watts.
    pub(super) fn metered(&mut self, watts: Option<f64>) {
        let now = self.clock.now;
        if let (None, Some(_)) = (&self.meter, watts) {
            let known = Arc::new(Known::new("", "", Entity::Other));
            let (measure, limits) = (Measure::Watts, Limits::default());
            self.meter =
                Some(Box::new(Watched::new(&Listed { known, measure, limits, rate: None })));
        }
        if let Some(meter) = &mut self.meter {
            meter.take(now, watts.map_or(Raw::Unreadable, Raw::Value), (now, now), self.interval);
        }
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
