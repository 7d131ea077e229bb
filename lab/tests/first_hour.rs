//! The first hour of whoever types `docker compose up`: the files that `docker-compose.yml` mounts, the real programs,
//! and an internet that is well. Nothing is to be told, and what is told once something is, arrives where
//! `TURBULENCE_NOTIFY_URL` says.
//!
//! Everything runs in a network namespace, where public addresses are this machine's.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "first_hour/by_hand.rs"]
mod by_hand;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::{sleep, spawn};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::time::Instant;
use turbulence_lab::process::{find, find_own};

/// Says to the test that it is within the namespace.
const MARK: &str = "TURBULENCE_FIRST_HOUR";
/// How long something may take to come; it takes seconds.
const PATIENCE: Duration = Duration::from_secs(120);
/// For how long nothing may be told nor be pending: several evaluations of each rule.
/// `TURBULENCE_CALM_SECONDS` is for longer, in seconds: rules with a window of minutes have their say.
const CALM: Duration = Duration::from_secs(75);
/// The name by which those who are notified reach this machine.
const LINKS: &str = "watch.example.org";
/// For how long an alert may be pending.
const PENDING: Duration = Duration::from_secs(40);

fn suite() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn read(file: &str) -> String {
    fs::read_to_string(suite().join(file)).unwrap()
}

/// Runs the test in namespaces of its own, with these files in the place of the system's.
fn within(name: &str, folder: &Path) {
    let hosts = "127.0.0.1 localhost prometheus alertmanager grafana turbulence-ipmi turbulence-latency \
                 turbulence-dns turbulence-homing\n";
    fs::write(folder.join("hosts"), hosts).unwrap();
    fs::write(folder.join("resolv.conf"), "nameserver 9.9.9.10\n").unwrap();
    let lines = "ip link set lo up
         mount --bind \"$FOLDER/hosts\" /etc/hosts
         mount --bind \"$FOLDER/resolv.conf\" /etc/resolv.conf
         exec \"$@\"";
    let mut command = Command::new("unshare");
    let is_root = nix::unistd::geteuid().is_root();
    command
        .args(if is_root { ["-n", "-m"] } else { ["-Urn", "-m"] })
        .args(["sh", "-ec", lines, "sh"]);
    command.arg(std::env::current_exe().unwrap()).args([name, "--exact", "--nocapture"]);
    command.env("FOLDER", folder).env(MARK, folder);
    command.env("PATH", format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap()));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "in its namespace:\n{said}");
}

/// A program that is killed when this is dropped.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        Self(
            command
                .stdin(Stdio::null())
                .spawn()
                .unwrap_or_else(|error| panic!("{command:?}: {error}")),
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The words of docker-compose.yml behind `before`, to the end of the line.
fn mounted(compose: &str, before: &str) -> String {
    let (_, after) = compose.split_once(before).unwrap_or_else(|| panic!("no {before:?}"));
    after.lines().next().unwrap().split(['}', ':']).next().unwrap().to_owned()
}

/// Starts an exporter on the file that compose gives it.
fn exporter(compose: &str, folder: &Path, name: &str) -> Running {
    let file = mounted(compose, &format!("${{TURBULENCE_{}_CONFIG:-./", name.to_uppercase()));
    let etc = folder.join(name);
    fs::create_dir(&etc).unwrap();
    let state = format!("state_directory: {}", etc.join("state").display());
    let config = read(&file).replace("state_directory: /var/lib/turbulence-ipmi", &state);
    fs::create_dir(etc.join("state")).unwrap();
    fs::write(etc.join("config.yml"), config).unwrap();
    fs::copy(suite().join("deploy/compose/bmcs.yml"), etc.join("bmcs.yml")).unwrap();
    let password = etc.join("bmc.password");
    fs::copy(suite().join("deploy/compose/bmc.password.example"), &password).unwrap();
    fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).unwrap();
    let binary = find_own(&format!("turbulence-{name}")).unwrap();
    let log = fs::File::create(etc.join("log")).unwrap();
    Running::start(
        Command::new(binary).arg("--config.file").arg(etc.join("config.yml")).stderr(log),
    )
}

