//! The labels of every metric.

use crate::state::SetState;

pub(super) type Label<'a> = (&'static str, &'a str);

/// The labels of every metric.
pub(super) fn set_labels(set: &SetState) -> Vec<Label<'_>> {
    let vantage = &set.plan.vantage;
    vec![("vantage", &vantage.name), ("region", &vantage.region), ("set", &set.plan.set.name)]
}

pub(super) fn with<'a>(mut labels: Vec<Label<'a>>, label: Label<'a>) -> Vec<Label<'a>> {
    labels.push(label);
    labels
}
