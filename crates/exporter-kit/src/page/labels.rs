//! The labels of a series, as text or as protobuf. No I/O, no clock.

use super::escape::{escaped, put};
use super::field;
use crate::config;

/// The labels of a series: a list of pairs, a pair of such lists, or a type of one's own.
pub trait LabelSet {
    /// Names each label and its value.
    fn put(&self, to: &mut LabelWriter<'_>);
}

/// The labels of one series that are being written.
#[derive(Debug)]
pub struct LabelWriter<'a> {
    pub(super) out: &'a mut Vec<u8>,
    pub(super) form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Text {
        /// Whether a label was written, so that the next one needs a comma.
        begun: bool,
    },
    Protobuf,
}

impl LabelWriter<'_> {
    /// Writes a label.
    pub fn label(&mut self, name: &str, value: &str) {
        match &mut self.form {
            Form::Text { begun } => {
                self.out.push(if *begun { b',' } else { b'{' });
                *begun = true;
                put(self.out, &[name, "=\""]);
                escaped(self.out, value, true);
                self.out.push(b'"');
            }
            Form::Protobuf => field::message(self.out, 1, |out| {
                field::text(out, 1, name);
                field::text(out, 2, value);
            }),
        }
    }
}

impl<T: LabelSet + ?Sized> LabelSet for &T {
    fn put(&self, to: &mut LabelWriter<'_>) {
        (**self).put(to);
    }
}

impl LabelSet for [(&str, &str)] {
    fn put(&self, to: &mut LabelWriter<'_>) {
        for (name, value) in self {
            to.label(name, value);
        }
    }
}

impl<const N: usize> LabelSet for [(&str, &str); N] {
    fn put(&self, to: &mut LabelWriter<'_>) {
        self.as_slice().put(to);
    }
}

impl LabelSet for Vec<(&str, &str)> {
    fn put(&self, to: &mut LabelWriter<'_>) {
        self.as_slice().put(to);
    }
}

impl<A: LabelSet, B: LabelSet> LabelSet for (A, B) {
    fn put(&self, to: &mut LabelWriter<'_>) {
        self.0.put(to);
        self.1.put(to);
    }
}

impl LabelSet for () {
    fn put(&self, _: &mut LabelWriter<'_>) {}
}

impl LabelSet for config::Labels {
    fn put(&self, to: &mut LabelWriter<'_>) {
        for (name, value) in self.iter() {
            to.label(name, value);
        }
    }
}

/// The place of a measurement: the vantage and its region.
impl LabelSet for config::Vantage {
    fn put(&self, to: &mut LabelWriter<'_>) {
        to.label("vantage", &self.name);
        to.label("region", &self.region);
    }
}
