//! The pages for those who come from another exporter: what they name of ours is there.

use std::collections::BTreeSet;
use std::fs;

use super::{alerts, severities};

/// Every metric that an exporter's golden file or README names, and every alert.
fn ours() -> BTreeSet<String> {
    let mut names: BTreeSet<String> = severities().into_keys().collect();
    for exporter in ["ipmi", "latency"] {
        for file in ["tests/golden/metrics.prom", "README.md"] {
            let path = alerts().join("../exporters").join(exporter).join(file);
            let text = fs::read_to_string(path).unwrap();
            let words = text.split(|c: char| c != '_' && !c.is_ascii_alphanumeric());
            names.extend(words.map(str::to_owned));
        }
    }
    names
}

/// The second columns of a page's tables, without the head of each.
fn second_columns(page: &str) -> Vec<String> {
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()
    };
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| there"));
    rows.filter(|line| !line.starts_with("| yours")).map(|line| cells(line)[1].clone()).collect()
}

#[test]
fn what_the_pages_of_migration_promise_is_there() {
    let ours = ours();
    for page in ["ipmi", "blackbox", "smokeping"] {
        let file = alerts().join(format!("../docs/migrate-{page}.md"));
        let text = fs::read_to_string(file).unwrap();
        let named = second_columns(&text);
        assert!(named.len() > 8, "{page}: {named:?}");
        for cell in named {
            let name = cell.trim_matches('`');
            assert!(ours.contains(name), "{page}: there is no {name}");
        }
    }
}
