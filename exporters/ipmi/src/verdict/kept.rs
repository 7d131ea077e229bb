//! What of a machine's standing outlives the process. No I/O, no clock.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::limit::Limits;
use super::measure::Measure;
use super::moment::Moment;
use super::record::{Episode, FanFailure, Phantom};
use super::watched::{Listed, Usual, Watched};
use crate::inventory::Known;

/// The standing of a machine.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Kept {
    /// The usual power, watts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    watts: Option<f64>,
    /// Its cooling is being lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    episode: Option<Episode>,
    /// Its sensors.
    #[serde(default)]
    sensors: Vec<KeptSensor>,
}

/// The standing of one sensor. Numbers that are not known are left out.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct KeptSensor {
    #[serde(flatten)]
    known: Known,
    measure: Measure,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accepted: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    usual: Option<f32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    highest: Option<f32>,
    #[serde(default)]
    observed: f32,
    #[serde(default)]
    readable: f32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lowest: Option<f32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    share: Option<f32>,
    #[serde(default)]
    stood: f32,
    #[serde(default)]
    exceeded_from_the_start: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gone: Option<Moment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_onset: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    phantom: Option<Phantom>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failed: Option<FanFailure>,
}

impl Kept {
    /// What is worth keeping of a machine.
    pub(super) fn of(watts: Option<f64>, episode: Option<Episode>, sensors: &[Watched]) -> Self {
        let kept = |it: &Watched| KeptSensor {
            known: Known::clone(&it.known),
            measure: it.measure,
            accepted: it.accepted,
            usual: it.usual.value,
            highest: it.usual.highest,
            observed: it.usual.observed,
            readable: it.usual.readable,
            lowest: it.usual.lowest,
            share: it.usual.share,
            stood: it.usual.stood,
            exceeded_from_the_start: it.beyond.from_the_start,
            gone: it.gone.map(|(since, _)| since),
            at_onset: it.at_onset,
            phantom: it.phantom.as_deref().cloned(),
            failed: it.failed,
        };
        Self { watts, episode, sensors: sensors.iter().map(kept).collect() }
    }

    /// The usual power, watts.
    pub(super) fn watts(&self) -> Option<f64> {
        self.watts
    }

    /// The machine loses its cooling.
    pub(super) fn episode(&self) -> Option<Episode> {
        self.episode
    }

    /// Its sensors.
    pub(super) fn sensors(self) -> impl Iterator<Item = Watched> {
        self.sensors.into_iter().map(KeptSensor::watched)
    }
}

impl KeptSensor {
    fn watched(self) -> Watched {
        let (known, measure) = (Arc::new(self.known), self.measure);
        let mut watched =
            Watched::new(&Listed { known, measure, limits: Limits::default(), rate: None });
        watched.usual = Usual {
            value: self.usual,
            highest: self.highest,
            observed: self.observed,
            readable: self.readable,
            lowest: self.lowest,
            share: self.share,
            stood: self.stood,
        };
        watched.accepted = self.accepted;
        watched.beyond.judged = self.accepted.is_some();
        watched.beyond.from_the_start = self.exceeded_from_the_start;
        watched.at_onset = self.at_onset;
        watched.gone = self.gone.map(|since| (since, 0));
        watched.phantom = self.phantom.map(Box::new);
        watched.failed = self.failed;
        watched
    }
}
