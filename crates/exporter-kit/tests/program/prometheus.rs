//! Prometheus itself reads the pages: by text and by protobuf the same, and native histograms right.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use peers::exposition::samples;
use peers::{Program, free_port};
use serde_json::Value;
use tempfile::TempDir;

use super::{start, wait_for};

const CLOCKS: usize = 24;

/// The installed Prometheus, and the newest one where somebody names it.
fn servers() -> Vec<PathBuf> {
    let newest = std::env::var_os("PROMETHEUS_NEWEST").map(PathBuf::from);
    [PathBuf::from("prometheus")].into_iter().chain(newest).collect()
}

/// A running Prometheus that scrapes one address.
struct Prometheus {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Prometheus {
    fn start(program: &PathBuf, target: SocketAddr, flags: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let version = Command::new(program).arg("--version").output().unwrap();
        let version = [version.stdout, version.stderr].concat();
        let version = String::from_utf8_lossy(&version);
        let classic = version.contains("version 3.") && !flags.is_empty();
        let classic = if classic { "always_scrape_classic_histograms: true" } else { "" };
        let config = format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: tick\n  {classic}\n  \
             static_configs: [{{targets: ['{target}']}}]\n"
        );
        std::fs::write(folder.path().join("prometheus.yml"), config).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let child = Command::new(program)
            .arg(format!("--config.file={}", folder.path().join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .args(flags)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, address, _folder: folder }
    }

    /// The series that a query finds, each by its labels; none while it does not answer.
    fn query(&self, query: &str) -> BTreeMap<String, Value> {
        let mut escaped = String::new();
        for byte in query.bytes() {
            write!(escaped, "%{byte:02x}").unwrap();
        }
        let Ok(mut stream) = TcpStream::connect(self.address) else { return BTreeMap::new() };
        let request = format!("GET /api/v1/query?query={escaped} HTTP/1.0\r\n\r\n");
        let mut answer = String::new();
        let sent = stream.write_all(request.as_bytes());
        if sent.and_then(|()| stream.read_to_string(&mut answer).map(drop)).is_err() {
            return BTreeMap::new();
        }
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let found = body["data"]["result"].as_array().cloned().unwrap_or_default();
        let series = found.into_iter().map(|series| {
            let value = [&series["value"][1], &series["histogram"][1]];
            let value = value.into_iter().find(|it| !it.is_null()).cloned();
            (series["metric"].to_string(), value.unwrap_or_default())
        });
        series.collect()
    }

    /// Asks until the answer has so many series.
    fn wait_for(&self, query: &str, series: usize) -> BTreeMap<String, Value> {
        const PAUSE: Duration = Duration::from_millis(100);
        for _ in 0..1200 {
            let found = self.query(query);
            if found.len() == series {
                return found;
            }
            thread::sleep(PAUSE);
        }
        panic!("{query}: {:?}", self.query(query));
    }

    fn number(&self, query: &str) -> f64 {
        number(self.wait_for(query, 1).values().next().unwrap())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn number(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

/// Clocks that tick once within seconds, each after a time of its own, and then not for an hour:
/// what two servers scrape is the same, and every histogram holds one duration, which is its sum.
fn clocks() -> Program {
    let clocks: Vec<String> = (0..CLOCKS).map(|n| format!("\"c{n}\": {{period: 1h}}")).collect();
    let program = start(&format!("clocks: {{{}}}", clocks.join(", ")));
    for n in 0..CLOCKS {
        wait_for(&program, &format!("tick_ticks_total{{clock=\"c{n}\"}} 1"));
    }
    program
}

#[test]
fn prometheus_reads_native_histograms_right() {
    let program = clocks();
    let page = program.page("/metrics");
    let sums = samples(&page).filter(|sample| sample.name == "tick_gap_seconds_sum");
    let mut gaps: Vec<f64> = sums.map(|sample| sample.value).collect();
    gaps.sort_by(f64::total_cmp);
    for server in servers() {
        let flags = ["--enable-feature=native-histograms"];
        let prometheus = Prometheus::start(&server, program.address(), &flags);
        prometheus.wait_for("histogram_count(tick_gap_seconds) == 1", CLOCKS);
        prometheus.wait_for(&format!("histogram_count(sum(tick_gap_seconds)) == {CLOCKS}"), 1);
        let sum = prometheus.number("histogram_sum(sum(tick_gap_seconds))");
        assert!((sum - gaps.iter().sum::<f64>()).abs() < 1e-6, "{sum} {gaps:?}");
        for (quantile, rank) in [(0.25, CLOCKS / 4), (0.5, CLOCKS / 2), (0.95, CLOCKS * 19 / 20)] {
            let query = format!("histogram_quantile({quantile}, sum(tick_gap_seconds))");
            let (got, [low, high]) = (prometheus.number(&query), [gaps[rank - 1], gaps[rank]]);
            // Within the buckets, 9 % wide, of the durations on both sides.
            assert!(got > low / 1.1 && got < high * 1.1, "{got} {low} {high} {gaps:?}");
        }
    }
}

#[test]
fn every_series_is_the_same_by_text_and_by_protobuf() {
    let program = clocks();
    for server in servers() {
        let flags = ["--enable-feature=native-histograms"];
        let protobuf = Prometheus::start(&server, program.address(), &flags);
        let text = Prometheus::start(&server, program.address(), &[]);
        let bounds = exporter_kit::BOUNDS.len() + 1;
        text.wait_for("{__name__=~'tick.*_bucket'}", CLOCKS * bounds);
        protobuf.wait_for("histogram_count(tick_gap_seconds)", CLOCKS);
        // By text there are no native histograms, so that the other is really protobuf.
        assert!(text.query("tick_gap_seconds").is_empty());
        let steady = "{__name__=~'tick_.+|turbulence_.+|process_start.+|process_max_fds'}";
        let (natives, seen): (BTreeMap<_, _>, BTreeMap<_, _>) =
            protobuf.query(steady).into_iter().partition(|(_, value)| value.is_object());
        assert_eq!(natives.len(), CLOCKS);
        let mut wanted = text.query(steady);
        if !seen.keys().any(|labels| labels.contains("_bucket")) {
            // Before 2.45, where there is a native histogram, its other buckets are not kept.
            wanted.retain(|labels, _| !labels.contains("tick_gap_seconds_"));
        }
        assert_eq!(seen, wanted, "{}", server.display());
        assert!(seen.len() > CLOCKS);
    }
}
