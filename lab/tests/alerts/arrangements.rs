//! The shipped configurations of Prometheus: one, agents and a centre, a site that judges for itself.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use regex::Regex;

use super::alerts;

/// What a site's own Prometheus evaluates and the centre does as well.
const IN_BOTH: [&str; 2] = ["meta", "monitoring"];
/// What it evaluates in the centre's place.
const AT_THE_SITE: [&str; 4] = ["thermal", "hardware", "dns", "dns-auth"];

fn deploy() -> PathBuf {
    alerts().join("../deploy")
}

#[test]
fn prometheus_takes_each_shipped_configuration() {
    let mut checked = 0;
    for folder in ["agent", "prometheus"] {
        for file in fs::read_dir(deploy().join(folder)).unwrap().map(|file| file.unwrap().path()) {
            if file.extension().is_none_or(|extension| extension != "yml") {
                continue;
            }
            let mut command = Command::new("promtool");
            command.args(["check", "config"]);
            if file.ends_with("prometheus-agent.yml") {
                command.arg("--agent");
            }
            let output = command
                .arg(&file)
                .output()
                .expect("promtool is needed: apt-get install prometheus");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{}: {said}", file.display());
            checked += 1;
        }
    }
    assert!(checked >= 4, "only {checked} configurations");
}

/// What both would record of the same things is one series in the centre, and its heartbeat is its own.
#[test]
fn a_site_sends_nothing_that_the_centre_records_itself_and_all_else() {
    let site = fs::read_to_string(deploy().join("agent/site.yml")).unwrap();
    let dropped = |series: &str, domain: &str| {
        let rules = Regex::new(r"source_labels: \[(.+)\], regex: '(.+)', action: drop").unwrap();
        let found: Vec<_> = rules.captures_iter(&site).map(|it| it.extract::<2>().1).collect();
        assert_eq!(found.len(), 2);
        found.iter().any(|[labels, regex]| {
            let value = match *labels {
                "__name__" => series.to_owned(),
                "__name__, domain" => format!("{series};{domain}"),
                other => panic!("{other}"),
            };
            Regex::new(&format!("^(?:{regex})$")).unwrap().is_match(&value)
        })
    };
    for (files, expected) in [(&IN_BOTH[..], true), (&AT_THE_SITE[..], false)] {
        for file in files {
            for record in recorded(file) {
                assert_eq!(dropped(&record, ""), expected, "{record} of {file}.rules.yml");
            }
        }
    }
    assert!(!recorded("meta").is_empty() && !recorded("thermal").is_empty());
    for series in ["ALERTS", "ALERTS_FOR_STATE"] {
        assert!(dropped(series, "meta") && !dropped(series, "thermal") && !dropped(series, "dns"));
    }
    assert!(!dropped("up", "") && !dropped("ipmi_up", "") && !dropped("turbulence_build_info", ""));
    for file in IN_BOTH.iter().chain(&AT_THE_SITE) {
        assert!(site.contains(file), "site.yml does not say that {file} is for it");
    }
}

/// The names that a file of rules records.
fn recorded(file: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(alerts().join(format!("{file}.rules.yml"))).unwrap();
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix("- record: "));
    lines.map(str::to_owned).collect()
}
