//! How true a told round trip is: echoes over a path of 20 ms, on an idle and on a busy machine, as the
//! prober tells them and as tcpdump's stamps of the same packets do.

mod capture;

use std::collections::HashMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use tokio::time::sleep;

use self::capture::{Capture, Echo};
use super::report::{Bound, Goal, Row, quantile};
use super::scrape::{scrape, wait_for};
use super::{Options, fping, icmp, page, say};
use crate::netns::Namespace;
use crate::process::{Launcher, Program, find, find_own};
use crate::wan::geometry::Place;
use crate::wan::topology::{Node, Prefix, Role};
use crate::wan::{Topology, Wan};

/// Ours by its own sockets, as it stands in the results.
pub const OURS: &str = "kernel";
const SURGE: &str = "surge";
const PROBER: &str = "prober";
const FAR: &str = "far";
const TRUTH: Duration = Duration::from_millis(20);
const HOSTS: u8 = 250;
/// From one echo of a target to its next.
const INTERVAL: Duration = Duration::from_secs(5);
/// Between the two pages of a window, in which most targets have one echo.
const WINDOW: Duration = Duration::from_secs(4);
/// An echo so close to the edge of a window may belong to the next one, in seconds.
const EDGE: f64 = 0.3;
const PAGE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9293);
const START_LIMIT: Duration = Duration::from_secs(60);
const HISTOGRAM: &str = "latency_probe_duration_seconds";
/// A loop in the shell, which eats one CPU.
const HOG: &str = "while :; do :; done";

/// Measures each program alone, first on the machine as it is, then beside programs that eat each CPU.
pub async fn measure(options: &Options) -> anyhow::Result<Vec<Row>> {
    let wan = Wan::build(world())?;
    let namespace = Arc::clone(wan.namespace(PROBER)?);
    let mut rows = Vec::new();
    for load in ["idle", "hogs"] {
        let hogs = if load == "hogs" { Hogs::start()? } else { Hogs::default() };
        for backend in [OURS, SURGE] {
            rows.push(row(backend, load, &ours(backend, &namespace, options).await?));
            if options.no_peers {
                break;
            }
        }
        if !options.no_peers {
            match theirs(&namespace, options).await {
                Ok(differences) => rows.push(row(fping::PEER, load, &differences)),
                Err(error) => say(&format!("  {}: not measured: {error:#}", fping::PEER)),
            }
        }
        drop(hogs);
    }
    Ok(rows)
}

/// What the kernel's stamps must give.
pub fn goals() -> Vec<Goal> {
    let goal = |figure, bound| Goal { figure, bound };
    vec![goal("min_ms", Bound::AtLeast(0.0)), goal("p99_ms", Bound::AtMost(0.3))]
}

/// Two nodes, 20 ms apart; the far one has every address of a block.
fn world() -> Topology {
    let node = |name: &str, address: Ipv4Addr, prefixes| Node {
        name: name.to_owned(),
        role: Role::Vantage,
        city: name.to_owned(),
        country: "DE".to_owned(),
        region: "EMEA".to_owned(),
        place: Place { latitude: 50.0, longitude: 8.0 },
        addresses: vec![address.into()],
        prefixes,
        router: None,
    };
    let block = Prefix { network: Ipv4Addr::new(10, 1, 0, 0).into(), length: 24 };
    let nodes = vec![
        node(PROBER, Ipv4Addr::new(10, 0, 0, 1), Vec::new()),
        node(FAR, Ipv4Addr::new(10, 2, 0, 1), vec![block]),
    ];
    let round_trips = vec![(PROBER.to_owned(), FAR.to_owned(), TRUTH)];
    Topology { nodes, round_trips, ..Topology::default() }
}

fn hosts() -> Vec<Ipv4Addr> {
    (1..=HOSTS).map(|last| Ipv4Addr::new(10, 1, 0, last)).collect()
}

