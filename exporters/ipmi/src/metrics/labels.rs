//! The label sets of this exporter's metrics.

use std::sync::Arc;

use exporter_kit::{LabelSet, LabelWriter};

use crate::config::{Bmc, Labels};
use crate::inventory::Known;
use crate::journal::Named;
use crate::slow::Who;

/// What `ipmi_exporter` has where a BMC does not tell.
const NOT_TOLD: &str = "N/A";

/// The BMC and its place; a place that is not configured is left out.
#[derive(Debug)]
pub(super) struct TargetLabels {
    pub(super) bmc: Arc<Bmc>,
    pub(super) labels: Arc<Labels>,
}

impl LabelSet for TargetLabels {
    fn put(&self, to: &mut LabelWriter<'_>) {
        to.label("target", self.bmc.name.as_str());
        for (name, place) in [("site", &self.labels.site), ("rack", &self.labels.rack)] {
            if let Some(place) = place {
                to.label(name, place);
            }
        }
        self.labels.own.iter().for_each(|(name, value)| to.label(name, value));
    }
}

/// As `ipmi_exporter` labels `ipmi_up`.
#[derive(Debug)]
pub(super) struct CollectorLabels<'v> {
    pub(super) target: &'v TargetLabels,
    pub(super) collector: &'static str,
}

impl LabelSet for CollectorLabels<'_> {
    fn put(&self, to: &mut LabelWriter<'_>) {
        self.target.put(to);
        to.label("collector", self.collector);
    }
}

#[derive(Debug)]
pub(super) struct ReasonLabels<'v> {
    pub(super) target: &'v TargetLabels,
    pub(super) reason: &'static str,
}

impl LabelSet for ReasonLabels<'_> {
    fn put(&self, to: &mut LabelWriter<'_>) {
        self.target.put(to);
        to.label("reason", self.reason);
    }
}

#[derive(Clone, Debug)]
pub(super) struct SensorLabels<'v> {
    pub(super) target: &'v TargetLabels,
    pub(super) known: &'v Known,
}

impl LabelSet for SensorLabels<'_> {
    fn put(&self, to: &mut LabelWriter<'_>) {
        self.target.put(to);
        to.label("id", self.known.id.as_str());
        to.label("name", self.known.name.as_str());
        to.label("entity", self.known.entity.as_str());
    }
}

#[derive(Debug)]
pub(super) struct LevelLabels<'v> {
    pub(super) sensor: SensorLabels<'v>,
    pub(super) level: &'static str,
}

impl LabelSet for LevelLabels<'_> {
    fn put(&self, to: &mut LabelWriter<'_>) {
        self.sensor.put(to);
        to.label("level", self.level);
    }
}

#[derive(Clone, Debug)]
pub(super) struct TypeLabels<'v> {
    pub(super) sensor: SensorLabels<'v>,
    pub(super) sensor_type: &'static str,
}

impl LabelSet for TypeLabels<'_> {
    fn put(&self, to: &mut LabelWriter<'_>) {
        self.sensor.put(to);
        to.label("type", self.sensor_type);
    }
}

#[derive(Debug)]
pub(super) struct TypeLevelLabels<'v> {
    pub(super) typed: TypeLabels<'v>,
    pub(super) level: &'static str,
}

impl LabelSet for TypeLevelLabels<'_> {
    fn put(&self, to: &mut LabelWriter<'_>) {
        self.typed.put(to);
        to.label("level", self.level);
    }
}

#[derive(Debug)]
pub(super) struct StateLabels<'v> {
    pub(super) sensor: SensorLabels<'v>,
    pub(super) state: &'static str,
}

impl LabelSet for StateLabels<'_> {
    fn put(&self, to: &mut LabelWriter<'_>) {
        self.sensor.put(to);
        to.label("state", self.state);
    }
}

#[derive(Debug)]
pub(super) struct CommandLabels<'v> {
    pub(super) target: &'v TargetLabels,
    pub(super) command: &'static str,
}

impl LabelSet for CommandLabels<'_> {
    fn put(&self, to: &mut LabelWriter<'_>) {
        self.target.put(to);
        to.label("command", self.command);
    }
}

/// A kind of entries of the event log, by the config's name.
#[derive(Debug)]
pub(super) struct EventLabels<'v> {
    pub(super) target: &'v TargetLabels,
    pub(super) event: &'v Named,
}

impl LabelSet for EventLabels<'_> {
    fn put(&self, to: &mut LabelWriter<'_>) {
        self.target.put(to);
        to.label("name", &self.event.name);
    }
}

/// One label of a closed set beside those of the target.
#[derive(Debug)]
pub(super) struct NamedLabels<'v> {
    pub(super) target: &'v TargetLabels,
    pub(super) label: &'static str,
    pub(super) value: &'static str,
}

impl LabelSet for NamedLabels<'_> {
    fn put(&self, to: &mut LabelWriter<'_>) {
        self.target.put(to);
        to.label(self.label, self.value);
    }
}

#[derive(Debug)]
pub(super) struct InfoLabels<'v> {
    pub(super) target: &'v TargetLabels,
    pub(super) who: &'v Who,
}

impl LabelSet for InfoLabels<'_> {
    fn put(&self, to: &mut LabelWriter<'_>) {
        self.target.put(to);
        to.label("firmware_revision", &self.who.firmware);
        to.label("manufacturer_id", &self.who.manufacturer);
        to.label("product_id", &self.who.product);
        let firmware = self.who.system_firmware.as_deref();
        to.label("system_firmware_version", firmware.unwrap_or(NOT_TOLD));
        to.label("bmc_url", self.who.url.as_deref().unwrap_or(NOT_TOLD));
        if let Some(guid) = &self.who.guid {
            to.label("guid", guid);
        }
        to.label("address", &self.target.bmc.address.to_string());
    }
}