/// The public servers that the files name: what accepts connections on port 443, and what answers on port 53.
fn internet(folder: &Path) -> Running {
    let mut interfaces = String::new();
    let dns = read("deploy/compose/dns.yml");
    let resolvers = dns.lines().filter_map(|line| line.split_once("{ address: "));
    for (_, rest) in resolvers {
        let address = rest.split(',').next().unwrap();
        assert!(ip(address), "{address}");
        writeln!(interfaces, "  interface: {address}").unwrap();
    }
    for line in read("deploy/compose/latency.yml").lines() {
        let Some(canary) = line.trim().strip_prefix("address: ").filter(|it| it.ends_with(":443"))
        else {
            continue;
        };
        ip(canary.trim_end_matches(":443"));
        let listener = TcpListener::bind(canary).unwrap();
        spawn(move || listener.incoming().for_each(drop));
    }
    let config = format!(
        "server:\n{interfaces}  access-control: 0.0.0.0/0 allow\n  do-daemonize: no\n  chroot: \"\"\n  username: \"\"\n  \
         pidfile: \"\"\n  use-syslog: no\n  module-config: iterator\n  local-zone: \"example.org.\" static\n  \
         local-data: \"example.org. A 93.184.215.14\"\n  local-zone: \"example.com.\" static\n  \
         local-data: \"example.com. A 93.184.215.15\"\n  local-zone: \".\" static\n  \
         local-data: \". NS a.root-servers.net.\"\nremote-control:\n  control-enable: no\n"
    );
    let file = folder.join("unbound.conf");
    fs::write(&file, config).unwrap();
    let log = fs::File::create(folder.join("unbound.log")).unwrap();
    Running::start(
        Command::new(find("unbound", "unbound").unwrap()).arg("-c").arg(file).stderr(log),
    )
}

/// Gives this machine an address; whether that succeeded.
fn ip(address: &str) -> bool {
    let add = Command::new(find("ip", "iproute2").unwrap())
        .args(["address", "replace", &format!("{address}/32"), "dev", "lo"])
        .status();
    add.unwrap().success()
}

/// A request by HTTP, and the whole answer.
fn ask(port: u16, head: &str, body: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let length = body.len();
    write!(
        stream,
        "{head} HTTP/1.0\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// The series that a query finds, each with its labels.
fn query(text: &str) -> Option<Vec<Value>> {
    let mut escaped = String::new();
    for byte in text.bytes() {
        write!(escaped, "%{byte:02x}").unwrap();
    }
    let answer = ask(9090, &format!("GET /api/v1/query?query={escaped}"), "")?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    let body: Value = serde_json::from_str(body).ok()?;
    body["data"]["result"].as_array().cloned()
}

/// Waits until a query finds so many series at least.
fn wait_for(text: &str, series: usize) {
    let begun = Instant::now();
    while query(text).is_none_or(|found| found.len() < series) {
        assert!(begun.elapsed() < PATIENCE, "{text}: {:?}", query(text));
        sleep(Duration::from_millis(200));
    }
}

/// Where notifications go to: what was posted, by its path.
fn receiver(port: u16) -> mpsc::Receiver<(String, String)> {
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let (sender, posted) = mpsc::channel();
    spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut text) = (stream.unwrap(), String::new());
            let mut buffer = [0; 4096];
            // As long as a JSON text is open: its end is the end of what was posted.
            while !text.ends_with("}\n") {
                match stream.read(&mut buffer) {
                    Ok(read @ 1..) => text.push_str(&String::from_utf8_lossy(&buffer[..read])),
                    _ => break,
                }
            }
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
            let _ = sender.send((path, text));
        }
    });
    posted
}

