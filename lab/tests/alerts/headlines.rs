//! What a phone shows of each alert: the title of its notification, with the values of the rules' tests.
//!
//! promtool holds that a rule gives the headline that its test says (`--test rules`); here the headlines of
//! all tests go through the template that every receiver's title is made by.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;
use std::thread;

use serde_json::{Value, json};
use turbulence_lab::process::find;

use crate::{alerts, labels, rules};

/// What a lock screen shows of a line.
pub(crate) const SHOWN: usize = 60;
/// So much of a name is left by every rule that cuts it.
const KEPT: usize = 17;
/// The labels that can be what an alert is about: the first of them that it has is.
const SUBJECTS: [&str; 12] = [
    "target", "zone", "name", "page", "service", "prefix", "set", "vantage", "rack", "instance",
    "job", "site",
];

/// An alert as a test expects it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Expected {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
    headline: String,
}

pub(crate) fn expected() -> BTreeSet<Expected> {
    let mut all = BTreeSet::new();
    let files = fs::read_dir(alerts()).unwrap().map(|file| file.unwrap().path());
    for file in files.filter(|file| file.to_string_lossy().ends_with(".test.yml")) {
        let document: Value = serde_saphyr::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        for test in list(&document["tests"]) {
            for asked in list(&test["alert_rule_test"]) {
                for alert in list(&asked["exp_alerts"]) {
                    let headline = alert["exp_annotations"]["headline"].as_str();
                    all.insert(Expected {
                        name: text(&asked["alertname"]),
                        labels: texts(&alert["exp_labels"]),
                        annotations: texts(&alert["exp_annotations"]),
                        headline: headline.unwrap_or_default().to_owned(),
                    });
                }
            }
        }
    }
    all
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn texts(values: &Value) -> BTreeMap<String, String> {
    let values = values.as_object().into_iter().flatten();
    values.map(|(name, it)| (name.clone(), text(it))).collect()
}

/// The title of the notification of one alert.
fn title(alert: &Expected, status: &str) -> String {
    rendered("turbulence.title", alert, status)
}

/// What a template makes of the notification of one alert.
pub(crate) fn rendered(template: &str, alert: &Expected, status: &str) -> String {
    let mut labels = alert.labels.clone();
    labels.insert("alertname".to_owned(), alert.name.clone());
    let alert = json!({
        "status": status, "labels": labels, "annotations": alert.annotations,
        "startsAt": "2026-11-22T03:00:00Z", "endsAt": "2026-11-22T05:08:00Z", "fingerprint": "0",
    });
    let data = json!({
        "receiver": "page", "externalURL": "http://alertmanager", "status": status, "alerts": [alert],
        "groupLabels": {}, "commonLabels": labels, "commonAnnotations": {},
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.json");
    fs::write(&file, data.to_string()).unwrap();
    let output = Command::new(find("amtool", "prometheus-alertmanager").unwrap())
        .args(["template", "render"])
        .arg(format!("--template.text={{{{ template {template:?} . }}}}"))
        .arg(format!("--template.glob={}", alerts().join("templates/*.tmpl").display()))
        .arg(format!("--template.data={}", file.display()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end_matches('\n').to_owned()
}

/// Whether the headline begins with what the alert is about, as a word: "a" is none of "an api fails".
fn begins_with_its_subject(alert: &Expected) -> bool {
    let Some((label, subject)) =
        SUBJECTS.iter().find_map(|label| Some((*label, alert.labels.get(*label)?)))
    else {
        return true;
    };
    let headline = match label {
        "rack" => alert.headline.strip_prefix("rack ").unwrap_or(&alert.headline),
        _ => &alert.headline,
    };
    let kept: String = subject.chars().take(KEPT).collect();
    let is_cut = kept.len() < subject.len();
    headline
        .strip_prefix(&kept)
        .is_some_and(|rest| is_cut || !rest.starts_with(char::is_alphanumeric))
}

#[test]
fn a_subject_is_a_word_at_the_beginning() {
    let alert = |headline: &str| Expected {
        name: "Name".to_owned(),
        labels: [("target", "a"), ("site", "api")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        annotations: BTreeMap::new(),
        headline: headline.to_owned(),
    };
    assert!(begins_with_its_subject(&alert("a: down")));
    for wrong in ["api: down", "down: a", "an exporter of a is down"] {
        assert!(!begins_with_its_subject(&alert(wrong)), "{wrong}");
    }
}

fn faults(alert: &Expected, title: &str, limit: usize) -> Vec<&'static str> {
    let mut faults = Vec::new();
    let mut is_wrong = |wrong: bool, fault| faults.extend(wrong.then_some(fault));
    is_wrong(alert.headline.is_empty(), "no headline");
    is_wrong(alert.headline.chars().count() > 50, "a headline of more than fifty characters");
    is_wrong(title.chars().count() > limit, "too long");
    is_wrong(!begins_with_its_subject(alert), "no subject at the beginning");
    is_wrong(title.contains("<no value>") || title.contains("%!"), "a value is missing");
    is_wrong(title.contains("  ") || title.contains(" :") || title.contains('\n'), "a hole");
    is_wrong(title.ends_with([' ', ':', ',', '.']), "an end that hangs");
    faults
}

#[test]
fn a_lock_screen_says_what_it_is_about_and_what_it_is() {
    // One of each headline's name is enough.
    let alerts: BTreeMap<(String, String, String), Expected> = expected()
        .into_iter()
        .map(|alert| {
            ((alert.name.clone(), alert.labels["severity"].clone(), alert.headline.clone()), alert)
        })
        .collect();
    let alerts: Vec<Expected> = alerts.into_values().collect();
    let titles: Vec<(Expected, [String; 2])> = thread::scope(|scope| {
        let parts: Vec<_> = alerts
            .chunks(alerts.len().div_ceil(4))
            .map(|part| {
                let both =
                    |alert: &Expected| ["firing", "resolved"].map(|status| title(alert, status));
                scope
                    .spawn(move || part.iter().map(|it| (it.clone(), both(it))).collect::<Vec<_>>())
            })
            .collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    });
    let mut wrong = Vec::new();
    for (alert, [firing, resolved]) in &titles {
        println!("{firing:SHOWN$} | {resolved}");
        for text in [firing, resolved] {
            let faults = faults(alert, text, SHOWN);
            if !faults.is_empty() {
                wrong.push(format!("{} {text:?}: {}", alert.name, faults.join(", ")));
            }
        }
        assert!(
            resolved.starts_with("RESOLVED ") && resolved.ends_with(" (after 2 h 8 min)"),
            "{resolved}"
        );
    }
    assert!(titles.len() > 70 && wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_rule_has_its_headline_shown_by_some_test() {
    let shown: BTreeSet<(String, String, String)> = expected()
        .into_iter()
        .map(|alert| (alert.name, alert.labels["severity"].clone(), alert.labels["scope"].clone()))
        .collect();
    let missing: Vec<_> = rules()
        .into_iter()
        .map(|(name, lines)| {
            let labels = labels(&lines);
            (name.clone(), labels["severity"].to_owned(), labels["scope"].to_owned())
        })
        .filter(|rule| !shown.contains(rule))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Names are as long as people make them (a country is two letters): a rule cuts them, so that what happened stays to be read.
#[test]
fn every_name_in_a_headline_is_cut_to_a_length() {
    let names = [
        "target",
        "vantage",
        "name",
        "zone",
        "set",
        "page",
        "service",
        "prefix",
        "rack",
        "instance",
        "region",
        "job",
        "site",
        "integration",
        "rule_group",
    ];
    for (rule, lines) in rules() {
        let Some(headline) = lines.iter().find(|line| line.starts_with("headline: ")) else {
            continue;
        };
        for name in names {
            let bare = format!("{{{{ $labels.{name} }}}}");
            let within = format!("{{{{ with $labels.{name} }}}}{{{{ . }}}}");
            let is_cut = !headline.contains(&bare) && !headline.contains(&within);
            assert!(is_cut, "{rule}: {name} is not cut: {headline}");
        }
    }
}

/// A person reads `12.1 V` and `38 %`: three digits at most where there is a decimal point, and a blank before the unit.
#[test]
fn numbers_are_those_of_people() {
    let mut seen = 0;
    for entry in fs::read_dir(alerts()).unwrap() {
        let path = entry.unwrap().path();
        if !path.to_string_lossy().ends_with(".test.yml") {
            continue;
        }
        for line in fs::read_to_string(&path).unwrap().lines() {
            let said = ["headline: ", "description: "];
            let Some(text) = said.iter().find_map(|key| line.trim().strip_prefix(key)) else {
                continue;
            };
            for word in text.split([' ', ',', ';', '(', ')', '"', '\'']) {
                let word = word.trim_end_matches(['.', ':']);
                seen += usize::from(word.parse::<f64>().is_ok());
                let digits = word.chars().filter(char::is_ascii_digit).collect::<String>();
                let digits = digits.trim_start_matches('0').len();
                let is_exact = word.parse::<f64>().is_ok() && word.contains('.') && digits > 3;
                assert!(!is_exact, "{word} in {text}");
                let unit = ["%", "°C"].iter().find_map(|unit| word.strip_suffix(unit));
                let is_stuck = unit.is_some_and(|number| number.parse::<f64>().is_ok());
                assert!(!is_stuck, "{word} without a blank in {text}");
            }
        }
    }
    assert!(seen > 60, "only {seen} numbers");
}
