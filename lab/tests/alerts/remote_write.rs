//! `MonitoringRemoteWriteBehind` by what a real Prometheus says of its remotes: series that a rule test can only imagine.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::Value;
use turbulence_lab::process::{Launcher, Program, find};
use turbulence_lab::{http, ports};

use crate::alerts;

const PATIENCE: Duration = Duration::from_secs(120);

/// The alert's expression, as it stands in the file.
fn expression() -> String {
    #[derive(serde::Deserialize)]
    struct File {
        groups: Vec<Group>,
    }
    #[derive(serde::Deserialize)]
    struct Group {
        rules: Vec<Rule>,
    }
    #[derive(serde::Deserialize)]
    struct Rule {
        alert: Option<String>,
        expr: String,
    }
    let text = fs::read_to_string(alerts().join("monitoring.rules.yml")).unwrap();
    let file: File = serde_saphyr::from_str(&text).unwrap();
    let mut rules = file.groups.into_iter().flat_map(|it| it.rules);
    rules.find(|it| it.alert.as_deref() == Some("MonitoringRemoteWriteBehind")).unwrap().expr
}

/// The remotes for which a query has an answer, with its value.
async fn remotes(url: &str, query: &str) -> BTreeMap<String, String> {
    let form =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("query", query).finish();
    let (_, body) = http::post_form(&format!("{url}/api/v1/query"), form).await.unwrap();
    let answer: Value = serde_json::from_str(&body).unwrap();
    let rows = answer["data"]["result"].as_array().unwrap_or_else(|| panic!("{query}: {body}"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    rows.iter().map(|it| (text(&it["metric"]["remote_name"]), text(&it["value"][1]))).collect()
}

/// One receiver takes all, one is not there, one refuses, and to one a filter leaves nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_sent_nothing_is_told_unless_there_is_nothing_to_send() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let receiver = listener.local_addr().unwrap();
    let app = Router::new()
        .route("/takes", post(|| async { StatusCode::NO_CONTENT }))
        .route("/refuses", post(|| async { StatusCode::UNAUTHORIZED }));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let (address, closed) = (ports::address(None), ports::address(None));
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "global: {{scrape_interval: 1s}}\n\
         scrape_configs:\n  - {{job_name: prometheus, static_configs: [{{targets: ['{address}']}}]}}\n\
         remote_write:\n  \
         - {{name: well, url: 'http://{receiver}/takes'}}\n  \
         - {{name: refused, url: 'http://{receiver}/refuses'}}\n  \
         - {{name: silent, url: 'http://{closed}/'}}\n  \
         - {{name: filtered, url: 'http://{closed}/', write_relabel_configs: [{{source_labels: [__name__], regex: nothing, action: keep}}]}}\n"
    );
    let file = folder.path().join("prometheus.yml");
    fs::write(&file, config).unwrap();
    let launcher = Launcher::start().unwrap();
    let mut command = Command::new(find("prometheus", "prometheus").unwrap());
    command
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
        .arg(format!("--web.listen-address={address}"));
    let start = |command| launcher.spawn(command);
    let mut program = Program::start("prometheus", folder.path(), command, start).unwrap();
    let url = format!("http://{address}");
    program.until_it_answers(&format!("{url}/-/ready")).await.unwrap();

    let names = |all: BTreeMap<String, String>| all.into_keys().collect::<Vec<_>>();
    let is_so = "increase(prometheus_remote_storage_samples_retried_total[5m]) > 0 \
                 or increase(prometheus_remote_storage_samples_failed_total[5m]) > 0 \
                 or prometheus_remote_storage_queue_highest_sent_timestamp_seconds > 0 \
                 or prometheus_remote_storage_samples_dropped_total > 0";
    let all_tried = async {
        while names(remotes(&url, is_so).await).len() < 4 {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, all_tried).await;
    assert!(in_time.is_ok(), "{:?}", remotes(&url, is_so).await);
    let told = remotes(&url, &expression()).await;
    // Of value 0: not behind, but nothing of it arrives.
    let expected = ["refused", "silent"].map(|it| (it.to_owned(), "0".to_owned()));
    assert_eq!(told, expected.into());
}
