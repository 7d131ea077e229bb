//! The real program, running on a config, and its pages.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tempfile::TempDir;

/// How many times a page is fetched, each 20 ms, until it shows a state: two minutes at least, for a
/// loaded machine.
const PATIENCE: usize = 6000;

pub(crate) struct Program {
    child: Child,
    address: SocketAddr,
    folder: TempDir,
    /// What it has logged since it listens.
    log: Arc<Mutex<Vec<String>>>,
}

/// The program's binary, ready for flags.
pub(crate) fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_turbulence-latency"))
}

impl Program {
    /// Starts the program with this config. `files` are put beside it.
    pub(crate) fn start(config: &str, files: &[(&str, &str)]) -> Self {
        Self::start_by(command(), config, files)
    }

    /// Starts the program by a command to which only its flags are added.
    pub(crate) fn start_by(mut command: Command, config: &str, files: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        fs::write(folder.path().join("config.yml"), config).unwrap();
        let mut child = command
            .args(["--web.listen-address", "127.0.0.1:0", "--log.format", "json", "--config.file"])
            .arg(folder.path().join("config.yml"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = log.by_ref().find_map(|line| {
            let line = line.unwrap();
            eprintln!("{line}");
            let (_, after) =
                line.contains("listening").then(|| line.split_once("127.0.0.1:"))??;
            let port: String = after.chars().take_while(char::is_ascii_digit).collect();
            Some(SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap())))
        });
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in log.map_while(Result::ok) {
                eprintln!("{line}");
                kept.lock().unwrap().push(line);
            }
        });
        let address = address.expect("it says where it listens");
        Self { child, address, folder, log: lines }
    }

    pub(crate) fn rewrite(&self, config: &str) {
        fs::write(self.config_file(), config).unwrap();
    }

    /// Writes a list of targets beside the config as Prometheus' documents demand: whole, by a rename.
    pub(crate) fn list(&self, name: &str, text: &str) {
        let new = self.folder.path().join("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.folder.path().join(name)).unwrap();
    }

    pub(crate) fn config_file(&self) -> PathBuf {
        self.folder.path().join("config.yml")
    }

    /// Status and body of a request.
    pub(crate) fn request(&self, method: &str, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(stream, "{method} {path} HTTP/1.0\r\nhost: test\r\n\r\n").unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    pub(crate) fn metrics(&self) -> Metrics {
        Metrics::of(self.request("GET", "/metrics").1)
    }

    /// Waits until the metrics show a state; returns them.
    #[track_caller]
    pub(crate) fn wait_until(&self, what: &str, holds: impl Fn(&Metrics) -> bool) -> Metrics {
        for _ in 0..PATIENCE {
            let metrics = self.metrics();
            if holds(&metrics) {
                return metrics;
            }
            sleep(Duration::from_millis(20));
        }
        panic!("never: {what}\n{}", self.metrics().text);
    }

    /// Waits until so many probes of a target were decided; returns the metrics.
    #[track_caller]
    pub(crate) fn wait_for_probes(&self, target: &str, count: f64) -> Metrics {
        self.wait_until(&format!("{count} probes of {target}"), |metrics| {
            metrics.of_target("latency_probes_total", target) >= count
        })
    }

    /// Waits until a line of the log has both of these.
    #[track_caller]
    pub(crate) fn wait_for_log(&self, one: &str, other: &str) {
        let has = |line: &String| line.contains(one) && line.contains(other);
        for _ in 0..PATIENCE {
            if self.log.lock().unwrap().iter().any(has) {
                return;
            }
            sleep(Duration::from_millis(20));
        }
        panic!("no line of the log has {one} and {other}");
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// A connection that is kept, for the time when the program can open no other.
    pub(crate) fn connect(&self) -> Connection {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let sender = runtime.block_on(async {
            let stream = tokio::net::TcpStream::connect(self.address).await.unwrap();
            let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            sender
        });
        Connection { runtime, sender }
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        let pid = nix::unistd::Pid::from_raw(self.child.id().try_into().unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        self.child.wait().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) struct Connection {
    runtime: tokio::runtime::Runtime,
    sender: http1::SendRequest<Empty<Bytes>>,
}

impl Connection {
    fn metrics(&mut self) -> Metrics {
        let request = Request::get("/metrics").header("host", "test").body(Empty::new()).unwrap();
        let body = self.runtime.block_on(async {
            let response = self.sender.send_request(request).await.unwrap();
            response.into_body().collect().await.unwrap().to_bytes()
        });
        Metrics::of(String::from_utf8(body.to_vec()).unwrap())
    }

    /// As [`Program::wait_until`].
    #[track_caller]
    pub(crate) fn wait_until(&mut self, what: &str, holds: impl Fn(&Metrics) -> bool) -> Metrics {
        for _ in 0..PATIENCE {
            let metrics = self.metrics();
            if holds(&metrics) {
                return metrics;
            }
            sleep(Duration::from_millis(20));
        }
        panic!("never: {what}\n{}", self.metrics().text);
    }
}

/// One scrape.
pub(crate) struct Metrics {
    pub(crate) text: String,
    /// By name and all labels but vantage, region, module and role.
    series: BTreeMap<String, f64>,
}

impl Metrics {
    fn of(text: String) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let series = lines.map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            let mut labels: Vec<_> = labels.trim_end_matches('}').split(',').collect();
            let dull = ["vantage=", "region=", "module=", "role="];
            labels.retain(|label| !dull.iter().any(|dull| label.starts_with(dull)));
            (format!("{name}{{{}}}", labels.join(",")), value.parse().unwrap())
        });
        let series = series.collect();
        Self { text, series }
    }

    /// The value of a series, as in `up{target="a"}`.
    pub(crate) fn get(&self, series: &str) -> Option<f64> {
        self.series.get(series).copied()
    }

    #[track_caller]
    pub(crate) fn value(&self, series: &str) -> f64 {
        self.get(series).unwrap_or_else(|| panic!("no {series} in\n{}", self.text))
    }

    /// The value of a series that has no other label than the target; 0 if there is none.
    pub(crate) fn of_target(&self, name: &str, target: &str) -> f64 {
        self.get(&format!("{name}{{target=\"{target}\"}}")).unwrap_or(0.0)
    }

    /// The reasons for which probes of a target failed, each with how many did.
    pub(crate) fn failures(&self, target: &str) -> BTreeMap<String, f64> {
        let begin = format!("latency_probe_failures_total{{target=\"{target}\",reason=\"");
        let all = self.series.iter().filter_map(|(series, count)| {
            let reason = series.strip_prefix(&begin)?.trim_end_matches("\"}");
            Some((reason.to_owned(), *count))
        });
        let all: BTreeMap<_, _> = all.collect();
        assert!(all.values().all(|count| *count > 0.0), "a reason that did not occur: {all:?}");
        all
    }

    /// Whether all probes of a target failed for this one reason.
    pub(crate) fn fails_for(&self, target: &str, reason: &str) -> bool {
        let probes = self.of_target("latency_probes_total", target);
        self.failures(target) == [(reason.to_owned(), probes)].into()
    }

    /// Values that are no numbers.
    pub(crate) fn not_numbers(&self) -> Vec<&String> {
        self.series.iter().filter(|(_, value)| value.is_nan()).map(|(series, _)| series).collect()
    }
}
