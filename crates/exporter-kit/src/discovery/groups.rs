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
            let (line, column) = (error.line().max(1), error.column().max(1));
            anyhow!("{source}:{line}:{column}: {}", in_plain_words(&error))
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

/// Why a text is no list, without a word of it.
fn in_plain_words(error: &serde_json::Error) -> &'static str {
    let said = error.to_string();
    if error.is_eof() {
        "it ends too early; it may be half written"
    } else if error.is_syntax() {
        "it is no JSON from here on"
    } else if said.starts_with("unknown field") {
        "a group has a key that is neither targets nor labels"
    } else if said.starts_with("duplicate field") {
        "a group has targets or labels twice"
    } else if said.starts_with("missing field") {
        "a group has no targets"
    } else {
        "must be a list of {\"targets\": [...], \"labels\": {...}}, each target and each label a text"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_is_none_is_told_with_its_place_and_not_repeated() {
        for (text, wanted) in [
            ("", "f:1:1: it ends too early"),
            ("[{\"targets\": [\"s3cret\"", "f:1:22: it ends too early"),
            ("[\n{]", "f:2:2: it is no JSON from here on"),
            ("s3cret", "f:1:1: it is no JSON"),
            ("{}", "f:1:1: must be a list of"),
            ("[{\"targets\": \"s3cret\"}]", "must be a list of"),
            ("[{\"targets\": [], \"s3cret\": 1}]", "neither targets nor labels"),
            ("[{\"targets\": [], \"targets\": []}]", "targets or labels twice"),
            ("[{\"labels\": {}}]", "a group has no targets"),
        ] {
            let error = parse(text, true, "f").unwrap_err().to_string();
            assert!(error.contains(wanted) && !error.contains("s3cret"), "{text}: {error}");
        }
    }
}
