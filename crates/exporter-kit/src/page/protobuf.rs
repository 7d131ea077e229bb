//! Families and series as `io.prometheus.client.MetricFamily`. No I/O, no clock.
//!
//! Written by hand: a family of ten thousand series goes to its reader without a message for each
//! label in memory. The numbers are those of the fields in `metrics.proto`.

use super::field::{double, message, number, text, varint, zigzag};
use super::labels::{Form, LabelSet, LabelWriter};
use super::{Family, Kind, Sample};
use crate::histogram::Histogram;

/// What comes before the metrics of a family, which are so many bytes long: the length of it all,
/// its name, help and type.
pub(super) fn head(out: &mut Vec<u8>, family: Family<'_>, metrics: usize) {
    let kind = match family.kind {
        Kind::Counter => 0,
        Kind::Gauge | Kind::Info => 1,
        Kind::Histogram => 4,
    };
    let mut head = Vec::new();
    text(&mut head, 1, family.name);
    text(&mut head, 2, family.help);
    number(&mut head, 3, kind);
    varint(out, (head.len() + metrics) as u64);
    out.extend_from_slice(&head);
}

/// One metric of a family.
pub(super) fn metric(out: &mut Vec<u8>, kind: Kind, labels: &impl LabelSet, sample: Sample<'_>) {
    message(out, 4, |out| {
        labels.put(&mut LabelWriter { out, form: Form::Protobuf });
        match sample {
            Sample::Number(value) => {
                let field = if kind == Kind::Counter { 3 } else { 2 };
                message(out, field, |out| double(out, 1, value.real()));
            }
            Sample::Histogram(of) => message(out, 7, |out| histogram(out, of)),
        }
    });
}

/// Both kinds of buckets: who does not take the native ones finds the others.
fn histogram(out: &mut Vec<u8>, histogram: &Histogram) {
    let known = histogram.known();
    number(out, 1, known.count());
    double(out, 2, known.sum());
    for (bound, cumulative) in known.buckets() {
        message(out, 3, |out| {
            number(out, 1, cumulative);
            double(out, 2, bound.seconds());
        });
    }
    let native = known.native();
    number(out, 5, zigzag(native.schema().into()));
    double(out, 6, native.zero_threshold());
    number(out, 7, native.zero_count());
    let (spans, deltas) = native.spans();
    for (offset, length) in spans {
        message(out, 12, |out| {
            number(out, 1, zigzag(offset.into()));
            number(out, 2, length.into());
        });
    }
    if !deltas.is_empty() {
        message(out, 13, |out| deltas.iter().for_each(|delta| varint(out, zigzag(*delta))));
    }
    message(out, 15, |out| {
        number(out, 1, known.created().as_secs());
        number(out, 2, known.created().subsec_nanos().into());
    });
}
