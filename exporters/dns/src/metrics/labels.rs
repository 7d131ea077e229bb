//! The labels of every metric.

use exporter_kit::config::Labels;

use crate::state::SetState;

pub(super) type Label<'a> = (&'a str, &'a str);

/// The labels of every metric.
pub(super) fn set_labels(set: &SetState) -> Vec<Label<'_>> {
    let vantage = &set.plan.vantage;
    let known =
        [("vantage", &*vantage.name), ("region", &vantage.region), ("set", &set.plan.set.name)];
    own(known, &set.plan.set.labels)
}

/// These labels, and the user's own.
pub(super) fn own<'a>(known: [Label<'a>; 3], labels: &'a Labels) -> Vec<Label<'a>> {
    known.into_iter().chain(labels.iter()).collect()
}

pub(super) fn with<'a>(mut labels: Vec<Label<'a>>, label: Label<'a>) -> Vec<Label<'a>> {
    labels.push(label);
    labels
}
