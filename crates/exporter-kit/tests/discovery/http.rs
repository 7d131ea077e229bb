//! Lists that a server answers with: found as Prometheus finds them, and kept when it fails.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use peers::exposition::samples;
use peers::{Authority, HttpServer, PATIENCE, Program, free_port};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::Instant;

use super::running;

/// The heads of the requests for a path by a program.
fn heads(lists: &HttpServer, path: &str, program: &str) -> Vec<String> {
    let (line, program) = (format!("GET {path} "), format!("user-agent: {program}").to_lowercase());
    let mut asked = lists.asked();
    asked.retain(|head| head.starts_with(&line) && head.to_lowercase().contains(&program));
    asked
}

fn json(kind: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: {kind}\r\n\r\n{body}")
}

fn list(target: &str) -> String {
    let labels = r#"{"__param_module": "fast", "env": "prod"}"#;
    json("application/json", &format!(r#"[{{"targets": ["{target}"], "labels": {labels}}}]"#))
}

fn wait(what: &str, until: impl Fn() -> bool) {
    for _ in 0..PATIENCE.as_millis() / 20 {
        if until() {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("never saw {what}");
}

fn wait_for(who: &str, wanted: &BTreeSet<String>, found: impl Fn() -> BTreeSet<String>) {
    let until = Instant::now() + PATIENCE;
    while found() != *wanted {
        assert!(Instant::now() < until, "{who} {:?}, should be {wanted:?}", found());
        thread::sleep(Duration::from_millis(20));
    }
}

/// Ends with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A CA, and files signed by it for a server called `lists.example` and for a client.
fn certificates(folder: &Path) {
    let authority = Authority::default();
    std::fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    authority.sign("lists.example").write(folder, "server");
    authority.sign("client.example").write(folder, "client");
}

/// openssl serves `folder` by TLS to whom the CA knows.
fn serve_by_tls(folder: &Path) -> (Ended, u16) {
    let port = free_port();
    let mut openssl = Command::new("openssl");
    openssl.args(["s_server", "-quiet", "-HTTP", "-Verify", "1", "-verify_return_error"]);
    openssl.args(["-CAfile", "ca.pem", "-cert", "server.pem", "-key", "server.key"]);
    openssl.args(["-accept", &format!("127.0.0.1:{port}")]).current_dir(folder);
    openssl.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    (Ended(openssl.spawn().unwrap()), port)
}

/// The addresses that a Prometheus with this config finds.
fn prometheus(folder: &Path, port: u16) -> Ended {
    let mut prometheus = Command::new("prometheus");
    prometheus.args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"]);
    prometheus.arg(format!("--web.listen-address=127.0.0.1:{port}")).current_dir(folder);
    prometheus.stdout(Stdio::null()).stderr(Stdio::null());
    Ended(prometheus.spawn().unwrap())
}

fn found_by_prometheus(port: u16) -> BTreeSet<String> {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return BTreeSet::new() };
    stream.write_all(b"GET /api/v1/targets?state=active HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let targets = body["data"]["activeTargets"].as_array().cloned().unwrap_or_default();
    let address = |it: &Value| it["discoveredLabels"]["__address__"].as_str().unwrap().to_owned();
    targets.iter().map(address).collect()
}

fn found_by_tick(tick: &Program) -> BTreeSet<String> {
    let page = tick.metrics().text;
    let ticks = samples(&page).filter(|sample| sample.name == "tick_ticks_total");
    ticks.filter_map(|tick| Some(tick.label("clock")?.into_owned())).collect()
}

/// Both say the same to the server.
fn say_the_same(lists: &HttpServer) {
    for (path, headers) in [
        ("/basic", &["authorization", "accept", "x-prometheus-refresh-interval-seconds"][..]),
        ("/bearer", &["authorization"]),
        ("/token", &["authorization"]),
    ] {
        let said = |program: &str| {
            let head = heads(lists, path, program).remove(0);
            let line = |name: &&str| {
                let line = head.lines().find(|line| line.to_lowercase().starts_with(*name));
                line.unwrap().split_once(": ").unwrap().1.to_owned()
            };
            headers.iter().map(line).collect::<Vec<_>>()
        };
        assert_eq!(said("Turbulence"), said("Prometheus"), "{path}");
    }
}

const REDIRECT: &str = "HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: /good\r\n\r\n";

#[test]
fn a_server_s_lists_are_found_as_prometheus_finds_them() {
    let lists = HttpServer::start();
    let ok = "[{\"targets\": [\"TARGET:1\"], \"labels\": {\"__param_module\": \"fast\"}}]";
    // What is answered, and with which settings it is asked; its target is called after its path.
    let cases = [
        ("good", "", json("application/json", ok)),
        ("charset", "", json("Application/JSON; charset=\"UTF-8\"", ok)),
        ("empty", "", json("application/json", "[]")),
        ("latin", "", json("application/json; charset=latin1", ok)),
        ("text", "", json("text/plain", ok)),
        ("created", "", json("application/json", ok).replace("200 OK", "201 Created")),
        ("broken", "", json("application/json", &ok[..20])),
        ("object", "", json("application/json", &ok[1..ok.len() - 1])),
        ("key", "", json("application/json", &ok.replace("labels", "label"))),
        ("redirect", "", REDIRECT.replace("/good", "/redirected")),
        ("stay", "follow_redirects: false", REDIRECT.replace("/good", "/redirected")),
        ("missing", "", "HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n".to_owned()),
        (
            "basic",
            "basic_auth: {username: me, password_file: secret}",
            json("application/json", ok),
        ),
        (
            "bearer",
            "authorization: {type: Bearer, credentials_file: secret}",
            json("application/json", ok),
        ),
        ("token", "authorization: {type: Token, credentials: abc}", json("application/json", ok)),
    ];
    let folder = TempDir::new().unwrap();
    certificates(folder.path());
    std::fs::write(folder.path().join("secret"), "hunter2\n").unwrap();
    let mut sources = Vec::new();
    for (name, settings, answer) in &cases {
        lists.send(&format!("/{name}"), answer.replace("TARGET", name));
        let comma = if settings.is_empty() { "" } else { ", " };
        let url = format!("http://{}/{name}", lists.address);
        sources.push(format!("{{url: '{url}', refresh_interval: 1s{comma}{settings}}}"));
    }
    lists.send("/redirected", json("application/json", &ok.replace("TARGET", "redirect")));
    let (_openssl, port) = serve_by_tls(folder.path());
    let secure = json("application/json", &ok.replace("TARGET", "secure"));
    std::fs::write(folder.path().join("secure"), secure).unwrap();
    let named = "ca_file: ca.pem, server_name: lists.example";
    for tls in [
        format!("{named}, cert_file: client.pem, key_file: client.key"),
        // Neither is known to the other.
        named.to_owned(),
        "ca_file: ca.pem, cert_file: client.pem, key_file: client.key".to_owned(),
    ] {
        let url = format!("https://127.0.0.1:{port}/secure");
        sources.push(format!("{{url: '{url}', refresh_interval: 1s, tls_config: {{{tls}}}}}"));
    }

    // Prometheus takes the very same words.
    let mut config = "scrape_configs:\n".to_owned();
    for (number, source) in sources.iter().enumerate() {
        writeln!(config, "- job_name: j{number}\n  http_sd_configs: [{source}]").unwrap();
    }
    std::fs::write(folder.path().join("prometheus.yml"), config).unwrap();
    let port = free_port();
    let _prometheus = prometheus(folder.path(), port);
    let config = format!(
        "modules: {{fast: {{period: 10ms}}}}\nclocks: {{}}\nhttp_sd_configs: [{}]\n",
        sources.join(", ")
    );
    let tick = Program::start_in(running::tick(), folder.path(), &config);

    let wanted = ["good", "charset", "redirect", "basic", "bearer", "token", "secure"];
    let wanted: BTreeSet<_> = wanted.iter().map(|name| format!("{name}:1")).collect();
    wait_for("Prometheus finds", &wanted, || found_by_prometheus(port));
    wait_for("we find", &wanted, || found_by_tick(&tick));
    // Whatever may still come has come, when each was asked again.
    for (name, ..) in &cases {
        let path = format!("/{name}");
        let before = heads(&lists, &path, "Turbulence").len();
        wait("the next request", || heads(&lists, &path, "Turbulence").len() > before + 1);
    }
    assert_eq!((found_by_tick(&tick), found_by_prometheus(port)), (wanted.clone(), wanted));

    say_the_same(&lists);
    assert!(
        heads(&lists, "/bearer", "Turbulence")[0].contains("authorization: Bearer hunter2\r\n")
    );
    let page = tick.page("/-/discovery");
    for wanted in [
        "/latin: the answer's Content-Type must be application/json",
        "/created: answered 201, must be 200",
        "/missing: answered 404, must be 200",
        "/stay: answered 302, must be 200",
        "/broken:1:20: it ends too early",
    ] {
        assert!(page.contains(wanted), "{wanted}: {page}");
    }
    assert!(!page.contains("hunter2"), "{page}");
}

#[test]
fn a_server_that_fails_changes_nothing() {
    let (lists, elsewhere) = (HttpServer::start(), HttpServer::start());
    let path = "/list?token=hunter2";
    lists.send(path, list("a"));
    let config = |rest: &str| {
        format!(
            "modules: {{fast: {{period: 10ms}}}}\nclocks: {{}}\nhttp_sd_configs: [{{url: \
             'http://{}{path}', refresh_interval: 1s, authorization: \
             {{credentials: hunter2}}, http_headers: {{X-Key: {{secrets: [hunter2]}}}}{rest}}}]\n",
            lists.address
        )
    };
    let folder = TempDir::new().unwrap();
    let tick = Program::start_in(running::tick(), folder.path(), &config(""));
    let has =
        |page: &str, clock: &str| page.contains(&format!("tick_ticks_total{{clock=\"{clock}\""));
    running::wait_for(&tick, |page| has(page, "a"));
    assert!(heads(&lists, path, "Turbulence")[0].contains("x-key: hunter2"));
    assert!(heads(&lists, path, "Turbulence")[0].contains("authorization: Bearer hunter2"));

    let away = format!(
        "HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: http://{}/\r\n\r\n",
        elsewhere.address
    );
    let huge = json("application/json", &" ".repeat((16 << 20) + 1));
    for (answer, wanted) in [
        ("silence", "no whole answer within 1 s"),
        (&away, "it redirects to another host"),
        (&huge, "the answer has more than 16 MiB"),
        (
            "HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: /list?token=hunter2\r\n\r\n",
            "it redirects more than 10 times",
        ),
        ("HTTP/1.1 500 Oh\r\nConnection: close\r\n\r\nhunter2", "answered 500, must be 200"),
        ("hunter2\r\n\r\n", "asking"),
    ] {
        match answer {
            "silence" => lists.keep_silent(path),
            answer => lists.send(path, answer),
        }
        tick.wait(wanted, || tick.page("/-/discovery").contains(wanted));
        let shown = tick.page("/-/discovery");
        assert!(!shown.contains("hunter2"), "{shown}");
        let page = tick.metrics().text;
        assert!(has(&page, "a") && page.contains("turbulence_sd_broken_sources 1"), "{page}");
    }
    assert!(elsewhere.asked().is_empty());
    let page = tick.metrics().text;
    let failures =
        page.lines().find(|line| line.starts_with("turbulence_sd_refresh_failures_total"));
    assert!(failures.unwrap().contains("{mechanism=\"http\"} "), "{failures:?}");

    // Other settings of the same URL are no reason to forget its list.
    assert_eq!(tick.reload(&config(", enable_http2: false")).status, 200);
    tick.wait_for_log(&["config reloaded"]);
    let before = heads(&lists, path, "Turbulence").len();
    wait("a request", || heads(&lists, path, "Turbulence").len() > before + 1);
    assert!(has(&tick.metrics().text, "a"));
    // Good again, and another.
    lists.send(path, list("b"));
    let page = running::wait_for(&tick, |page| has(page, "b") && !has(page, "a"));
    assert!(page.contains("turbulence_sd_broken_sources 0"), "{page}");
    // Gone from the config, its targets are gone too.
    assert_eq!(tick.reload("clocks: {own: {period: 10ms}}\n").status, 200);
    running::wait_for(&tick, |page| has(page, "own") && !has(page, "b"));
    assert!(!tick.log().contains("hunter2"));
}

#[test]
fn what_a_source_needs_is_read_when_the_config_is_checked() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("tick.yml");
    let auth = "basic_auth: {username: a, password_file: none}";
    let tls = "tls_config: {ca_file: nothing}";
    let bad = "authorization: {credentials_file: never}";
    let sources = [format!("{auth}, {tls}"), bad.to_owned()];
    let sources = sources.map(|it| format!("- {{url: 'https://127.0.0.1:9/', {it}}}\n")).concat();
    std::fs::write(&file, format!("clocks: {{}}\nhttp_sd_configs:\n{sources}")).unwrap();
    let mut tick = running::tick();
    let checked = tick.arg("--config.check").arg("--config.file").arg(&file).output().unwrap();
    let error = String::from_utf8(checked.stderr).unwrap();
    assert!(!checked.status.success(), "{error}");
    for wanted in [
        "tick.yml:3:3: http_sd_configs[0].tls_config.ca_file: reading secret file",
        "tick.yml:3:3: http_sd_configs[0].basic_auth.password_file: reading secret file",
        "tick.yml:4:3: http_sd_configs[1].authorization.credentials_file: reading secret file",
    ] {
        assert!(error.contains(wanted), "{error}");
    }
}
