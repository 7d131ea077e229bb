//! The format of Prometheus' lists: groups of targets with labels, as JSON or YAML.
//! No I/O, no clock.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{anyhow, ensure};
use serde::Deserialize;

use super::Found;
use crate::config;

/// So many targets of one list are taken; a longer list is none.
pub(super) const MOST_TARGETS: usize = 100_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    targets: Vec<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

/// The targets of a list that came from `source`; `is_json` says how it is written.
pub(super) fn parse(text: &str, is_json: bool, source: &str) -> anyhow::Result<Vec<Found>> {
    let groups: Vec<Group> = if is_json {
        // What the parser says may repeat a part of the list.
        serde_json::from_str(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            anyhow!("{source}:{line}:{column}: must be a list of {{\"targets\": [...], \"labels\": {{...}}}}")
        })?
    } else {
        config::parse(text, source)?
    };
    let count: usize = groups.iter().map(|group| group.targets.len()).sum();
    ensure!(count <= MOST_TARGETS, "{source}: has {count} targets; must be at most {MOST_TARGETS}");
    let source: Arc<str> = Arc::from(source);
    let found = groups.into_iter().flat_map(|group| {
        let (labels, source) = (Arc::new(group.labels), Arc::clone(&source));
        group.targets.into_iter().map(move |address| Found {
            address,
            labels: Arc::clone(&labels),
            source: Arc::clone(&source),
        })
    });
    Ok(found.collect())
}
