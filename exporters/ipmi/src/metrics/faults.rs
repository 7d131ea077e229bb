//! The metric of what is not well.

use exporter_kit::{LabelSet, LabelWriter};

use super::labels::{SensorLabels, TargetLabels};
use super::writer::{Gauges, View, Writer};
use crate::fault::{self, Fault, Part, Told};
use crate::verdict::SILENT;

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
         Absent of what is well, of what a verdict is held on, and after a quarter of an hour of failed polls.",
        faults_of,
    );
}

fn faults_of(view: &View) -> Gauges<'_, FaultLabels<'_>> {
    let polled = &view.polled;
    // What a BMC said last holds as long as verdicts do: no part is mended by its silence.
    let before = polled.before.as_deref().filter(|it| view.now.0.since(it.success) < SILENT);
    let (snapshot, slow, before) = match (&polled.snapshot, before) {
        (Some(snapshot), before) => (snapshot, &polled.slow, before.map(|it| &it.slow)),
        (None, Some(before)) => (&before.snapshot, &before.slow, None),
        (None, None) => return Vec::new(),
    };
    let verdicts = view.verdicts.as_deref().unwrap_or_default();
    let (silent, is_off) = (&polled.silent, view.is_off);
    let told = Told { snapshot, slow, before, silent, verdicts, is_off };
    let faults = fault::faults(&told);
    let row = |it: Fault<'_>| f64::from(it.degree as u8);
    faults
        .into_iter()
        .map(|it| (FaultLabels { target: &view.labels, fault: it }, row(it)))
        .collect()
}
