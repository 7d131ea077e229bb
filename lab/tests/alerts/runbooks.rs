//! The queries of the runbooks, asked of a promtool that has the series of the alert's own rule tests at
//! the moment at which the alert fires: each must have an answer.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::{Command, Output};
use std::thread;

use serde_json::{Map, Value, json};
use turbulence_lab::process::find;

use super::{alerts, runbooks};

/// What Prometheus says of itself, which no test of a rule needs.
const OF_PROMETHEUS: [&str; 2] =
    [r#"up{job="turbulence-latency",instance="i"}"#, "prometheus_notifications_errors_total"];

/// Of each alert the queries in its runbook: each line of a `promql` block is one.
fn queries() -> BTreeMap<String, Vec<String>> {
    let of_one = |text: String| {
        let blocks = text.split("```promql").skip(1).map(|rest| rest.split("```").next().unwrap());
        let lines = blocks.flat_map(str::lines).map(str::trim).filter(|line| !line.is_empty());
        lines.map(str::to_owned).collect()
    };
    runbooks().into_iter().map(|(name, text)| (name, of_one(text))).collect()
}

/// The files of rule tests.
fn rule_tests() -> Vec<Value> {
    let files = fs::read_dir(alerts()).unwrap().map(|file| file.unwrap().path());
    let files = files.filter(|file| file.to_string_lossy().ends_with(".test.yml"));
    files.map(|file| serde_saphyr::from_str(&fs::read_to_string(file).unwrap()).unwrap()).collect()
}

/// The exporters' own series by their names, as their golden files have them.
fn golden() -> BTreeMap<String, Vec<String>> {
    let mut series: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let exporters = fs::read_dir(alerts().join("../exporters")).unwrap();
    let pages: Vec<String> = exporters
        .map(|folder| folder.unwrap().path().join("tests/golden/metrics.prom"))
        .map(|page| fs::read_to_string(page).unwrap())
        .collect();
    let lines = pages.iter().flat_map(|page| page.lines()).filter(|line| !line.starts_with('#'));
    let named = lines.filter_map(|line| Some(line.rsplit_once(' ')?.0));
    for one in named.chain(OF_PROMETHEUS) {
        let name = one.split('{').next().unwrap().to_owned();
        series.entry(name).or_default().push(one.to_owned());
    }
    series
}

/// The query for any machine, endpoint and vantage: those it names are an example.
fn for_any(query: &str) -> String {
    ["target=", "vantage="].iter().fold(query.to_owned(), |query, label| {
        let opening = format!("{label}\"");
        let mut parts = query.split(&opening);
        let mut text = parts.next().unwrap().to_owned();
        for part in parts {
            let (_, rest) = part.split_once('"').unwrap();
            text.extend([label.trim_end_matches('='), "=~\".+\"", rest]);
        }
        text
    })
}

/// The words of a query outside of quotes: its metrics among them.
fn words(query: &str) -> BTreeSet<&str> {
    let outside = query.split('"').step_by(2);
    outside
        .flat_map(|text| text.split(|c: char| !c.is_alphanumeric() && !"_:".contains(c)))
        .collect()
}

/// The series of a test by the names of their metrics.
fn names(test: &Value) -> BTreeSet<&str> {
    let series = test["input_series"].as_array().map(Vec::as_slice).unwrap_or_default();
    series.iter().map(|one| one["series"].as_str().unwrap().split('{').next().unwrap()).collect()
}

/// What promtool is to ask in one test: each query of the runbooks of the alerts that fire in it, at
/// the times when they do. What the test has no series of is taken from the golden files.
fn questions(
    test: &Value,
    queries: &BTreeMap<String, Vec<String>>,
    golden: &BTreeMap<String, Vec<String>>,
    asked: &mut Vec<(String, String)>,
) -> Option<Value> {
    let have = names(test);
    let mut series = test["input_series"].as_array().cloned().unwrap_or_default();
    let mut added = BTreeSet::new();
    let mut questions = Vec::new();
    for firing in test["alert_rule_test"].as_array()? {
        if firing["exp_alerts"].as_array().is_none_or(Vec::is_empty) {
            continue;
        }
        let alert = firing["alertname"].as_str().unwrap();
        for query in &queries[alert] {
            let missing = words(query).into_iter().filter(|word| !have.contains(word));
            for word in missing.filter(|word| golden.contains_key(*word)) {
                if added.insert(word.to_owned()) {
                    let of_it = golden[word].iter();
                    series.extend(of_it.map(|one| json!({"series": one, "values": "1+1x2000"})));
                }
            }
            let number = asked.len();
            asked.push((alert.to_owned(), query.clone()));
            let question = for_any(query);
            questions.push(json!({
                "expr": format!("label_replace(count({question}) > bool 0, \"n\", \"{number}\", \"\", \"\")"),
                "eval_time": firing["eval_time"],
                "exp_samples": [{"labels": format!("{{n=\"{number}\"}}"), "value": 1}],
            }));
        }
    }
    let mut own = Map::new();
    for key in ["name", "interval", "external_labels"] {
        own.extend(test.get(key).map(|value| (key.to_owned(), value.clone())));
    }
    own.insert("input_series".to_owned(), series.into());
    own.insert("promql_expr_test".to_owned(), questions.into());
    Some(own.into())
}

#[test]
fn every_query_of_a_runbook_has_an_answer_when_its_alert_fires() {
    let (queries, golden) = (queries(), golden());
    let mut asked = Vec::new();
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for (number, mut file) in rule_tests().into_iter().enumerate() {
        let tests = file["tests"].as_array().unwrap().iter();
        let tests: Vec<Value> =
            tests.filter_map(|test| questions(test, &queries, &golden, &mut asked)).collect();
        file["tests"] = tests.into();
        for rules in file["rule_files"].as_array_mut().unwrap() {
            *rules = alerts().join(rules.as_str().unwrap()).to_str().unwrap().into();
        }
        let path = folder.path().join(format!("{number}.yml"));
        // JSON is YAML.
        fs::write(&path, file.to_string()).unwrap();
        files.push(path);
    }
    let promtool = find("promtool", "prometheus").unwrap();
    let outputs: Vec<Output> = thread::scope(|scope| {
        let test =
            |file| Command::new(&promtool).args(["test", "rules"]).arg(file).output().unwrap();
        let running: Vec<_> = files.iter().map(|file| scope.spawn(move || test(file))).collect();
        running.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let success = outputs.iter().all(|output| output.status.success());
    let said: String = outputs
        .into_iter()
        .flat_map(|output| [output.stdout, output.stderr])
        .map(|text| String::from_utf8(text).unwrap())
        .collect();
    let failed = |number: &usize| said.contains(&format!(r#"\"n\", \"{number}\","#));
    let (mute, answered): (Vec<_>, Vec<_>) = (0..asked.len()).partition(failed);
    assert!(success || !mute.is_empty(), "{said}");

    // An alert fires more than once in its tests: one answer is enough.
    let answered: BTreeSet<_> = answered.into_iter().map(|number| &asked[number]).collect();
    let all =
        queries.iter().flat_map(|(alert, queries)| queries.iter().map(move |one| (alert, one)));
    let all: BTreeSet<(String, String)> =
        all.map(|(alert, query)| (alert.clone(), query.clone())).collect();
    assert!(all.len() > 40, "only {} queries were found", all.len());
    let never: Vec<_> = all.iter().filter(|one| !answered.contains(one)).collect();
    assert!(never.is_empty(), "no answer to {never:#?}\n{said}");
}