/// Starts Prometheus on the shipped files as compose mounts them, and Alertmanager by the shipped script.
fn servers(folder: &Path) -> [Running; 2] {
    let etc = folder.join("prometheus");
    for (from, to) in [("deploy/prometheus", "prometheus"), ("alerts", "prometheus/rules")] {
        let copied =
            Command::new("cp").arg("-r").arg(suite().join(from)).arg(folder.join(to)).status();
        assert!(copied.unwrap().success());
    }
    let log = |name: &str| fs::File::create(folder.join(name)).unwrap();
    let prometheus = Running::start(
        Command::new("sh")
            .arg(suite().join("deploy/compose/prometheus.sh"))
            .arg(format!("--storage.tsdb.path={}", folder.join("tsdb").display()))
            .arg("--web.listen-address=127.0.0.1:9090")
            .env("PROMETHEUS_SHIPPED", etc.join("prometheus.yml"))
            .env("PROMETHEUS_WORK", folder)
            .env("PROMETHEUS", find("prometheus", "prometheus").unwrap())
            .env("TURBULENCE_LINKS", LINKS)
            .stderr(log("prometheus.log")),
    );
    let work = folder.join("alertmanager");
    fs::create_dir(&work).unwrap();
    let program = find("prometheus-alertmanager", "prometheus-alertmanager").unwrap();
    let alertmanager = Running::start(
        Command::new("sh")
            .arg(suite().join("deploy/compose/alertmanager.sh"))
            .arg(format!("--storage.path={}", work.join("data").display()))
            .args(["--web.listen-address=127.0.0.1:9093", "--cluster.listen-address="])
            .arg(format!("--web.external-url=http://{LINKS}:9093"))
            .env("ALERTMANAGER_SHIPPED", etc.join("rules/alertmanager.yml"))
            .env("ALERTMANAGER_WORK", &work)
            .env("ALERTMANAGER", program)
            .env("TURBULENCE_NOTIFY_URL", "http://127.0.0.1:9999/notify")
            .env("TURBULENCE_WATCHDOG_URL", "http://127.0.0.1:9999/alive")
            .stderr(log("alertmanager.log")),
    );
    [prometheus, alertmanager]
}

#[test]
fn the_first_hour_is_calm_and_the_first_notification_arrives() {
    let Some(folder) = std::env::var_os(MARK).map(PathBuf::from) else {
        let folder = TempDir::new().unwrap();
        return within("the_first_hour_is_calm_and_the_first_notification_arrives", folder.path());
    };
    let posted = receiver(9999);
    let _internet = internet(&folder);
    let compose = read("docker-compose.yml");
    let _exporters =
        ["ipmi", "latency", "dns", "homing"].map(|name| exporter(&compose, &folder, name));
    let _servers = servers(&folder);

    wait_for("up{job=~'turbulence-.+'} == 1", 4);
    wait_for("ALERTS{alertname='Watchdog', alertstate='firing'}", 1);
    wait_for("latency_up{role='canary'} == 1", 3);
    wait_for("latency_up{target='prometheus'} == 1", 1);
    wait_for("dns_consistency_resolvers", 1);
    let begun = Instant::now();
    let mut pending: BTreeMap<String, Instant> = BTreeMap::new();
    let calm = std::env::var("TURBULENCE_CALM_SECONDS")
        .map_or(CALM, |seconds| Duration::from_secs(seconds.parse().unwrap()));
    while begun.elapsed() < calm {
        // What stays pending would be told a little later; a scrape that a busy machine lost is over with the next.
        let told = query("ALERTS{alertname!='Watchdog', severity!='info'}").unwrap_or_default();
        let told: Vec<String> = told.iter().map(|alert| alert["metric"].to_string()).collect();
        pending.retain(|alert, _| told.contains(alert));
        for alert in told {
            assert!(!alert.contains("\"firing\""), "{alert}");
            let since = *pending.entry(alert.clone()).or_insert_with(Instant::now);
            assert!(since.elapsed() < PENDING, "{alert}");
        }
        sleep(Duration::from_secs(1));
    }
    let said: Vec<_> = posted.try_iter().collect();
    assert!(said.iter().any(|(path, _)| path == "/alive"), "{said:?}");
    assert!(
        said.iter().all(|(path, text)| path == "/alive" && text.contains("Watchdog")),
        "{said:?}"
    );

    if calm > Duration::from_secs(899) {
        wait_for("homing_evaluations_total{result='complete'} > 0", 1);
    }
    // The links of what is told lead to where people are.
    let (_, alive) = &said[0];
    for link in [":3000/d/turbulence-meta", ":9778/runbooks/Watchdog.md", ":9093", ":9090/graph"] {
        assert!(alive.contains(&format!("http://{LINKS}{link}")), "{link}: {alive}");
    }
    assert!(!alive.contains("localhost:"), "{alive}");

    let alert = r#"[{"labels": {"alertname": "IpmiFanFailed", "severity": "critical", "domain": "thermal", "target": "db-1"}}]"#;
    let answer = ask(9093, "POST /api/v2/alerts", alert).unwrap();
    assert!(answer.contains(" 200 "), "{answer}");
    let begun = Instant::now();
    while !posted.try_iter().any(|(path, text)| path == "/notify" && text.contains("db-1")) {
        assert!(begun.elapsed() < PATIENCE, "the notification did not arrive");
        sleep(Duration::from_millis(200));
    }
}

