//! The labels that the shipped rules give their alerts: a scenario of others says nothing of what will be.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::LazyLock;

use regex::Regex;

use crate::suite;

type Labels = BTreeSet<String>;

/// Of each alert, beside those of its severity, domain and scope.
static GIVEN: LazyLock<BTreeMap<String, Labels>> = LazyLock::new(|| {
    let files = fs::read_dir(suite().join("alerts")).unwrap().map(|it| it.unwrap().path());
    let files = files.filter(|it| it.to_string_lossy().ends_with(".rules.yml"));
    let all: String = files.map(|file| fs::read_to_string(file).unwrap()).collect();
    let [mut records, mut alerts]: [BTreeMap<String, String>; 2] = Default::default();
    for rule in all.split("\n      - ") {
        let expression = rule.split("annotations:").next().unwrap();
        for (key, rules) in [("record: ", &mut records), ("alert: ", &mut alerts)] {
            if let Some(name) = rule.strip_prefix(key).and_then(|it| it.lines().next()) {
                *rules.entry(name.to_owned()).or_default() += expression;
            }
        }
    }
    assert!(alerts.len() > 40 && records.len() > 10, "{} {}", alerts.len(), records.len());
    let given = alerts.iter().map(|(name, expression)| {
        (name.clone(), labels(expression, &records, &mut BTreeSet::new()))
    });
    given.collect()
});

/// A scenario's labels are of an alert that a rule can make, or of one that no rule has.
pub(crate) fn must_be_of_a_rule(name: &str, scenario: &BTreeMap<String, String>) {
    let Some(given) = GIVEN.get(name) else { return };
    for label in scenario.keys() {
        let is_static = ["alertname", "severity", "domain", "scope"].contains(&label.as_str())
            // Prometheus adds it to what it sends.
            || (name == "Watchdog" && label == "site");
        assert!(
            is_static || given.contains(label),
            "no rule gives {name} a label {label}: {given:?}"
        );
    }
}

/// By which labels an expression, and the records that it names, are aggregated.
fn labels(expression: &str, records: &BTreeMap<String, String>, seen: &mut Labels) -> Labels {
    static BY: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\b(?:by|group_left|group_right) \(([^)]*)\)").unwrap());
    static REPLACED: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#", "(\w+)", "[^"]*", "[^"]*", "[^"]*"\)"#).unwrap());
    static RECORD: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"[a-z_]+(?::\w+)+").unwrap());
    let left = left(expression);
    let by = BY.captures_iter(&left).flat_map(|it| it.extract::<1>().1[0].split(','));
    let mut labels: Labels = by.map(|it| it.trim().to_owned()).collect();
    labels.extend(REPLACED.captures_iter(&left).map(|it| it[1].to_owned()));
    for name in RECORD.find_iter(&left).map(|it| it.as_str()) {
        if let Some(record) = records.get(name).filter(|_| seen.insert(name.to_owned())) {
            labels.extend(self::labels(record, records, seen));
        }
    }
    labels
}

/// An expression without what stands behind `and` and `unless`: that gives no labels.
fn left(expression: &str) -> String {
    static TOKEN: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?s)\w+(?::\w+)*|.").unwrap());
    let (mut left, mut depth, mut skipped) = (String::new(), 0, None);
    for token in TOKEN.find_iter(expression).map(|it| it.as_str()) {
        depth += i32::from(token == "(") - i32::from(token == ")");
        skipped = skipped.filter(|at| depth >= *at && !(token == "or" && depth == *at));
        if skipped.is_none() && matches!(token, "and" | "unless") {
            skipped = Some(depth);
        }
        if skipped.is_none() {
            left += token;
        }
    }
    left
}
