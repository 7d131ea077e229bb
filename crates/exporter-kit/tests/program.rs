//! The life of a real exporter process: the example `tick`, started, scraped, reloaded, stopped.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "program/prometheus.rs"]
mod prometheus;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

fn tick() -> Command {
    let test = std::env::current_exe().unwrap();
    let program = test.ancestors().nth(2).unwrap().join("examples/tick");
    assert!(program.exists(), "{}: build it: cargo build --examples", program.display());
    Command::new(program)
}

/// A running `tick`, its config file and its log.
struct Program {
    child: Child,
    address: SocketAddr,
    folder: TempDir,
    log: mpsc::Receiver<String>,
}

impl Program {
    fn start(config: &str) -> Self {
        Self::start_with(config, &["--web.listen-address", "127.0.0.1:0"])
    }

    fn start_with(config: &str, flags: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("tick.yml"), config).unwrap();
        let mut command = tick();
        command.arg("--config.file").arg(folder.path().join("tick.yml")).args(flags);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = lines(child.stderr.take().unwrap());
        let address = loop {
            let line = log.recv_timeout(PATIENCE).unwrap();
            if let Some((_, address)) = line.split_once("listening address=") {
                break address.trim().parse().unwrap();
            }
        };
        Self { child, address, folder, log }
    }

    fn config_file(&self) -> PathBuf {
        self.folder.path().join("tick.yml")
    }

    fn write_config(&self, config: &str) {
        std::fs::write(self.config_file(), config).unwrap();
    }

    fn ask(&self, method: &str, path: &str, headers: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n{headers}\r\n")
            .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
    }

    fn get(&self, path: &str) -> (u16, String) {
        self.ask("GET", path, "")
    }

    /// Scrapes until a line of the exposition holds `wanted`.
    fn wait_for(&self, wanted: &str) -> String {
        for _ in 0..6000 {
            let (_, text) = self.get("/metrics");
            if text.contains(wanted) {
                return text;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("never saw {wanted:?} in:\n{}", self.get("/metrics").1);
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    fn wait_for_log(&self, wanted: &str) -> String {
        loop {
            let line = self.log.recv_timeout(PATIENCE).unwrap();
            if line.contains(wanted) {
                return line;
            }
        }
    }

    fn stop(mut self) -> ExitStatus {
        self.signal("TERM");
        self.child.wait().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(stderr: ChildStderr) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines() {
            if sender.send(line.unwrap()).is_err() {
                break;
            }
        }
    });
    receiver
}

fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find(|line| line.starts_with(series)).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

const TWO: &str = "clocks: {a: {period: 10ms}, b: {period: 10ms, mood: bad}}";

#[test]
fn it_lives_is_reloaded_and_ends() {
    let program = Program::start(TWO);
    program.wait_for("tick_ticks_total{clock=\"b\"}");
    while program.get("/-/ready").0 != 200 {
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(program.get("/-/healthy").0, 200);

    let (status, page) = program.get("/");
    assert_eq!(status, 200);
    assert!(page.contains("down: bad_mood") && page.contains("/metrics"), "{page}");

    // A bad file changes nothing, and says what is wrong with it.
    program.write_config("clocks: {a: {perid: 10ms}}");
    let (status, answer) = program.ask("POST", "/-/reload", "Content-Length: 0\r\n");
    assert_eq!(status, 500);
    assert!(
        answer.contains("tick.yml:1:14: clocks.a: unknown field `perid`, did you mean `period`?"),
        "{answer}"
    );
    let text = program.wait_for("turbulence_config_last_reload_successful 0");
    let before = value(&text, "tick_ticks_total{clock=\"a\"}");

    // A good one, by signal this time: `a` keeps its count, `b` is gone, `c` is new.
    program.write_config("clocks: {a: {period: 10ms}, c: {period: 10ms}}");
    program.signal("HUP");
    let text = program.wait_for("tick_ticks_total{clock=\"c\"}");
    assert!(value(&text, "tick_ticks_total{clock=\"a\"}") >= before);
    assert!(!text.contains("clock=\"b\""));
    program.wait_for("turbulence_config_last_reload_successful 1");

    assert_eq!(program.get("/-/reload").0, 405);
    assert_eq!(program.get("/nowhere").0, 404);
    assert!(program.stop().success());
}

#[test]
fn a_change_of_state_is_logged_once() {
    let program = Program::start(TWO);
    program.wait_for_log("target is down");
    program.wait_for("tick_ticks_total{clock=\"b\"} 2");
    program.signal("TERM");
    let rest: Vec<_> = program.log.iter().collect();
    assert!(!rest.iter().any(|line| line.contains("target is down")), "{rest:?}");
}

#[test]
fn the_exposition_suits_who_asks() {
    let program = Program::start(TWO);
    let (_, classic) = program.get("/metrics");
    assert!(classic.contains("# TYPE tick_ticks_total counter"), "{classic}");
    assert!(classic.contains("turbulence_build_info{program=\"tick\""), "{classic}");
    assert!(!classic.contains("# EOF"));
    let (_, open) = program.ask("GET", "/metrics", "Accept: application/openmetrics-text\r\n");
    assert!(open.contains("# TYPE tick_ticks counter") && open.contains("# EOF"), "{open}");
    let (_, packed) = program.ask("GET", "/metrics", "Accept-Encoding: gzip\r\n");
    let packings = |answer: &str| answer.to_lowercase().matches("content-encoding: ").count();
    assert!(packed.to_lowercase().contains("content-encoding: gzip"), "{packed}");
    assert_eq!(packings(&packed), 1);
    let (_, plain) = program.ask("GET", "/metrics", "Accept-Encoding: gzip;q=0\r\n");
    assert_eq!(packings(&plain), 0);
    let (_, page) = program.ask("GET", "/", "Accept-Encoding: gzip\r\n");
    assert_eq!(packings(&page), 1);
    for name in ["process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"] {
        assert!(value(&classic, name) >= 0.0, "{name}");
    }
}

#[test]
fn the_healthcheck_asks_the_running_program() {
    let program = Program::start(TWO);
    let check = |address: &str| {
        tick().args(["healthcheck", "--address", address]).stderr(Stdio::null()).status().unwrap()
    };
    assert!(check(&program.address.to_string()).success());
    // A port that was free a moment ago: nobody answers there.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(check(&free.to_string()).code(), Some(1));
}

#[test]
fn a_socket_can_be_handed_over() {
    // A socket as standard input is the one that a child keeps; the shell moves it to descriptor 3,
    // where systemd's protocol wants it.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("tick.yml");
    std::fs::write(&file, TWO).unwrap();
    let mut child = Command::new("sh")
        .args(["-c", "exec \"$0\" --web.systemd-socket --config.file \"$1\" 3<&0 0</dev/null"])
        .arg(tick().get_program())
        .arg(&file)
        .env("LISTEN_FDS", "1")
        .stdin(OwnedFd::from(listener))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = lines(child.stderr.take().unwrap());
    while !log.recv_timeout(PATIENCE).unwrap().contains("listening") {}
    assert!(TcpStream::connect(address).is_ok());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn what_cannot_work_is_refused_at_once() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("tick.yml");
    let run = |config: &str, flags: &[&str]| {
        std::fs::write(&file, config).unwrap();
        let output = tick().arg("--config.file").arg(&file).args(flags).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(run(TWO, &["--config.check"]).0, 0);
    let cases: [(&str, &[&str], i32, &str); 8] = [
        ("clocks: {a: {}}", &[], 1, "tick.yml:1:13: clocks.a: missing field `period`"),
        ("clocks: {a: {period: 2h}}", &["--config.check"], 1, "period: must be from 1ms to 1h"),
        ("a: b: c", &[], 1, "tick.yml:1:"),
        ("", &[], 1, "tick.yml:"),
        (
            TWO,
            &["--config.check", "--web.config.file", "x.yml"],
            1,
            "reading web config file x.yml",
        ),
        (TWO, &["--web.telemetry-path", "/-/x"], 2, "must start with a slash"),
        (TWO, &["--web.systemd-socket"], 1, "no socket was handed over"),
        (TWO, &["--log.level", "loud"], 2, "error, warn, info, debug, trace"),
    ];
    for (config, flags, code, message) in cases {
        let (got, stderr) = run(config, flags);
        assert!(got == code && stderr.contains(message), "{config} {flags:?}: {got} {stderr}");
    }
}