/// How much longer each round trip of ours is than by the stamps, in seconds, sorted.
async fn ours(backend: &str, namespace: &Namespace, options: &Options) -> anyhow::Result<Vec<f64>> {
    let folder = tempfile::Builder::new().prefix("turbulence-bench-").tempdir()?;
    let config = folder.path().join("config.yml");
    fs::write(&config, icmp::config_of_ours(backend, "5s", &hosts())?)?;
    let mut command = Command::new(find_own("turbulence-latency")?);
    command.arg("--config.file").arg(&config).arg(format!("--web.listen-address={PAGE}"));
    let mut running = Program::start(backend, folder.path(), command, |it| namespace.spawn(it))?;
    let all_asked = |text: &str| page::sum(text, "latency_probes_total") >= f64::from(HOSTS);
    let ready = wait_for(namespace, PAGE, START_LIMIT, all_asked).await;
    ready.with_context(|| running.last_words())?;
    let capture = Capture::start(namespace, folder.path()).await?;
    let mut windows = Vec::new();
    for _ in 0..options.seconds.div_ceil(INTERVAL.as_secs()).max(2) {
        let began = now();
        let before = scrape(namespace, PAGE)?;
        sleep(WINDOW).await;
        let after = scrape(namespace, PAGE)?;
        windows.push((began, now(), page::single_durations(&before.page, &after.page, HISTOGRAM)));
    }
    running.must_run()?;
    let echoes = by_host(&capture.end()?);
    let mut differences = Vec::new();
    for (began, ended, told) in &windows {
        let within = |echo: &&Echo| (began - EDGE..ended + EDGE).contains(&echo.answered);
        for (host, duration) in told {
            let of_host = host.parse().ok().and_then(|host: Ipv4Addr| echoes.get(&host));
            let mut near = of_host.into_iter().flatten().filter(within);
            // Of two it could be either.
            if let (Some(echo), None) = (near.next(), near.next()) {
                differences.push(duration - echo.round_trip());
            }
        }
    }
    sorted(differences)
}

/// The same of fping, which tells each round trip in tenths of a millisecond.
async fn theirs(namespace: &Namespace, options: &Options) -> anyhow::Result<Vec<f64>> {
    let folder = tempfile::Builder::new().prefix("turbulence-bench-").tempdir()?;
    let capture = Capture::start(namespace, folder.path()).await?;
    let rounds = options.seconds.div_ceil(INTERVAL.as_secs()).max(2);
    let mut command = Command::new(find("fping", "fping")?);
    let period = INTERVAL.as_millis();
    command.args(["-q", "-t", "2000", "-C", &rounds.to_string(), "-p", &period.to_string()]);
    command.args(["-i", &(period / u128::from(HOSTS) / 2).to_string()]);
    command.args(hosts().iter().map(Ipv4Addr::to_string));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let child = namespace.spawn(command)?;
    let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await??;
    let echoes = by_host(&capture.end()?);
    let printed = String::from_utf8_lossy(&output.stderr);
    let mut differences = Vec::new();
    for (host, told) in printed.lines().filter_map(|line| line.split_once(" : ")) {
        let host: Ipv4Addr = host.trim().parse().with_context(|| printed.trim().to_owned())?;
        let told: Vec<f64> = told
            .split_ascii_whitespace()
            .filter_map(|it| Some(it.parse::<f64>().ok()? / 1e3))
            .collect();
        let seen = echoes.get(&host).map(Vec::as_slice).unwrap_or_default();
        // One that was lost would shift those after it.
        if told.len() == seen.len() {
            differences.extend(told.iter().zip(seen).map(|(told, echo)| told - echo.round_trip()));
        }
    }
    sorted(differences)
}

fn by_host(echoes: &[Echo]) -> HashMap<Ipv4Addr, Vec<Echo>> {
    let mut found: HashMap<Ipv4Addr, Vec<Echo>> = HashMap::new();
    for echo in echoes {
        found.entry(echo.host).or_default().push(*echo);
    }
    found
}

fn sorted(mut differences: Vec<f64>) -> anyhow::Result<Vec<f64>> {
    ensure!(!differences.is_empty(), "no echo was both told and captured");
    differences.sort_by(f64::total_cmp);
    Ok(differences)
}

fn row(backend: &str, load: &str, differences: &[f64]) -> Row {
    let milliseconds = |q| quantile(differences, q).map(|seconds| seconds * 1e3);
    Row::new("accuracy", backend, ("hosts", HOSTS.into()))
        .of_only_size()
        .told_by("backend")
        .alike("load", load)
        .with("min_ms", differences.first().map(|seconds| seconds * 1e3), 4)
        .with("p50_ms", milliseconds(0.5), 4)
        .with("p99_ms", milliseconds(0.99), 4)
        .with("max_ms", differences.last().map(|seconds| seconds * 1e3), 4)
        .with("echoes", Some(differences.len() as f64), 0)
}

/// Seconds since 1970, as tcpdump stamps.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Programs that eat each CPU, until dropped.
#[derive(Default)]
struct Hogs(Vec<Child>);

impl Hogs {
    fn start() -> anyhow::Result<Self> {
        let launcher = Launcher::start()?;
        let mut hogs = Self::default();
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            let mut command = Command::new("sh");
            command.args(["-c", HOG]).stdin(Stdio::null());
            hogs.0.push(launcher.spawn(command)?);
        }
        Ok(hogs)
    }
}

impl Drop for Hogs {
    fn drop(&mut self) {
        for hog in &mut self.0 {
            let _ = hog.kill();
            let _ = hog.wait();
        }
    }
}
