//! The receivers that the shipped `alertmanager.yml` has examples of, each delivered to: what a real
//! Alertmanager sends to a mail server, to Slack and to PagerDuty.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod message;
mod smtp;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use axum::Router;
use axum::extract::Path as UrlPath;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use turbulence_lab::alertmanager::Alertmanager;
use turbulence_lab::http;
use turbulence_lab::ports;
use turbulence_lab::process::{Launcher, find};
use turbulence_lab::sink::Sink;

const PATIENCE: Duration = Duration::from_secs(120);
/// What a link must carry unharmed.
const DASHBOARD: &str = "http://grafana/d/turbulence-thermal?var-target=srv+%3C1%3E%26%22a%22";

fn suite() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn shipped() -> String {
    fs::read_to_string(suite().join("alerts/alertmanager.yml")).unwrap()
}

/// The shipped configuration with all its examples.
fn examples() -> String {
    let examples: String = shipped().lines().map(|line| uncommented(line) + "\n").collect();
    for word in ["pagerduty_configs:", "slack_configs:", "email_configs:", "smtp_smarthost:"] {
        assert!(examples.lines().any(|line| line.trim_start().starts_with(word)), "{word}");
    }
    examples
}

/// "#word" and "#  word" are configuration, "# Word" is a remark.
fn uncommented(line: &str) -> String {
    let (indent, rest) = line.split_at(line.len() - line.trim_start().len());
    match rest.strip_prefix('#') {
        Some(code) if !code.is_empty() && (!code.starts_with(' ') || code.starts_with("  ")) => {
            format!("{indent}{code}")
        }
        _ => line.to_owned(),
    }
}

