//! The silence of each runbook, as it stands there, given to a real Alertmanager that has the alerts which
//! the rules' tests expect: it must silence the page's alert, and no other.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use turbulence_lab::alertmanager::Alertmanager;
use turbulence_lab::http;
use turbulence_lab::ports;
use turbulence_lab::process::Launcher;
use turbulence_lab::sink::Sink;

use super::headlines::expected;
use super::{part, runbooks};

/// The line as a reader copies it.
pub(crate) fn silence(page: &str) -> Option<&str> {
    part(page, "Silence")?.split_once("```sh\n")?.1.lines().next()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_silence_of_a_runbook_silences_its_alert_alone() {
    let folder = tempfile::tempdir().unwrap();
    let launcher = Launcher::start().unwrap();
    let sink = Sink::start(ports::listener(None).unwrap(), folder.path()).unwrap();
    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let alertmanager =
        Alertmanager::start(&launcher, suite, folder.path(), ports::address(None), sink.address())
            .await
            .unwrap();
    let alerts: Vec<Value> = expected()
        .into_iter()
        .map(|alert| {
            let mut labels = alert.labels;
            labels.insert("alertname".to_owned(), alert.name);
            json!({"labels": labels, "annotations": {"summary": "It is so."}})
        })
        .collect();
    let url = format!("{}/api/v2/alerts", alertmanager.url());
    let (status, answer) = http::post_json(&url, json!(alerts).to_string()).await.unwrap();
    assert_eq!(status, 200, "{answer}");

    let mut given: BTreeMap<String, String> = BTreeMap::new();
    for (name, page) in runbooks().iter().filter(|(name, _)| *name != "Watchdog") {
        let line = silence(page).unwrap_or_else(|| panic!("{name} has no silence"));
        let own = line.replace("http://localhost:9093", &alertmanager.url());
        let output = Command::new("sh").args(["-c", &own]).output().unwrap();
        let id = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !id.is_empty(), "{name}: {line}: {error}");
        given.insert(id, name.clone());
    }
    let alerts: Vec<Value> = serde_json::from_str(&http::fetch(&url).await.unwrap()).unwrap();
    let mut unused = given.clone();
    for alert in &alerts {
        let name = alert["labels"]["alertname"].as_str().unwrap();
        for id in alert["status"]["silencedBy"].as_array().unwrap() {
            let page = &given[id.as_str().unwrap()];
            // The false reading and the fans behind it are silenced together.
            let together = page == "IpmiPhantomFanRunaway" && name == "IpmiPhantomTemperature";
            assert!(page == name || together, "{page} silences {name}: {alert}");
            if page == name {
                unused.remove(id.as_str().unwrap());
            }
        }
    }
    let unused: Vec<&String> = unused.values().collect();
    assert!(unused.is_empty(), "these silence nothing: {unused:?}");
    assert!(given.len() > 70, "only {} silences", given.len());
}
