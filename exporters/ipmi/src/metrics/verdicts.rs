//! The metrics of the verdicts.

use std::sync::Arc;

use exporter_kit::{LabelSet, LabelWriter};

use super::labels::TargetLabels;
use super::writer::{View, Writer};
use crate::inventory::Known;
use crate::verdict::Verdict;

pub(super) fn verdicts(writer: &mut Writer<'_, '_>) {
    writer.gauge(
        "ipmi_verdicts_held",
        "Verdicts that are held of the machine. Absent while it is not judged: before the first poll, \
         and a quarter of an hour after the last that succeeded.",
        |view| {
            let held = view.verdicts.as_ref().map(|held| (&view.labels, held.len() as f64));
            held.into_iter().collect()
        },
    );
    writer.gauge(
        "ipmi_verdict",
        "What is said of a sensor, or of the machine, and why: 1 information, 2 ticket, 3 page.",
        |view| {
            let labels = |it| VerdictLabels { cause: true, ..VerdictLabels::of(view, it) };
            held(view).map(|it| (labels(it), f64::from(it.level as u8))).collect()
        },
    );
    writer.gauge(
        "ipmi_verdict_since_timestamp_seconds",
        "Since when a verdict is held, as seconds since the epoch.",
        |view| {
            held(view).map(|it| (VerdictLabels::of(view, it), view.timestamp(it.since))).collect()
        },
    );
    writer.gauge(
        "ipmi_verdict_evidence",
        "What a verdict rests on, by what it is: degrees Celsius, degrees per second, watts, or a fan's \
         own unit.",
        |view| {
            let rows = held(view).flat_map(|it| {
                let labels =
                    move |what| VerdictLabels { what: Some(what), ..VerdictLabels::of(view, it) };
                it.evidence.iter().map(move |(what, number)| (labels(what.as_str()), *number))
            });
            rows.collect()
        },
    );
}

fn held(view: &View) -> impl Iterator<Item = &Verdict> {
    view.verdicts.iter().flatten()
}

/// A verdict; of the machine, the sensor is left out.
#[derive(Debug)]
struct VerdictLabels<'v> {
    target: &'v TargetLabels,
    sensor: Option<&'v Arc<Known>>,
    verdict: &'v Verdict,
    /// Whether the cause is told.
    cause: bool,
    what: Option<&'static str>,
}

impl<'v> VerdictLabels<'v> {
    fn of(view: &'v View, verdict: &'v Verdict) -> Self {
        let (target, sensor) = (&view.labels, verdict.sensor.as_ref());
        Self { target, sensor, verdict, cause: false, what: None }
    }
}

impl LabelSet for VerdictLabels<'_> {
    fn put(&self, to: &mut LabelWriter<'_>) {
        self.target.put(to);
        if let Some(known) = self.sensor {
            to.label("id", known.id.as_str());
            to.label("name", known.name.as_str());
            to.label("entity", known.entity.as_str());
        }
        to.label("verdict", self.verdict.kind.as_str());
        if self.cause {
            to.label("cause", self.verdict.cause.as_str());
        }
        if let Some(what) = self.what {
            to.label("what", what);
        }
    }
}
