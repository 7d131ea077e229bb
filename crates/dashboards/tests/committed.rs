//! The JSON in the repository is what its source says.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dashboards")
}

/// A copy of the folder and of what it is read with, to spoil.
struct Copy {
    root: tempfile::TempDir,
}

impl Copy {
    fn new() -> Self {
        let copy = Self { root: tempfile::tempdir().unwrap() };
        for part in ["dashboards", "dashboards/source", "alerts"] {
            fs::create_dir(copy.root.path().join(part)).unwrap();
            for entry in fs::read_dir(folder().join("..").join(part)).unwrap() {
                let entry = entry.unwrap();
                if entry.path().is_file() {
                    let to = copy.root.path().join(part).join(entry.file_name());
                    fs::copy(entry.path(), to).unwrap();
                }
            }
        }
        copy
    }

    fn folder(&self) -> PathBuf {
        self.root.path().join("dashboards")
    }

    fn fault(&self) -> String {
        format!("{:#}", dashboards::check(&self.folder()).unwrap_err())
    }
}

/// What `check` says after a text in a file of the copy was replaced by another.
fn after(file: &str, from: &str, to: &str) -> String {
    let copy = Copy::new();
    let path = copy.folder().join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file} does not contain {from:?}");
    fs::write(&path, text.replacen(from, to, 1)).unwrap();
    copy.fault()
}

#[test]
fn every_dashboard_is_as_its_source_says() {
    dashboards::check(&folder()).unwrap_or_else(|error| panic!("{error:#}"));
}

#[test]
fn a_changed_json_file_is_found() {
    let found = after("turbulence-world.json", "Down everywhere", "Down nowhere");
    assert!(found.starts_with("turbulence-world.json differs from its source;"), "{found}");
}

#[test]
fn one_line_of_the_shared_source_changes_every_dashboard() {
    let found = after("source/shared.yaml", "Scrape duration", "Duration of a scrape");
    for file in ["turbulence-dns.json", "turbulence-thermal.json", "turbulence-world.json"] {
        assert!(found.contains(&format!("{file} differs")), "{found}");
    }
}

#[test]
fn who_holds_back_whom_is_what_alertmanager_is_told() {
    let rule = "target_matchers: [alertname=\"ExporterDown\", vantage=~\".+\"]";
    let found = after("../alerts/alertmanager.yml", rule, "target_matchers: [alertname=\"X\"]");
    assert!(found.starts_with("turbulence-triage.json differs from its source;"), "{found}");
}

#[test]
fn a_dashboard_without_a_source_is_found() {
    let copy = Copy::new();
    fs::write(copy.folder().join("mine.json"), "{}").unwrap();
    let found = copy.fault();
    assert!(found.contains("mine.json has no source"), "{found}");
}

#[test]
fn a_panel_that_others_borrow_changes_them_as_well() {
    let found = after(
        "source/turbulence-world.yaml",
        "steps: green, 400 orange",
        "steps: green, 300 orange",
    );
    for file in ["turbulence-endpoint.json", "turbulence-world.json"] {
        assert!(found.contains(&format!("{file} differs")), "{found}");
    }
    assert!(!found.contains("turbulence-machine.json"), "{found}");
    let borrower = "source/turbulence-endpoint.yaml";
    for (from, to, wanted) in [
        ("turbulence-world / Reached", "turbulence-world / Beached", "no shared panel"),
        ("part_of: turbulence-world", "part_of: turbulence-word", "part_of \"turbulence-word\""),
    ] {
        let found = after(borrower, from, to);
        assert!(found.contains(wanted) && found.contains("turbulence-endpoint.yaml"), "{found}");
    }
}

#[test]
fn a_fault_in_the_source_is_told_with_its_place() {
    let world = "source/turbulence-world.yaml";
    let cases = [
        ("stat: Reached", "starts: Reached", &["turbulence-world.yaml", "line ", "starts"][..]),
        (
            "steps: success",
            "steps: success red",
            &["turbulence-world.yaml", "\"Reached\"", "no steps"],
        ),
        ("{@vantages}", "{@everybody}", &["turbulence-world.yaml", "@everybody is no name"]),
        ("use: critical alerts", "use: critical", &["turbulence-world.yaml", "no shared panel"]),
        (
            "use: critical alerts",
            "use: critical alerts\n        size: 25x3",
            &["\"critical alerts\"", "25x3"],
        ),
        ("link: vantage", "link: nowhere", &["column \"Vantage\"", "no link \"nowhere\""]),
        (
            "alertname, severity, scope,",
            "alertname, severity, scope, rack,",
            &["\"silence\"", "no column for the label rack"],
        ),
    ];
    for (from, to, wanted) in cases {
        let found = after(world, from, to);
        for part in wanted {
            assert!(found.contains(part), "{to}: {part:?} is not in {found}");
        }
    }
}

/// Without slashes Grafana takes it for a regular expression of the whole name, and `^timeout` is no name.
#[test]
fn a_regular_expression_keeps_its_slashes() {
    let mut seen = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "json") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for (at, found) in text.match_indices("\"id\": \"byRegexp\"") {
            let (_, options) = text[at + found.len()..].split_once("\"options\": \"").unwrap();
            assert!(options.starts_with('/'), "{}: {}", path.display(), &options[..20]);
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen}");
}
