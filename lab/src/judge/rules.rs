//! The files of rules, and which of them a world can set off: the rest is run on nothing, look after look, at half of
//! the judge's cost. No I/O, no clock.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The alert that is never asked for: it always fires, and reads nothing.
pub(super) const WATCHDOG: &str = "Watchdog";
/// What makes a sample of no series, or reads metrics that it does not name, or alerts.
const READS_ALL: [&str; 6] =
    ["absent", "absent_over_time", "vector", "__name__", "ALERTS", "ALERTS_FOR_STATE"];

/// What is read of a file of rules.
#[derive(Debug, Deserialize)]
struct Parsed {
    groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
struct Group {
    name: String,
    rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
struct Rule {
    alert: Option<String>,
    record: Option<String>,
    expr: String,
}

/// A file of rules.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) path: PathBuf,
    /// Its groups in their order. Without it, promtool takes them in a new order each time.
    pub(super) groups: Vec<String>,
    /// The words of its expressions; the metrics that they read are among them.
    read: BTreeSet<String>,
    /// What it records.
    records: Vec<String>,
}

impl Rules {
    /// Reads the text of a file.
    pub(super) fn parse(text: &str, path: &Path) -> anyhow::Result<Self> {
        let parsed: Parsed = exporter_kit::config::parse(text, &path.display().to_string())?;
        let mut rules = Self {
            path: path.to_owned(),
            groups: Vec::new(),
            read: BTreeSet::new(),
            records: Vec::new(),
        };
        for group in parsed.groups {
            rules.groups.push(group.name);
            for rule in group.rules.into_iter().filter(|it| it.alert.as_deref() != Some(WATCHDOG)) {
                rules.read.extend(words(&rule.expr).map(str::to_owned));
                rules.records.extend(rule.record);
            }
        }
        Ok(rules)
    }

    fn reads(&self, metrics: &BTreeSet<&str>) -> bool {
        READS_ALL.iter().copied().any(|it| self.read.contains(it))
            || metrics.iter().any(|it| self.read.contains(*it))
    }
}

/// The words of a text, as metrics are written.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|it: char| !(it.is_ascii_alphanumeric() || it == '_' || it == ':'))
}

/// Those that read one of the metrics, or what one of those records, in their order.
pub(super) fn that_read<'a>(rules: &'a [Rules], metrics: &BTreeSet<&'a str>) -> Vec<&'a Rules> {
    let mut metrics = metrics.clone();
    loop {
        let known = metrics.len();
        let reading: Vec<_> = rules.iter().filter(|it| it.reads(&metrics)).collect();
        metrics.extend(reading.iter().flat_map(|it| &it.records).map(String::as_str));
        if metrics.len() == known {
            return reading;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, rules: &str) -> Rules {
        let text = format!("groups: [{{name: {name}, rules: [{rules}]}}]");
        Rules::parse(&text, Path::new(name)).unwrap()
    }

    #[test]
    fn files_that_read_nothing_of_a_world_are_left_out() {
        let rules = [
            file("second", "{alert: B, expr: 'a:b > 1'}"),
            file("first", "{record: 'a:b', expr: 'sum(hot{of=\"cold\"})'}"),
            file("other", "{alert: C, expr: sum(hotter) > 1, labels: {hot: cold}}"),
            file("always", "{alert: D, expr: vector(1)}"),
            file("unasked", "{alert: Watchdog, expr: vector(1)}"),
            file("nowhere", "{alert: E, expr: absent(hotter)}"),
        ];
        let named = |metrics: &[&'static str]| {
            let metrics = metrics.iter().copied().collect();
            let those = that_read(&rules, &metrics);
            those.into_iter().flat_map(|it| it.groups.clone()).collect::<Vec<_>>()
        };
        assert_eq!(named(&["hot"]), ["second", "first", "always", "nowhere"]);
        assert_eq!(named(&["hotter"]), ["other", "always", "nowhere"]);
        assert_eq!(named(&[]), ["always", "nowhere"]);
    }
}
