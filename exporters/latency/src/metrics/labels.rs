//! Labels of single metrics.

use std::net::IpAddr;

use exporter_kit::{LabelSet, LabelWriter};

use crate::outcome::{Failure, Phase};

/// The label `address`.
pub(super) struct AddressLabel(pub(super) IpAddr);

impl LabelSet for AddressLabel {
    fn put(&self, to: &mut LabelWriter<'_>) {
        to.label("address", &self.0.to_string());
    }
}

/// Why a probe failed, and in which phase, where it was in one.
pub(super) struct Died {
    pub(super) reason: Failure,
    pub(super) phase: Option<Phase>,
}

impl LabelSet for Died {
    fn put(&self, to: &mut LabelWriter<'_>) {
        to.label("reason", self.reason.as_str());
        if let Some(phase) = self.phase {
            to.label("phase", phase.as_str());
        }
    }
}
