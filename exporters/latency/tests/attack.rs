//! What strangers at the web server do to what is measured: nothing.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

/// A server that takes connections and closes them.
fn service() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || while listener.accept().is_ok() {});
    address
}

/// A running exporter.
struct Program {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Program {
    /// Starts it with so many file descriptors and these targets, as `(name, interval)`.
    fn start(descriptors: usize, targets: &[(String, &str)]) -> Self {
        let service = service();
        let mut config = "vantage: {name: test, region: EMEA}\nmodules:\n".to_owned();
        for interval in ["100ms", "1s"] {
            let module = format!("{{prober: tcp, interval: {interval}, timeout: {interval}}}");
            writeln!(config, "  tcp-{interval}: {module}").unwrap();
        }
        config.push_str("targets:\n");
        for (name, interval) in targets {
            writeln!(config, "  - {{name: {name}, module: tcp-{interval}, address: '{service}'}}")
                .unwrap();
        }
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("latency.yml");
        std::fs::write(&file, config).unwrap();
        let mut child = Command::new("sh")
            .args(["-c", &format!("ulimit -n {descriptors}; exec \"$0\" \"$@\"")])
            .arg(env!("CARGO_BIN_EXE_turbulence-latency"))
            .args(["--web.listen-address", "127.0.0.1:0", "--config.file"])
            .arg(&file)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let address = loop {
            let mut line = String::new();
            assert!(log.read_line(&mut line).unwrap() > 0, "it ended");
            if let Some((_, address)) = line.split_once("listening address=") {
                break address.trim().parse().unwrap();
            }
        };
        thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Self { child, address, _folder: folder }
    }

    fn get(&self, path: &str) -> std::io::Result<String> {
        get(self.address, path)
    }

    /// The value of the one series that begins so and has that target.
    fn value(&self, name: &str, target: &str) -> Option<f64> {
        let text = self.get("/metrics").unwrap();
        let target = format!("target=\"{target}\"");
        let of_target = |line: &&str| line.starts_with(name) && line.contains(&target);
        let line = text.lines().find(of_target)?;
        Some(line.rsplit(' ').next().unwrap().parse().unwrap())
    }

    fn wait_for_probes(&self, target: &str, count: f64) {
        self.wait_for("latency_probes_total{", target, count);
    }

    /// Waits until a series has at least that value.
    fn wait_for(&self, name: &str, target: &str, least: f64) {
        for _ in 0..6_000 {
            if self.value(name, target).is_some_and(|value| value >= least) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("{name} of {target} was never {least}, but {:?}", self.value(name, target));
    }

    /// The mean time to connect to `probe` while 20 clients look at `path` for that long.
    fn connect_while_looked_at(&self, path: &'static str, long: Duration) -> (f64, f64) {
        let read = || {
            let value = |part: &str| {
                self.value(&format!("latency_probe_duration_seconds_{part}{{"), "probe").unwrap()
            };
            (value("sum"), value("count"))
        };
        let (sum, count) = read();
        let (address, over) = (self.address, AtomicBool::new(false));
        thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    while !over.load(Ordering::Relaxed) {
                        // A refusal is an answer as well.
                        let _ = get(address, path);
                        thread::sleep(Duration::from_millis(10));
                    }
                });
            }
            thread::sleep(long);
            over.store(true, Ordering::Relaxed);
        });
        let after = read();
        (after.0 - sum, after.1 - count)
    }
}

fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn idle_connections_move_no_vote() {
    let program = Program::start(32, &[("service".to_owned(), "100ms")]);
    program.wait_for_probes("service", 5.0);
    let idle: Vec<_> = (0..60).map(|_| TcpStream::connect(program.address).unwrap()).collect();
    let probes = program.value("latency_probes_total{", "service").unwrap();
    program.wait_for_probes("service", probes + 50.0);
    // A probe that a busy machine delays by its interval is no vote of a stranger's.
    program.wait_for("latency_up{", "service", 1.0);
    assert_eq!(idle.len(), 60);
    let failures = program.get("/metrics").unwrap();
    let local = failures.lines().find(|line| line.contains("reason=\"local\""));
    assert_eq!(local, None);
}

#[test]
fn looking_at_the_page_disturbs_no_measurement() {
    let mut targets: Vec<_> = (0..1_500).map(|n| (format!("t{n}"), "1s")).collect();
    targets.push(("probe".to_owned(), "100ms"));
    let program = Program::start(16_384, &targets);
    program.wait_for_probes("probe", 5.0);
    // What else the machine does is in both means, slice by slice; bursts of it may spoil some runs.
    let mut ratios = Vec::new();
    for _ in 0..10 {
        let (mut page, mut nothing) = ((0.0, 0.0), (0.0, 0.0));
        for _ in 0..4 {
            for (path, total) in [("/", &mut page), ("/-/healthy", &mut nothing)] {
                let (sum, count) = program.connect_while_looked_at(path, Duration::from_secs(1));
                *total = (total.0 + sum, total.1 + count);
            }
        }
        ratios.push((page.0 / page.1) / (nothing.0 / nothing.1));
        if ratios.last().is_some_and(|ratio| *ratio < 2.0) {
            return;
        }
    }
    panic!("the mean time to connect grew by {ratios:?}");
}
