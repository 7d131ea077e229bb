//! The sink as Alertmanager, a browser and the lab use it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use turbulence_lab::sink::notification::{Channel, Status};
use turbulence_lab::sink::{Options, Sink};

const PATIENCE: Duration = Duration::from_secs(60);

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn start(folder: &TempDir) -> Sink {
    fs::write(folder.path().join("IpmiFanFailed.md"), "# A fan stands still\n\nReplace it.\n")
        .unwrap();
    Sink::start(listener(), folder.path()).unwrap()
}

/// One request; the head and the body of the response.
async fn http(address: SocketAddr, method: &str, path: &str, body: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

fn webhook(name: &str, summary: &str) -> String {
    json!({
        "version": "4", "groupKey": format!("{{}}:{{alertname=\"{name}\"}}"), "status": "firing",
        "receiver": "page", "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {},
        "externalURL": "", "truncatedAlerts": 0,
        "alerts": [{
            "status": "firing", "labels": {"alertname": name, "severity": "critical"},
            "annotations": {"summary": summary, "runbook_url": format!("javascript:{name}")},
            "startsAt": "2026-11-22T03:20:00Z", "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "", "fingerprint": "00"
        }]
    })
    .to_string()
}

#[tokio::test]
async fn what_arrives_is_kept_in_order_and_told_to_subscribers() {
    let folder = tempfile::tempdir().unwrap();
    let sink = start(&folder);
    let mut arrivals = sink.subscribe();
    let before = sink.mark();
    for (path, name) in [("/page", "One"), ("/ticket", "Two"), ("/watchdog", "Three")] {
        let (head, _) = http(sink.address(), "POST", path, &webhook(name, "It is so.")).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert_eq!(arrivals.recv().await.unwrap().names(), [name]);
    }
    let all = sink.since(before);
    let channels: Vec<Channel> = all.iter().map(|one| one.channel).collect();
    assert_eq!(channels, [Channel::Page, Channel::Ticket, Channel::Watchdog]);
    assert!(sink.since(sink.mark()).is_empty());
}

#[tokio::test]
async fn the_pages_show_what_arrived_and_run_nothing_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let sink = start(&folder);
    let (_, empty) = http(sink.address(), "GET", "/", "").await;
    assert!(empty.contains("Nothing was notified yet"), "{empty}");
    for name in ["Old", "New"] {
        http(sink.address(), "POST", "/page", &webhook(name, "<script>x</script>")).await;
    }
    let (head, page) = http(sink.address(), "GET", "/", "").await;
    assert!(head.to_ascii_lowercase().contains("content-type: text/html"), "{head}");
    assert!(page.find("New").unwrap() < page.find("Old").unwrap(), "newest first");
    assert!(page.contains("&lt;script&gt;x") && !page.contains("<script>x"), "{page}");
    assert!(!page.contains("javascript:"), "{page}");
    let (_, api) = http(sink.address(), "GET", "/api/notifications", "").await;
    let api: Value = serde_json::from_str(&api).unwrap();
    assert_eq!(api[0]["alerts"][0]["labels"]["alertname"], "New");
    assert_eq!(api[1]["id"], 1);
}

#[tokio::test]
async fn a_runbook_is_served_and_no_other_file() {
    let folder = tempfile::tempdir().unwrap();
    let sink = start(&folder);
    for path in ["/runbooks/IpmiFanFailed.md", "/runbooks/IpmiFanFailed"] {
        let (head, page) = http(sink.address(), "GET", path, "").await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(page.contains("<h1>A fan stands still</h1>"), "{page}");
    }
    for path in ["/runbooks/None", "/runbooks/..%2F..%2Fetc%2Fpasswd", "/runbooks/%2e%2e/sink"] {
        let (head, body) = http(sink.address(), "GET", path, "").await;
        assert!(head.starts_with("HTTP/1.1 404"), "{path}: {head}");
        assert!(!body.contains("root:"), "{path}: {body}");
    }
}

