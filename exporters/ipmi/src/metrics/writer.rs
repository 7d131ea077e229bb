//! What is rendered of a target, and how a metric is written: each metric once, every target within.

use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::labels::{ReasonLabels, SensorLabels, TargetLabels};
use crate::inventory::{Known, Presence};
use crate::sensor::Sensor;
use crate::slow::Collector as Part;
use crate::state::{Account, BmcState, Value};

/// What is rendered of one target: taken at one moment, so that its metrics agree.
#[derive(Debug)]
pub(super) struct View {
    pub(super) labels: TargetLabels,
    pub(super) account: Account,
    pub(super) presence: Vec<Presence>,
    /// Since the last successful poll.
    pub(super) age: Option<Duration>,
    pub(super) parts: Vec<Part>,
}

impl View {
    pub(super) fn of(state: &BmcState) -> Self {
        let account = state.account();
        Self {
            labels: TargetLabels::of(&state.bmc),
            presence: state.presence(),
            age: account.success.map(|(at, _)| at.elapsed()),
            parts: state.bmc.module.collectors.clone(),
            account,
        }
    }

    /// Whether each collector got what it asked for last; those that have not asked yet left out.
    pub(super) fn up(&self) -> impl Iterator<Item = (Part, bool)> {
        let polled = self.account.polls > 0;
        let well = self.account.snapshot.is_some();
        let up = move |part: Part| match part {
            Part::Ipmi => Some(well),
            // With no session there is no answer to anything.
            _ if !well => Some(false),
            other => self.account.slow.is_up(other),
        };
        let parts = self.parts.iter().filter(move |_| polled);
        parts.filter_map(move |part| Some((*part, up(*part)?)))
    }

    /// The sensors that the last poll was to read; none when it failed.
    pub(super) fn sensors(&self) -> impl Iterator<Item = (&Sensor, Option<&Value>)> {
        let rows = self.account.snapshot.iter().flat_map(|snapshot| snapshot.rows());
        rows.map(|(sensor, outcome)| (sensor, outcome.as_ref().ok()))
    }

    pub(super) fn values(&self) -> impl Iterator<Item = (&Sensor, &Value)> {
        self.sensors().filter_map(|(sensor, value)| Some((sensor, value?)))
    }

    pub(super) fn sensor<'a>(&'a self, known: &'a Known) -> SensorLabels<'a> {
        SensorLabels { target: &self.labels, known }
    }
}

/// One metric at a time, every target within.
pub(super) struct Writer<'w, 'e> {
    pub(super) encoder: &'w mut DescriptorEncoder<'e>,
    pub(super) views: &'w [View],
}

pub(super) type Counts<'v, L> = Vec<(L, u64)>;
pub(super) type Gauges<'v, L> = Vec<(L, f64)>;

impl<'w> Writer<'w, '_> {
    pub(super) fn counter<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        series: impl Fn(&'w View) -> Counts<'w, L>,
    ) -> fmt::Result {
        let mut family = self.encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in self.views.iter().flat_map(series) {
            ConstCounter::new(value).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    /// Leaves out a metric that has no series, and never writes what is not a number.
    pub(super) fn gauge<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        series: impl Fn(&'w View) -> Gauges<'w, L>,
    ) -> fmt::Result {
        let mut series =
            self.views.iter().flat_map(series).filter(|(_, it)| it.is_finite()).peekable();
        if series.peek().is_none() {
            return Ok(());
        }
        let mut family = self.encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in series {
            ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

pub(super) fn reasons<'v>(
    view: &'v View,
    reasons: &[&'static str],
    counts: &[u64],
) -> Counts<'v, ReasonLabels<'v>> {
    let labels = |reason: &&'static str| ReasonLabels { target: &view.labels, reason };
    reasons.iter().map(labels).zip(counts.iter().copied()).collect()
}
