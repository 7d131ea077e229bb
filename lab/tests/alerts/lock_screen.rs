//! What a phone shows of each page: docs/lock-screen.md is what Alertmanager's own program makes of the templates.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::thread;

use crate::alerts;
use crate::headlines::{Expected, SHOWN, expected, rendered};

/// Below the title a phone shows the beginning of the text.
const BEGINNING: usize = 50;

/// One of each rule that pages, as the first of its tests has it.
fn pages() -> Vec<Expected> {
    let mut pages: BTreeMap<(String, String), Expected> = BTreeMap::new();
    for alert in expected().into_iter().filter(|alert| alert.labels["severity"] == "critical") {
        let rule = (alert.name.clone(), alert.labels["scope"].clone());
        pages.entry(rule).or_insert(alert);
    }
    pages.into_values().collect()
}

fn cut(text: &str, length: usize) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text: String = text.chars().take(length).collect();
    text.trim_end().replace('|', "\\|")
}

fn row(alert: &Expected) -> String {
    let title = cut(&rendered("turbulence.title", alert, "firing"), SHOWN);
    let text = cut(&rendered("turbulence.text.short", alert, "firing"), BEGINNING);
    let over = cut(&rendered("turbulence.title", alert, "resolved"), SHOWN);
    format!("| {} | {title}<br>{text} | {over} |", alert.name)
}

#[test]
fn the_page_shows_each_page_as_the_templates_make_it() {
    let pages = pages();
    let rows: Vec<String> = thread::scope(|scope| {
        let begun: Vec<_> = pages.iter().map(|alert| scope.spawn(|| row(alert))).collect();
        begun.into_iter().map(|it| it.join().unwrap()).collect()
    });
    let mut table = String::from("| alert | as it begins | when it is over |\n|---|---|---|\n");
    for row in rows {
        writeln!(table, "{row}").unwrap();
    }
    let file = alerts().join("../docs/lock-screen.md");
    let page = fs::read_to_string(&file).unwrap();
    let (head, shown) = page.split_at(page.find("| alert |").unwrap());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&file, format!("{head}{table}")).unwrap();
        return;
    }
    assert_eq!(shown, table, "UPDATE_GOLDEN=1 writes it");
}
