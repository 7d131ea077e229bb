//! The shipped rules and the Alertmanager configuration, by promtool and amtool.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use turbulence_lab::process::find;

fn alerts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../alerts")
}

fn files(ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(alerts()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.filter(|path| path.to_string_lossy().ends_with(ending)).collect();
    files.sort();
    assert!(!files.is_empty(), "alerts/ has no *{ending}");
    files
}

fn run(program: &str, package: &str, arguments: &[&str], files: &[PathBuf]) {
    let program = find(program, package).unwrap();
    let output = Command::new(program).args(arguments).args(files).output().unwrap();
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(output.status.success(), "{}", text.join("\n"));
}

#[test]
fn the_rules_pass_the_lint() {
    let lint = ["check", "rules", "--lint", "all", "--lint-fatal"];
    run("promtool", "prometheus", &lint, &files(".rules.yml"));
}

#[test]
fn the_rules_fire_when_they_should_and_only_then() {
    // A promtool for each file, side by side: one alone takes them in turn.
    thread::scope(|scope| {
        for file in files(".test.yml") {
            scope.spawn(move || run("promtool", "prometheus", &["test", "rules"], &[file]));
        }
    });
}

#[test]
fn the_alertmanager_configuration_is_good() {
    let file = alerts().join("alertmanager.yml");
    run("amtool", "prometheus-alertmanager", &["check-config"], &[file]);
}

#[test]
fn every_alert_has_a_test_of_its_own() {
    let named = |text: &str, key: &str| -> BTreeSet<String> {
        text.split(key)
            .skip(1)
            .filter_map(|rest| {
                rest.trim_start_matches([' ', '"', '\'']).split([' ', '\n', ',', '}', '"']).next()
            })
            .map(str::to_owned)
            .collect()
    };
    let read = |files: Vec<PathBuf>| -> String {
        files.iter().map(|file| fs::read_to_string(file).unwrap()).collect()
    };
    let alerts = named(&read(files(".rules.yml")), "- alert:");
    let tested = named(&read(files(".test.yml")), "alertname:");
    let untested: Vec<_> = alerts.difference(&tested).collect();
    assert!(alerts.len() > 10 && untested.is_empty(), "no test asks for {untested:?}");
}