/// What the script makes of the shipped file, for each kind of address.
#[test]
fn one_variable_says_where_notifications_go() {
    let folder = TempDir::new().unwrap();
    let run = |url: &str| {
        let output = Command::new("sh")
            .arg(suite().join("deploy/compose/alertmanager.sh"))
            .env("ALERTMANAGER_SHIPPED", suite().join("alerts/alertmanager.yml"))
            .env("ALERTMANAGER_WORK", folder.path())
            .env("ALERTMANAGER", "true")
            .env("TURBULENCE_NOTIFY_URL", url)
            .output();
        let output = output.unwrap();
        let written =
            fs::read_to_string(folder.path().join("alertmanager.yml")).unwrap_or_default();
        (output.status.success(), String::from_utf8(output.stderr).unwrap(), written)
    };
    let slack = "https://hooks.slack.com/services/T0/B0/secret";
    for (url, kind, others) in [
        ("", "", "_configs:"),
        (slack, "slack_configs:", "webhook_configs:"),
        (
            "https://prod-01.westeurope.logic.azure.com:443/workflows/a",
            "msteamsv2_configs:",
            "webhook_configs:",
        ),
        ("https://example.org/alerts?key=a&b=c", "webhook_configs:", "slack_configs:"),
    ] {
        let (good, said, written) = run(url);
        assert!(good, "{url}: {said}");
        let set = |line: &&str| !line.trim_start().starts_with('#');
        let (_, receivers) = written.split_once("\nreceivers:\n").unwrap();
        let lines: Vec<_> = receivers.lines().filter(set).collect();
        let count = |word: &str| lines.iter().filter(|line| line.contains(word)).count();
        assert_eq!((count("- name: "), count(others)), (4, 0), "{url}: {lines:#?}");
        assert_eq!(kind.is_empty(), said.contains("not set"), "{said}");
        if !kind.is_empty() {
            assert_eq!(count(kind), 2, "of pages and of tickets: {url}: {lines:#?}");
            assert_eq!(fs::read_to_string(folder.path().join("notify-url")).unwrap(), url);
        }
        assert!(!written.contains("hooks.slack.com/services/T0"), "a secret beside its file");
        // What the installed one does not know yet is checked by its words.
        if kind != "msteamsv2_configs:" {
            let check = Command::new(find("amtool", "prometheus-alertmanager").unwrap())
                .arg("check-config")
                .arg(folder.path().join("alertmanager.yml"))
                .output()
                .unwrap();
            assert!(check.status.success(), "{url}: {}", String::from_utf8_lossy(&check.stderr));
        }
    }
    for bad in ["ftp://example.org", "example.org", "https://a b", "https://a\"b", "http://"] {
        let (good, said, _) = run(bad);
        assert!(!good && said.contains("TURBULENCE_NOTIFY_URL"), "{bad}: {said}");
        // What is wrong is not repeated: it may be a secret.
        assert!(bad == "http://" || !said.contains(bad), "{bad}: {said}");
    }
}
