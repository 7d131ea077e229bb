//! What of a machine's standing outlives the process. No I/O, no clock.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::measure::{Measure, small};
use super::moment::Moment;
use super::power_step::Step;
use super::record::{Episode, FanFailure, Phantom};
use super::running::Running;
use super::stuck::Stuck;
use super::watched::{Beyond, Listed, Watched};
use crate::inventory::Known;
use crate::sensor::thresholds::Limits;

/// The standing of a machine.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Kept {
    /// The usual power, watts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    watts: Option<f64>,
    /// Its cooling is being lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    episode: Option<Episode>,
    /// Its power stepped up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    step: Option<Step>,
    /// Whether it is on.
    #[serde(default)]
    running: Running,
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
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    stuck_from_the_start: bool,
    /// The highest reading from before a stuck one rose, while it stays above that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    risen: Option<f32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    beyond: Option<KeptBeyond>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    near: Option<Moment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unreadable: Option<Moment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gone: Option<Moment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_onset: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    phantom: Option<Phantom>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failed: Option<FanFailure>,
}

/// How far a sensor is beyond its limits.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
struct KeptBeyond {
    degree: u8,
    since: Moment,
    polls: u32,
}

impl KeptBeyond {
    fn of(beyond: &Beyond) -> Option<Self> {
        let since = beyond.since.filter(|_| beyond.degree > 0)?;
        Some(Self { degree: beyond.degree, since, polls: beyond.polls })
    }
}

impl Kept {
    /// What is worth keeping of a machine.
    pub(super) fn of(
        watts: Option<f64>,
        episode: Option<Episode>,
        step: Option<Step>,
        running: Running,
        sensors: &[Watched],
    ) -> Self {
        let kept = |it: &Watched| KeptSensor {
            known: Known::clone(&it.known),
            measure: it.measure,
            accepted: it.accepted(),
            usual: it.heat().map_or_else(|| it.fan()?.usual, |heat| heat.usual),
            highest: it.heat().and_then(|heat| heat.highest.get()).map(small),
            observed: it.observed(),
            readable: it.readable,
            lowest: it.fan().and_then(|fan| fan.lowest),
            share: it.fan().and_then(|fan| fan.share),
            stood: it.fan().map_or(0.0, |fan| fan.stood),
            exceeded_from_the_start: it.beyond.from_the_start,
            stuck_from_the_start: stuck(it).is_some(),
            risen: stuck(it).and_then(Stuck::risen),
            beyond: KeptBeyond::of(&it.beyond),
            near: it.beyond.near,
            unreadable: it.unreadable,
            gone: it.gone().map(|(since, _)| since),
            at_onset: it.at_onset(),
            phantom: it.phantom().cloned(),
            failed: it.failed(),
        };
        Self { watts, episode, step, running, sensors: sensors.iter().map(kept).collect() }
    }

    /// The usual power, watts.
    pub(super) fn watts(&self) -> Option<f64> {
        self.watts
    }

    /// The machine loses its cooling.
    pub(super) fn episode(&self) -> Option<Episode> {
        self.episode
    }

    /// Its power stepped up.
    pub(super) fn step(&self) -> Option<Step> {
        self.step
    }

    /// Whether it was on, and since when.
    pub(super) fn running(&self) -> Running {
        self.running
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
        watched.had_accepted(self.accepted);
        watched.beyond.from_the_start = self.exceeded_from_the_start;
        watched.beyond.near = self.near;
        if let Some(KeptBeyond { degree, since, polls }) = self.beyond {
            let beyond = &mut watched.beyond;
            (beyond.degree, beyond.since, beyond.polls) = (degree, Some(since), polls);
        }
        // As versions have kept it that had one word for both.
        let was_critical = self.beyond.is_some_and(|beyond| beyond.degree >= 2);
        if self.stuck_from_the_start || self.exceeded_from_the_start && was_critical {
            watched.hold_stuck(Stuck::kept(self.highest, self.risen));
        }
        watched.unreadable = self.unreadable;
        watched.readable = self.readable;
        watched.was_gone(self.gone);
        watched.set_onset(self.at_onset);
        if let Some(heat) = watched.heat_mut() {
            (heat.usual, heat.observed) = (self.usual, self.observed);
            heat.highest = self.highest.map(f64::from).into();
            heat.phantom = self.phantom.map(Box::new);
        }
        if let Some(fan) = watched.fan_mut() {
            (fan.usual, fan.observed, fan.failed) = (self.usual, self.observed, self.failed);
            (fan.lowest, fan.share, fan.stood) = (self.lowest, self.share, self.stood);
        }
        watched
    }
}

/// Of one that was critical at the very first reading, and was not normal for long since.
fn stuck(it: &Watched) -> Option<&Stuck> {
    it.heat()?.stuck.as_deref()
}
