//! What the dashboard "Start here" says of alerts: which of them wake somebody, and which are held back by others.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::chain::labels;
use crate::suite;

/// The queries of a panel.
fn queries(title: &str) -> Vec<String> {
    let file = suite().join("dashboards/turbulence-triage.json");
    let board: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let panels = board["panels"].as_array().unwrap();
    let panel = panels.iter().find(|it| it["title"] == title);
    let targets =
        panel.unwrap_or_else(|| panic!("no panel {title}"))["targets"].as_array().unwrap();
    targets.iter().map(|it| it["expr"].as_str().unwrap().to_owned()).collect()
}

/// Fails unless the board says of these alerts that the first are told and the others are held back.
pub(crate) fn must_agree(scenario: &str, told: &[String], held_back: &[String]) {
    // One that two receivers hear is one alert.
    let told: BTreeSet<&String> = told.iter().collect();
    let all = || told.iter().copied().chain(held_back);
    let series = |labels: &dyn Fn() -> Vec<(String, String)>| {
        let labels: Vec<_> = labels().iter().map(|(name, it)| format!("{name}={it:?}")).collect();
        json!({"series": format!("ALERTS{{alertstate=\"firing\",{}}}", labels.join(",")), "values": "1"})
    };
    let mut firing: Vec<Value> =
        all().map(|alert| series(&|| labels(alert).into_iter().collect())).collect();
    let watchdog = ("alertname".to_owned(), "Watchdog".to_owned());
    firing.push(series(&|| vec![watchdog.clone()]));

    let names: BTreeSet<String> = all().flat_map(|alert| labels(alert).into_keys()).collect();
    let names = names.into_iter().collect::<Vec<_>>().join(", ");
    let severity = |alert: &str| match labels(alert)["severity"].as_str() {
        "critical" => 3,
        "warning" => 2,
        _ => 1,
    };
    let rows: Vec<Value> = told
        .iter()
        .map(|alert| (*alert, severity(alert)))
        .chain(held_back.iter().map(|alert| (alert, 0)))
        .map(|(alert, value)| {
            let said: Vec<_> =
                labels(alert).iter().map(|(name, it)| format!("{name}={it:?}")).collect();
            json!({"labels": format!("{{{}}}", said.join(",")), "value": value})
        })
        .collect();
    let listed = queries("What is wrong now").into_iter().find(|it| it.starts_with("topk("));
    let count = |of| told.iter().filter(|alert| severity(alert) == of).count();
    let asked = [
        (format!("max by ({names}) ({})", listed.unwrap()), json!(rows)),
        (queries("Alerts that page").remove(0), json!([{"labels": "{}", "value": count(3)}])),
        (queries("Alerts for a ticket").remove(0), json!([{"labels": "{}", "value": count(2)}])),
    ];
    let asked = asked
        .map(|(query, samples)| json!({"expr": query, "eval_time": "0m", "exp_samples": samples}));
    let test = json!({
        "rule_files": [],
        "tests": [{"interval": "1m", "input_series": firing, "promql_expr_test": asked}],
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("test.yml");
    fs::write(&file, test.to_string()).unwrap();
    let output = Command::new("promtool").args(["test", "rules"]).arg(&file).output().unwrap();
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    // The queries are long.
    let differences: Vec<_> = said
        .lines()
        .filter(|it| ["exp:", "got:", "err"].iter().any(|word| it.contains(word)))
        .collect();
    assert!(output.status.success(), "{scenario}: {differences:#?}");
}
