//! The label sets of this exporter's metrics.

use std::fmt;
use std::sync::Arc;

use prometheus_client::encoding::{EncodeLabel as _, EncodeLabelSet, LabelSetEncoder};

use crate::config::{Bmc, Labels};
use crate::inventory::Known;
use crate::slow::Who;

/// The BMC and its place; a place that is not configured is left out.
#[derive(Debug)]
pub(super) struct TargetLabels {
    pub(super) bmc: Arc<Bmc>,
    pub(super) labels: Arc<Labels>,
}

impl EncodeLabelSet for TargetLabels {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        ("target", self.bmc.name.as_str()).encode(encoder.encode_label())?;
        for (name, place) in [("site", &self.labels.site), ("rack", &self.labels.rack)] {
            if let Some(place) = place {
                (name, place.as_str()).encode(encoder.encode_label())?;
            }
        }
        Ok(())
    }
}

impl EncodeLabelSet for &TargetLabels {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        (**self).encode(encoder)
    }
}

/// As `ipmi_exporter` labels `ipmi_up`.
#[derive(Debug)]
pub(super) struct CollectorLabels<'v> {
    pub(super) target: &'v TargetLabels,
    pub(super) collector: &'static str,
}

impl EncodeLabelSet for CollectorLabels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        self.target.encode(encoder)?;
        ("collector", self.collector).encode(encoder.encode_label())
    }
}

#[derive(Debug)]
pub(super) struct ReasonLabels<'v> {
    pub(super) target: &'v TargetLabels,
    pub(super) reason: &'static str,
}

impl EncodeLabelSet for ReasonLabels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        self.target.encode(encoder)?;
        ("reason", self.reason).encode(encoder.encode_label())
    }
}

#[derive(Debug)]
pub(super) struct SensorLabels<'v> {
    pub(super) target: &'v TargetLabels,
    pub(super) known: &'v Known,
}

impl EncodeLabelSet for SensorLabels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        self.target.encode(encoder)?;
        ("id", self.known.id.as_str()).encode(encoder.encode_label())?;
        ("name", self.known.name.as_str()).encode(encoder.encode_label())?;
        ("entity", self.known.entity.as_str()).encode(encoder.encode_label())
    }
}

#[derive(Debug)]
pub(super) struct LevelLabels<'v> {
    pub(super) sensor: SensorLabels<'v>,
    pub(super) level: &'static str,
}

impl EncodeLabelSet for LevelLabels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        self.sensor.encode(encoder)?;
        ("level", self.level).encode(encoder.encode_label())
    }
}

#[derive(Debug)]
pub(super) struct TypeLabels<'v> {
    pub(super) sensor: SensorLabels<'v>,
    pub(super) sensor_type: &'static str,
}

impl EncodeLabelSet for TypeLabels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        self.sensor.encode(encoder)?;
        ("type", self.sensor_type).encode(encoder.encode_label())
    }
}

#[derive(Debug)]
pub(super) struct StateLabels<'v> {
    pub(super) sensor: SensorLabels<'v>,
    pub(super) state: &'static str,
}

impl EncodeLabelSet for StateLabels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        self.sensor.encode(encoder)?;
        ("state", self.state).encode(encoder.encode_label())
    }
}

#[derive(Debug)]
pub(super) struct CommandLabels<'v> {
    pub(super) target: &'v TargetLabels,
    pub(super) command: &'static str,
}

impl EncodeLabelSet for CommandLabels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        self.target.encode(encoder)?;
        ("command", self.command).encode(encoder.encode_label())
    }
}

#[derive(Debug)]
pub(super) struct InfoLabels<'v> {
    pub(super) target: &'v TargetLabels,
    pub(super) who: &'v Who,
}

impl EncodeLabelSet for InfoLabels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        self.target.encode(encoder)?;
        ("firmware_revision", &*self.who.firmware).encode(encoder.encode_label())?;
        ("manufacturer_id", &*self.who.manufacturer).encode(encoder.encode_label())?;
        ("product_id", &*self.who.product).encode(encoder.encode_label())
    }
}
