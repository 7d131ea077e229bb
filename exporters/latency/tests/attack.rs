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

#[path = "program/names.rs"]
#[expect(dead_code, reason = "other tests need more of it")]
mod names;

/// A server that takes connections and closes them.
fn service() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || while listener.accept().is_ok() {});
    address
}

/// Starts the exporter with so many file descriptors and these targets, as `(name, interval)`.
fn start(descriptors: usize, targets: &[(String, &str)]) -> Program {
    start_with(descriptors, targets, "")
}

/// The same with more in the config.
fn start_with(descriptors: usize, targets: &[(String, &str)], more: &str) -> Program {
    let service = service();
    let mut config = "vantage: {name: test, region: EMEA}\nmodules:\n".to_owned();
    for interval in ["100ms", "1s"] {
        let module = format!("{{prober: tcp, interval: {interval}, timeout: {interval}}}");
        writeln!(config, "  tcp-{interval}: {module}").unwrap();
    }
    config.push_str("  http: {prober: http, timeout: 60s}\n");
    config.push_str(more);
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

/// Waits for more rounds of a target; then no probe of any target lacked a descriptor.
fn no_vote_is_moved(program: &Program, target: &str) {
    let series = format!("latency_probes_total{{target=\"{target}\"}}");
    let probes = program.metrics().value(&series);
    wait_for_probes(program, target, probes + 50.0);
    let metrics = program.metrics();
    assert_eq!(
        metrics.get("latency_probe_failures_total{reason=\"local\"}"),
        None,
        "{}",
        metrics.text
    );
}

#[test]
fn idle_connections_move_no_vote_of_targets_that_come_later() {
    let list = "file_sd_configs: [{files: [list.json], refresh_interval: 1s}]\n";
    let program = start_with(64, &[("service".to_owned(), "100ms")], list);
    wait_for_probes(&program, "service", 5.0);
    let idle: Vec<_> = (0..60).map(|_| TcpStream::connect(program.address()).unwrap()).collect();
    let service = service();
    let groups: Vec<_> = (0..12)
        .map(|number| {
            let labels =
                serde_json::json!({"__param_module": "tcp-100ms", "target": format!("t{number}")});
            serde_json::json!({"targets": [service.to_string()], "labels": labels})
        })
        .collect();
    let folder = program.folder();
    std::fs::write(folder.join("new"), serde_json::to_string(&groups).unwrap()).unwrap();
    std::fs::rename(folder.join("new"), folder.join("list.json")).unwrap();
    wait_for_probes(&program, "t11", 5.0);
    no_vote_is_moved(&program, "t11");
    assert_eq!(idle.len(), 60);
}

#[test]
fn idle_connections_move_no_vote_of_addresses_that_come_later() {
    let (names, service) = (names::Names::serve(), service());
    names.set("grows.test", &["127.0.0.1"]);
    let more = format!(
        "resolvers: ['{}']\nfile_sd_configs: [{{files: [list.json], refresh_interval: 1s}}]\n",
        names.address
    );
    let program = start_with(64, &[("service".to_owned(), "100ms")], &more);
    let groups: Vec<_> = (0..6)
        .map(|number| {
            let labels =
                serde_json::json!({"__param_module": "tcp-100ms", "target": format!("t{number}")});
            let target = format!("grows.test:{}", service.port());
            serde_json::json!({"targets": [target], "labels": labels})
        })
        .collect();
    let folder = program.folder();
    std::fs::write(folder.join("new"), serde_json::to_string(&groups).unwrap()).unwrap();
    std::fs::rename(folder.join("new"), folder.join("list.json")).unwrap();
    wait_for_probes(&program, "t5", 5.0);
    let idle: Vec<_> = (0..60).map(|_| TcpStream::connect(program.address()).unwrap()).collect();
    names.set("grows.test", &["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"]);
    program.wait_until("all addresses", |it| {
        let addresses = |number| format!("latency_addresses{{target=\"t{number}\"}}");
        (0..6).all(|number| it.get(&addresses(number)) == Some(4.0))
    });
    no_vote_is_moved(&program, "t5");
    assert_eq!(idle.len(), 60);
}

#[test]
fn probes_on_demand_move_no_vote() {
    // It takes connections, and answers nobody.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let allow = "on_demand: {allow: [127.0.0.0/8]}\n";
    let targets: Vec<_> = (0..8).map(|number| (format!("t{number}"), "100ms")).collect();
    let program = start_with(64, &targets, allow);
    wait_for_probes(&program, "t7", 5.0);
    let mut asked = Vec::new();
    for _ in 0..60 {
        let mut stream = TcpStream::connect(program.address()).unwrap();
        let request = format!("GET /probe?module=http&target=http://{address}/ HTTP/1.1");
        // Whoever is one too many is refused, or closed.
        let _ = write!(stream, "{request}\r\nHost: t\r\n\r\n");
        asked.push(stream);
    }
    no_vote_is_moved(&program, "t7");
    assert_eq!(asked.len(), 60);
}

/// How often the mean time to connect is taken: the median of these is none of those that something else spoilt.
const TRIES: usize = 5;

#[test]
fn looking_at_the_page_disturbs_no_measurement() {
    let mut targets: Vec<_> = (0..1_500).map(|n| (format!("t{n}"), "1s")).collect();
    targets.push(("probe".to_owned(), "100ms"));
    let program = start(16_384, &targets);
    wait_for_probes(&program, "probe", 5.0);
    // What else the machine does is in both means, slice by slice.
    let mut ratios = Vec::new();
    for _ in 0..TRIES {
        let (mut page, mut nothing) = ((0.0, 0.0), (0.0, 0.0));
        for _ in 0..4 {
            for (path, total) in [("/", &mut page), ("/-/healthy", &mut nothing)] {
                let (sum, count) = connect_while_looked_at(&program, path, Duration::from_secs(1));
                *total = (total.0 + sum, total.1 + count);
            }
        }
        ratios.push((page.0 / page.1) / (nothing.0 / nothing.1));
    }
    ratios.sort_by(f64::total_cmp);
    assert!(ratios[TRIES / 2] < 2.0, "the mean time to connect grew by {ratios:?}");
}
