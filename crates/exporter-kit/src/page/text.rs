//! Families and series as text: OpenMetrics 1.0.0, and the format 0.0.4 before it. No I/O, no clock.

use super::escape::{escaped, put};
use super::labels::{Form, LabelSet, LabelWriter};
use super::value::Number;
use super::{Family, Kind, Sample};
use crate::histogram::Histogram;

/// The lines that describe a family. OpenMetrics names counters and facts without the ending that
/// their series have; the format before it knows no facts.
pub(super) fn head(out: &mut Vec<u8>, family: Family<'_>, classic: bool) {
    let (ending, kind) = match family.kind {
        Kind::Gauge => ("", "gauge"),
        Kind::Counter => ("_total", "counter"),
        Kind::Histogram => ("", "histogram"),
        Kind::Info if classic => ("", "gauge"),
        Kind::Info => ("_info", "info"),
    };
    let short = family.name.strip_suffix(ending).unwrap_or(family.name);
    let name = if classic { family.name } else { short };
    put(out, &["# HELP ", name, " "]);
    escaped(out, family.help, !classic);
    put(out, &["\n# TYPE ", name, " ", kind, "\n"]);
}

pub(super) fn series(out: &mut Vec<u8>, name: &str, labels: &impl LabelSet, sample: Sample<'_>) {
    match sample {
        Sample::Number(number) => line(out, [name, ""], None, labels, number),
        Sample::Histogram(histogram) => buckets(out, name, labels, histogram),
    }
}

fn buckets(out: &mut Vec<u8>, name: &str, labels: &impl LabelSet, histogram: &Histogram) {
    let known = histogram.known();
    line(out, [name, "_sum"], None, labels, Number::Real(known.sum()));
    line(out, [name, "_count"], None, labels, Number::Whole(known.count()));
    for (bound, cumulative) in known.buckets() {
        line(out, [name, "_bucket"], Some(bound.text()), labels, Number::Whole(cumulative));
    }
    line(out, [name, "_bucket"], Some("+Inf"), labels, Number::Whole(known.count()));
}

fn line(
    out: &mut Vec<u8>,
    name: [&str; 2],
    bound: Option<&str>,
    labels: &impl LabelSet,
    number: Number,
) {
    put(out, &name);
    let mut set = LabelWriter { out, form: Form::Text { begun: false } };
    if let Some(bound) = bound {
        set.label("le", bound);
    }
    labels.put(&mut set);
    if set.form == (Form::Text { begun: true }) {
        out.push(b'}');
    }
    out.push(b' ');
    match number {
        Number::Whole(number) => put(out, &[itoa::Buffer::new().format(number)]),
        Number::Real(number) => put(out, &[dtoa::Buffer::new().format(number)]),
    }
    out.push(b'\n');
}
