//! The shipped dashboards: every query against a live Prometheus, and what can be read off the files.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "dashboards/buckets.rs"]
mod buckets;
#[path = "dashboards/budget.rs"]
mod budget;
#[path = "dashboards/files.rs"]
mod files;
#[path = "dashboards/lint.rs"]
mod lint;
#[path = "dashboards/panels.rs"]
mod panels;
#[path = "dashboards/picked.rs"]
mod picked;
#[path = "dashboards/prometheus.rs"]
mod prometheus;
#[path = "dashboards/verdicts.rs"]
mod verdicts;

use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use turbulence_lab::dashboards::{self, Problem};

use crate::prometheus::Scraper;

/// How long a state may take to come; it takes some 20 s, and a minute more where lines are picked by what held at full
/// minutes.
const DEADLINE: Duration = Duration::from_secs(240);

#[tokio::test(flavor = "multi_thread")]
async fn every_query_of_every_dashboard_is_answered() {
    let scraper = Scraper::of_samples().await;
    let deadline = Instant::now() + DEADLINE;
    loop {
        let checked = dashboards::check(&files::dashboards(), &scraper.url).await;
        let report = checked.unwrap_or_else(|error| panic!("{error:#}"));
        if report.is_clean() {
            println!("{report}");
            assert!(report.queries > 100, "only {} queries", report.queries);
            return;
        }
        assert!(Instant::now() < deadline, "{report}");
        sleep(Duration::from_secs(1)).await;
    }
}

/// A Prometheus that scrapes everything and has none of the rules: nobody would be told of anything.
#[tokio::test(flavor = "multi_thread")]
async fn no_alert_is_no_good_news_where_no_rule_is_evaluated() {
    let folder = tempfile::tempdir().unwrap();
    let scraper = Scraper::with_rules(&folder.path().join("*.yml")).await;
    let deadline = Instant::now() + DEADLINE;
    loop {
        let checked = dashboards::check(&files::dashboards(), &scraper.url).await;
        let report = checked.unwrap_or_else(|error| panic!("{error:#}"));
        let empty = |board: &str, place: &str| {
            let of_it = report.findings.iter().filter(|finding| finding.dashboard.contains(board));
            let mut found = of_it.filter(|finding| finding.place.contains(place));
            found.any(|finding| finding.problem == Problem::Empty)
        };
        for board in ["dns", "meta", "thermal", "world", "zone"] {
            let board = format!("turbulence-{board}");
            assert!(empty(&board, "Critical alerts"), "{board}: {report}");
        }
        for stat in
            ["Alerts that page", "Alerts for a ticket", "Machines", "Endpoints", "Names and zones"]
        {
            let stat = format!("panel \"{stat}\"");
            assert!(empty("turbulence-triage", &stat), "{stat}: {report}");
        }
        // What is scraped is there.
        if !empty("turbulence-world", "Scrape duration") && !empty("turbulence-meta", "Not scraped")
        {
            return;
        }
        assert!(Instant::now() < deadline, "{report}");
        sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_fault_is_found() {
    let scraper = Scraper::of_samples().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("faulty.json"), FAULTY).unwrap();

    // Not before the first scrape, which makes the good panel good.
    let deadline = Instant::now() + DEADLINE;
    let report = loop {
        let checked = dashboards::check(folder.path(), &scraper.url).await;
        let report = checked.unwrap_or_else(|error| panic!("{error:#}"));
        let good = !report.findings.iter().any(|finding| finding.place.contains("good"));
        if good || Instant::now() >= deadline {
            break report;
        }
        sleep(Duration::from_secs(1)).await;
    };

    let problem = |place: &str| -> Vec<&Problem> {
        let found = report.findings.iter().filter(|finding| finding.place.contains(place));
        found.map(|finding| &finding.problem).collect()
    };
    assert_eq!(problem("good"), Vec::<&Problem>::new());
    assert_eq!(problem("allowed"), Vec::<&Problem>::new());
    assert_eq!(problem("gone"), [&Problem::Empty]);
    assert_eq!(problem("undefined"), [&Problem::Empty]);
    let legend = Problem::LegendLabel("host".to_owned());
    assert_eq!(problem("legend"), [&legend, &legend]);
    assert_eq!(problem("variable wrong"), [&Problem::Empty]);
    assert!(matches!(problem("broken")[..], [Problem::Refused(_), Problem::Refused(_)]));
    let unknown = problem("unknown");
    assert!(matches!(unknown[0], Problem::Refused(why) if why.contains("nobody")), "{report}");
}

#[tokio::test]
async fn a_prometheus_that_is_not_there_is_an_error() {
    let error = dashboards::check(&files::dashboards(), "http://127.0.0.1:1").await.unwrap_err();
    assert!(format!("{error:#}").contains("127.0.0.1:1"), "{error:#}");
}

#[tokio::test]
async fn a_folder_without_dashboards_is_an_error() {
    let error = dashboards::check(Path::new("/nonexistent"), "http://127.0.0.1:1").await;
    assert!(format!("{:#}", error.unwrap_err()).contains("/nonexistent"));
}

const FAULTY: &str = r#"{
  "uid": "faulty", "time": {"from": "now-1h", "to": "now"}, "annotations": {"list": []},
  "templating": {"list": [
    {"name": "target", "type": "query", "query": {"query": "label_values(ipmi_up, target)"}, "allValue": ".+"},
    {"name": "wrong", "type": "query", "query": {"query": "label_values(ipmi_up, tarrget)"}, "allValue": ".+"}
  ]},
  "panels": [
    {"title": "good", "targets": [{"refId": "A", "expr": "ipmi_up{target=~\"$target\"}", "legendFormat": "{{target}}"}]},
    {"title": "allowed", "description": "May be empty: always.", "targets": [{"refId": "A", "expr": "nothing"}]},
    {"title": "gone", "targets": [{"refId": "A", "expr": "ipmi_upp", "instant": true}]},
    {"title": "undefined", "targets": [{"refId": "A", "expr": "0 * ipmi_up / 0", "instant": true}]},
    {"title": "a row", "panels": [
      {"title": "legend", "targets": [{"refId": "A", "expr": "ipmi_up", "legendFormat": "{{host}}"}]}]},
    {"title": "broken", "targets": [{"refId": "A", "expr": "sum(ipmi_up"}]},
    {"title": "unknown", "targets": [{"refId": "A", "expr": "ipmi_up{target=\"$nobody\"}"}]}
  ]
}"#;
