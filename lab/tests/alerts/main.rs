//! What every alert must have: its labels, its annotations, a runbook that works, a line in the table.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod arrangements;
mod commands;
mod headlines;
mod lock_screen;
mod migration;
mod readmes;
mod remote_write;
mod runbooks;
mod silences;
mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn alerts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../alerts")
}

/// A rule as its lines; those of `IpmiPhantomTemperature` are two.
fn rules() -> Vec<(String, Vec<String>)> {
    let mut rules: Vec<(String, Vec<String>)> = Vec::new();
    let files = fs::read_dir(alerts()).unwrap().map(|file| file.unwrap().path());
    for file in files.filter(|file| file.to_string_lossy().ends_with(".rules.yml")) {
        let text = fs::read_to_string(file).unwrap();
        let mut in_alert = false;
        for line in text.lines() {
            if let Some(name) = line.trim().strip_prefix("- alert: ") {
                rules.push((name.to_owned(), Vec::new()));
                in_alert = true;
            } else if line.trim().starts_with("- record: ") || line.trim().starts_with("- name: ") {
                in_alert = false;
            } else if in_alert {
                rules.last_mut().unwrap().1.push(line.trim().to_owned());
            }
        }
    }
    rules
}

/// `labels: {severity: critical, domain: thermal}`
fn labels(lines: &[String]) -> BTreeMap<&str, &str> {
    let line = lines.iter().find_map(|line| line.strip_prefix("labels: {")).unwrap();
    line.trim_end_matches('}').split(", ").map(|label| label.split_once(": ").unwrap()).collect()
}

fn severities() -> BTreeMap<String, BTreeSet<String>> {
    let mut severities: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, lines) in rules() {
        severities.entry(name).or_default().insert(labels(&lines)["severity"].to_owned());
    }
    severities
}

fn runbooks() -> BTreeMap<String, String> {
    let files = fs::read_dir(alerts().join("runbooks")).unwrap().map(|file| file.unwrap().path());
    files
        .map(|file| {
            let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(file).unwrap())
        })
        .collect()
}

#[test]
fn labels_are_those_that_the_routes_know() {
    for (name, lines) in rules() {
        let labels = labels(&lines);
        let one_of = |label: &str, allowed: &[&str]| {
            assert!(allowed.contains(&labels[label]), "{name}: {label} is {}", labels[label]);
        };
        one_of("severity", &["critical", "warning", "info", "none"]);
        one_of("domain", &["thermal", "reachability", "dns", "meta"]);
        one_of("scope", &["host", "rack", "region", "global"]);
        // The Watchdog's are those of Prometheus' configuration, which do not change while it fires.
        let templated = lines.iter().any(|line| line.starts_with("labels:") && line.contains("{{"));
        assert!(!templated || name == "Watchdog", "{name}");
    }
}

#[test]
fn annotations_are_complete_and_the_summary_is_a_fixed_sentence() {
    for (name, lines) in rules() {
        if lines.iter().any(|line| line.starts_with("annotations: *")) {
            continue;
        }
        let value = |key: &str| {
            let prefix = format!("{key}: ");
            lines.iter().find_map(|line| line.strip_prefix(&prefix)).map(str::to_owned)
        };
        for key in
            ["headline", "summary", "description", "first_action", "runbook_url", "dashboard_url"]
        {
            assert!(value(key).is_some(), "{name} has no {key}");
        }
        let summary = value("summary").unwrap();
        assert!(summary.ends_with('.') && !summary.contains("{{"), "{name}: {summary}");
        assert!(!value("first_action").unwrap().contains("$value"), "{name}");
        let runbook = value("runbook_url").unwrap();
        assert!(runbook.contains(&format!("turbulence_runbooks }}}}/{name}.md\"")), "{runbook}");
        assert!(value("dashboard_url").unwrap().contains("turbulence_grafana }}/d/"), "{name}");
    }
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    let names: BTreeSet<String> = severities().into_keys().collect();
    assert_eq!(runbooks().into_keys().collect::<BTreeSet<_>>(), names);
}

/// What stands below a heading.
fn part<'a>(page: &'a str, heading: &str) -> Option<&'a str> {
    let (_, rest) = page.split_once(&format!("\n## {heading}\n"))?;
    Some(rest.split("\n## ").next().unwrap_or(rest))
}

/// A page ends: what each look must show, what to do, when it is over, and how to be quiet until then.
#[test]
fn runbooks_say_what_is_expected_what_to_do_and_how_to_be_quiet() {
    let mut wrong = Vec::new();
    for (name, text) in runbooks() {
        let mut is_wrong = |wrong_here: bool, what: &str| {
            wrong.extend(wrong_here.then(|| format!("{name}: {what}")));
        };
        let first = part(&text, "First five minutes").unwrap();
        for (number, after) in first.split("```\n").skip(1).enumerate() {
            let next = after.split("```").next().unwrap();
            is_wrong(!next.contains("Expected"), &format!("block {number} shows what?"));
        }
        let mitigate = part(&text, "Mitigate").unwrap();
        let has_command = mitigate.contains("```sh\n") || mitigate.contains("Nothing to do here");
        is_wrong(!has_command, "no command to mitigate");
        is_wrong(part(&text, "When is it over?").is_none_or(|it| it.len() < 20), "no end");
        let silence = silences::silence(&text).unwrap_or_default();
        for word in
            ["amtool silence add", "--alertmanager.url=", "--duration=", "--comment=", "alertname="]
        {
            is_wrong(
                name != "Watchdog" && !silence.contains(word),
                &format!("a silence without {word}"),
            );
        }
        is_wrong(text.matches("amtool silence").count() > 1, "a second silence");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn runbooks_have_the_same_parts_and_name_the_severity() {
    let severities = severities();
    for (name, text) in runbooks() {
        let headings: Vec<&str> = text.lines().filter(|line| line.starts_with('#')).collect();
        let title = format!("# {name}");
        assert_eq!(headings[0], title, "{name}");
        for part in [
            "Meaning",
            "Impact",
            "First five minutes",
            "Is it a false alarm?",
            "Mitigate",
            "When is it over?",
            "Silence",
            "Escalate",
        ] {
            assert!(headings.contains(&&*format!("## {part}")), "{name} has no part {part:?}");
        }
        let front = text.lines().nth(2).unwrap();
        for severity in &severities[&name] {
            assert!(
                front.starts_with("**Severity**") && front.contains(severity.as_str()),
                "{front}"
            );
        }
        for (link, _) in text.match_indices("](") {
            let target = text[link + 2..].split(')').next().unwrap();
            let file = alerts().join("runbooks").join(target);
            assert!(target.starts_with("http") || file.exists(), "{name} links to {target}");
        }
    }
}

#[test]
fn the_table_lists_every_alert_with_its_severity() {
    let table = fs::read_to_string(alerts().join("README.md")).unwrap();
    let rows: BTreeMap<&str, &str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| [`"))
        .map(|row| row.split_once('`').unwrap())
        .collect();
    let severities = severities();
    assert_eq!(
        rows.keys().copied().collect::<BTreeSet<_>>(),
        severities.keys().map(String::as_str).collect()
    );
    for (name, expected) in severities {
        let column = rows[&*name].split('|').nth(1).unwrap();
        let all = expected.iter().all(|severity| column.contains(severity.as_str()));
        assert!(all, "{name}: the table says {column:?}, the rule {expected:?}");
    }
}
