//! The real program, running on a config, and its pages.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

use tokio::time::Instant;

/// How long a state may take to come about on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Program {
    child: Child,
    address: SocketAddr,
    log: Arc<Mutex<String>>,
    pub(crate) config: PathBuf,
}

impl Program {
    /// Starts the program with this config, which is written into `folder`.
    pub(crate) fn start(folder: &Path, config: &str) -> Self {
        let path = folder.join("config.yml");
        fs::write(&path, config).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_turbulence-dns"))
            .args(["--web.listen-address", "127.0.0.1:0", "--config.file"])
            .arg(&path)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = log.by_ref().find_map(|line| {
            let line = line.unwrap();
            eprintln!("{line}");
            line.contains("listening").then(|| address_in(&line))
        });
        let kept = Arc::new(Mutex::new(String::new()));
        let keep = Arc::clone(&kept);
        std::thread::spawn(move || {
            for line in log.map_while(Result::ok) {
                eprintln!("{line}");
                keep.lock().unwrap().push_str(&line);
            }
        });
        let address = address.expect("the program says where it listens");
        Self { child, address, log: kept, config: path }
    }

    /// What was logged since it listens.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Status line, headers and body of a request.
    pub(crate) fn request(&self, method: &str, path: &str, header: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(stream, "{method} {path} HTTP/1.0\r\nhost: test\r\n{header}\r\n").unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }

    /// The body of a page.
    pub(crate) fn page(&self, path: &str) -> String {
        let response = self.request("GET", path, "");
        response.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    pub(crate) fn metrics(&self) -> Metrics {
        Metrics::of(&self.page("/metrics"))
    }

    /// Waits until every set was swept.
    #[track_caller]
    pub(crate) fn wait_until_ready(&self) {
        self.wait_until("it is ready", |it| {
            it.request("GET", "/-/ready", "").starts_with("HTTP/1.0 200")
        });
    }

    #[track_caller]
    pub(crate) fn wait_until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds(self) {
            assert!(Instant::now() < deadline, "never: {what}");
            sleep(Duration::from_millis(50));
        }
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

/// The address in a log line, which may be coloured.
fn address_in(line: &str) -> SocketAddr {
    let after = line.rsplit_once("127.0.0.1:").expect("an address").1;
    let port: String = after.chars().take_while(char::is_ascii_digit).collect();
    SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap()))
}

/// The values of all series, by `name{labels}`, the labels in alphabetical order, without vantage
/// and region.
#[derive(Debug)]
pub(crate) struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    fn of(text: &str) -> Self {
        let series = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            let mut labels: Vec<_> = labels.trim_end_matches('}').split(',').collect();
            labels.retain(|it| !it.starts_with("vantage=") && !it.starts_with("region="));
            labels.sort_unstable();
            (format!("{name}{{{}}}", labels.join(",")), value.parse().unwrap())
        });
        Self(series.collect())
    }

    /// The value of a series that must be there.
    #[track_caller]
    pub(crate) fn value(&self, series: &str) -> f64 {
        self.get(series).unwrap_or_else(|| panic!("no {series} in {:#?}", self.0))
    }

    /// The value of a series.
    pub(crate) fn get(&self, series: &str) -> Option<f64> {
        self.0.get(series).copied()
    }

    /// The sum of all series with this beginning.
    pub(crate) fn sum(&self, prefix: &str) -> f64 {
        self.0.iter().filter(|(series, _)| series.starts_with(prefix)).map(|(_, value)| value).sum()
    }
}
