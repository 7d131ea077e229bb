//! The labels of every metric, and one gauge with all its series.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use crate::state::SetState;

pub(super) type Label<'a> = (&'static str, &'a str);

/// The labels of every metric.
pub(super) fn set_labels(set: &SetState) -> Vec<Label<'_>> {
    let vantage = &set.plan.vantage;
    vec![("vantage", &vantage.name), ("region", &vantage.region), ("set", &set.plan.set.name)]
}

pub(super) fn with<'a>(mut labels: Vec<Label<'a>>, label: Label<'a>) -> Vec<Label<'a>> {
    labels.push(label);
    labels
}

/// One gauge with all its series. A value that is not a number is a bug, and is left out.
pub(super) fn gauges<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    series: impl Iterator<Item = (Vec<Label<'a>>, f64)>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
    for (labels, value) in series.filter(|(_, value)| value.is_finite()) {
        ConstGauge::new(value).encode(family.encode_family(&labels.as_slice())?)?;
    }
    Ok(())
}
