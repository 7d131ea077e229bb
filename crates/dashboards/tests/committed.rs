//! The JSON in the repository is what its source says.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dashboards")
}

/// A copy of the folder, to spoil.
fn copy() -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    fs::create_dir(copy.path().join("source")).unwrap();
    for part in [".", "source"] {
        for entry in fs::read_dir(folder().join(part)).unwrap() {
            let entry = entry.unwrap();
            if entry.path().is_file() {
                fs::copy(entry.path(), copy.path().join(part).join(entry.file_name())).unwrap();
            }
        }
    }
    copy
}

/// What `check` says after a text in a file of the copy was replaced by another.
fn after(file: &str, from: &str, to: &str) -> String {
    let copy = copy();
    let path = copy.path().join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file} does not contain {from:?}");
    fs::write(&path, text.replacen(from, to, 1)).unwrap();
    format!("{:#}", dashboards::check(copy.path()).unwrap_err())
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
fn a_dashboard_without_a_source_is_found() {
    let copy = copy();
    fs::write(copy.path().join("mine.json"), "{}").unwrap();
    let found = format!("{:#}", dashboards::check(copy.path()).unwrap_err());
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