fn copy_templates(to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(suite().join("alerts/templates")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

#[test]
fn the_shipped_configuration_and_the_examples_in_it_are_valid() {
    let folder = tempfile::tempdir().unwrap();
    copy_templates(&folder.path().join("templates"));
    for (name, config) in [("shipped", shipped()), ("examples", examples())] {
        let file = folder.path().join(format!("{name}.yml"));
        fs::write(&file, config).unwrap();
        let amtool = find("amtool", "prometheus-alertmanager").unwrap();
        let output = Command::new(amtool).arg("check-config").arg(&file).output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The examples with the fakes' addresses in place of the real ones, and no TLS on loopback.
fn lay_out(folder: &Path, smtp: SocketAddr, web: SocketAddr) {
    let alerts = folder.join("alerts");
    copy_templates(&alerts.join("templates"));
    let secret = |name: &str, text: &str| {
        let file = folder.join(name);
        fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let mut config = examples();
    let server =
        format!("{smtp}\n  smtp_require_tls: false\n  pagerduty_url: http://{web}/pagerduty");
    for (example, own) in [
        ("mail.example.com:587", server),
        ("/etc/alertmanager/smtp_password", secret("smtp_password", "secret")),
        ("/etc/alertmanager/slack_url", secret("slack_url", &format!("http://{web}/slack"))),
        ("/etc/alertmanager/pagerduty_routing_key", secret("routing_key", "key")),
    ] {
        assert!(config.contains(example), "alertmanager.yml has no {example}");
        config = config.replace(example, &own);
    }
    fs::write(alerts.join("alertmanager.yml"), config).unwrap();
}

/// Keeps what is posted to `/slack` and `/pagerduty`, and answers as these do.
async fn web() -> (SocketAddr, mpsc::UnboundedReceiver<(String, Value)>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (posts, arrivals) = mpsc::unbounded_channel();
    let take = move |UrlPath(to): UrlPath<String>, body: String| async move {
        let status = if to == "pagerduty" { StatusCode::ACCEPTED } else { StatusCode::OK };
        let _ = posts.send((to, serde_json::from_str(&body).unwrap()));
        (status, "ok")
    };
    let routes = Router::new().route("/{to}", post(take));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (address, arrivals)
}

fn alert(severity: &str, target: &str) -> Value {
    json!({
        "labels": {
            "alertname": "IpmiSensorLost", "severity": severity, "domain": "thermal", "scope": "host",
            "target": target, "site": "s", "rack": "r", "id": "32.0.5", "name": "05-HD Max",
        },
        "annotations": {
            "summary": "A sensor is gone.", "description": "24 °C <before> & nothing after.",
            "first_action": "Look.", "runbook_url": "http://runbooks/IpmiSensorLost",
            "dashboard_url": DASHBOARD,
        },
        "generatorURL": "http://prometheus/graph?g0.expr=a+%3E+1&g0.tab=1",
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_documented_receiver_is_delivered_to() {
    let folder = tempfile::tempdir().unwrap();
    let launcher = Launcher::start().unwrap();
    let sink = Sink::start(ports::listener(None).unwrap(), folder.path()).unwrap();
    let (smtp, mut letters) = smtp::start().await;
    let (web, mut posts) = web().await;
    lay_out(folder.path(), smtp, web);
    let address = ports::address(None);
    let data = folder.path().join("alertmanager");
    fs::create_dir(&data).unwrap();
    let alertmanager =
        Alertmanager::start(&launcher, folder.path(), &data, address, sink.address())
            .await
            .unwrap();
    let alerts = json!([alert("warning", "srv <1>&\"a\""), alert("critical", "srv-2")]).to_string();
    let url = format!("{}/api/v2/alerts", alertmanager.url());
    let (status, answer) = http::post_json(&url, alerts).await.unwrap();
    assert_eq!(status, 200, "{answer}");

    let letter = tokio::time::timeout(PATIENCE, letters.recv()).await.unwrap().unwrap();
    good_letter(&letter);
    for _ in 0..2 {
        let (to, body) = tokio::time::timeout(PATIENCE, posts.recv()).await.unwrap().unwrap();
        match to.as_str() {
            "slack" => good_slack(&body),
            "pagerduty" => good_pagerduty(&body),
            other => panic!("posted to {other}: {body}"),
        }
    }
}

fn good_letter(letter: &smtp::Letter) {
    assert_eq!(letter.to, ["operations@example.com"]);
    let text = &letter.text;
    assert_eq!(message::header(text, "From"), "alertmanager@example.com");
    assert_eq!(
        message::header(text, "Subject"),
        "[WARNING] A sensor is gone: 05-HD Max on srv <1>&\"a\" at s"
    );
    let plain = message::part(text, "text/plain").expect("a part of plain text");
    let html = message::part(text, "text/html").expect("a part of HTML");
    assert!(plain.contains("24 °C <before> & nothing after."), "{plain}");
    assert!(html.contains("24 °C &lt;before&gt; &amp; nothing after."), "{html}");
    // Each link of the text is one of the page, to the letter.
    let links = message::links(&html);
    let words: Vec<&str> = links.iter().map(|(words, _)| words.as_str()).collect();
    assert_eq!(words, ["Runbook", "Dashboard", "Query", "Silence"]);
    for (words, address) in &links {
        assert!(plain.contains(&format!("{words}: {address}\n")), "{words}: {address}\n{plain}");
    }
    assert!(links[1].1.starts_with(&format!("{DASHBOARD}&from=")), "{links:?}");
    assert!(links[1].1.ends_with("&to=now"), "{links:?}");
}

fn good_slack(body: &Value) {
    assert_eq!(body["channel"], "#on-call");
    let message = &body["attachments"][0];
    assert_eq!(message["title"], "[CRITICAL] A sensor is gone: 05-HD Max on srv-2 at s");
    assert_eq!(message["fallback"], message["title"], "what a phone shows");
    assert_eq!(message["color"], "danger");
    assert!(message["text"].as_str().unwrap().contains("24 °C"), "{body}");
    let actions = message["actions"].as_array().unwrap();
    let button = |text: &str| {
        let found = actions.iter().find(|action| action["text"] == text);
        found.unwrap_or_else(|| panic!("no button {text}: {body}"))["url"].as_str().unwrap()
    };
    assert_eq!(button("Runbook"), "http://runbooks/IpmiSensorLost");
    assert!(button("Dashboard").starts_with(&format!("{DASHBOARD}&from=")), "{body}");
    assert!(button("Silence").contains("/#/silences/new?filter="), "{body}");
}

fn good_pagerduty(body: &Value) {
    assert_eq!((&body["event_action"], &body["routing_key"]), (&json!("trigger"), &json!("key")));
    let payload = &body["payload"];
    assert_eq!(payload["summary"], "[CRITICAL] A sensor is gone: 05-HD Max on srv-2 at s");
    assert_eq!(payload["severity"], "critical");
    assert_eq!(payload["class"], "IpmiSensorLost");
    assert_eq!(payload["source"], "srv-2 at s", "what it is about, not who says it");
    assert!(payload["custom_details"]["text"].as_str().unwrap().contains("24 °C"), "{body}");
    let links = body["links"].as_array().unwrap();
    assert_eq!(links[0]["href"], "http://runbooks/IpmiSensorLost");
    assert!(links[1]["href"].as_str().unwrap().starts_with(DASHBOARD), "{body}");
}