#[tokio::test]
async fn what_is_no_webhook_is_refused_and_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let sink = start(&folder);
    let before = sink.mark();
    for body in ["", "{}", "[1,2", "null"] {
        let (head, _) = http(sink.address(), "POST", "/page", body).await;
        assert!(head.starts_with("HTTP/1.1 400"), "{body}: {head}");
    }
    let (head, _) = http(sink.address(), "POST", "/elsewhere", &webhook("One", "")).await;
    assert!(head.starts_with("HTTP/1.1 404"), "{head}");
    assert_eq!(sink.since(before), []);
}

#[tokio::test]
async fn the_journal_has_a_line_a_notification() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("notifications.jsonl");
    let options = Options { journal: Some(journal.clone()), ..Options::default() };
    let sink = Sink::start_with(listener(), options).unwrap();
    for name in ["One", "Two"] {
        http(sink.address(), "POST", "/ticket", &webhook(name, "It is so.")).await;
    }
    let text = fs::read_to_string(&journal).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1]["alerts"][0]["labels"]["alertname"], "Two");
    assert_eq!(lines[1]["channel"], "ticket");
}

/// A process that ends with the test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Debian's Alertmanager, with one receiver: the sink's `/page`.
async fn alertmanager(folder: &Path, sink: SocketAddr) -> (Killed, SocketAddr) {
    let config = json!({
        "route": {"receiver": "page", "group_by": ["target"],
                  "group_wait": "0s", "group_interval": "1s", "repeat_interval": "1h"},
        "receivers": [{"name": "page", "webhook_configs": [
            {"url": format!("http://{sink}/page"), "send_resolved": true}]}]
    });
    let file = folder.join("alertmanager.yml");
    // JSON is YAML.
    fs::write(&file, config.to_string()).unwrap();
    let address = listener().local_addr().unwrap();
    let child = Command::new("prometheus-alertmanager")
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--storage.path={}", folder.join("data").display()))
        .arg(format!("--web.listen-address={address}"))
        .arg("--cluster.listen-address=")
        .stderr(Stdio::null())
        .spawn()
        .expect("install the Debian package prometheus-alertmanager");
    let child = Killed(child);
    let up = async {
        while TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, up).await.expect("Alertmanager listens");
    (child, address)
}

#[tokio::test]
async fn a_real_alertmanager_notifies_and_resolves() {
    let folder = tempfile::tempdir().unwrap();
    let sink = start(&folder);
    let mut arrivals = sink.subscribe();
    let (_alertmanager, address) = alertmanager(folder.path(), sink.address()).await;
    let alert = |name: &str, ends_at: Option<&str>| {
        let mut alert = json!({
            "labels": {"alertname": name, "target": "srv-phantom", "severity": "critical"},
            "annotations": {"summary": format!("{name} is firing.")},
            "startsAt": "2026-11-22T03:20:00+01:00"
        });
        if let Some(ends_at) = ends_at {
            alert["endsAt"] = ends_at.into();
        }
        alert
    };
    let names = ["IpmiPhantomTemperature", "IpmiPhantomFanRunaway"];
    let firing = json!(names.map(|name| alert(name, None))).to_string();
    let (head, _) = http(address, "POST", "/api/v2/alerts", &firing).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let notification = tokio::time::timeout(PATIENCE, arrivals.recv()).await.unwrap().unwrap();
    assert_eq!(notification.status, Status::Firing);
    assert_eq!(notification.group_labels["target"], "srv-phantom");
    let mut got = notification.names();
    got.sort_unstable();
    assert_eq!(got, ["IpmiPhantomFanRunaway", "IpmiPhantomTemperature"], "both in one");
    assert!(notification.text().contains("  IpmiPhantomTemperature is firing.\n"));

    let over = json!(names.map(|name| alert(name, Some("2026-11-22T03:23:05+01:00")))).to_string();
    http(address, "POST", "/api/v2/alerts", &over).await;
    let resolved = async {
        loop {
            let notification = arrivals.recv().await.unwrap();
            if notification.status == Status::Resolved {
                return notification;
            }
        }
    };
    let notification = tokio::time::timeout(PATIENCE, resolved).await.unwrap();
    assert!(notification.text().contains("RESOLVED after 3 min 5 s"), "{}", notification.text());
}
