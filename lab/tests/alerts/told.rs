//! What table and runbooks repeat of the rules: scope, dashboard, file and tests are those of the rule.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::{alerts, labels, rules, runbooks};

#[test]
fn the_table_says_the_scopes_of_the_rules() {
    let table = fs::read_to_string(alerts().join("README.md")).unwrap();
    let mut scopes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, lines) in rules() {
        let scope = labels(&lines).get("scope").copied().unwrap_or("-").to_owned();
        scopes.entry(name).or_default().insert(scope);
    }
    for row in table.lines().filter_map(|line| line.strip_prefix("| [`")) {
        let (name, rest) = row.split_once('`').unwrap();
        let column = rest.split('|').nth(2).unwrap().trim();
        let said: BTreeSet<String> = column.split(", ").map(str::to_owned).collect();
        assert_eq!(said, scopes[name], "{name}: the table, and the rules");
    }
}

#[test]
fn a_runbook_names_the_dashboard_to_which_its_alert_leads() {
    let runbooks = runbooks();
    let mut checked = 0;
    for (name, lines) in rules() {
        let front = runbooks[&name].lines().nth(2).unwrap();
        // One for each rule of an alert: of a machine, and of a rack.
        let (_, said) =
            front.split_once("**Dashboard** ").unwrap_or_else(|| panic!("{name}: none"));
        let mut said = said.split(|c: char| c != '-' && !c.is_ascii_lowercase());
        // Of an alert with two severities the second rule takes the words of the first.
        if lines.iter().any(|line| line.starts_with("annotations: *")) {
            continue;
        }
        let url = lines.iter().find_map(|line| line.strip_prefix("dashboard_url: ")).unwrap();
        let board = url.split_once("/d/").map_or("", |(_, rest)| rest);
        let board = board.split(['?', '"', '/']).next().unwrap();
        assert!(said.any(|word| word == board), "{name}: {board} is not in {front}");
        checked += 1;
    }
    assert!(checked > 60, "only {checked} rules have a dashboard");
}

#[test]
fn a_runbook_names_the_file_of_its_rule_and_tests_that_there_are() {
    let read = |file: &str| fs::read_to_string(alerts().join(file)).unwrap_or_default();
    for (name, text) in runbooks().into_iter().filter(|(name, _)| name != "README") {
        let line = text.lines().find(|line| line.starts_with("Rule: ")).unwrap_or_default();
        let (rule, tested_by) =
            line.split_once("Tests: ").unwrap_or_else(|| panic!("{name}: no tests"));
        let links = |text: &str, ending: &str| -> Vec<String> {
            let all = text.split("](../").skip(1).filter_map(|rest| rest.split(')').next());
            all.filter(|file| file.ends_with(ending)).map(str::to_owned).collect()
        };
        let files = links(rule, ".rules.yml");
        let is_there = |file: &String| read(file).contains(&format!("- alert: {name}\n"));
        assert!(!files.is_empty() && files.iter().all(is_there), "{name} is not in {files:?}");
        let files = links(tested_by, ".test.yml");
        let texts: String = files.iter().map(|file| read(file)).collect();
        assert!(
            texts.contains(&format!("alertname: {name}\n")),
            "{name} is not tested in {files:?}"
        );
        let names: Vec<&str> = texts
            .lines()
            .filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix("name: "))
            .map(|name| name.trim_matches(['\'', '"']))
            .collect();
        for said in tested_by.split('"').skip(1).step_by(2) {
            let is_there = names.iter().any(|name| {
                name.split("; ").any(|part| part.starts_with(said)) || name.starts_with(said)
            });
            assert!(is_there, "{name}: no test of {files:?} begins with {said:?}");
        }
    }
}

/// A site's own Prometheus evaluates what its exporters judge, the centre counts votes (alerts/README.md, "Which Prometheus"): no
/// file may rest on what another records, but those that run in the same place.
#[test]
fn files_that_may_run_apart_read_nothing_of_each_other() {
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    for entry in fs::read_dir(alerts()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if let Some(name) = name.strip_suffix(".rules.yml") {
            texts.insert(name.to_owned(), fs::read_to_string(&path).unwrap());
        }
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut recorded = 0;
    let mut rests: BTreeSet<(&str, &str)> = BTreeSet::new();
    for (owner, text) in &texts {
        for record in text.lines().filter_map(|line| line.trim().strip_prefix("- record: ")) {
            recorded += 1;
            let readers = texts.iter().filter(|(reader, _)| *reader != owner);
            let readers =
                readers.filter(|(_, text)| text.split(|c| !is_part(c)).any(|it| it == record));
            rests.extend(readers.map(|(reader, _)| (reader.as_str(), owner.as_str())));
        }
    }
    assert!(recorded > 15, "only {recorded} records");
    assert_eq!(rests, BTreeSet::from([("homing", "reachability")]));
    let said = fs::read_to_string(alerts().join("README.md")).unwrap();
    assert!(said.contains("but for `homing`, which reads `reachability`"), "alerts/README.md");
}
