//! What strangers at the web server do to what is measured: nothing.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use peers::Program;

/// A server that takes connections and closes them.
fn service() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || while listener.accept().is_ok() {});
    address
}

/// Starts the exporter with so many file descriptors and these targets, as `(name, interval)`.
fn start(descriptors: usize, targets: &[(String, &str)]) -> Program {
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
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("ulimit -n {descriptors}; exec \"$0\" \"$@\"")])
        .arg(env!("CARGO_BIN_EXE_turbulence-latency"));
    Program::start(command, &config)
}

/// Waits until so many probes of a target were decided.
fn wait_for_probes(program: &Program, target: &str, count: f64) {
    let series = format!("latency_probes_total{{target=\"{target}\"}}");
    program.wait_until(&format!("{count} probes"), |it| it.get(&series) >= Some(count));
}

/// The mean time to connect to `probe` while 20 clients look at `path` for that long.
fn connect_while_looked_at(program: &Program, path: &str, long: Duration) -> (f64, f64) {
    let of = |part: &str| format!("latency_probe_duration_seconds_{part}{{target=\"probe\"}}");
    let read = || {
        let metrics = program.metrics();
        let value = |part: &str| metrics.value(&of(part));
        (value("sum"), value("count"))
    };
    let (sum, count) = read();
    let (address, over) = (program.address(), AtomicBool::new(false));
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

fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn idle_connections_move_no_vote() {
    let program = start(32, &[("service".to_owned(), "100ms")]);
    wait_for_probes(&program, "service", 5.0);
    let idle: Vec<_> = (0..60).map(|_| TcpStream::connect(program.address()).unwrap()).collect();
    let probes = program.metrics().value("latency_probes_total{target=\"service\"}");
    wait_for_probes(&program, "service", probes + 50.0);
    // A probe that a busy machine delays by its interval is no vote of a stranger's.
    let metrics = program.wait_until("the service is up", |it| {
        it.get("latency_up{target=\"service\"}") == Some(1.0)
    });
    assert_eq!(idle.len(), 60);
    assert_eq!(metrics.get("latency_probe_failures_total{reason=\"local\"}"), None);
}

#[test]
fn looking_at_the_page_disturbs_no_measurement() {
    let mut targets: Vec<_> = (0..1_500).map(|n| (format!("t{n}"), "1s")).collect();
    targets.push(("probe".to_owned(), "100ms"));
    let program = start(16_384, &targets);
    wait_for_probes(&program, "probe", 5.0);
    // What else the machine does is in both means, slice by slice; bursts of it may spoil some runs.
    let mut ratios = Vec::new();
    for _ in 0..10 {
        let (mut page, mut nothing) = ((0.0, 0.0), (0.0, 0.0));
        for _ in 0..4 {
            for (path, total) in [("/", &mut page), ("/-/healthy", &mut nothing)] {
                let (sum, count) = connect_while_looked_at(&program, path, Duration::from_secs(1));
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
