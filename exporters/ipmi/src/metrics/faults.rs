//! The metric of what is not well.

use exporter_kit::{LabelSet, LabelWriter};

use super::labels::{SensorLabels, TargetLabels};
use super::writer::{Gauges, View, Writer};
use crate::fault::{self, Fault, Part};

/// A part, and what is wrong with it.
#[derive(Debug)]
struct FaultLabels<'v> {
    target: &'v TargetLabels,
    fault: Fault<'v>,
}

impl LabelSet for FaultLabels<'_> {
    fn put(&self, to: &mut LabelWriter<'_>) {
        match self.fault.part {
            Part::Sensor(known) => SensorLabels { target: self.target, known }.put(to),
            Part::Machine(name) => {
                self.target.put(to);
                to.label("name", name);
            }
        }
        if let Some(state) = self.fault.state {
            to.label("state", state);
        }
    }
}

pub(super) fn faults(writer: &mut Writer<'_, '_>) {
    writer.gauge(
        "ipmi_fault_state",
        "A part that is not well by the BMC's own word: 1 a warning, 2 critical, 3 it stops the machine. \
         Absent of what is well, and of what a verdict is held on.",
        faults_of,
    );
}

fn faults_of(view: &View) -> Gauges<'_, FaultLabels<'_>> {
    let Some(snapshot) = &view.polled.snapshot else { return Vec::new() };
    let verdicts = view.verdicts.as_deref().unwrap_or_default();
    let faults = fault::faults(snapshot, &view.polled.slow, verdicts);
    let row = |it: Fault<'_>| f64::from(it.degree as u8);
    faults
        .into_iter()
        .map(|it| (FaultLabels { target: &view.labels, fault: it }, row(it)))
        .collect()
}
