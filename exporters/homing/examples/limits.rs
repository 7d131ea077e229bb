//! What one evaluation costs at the limits, 200 vantages of 2,000 addresses, of which none is where all others are: the exporter as a
//! process of its own, and a server that answers as a Prometheus does. Prints one line:
//! `RESULT homing vantages=200 addresses=2000 seconds=<of an evaluation> cpu_percent=<of a core, one a minute> rss_mb=<at most>`,
//! and fails where that is more than what is promised.
//!
//! `cargo run --release -p turbulence-homing --example limits`; numbers of vantages and addresses may follow `--`.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitCode};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};
use earth::Point;

/// By this word the program is the exporter.
const EXPORTER: &str = "TURBULENCE_LIMITS_EXPORTER";
/// Evaluations that are measured, after a first one.
const EVALUATIONS: f64 = 3.0;
/// Seconds from one evaluation to the next in this measurement, and in the exporter's own config.
const INTERVAL: (f64, f64) = (15.0, 60.0);
/// What is promised: seconds, megabytes, a share of a core.
const GOALS: (f64, f64, f64) = (5.0, 150.0, 0.1);

/// Cities with their regions, around which vantages stand.
const CITIES: [(&str, f64, f64); 12] = [
    ("EMEA", 52.4, 4.9),
    ("EMEA", 50.1, 8.7),
    ("EMEA", 51.5, -0.1),
    ("EMEA", -26.2, 28.0),
    ("AMER", 40.7, -74.0),
    ("AMER", 41.9, -87.6),
    ("AMER", 37.8, -122.4),
    ("AMER", -23.5, -46.6),
    ("APAC", 1.4, 103.8),
    ("APAC", 35.7, 139.7),
    ("APAC", 19.1, 72.9),
    ("APAC", -33.9, 151.2),
];

fn main() -> ExitCode {
    if env::var_os(EXPORTER).is_some() {
        return exporter_kit::main::<turbulence_homing::HomingExporter>();
    }
    match measure() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Ends the exporter, however the measurement ends.
struct Exporter(Child);

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn measure() -> anyhow::Result<bool> {
    let mut given = env::args().skip(1).map(|it| it.parse::<usize>());
    let vantages = given.next().transpose()?.unwrap_or(200);
    let addresses = given.next().transpose()?.unwrap_or(2_000);
    let world = Arc::new(World::new(vantages, addresses));
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let prometheus = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let world = Arc::clone(&world);
            thread::spawn(move || world.serve(stream));
        }
    });
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("homing.yml");
    let interval = INTERVAL.0;
    fs::write(
        &config,
        format!("prometheus: [{{url: 'http://{prometheus}'}}]\ninterval: {interval}s\n"),
    )?;
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let child = Command::new(env::current_exe()?)
        .env(EXPORTER, "1")
        .args(["--log.level", "warn"])
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--web.listen-address={address}"))
        .spawn()?;
    let exporter = Exporter(child);
    let first = wait_for(address, 1.0)?;
    let (cpu_before, done_before) = (cpu_seconds(&exporter)?, complete(&first));
    let last = wait_for(address, done_before + EVALUATIONS)?;
    let cpu = (cpu_seconds(&exporter)? - cpu_before) / (complete(&last) - done_before);
    let judged =
        last.lines().filter(|it| it.starts_with("homing_class{") && it.ends_with(" 1.0")).count();
    if judged != addresses {
        bail!("{judged} of {addresses} addresses are judged");
    }
    let seconds = value(&last, "homing_evaluation_duration_seconds ").context("no duration")?;
    let (share, megabytes) = (cpu / INTERVAL.1, highest(&exporter)?);
    writeln!(
        io::stdout(),
        "RESULT homing vantages={vantages} addresses={addresses} seconds={seconds:.2} cpu_percent={:.1} rss_mb={megabytes:.0}",
        share * 100.0
    )?;
    Ok(seconds <= GOALS.0 && megabytes <= GOALS.1 && share <= GOALS.2)
}

/// The page, once so many evaluations are complete.
fn wait_for(address: SocketAddr, count: f64) -> anyhow::Result<String> {
    for _ in 0..600 {
        let page = page(address).unwrap_or_default();
        if complete(&page) >= count {
            return Ok(page);
        }
        thread::sleep(Duration::from_millis(500));
    }
    bail!("no evaluation came to its end")
}

fn page(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n")?;
    let mut page = String::new();
    stream.read_to_string(&mut page)?;
    Ok(page)
}

fn value(page: &str, of: &str) -> Option<f64> {
    page.lines().find_map(|line| line.strip_prefix(of)?.trim().parse().ok())
}

fn complete(page: &str) -> f64 {
    value(page, "homing_evaluations_total{result=\"complete\"} ").unwrap_or_default()
}

fn cpu_seconds(exporter: &Exporter) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", exporter.0.id()))?;
    // Behind the name, which may hold anything: user and system time, in hundredths.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split(' ').collect();
    let ticks = |at: usize| fields.get(at).and_then(|it| it.parse::<f64>().ok());
    Ok(ticks(12).zip(ticks(13)).map(|(user, system)| user + system).context("/proc/PID/stat")?
        / 100.0)
}

/// The most memory that it ever had, in megabytes.
fn highest(exporter: &Exporter) -> anyhow::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{}/status", exporter.0.id()))?;
    let line = status.lines().find_map(|it| it.strip_prefix("VmHWM:")).context("VmHWM")?;
    let kilobytes: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kilobytes / 1_024.0)
}

/// What is measured: of a third of the endpoints by one site in Amsterdam, of a third in New York, of a third by three.
struct World {
    vantages: Vec<(&'static str, Point)>,
    addresses: usize,
}

impl World {
    fn new(vantages: usize, addresses: usize) -> Self {
        let vantage = |at: usize| {
            let (region, north, east) = CITIES[at % CITIES.len()];
            // Around the city, up to some 200 km away.
            let turn = at as f64;
            Some((region, Point::new(north + 1.5 * turn.sin(), east + 1.5 * (turn * 1.7).cos())?))
        };
        Self { vantages: (0..vantages).filter_map(vantage).collect(), addresses }
    }

    fn serve(&self, mut stream: TcpStream) {
        let (mut head, mut part) = (Vec::new(), [0; 4_096]);
        while !head.windows(4).any(|it| it == b"\r\n\r\n") {
            match stream.read(&mut part) {
                Ok(count) if count > 0 => head.extend_from_slice(&part[..count]),
                _ => return,
            }
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let body = self.answer(&unescaped(head.split(' ').nth(1).unwrap_or_default()));
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
    }

    /// What a Prometheus says to a query of the exporter's.
    fn answer(&self, query: &str) -> String {
        let mut series = String::new();
        let mut add = |labels: &str, value: f64| {
            let comma = if series.is_empty() { "" } else { "," };
            // A string takes whatever is written to it.
            let _ = write!(series, "{comma}{{\"metric\":{{{labels}}},\"value\":[0,\"{value}\"]}}");
        };
        let who =
            |at: usize| format!("\"region\":\"{}\",\"vantage\":\"v{at}\"", self.vantages[at].0);
        let each = 0..self.vantages.len();
        if query.contains("vector(time())") {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            add("", now.unwrap_or_default().as_secs_f64());
        } else if query.contains("count(last_over_time") {
            add("", 1.0);
        } else if query.contains("count by (target)") {
            (0..self.addresses)
                .for_each(|it| add(&format!("\"target\":\"t{it}\""), each.len() as f64));
        } else if query.contains("latitude") {
            each.for_each(|at| add(&who(at), self.vantages[at].1.latitude));
        } else if query.contains("longitude") {
            each.for_each(|at| add(&who(at), self.vantages[at].1.longitude));
        } else if query.contains("trusted")
            || query.contains("group by (region, vantage) (latency_rtt")
        {
            each.for_each(|at| add(&who(at), 1.0));
        } else if query.contains("latency_address_info") {
            for target in targets(query) {
                for at in each.clone() {
                    let ip = format!("10.{}.{}.1", target / 256, target % 256);
                    add(&format!("{},{},\"address\":\"{ip}\"", who(at), slot(target)), 1.0);
                }
            }
        } else if query.contains("latency_rtt_min_seconds") {
            for target in targets(query) {
                for at in each.clone() {
                    let labels = format!("{},{},\"role\":\"service\"", who(at), slot(target));
                    add(&labels, self.rtt_seconds(at, target));
                }
            }
        } else if query.contains("target:latency_voters") {
            targets(query).for_each(|it| add(&format!("\"target\":\"t{it}\""), each.len() as f64));
        }
        format!(
            "{{\"status\":\"success\",\"data\":{{\"resultType\":\"vector\",\"result\":[{series}]}}}}"
        )
    }

    /// One and a half times as long as light needs to the nearest site, and a millisecond.
    fn rtt_seconds(&self, vantage: usize, target: usize) -> f64 {
        let sites: &[usize] = [&[0][..], &[4], &[0, 4, 8]][target % 3];
        let place = self.vantages[vantage].1;
        let km =
            |it: &usize| Point::new(CITIES[*it].1, CITIES[*it].2).map_or(0.0, |it| place.km_to(it));
        let nearest = sites.iter().map(km).fold(f64::INFINITY, f64::min);
        (nearest / 100.0 * 1.5 + 1.0) / 1_000.0
    }
}

fn slot(target: usize) -> String {
    format!("\"target\":\"t{target}\",\"module\":\"icmp\",\"slot\":\"0\"")
}

/// The endpoints whose names stand in the matcher of a query.
fn targets(query: &str) -> impl Iterator<Item = usize> {
    let names = query.split_once("target=~\"").map_or("", |it| it.1);
    let names = names.split('"').next().unwrap_or_default().to_owned();
    let names: Vec<usize> =
        names.split('|').filter_map(|it| it.strip_prefix('t')?.parse().ok()).collect();
    names.into_iter()
}

/// A URL's query as it was meant.
fn unescaped(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let hex =
            after.get(..2).filter(|_| *first == b'%').and_then(|it| std::str::from_utf8(it).ok());
        let byte = hex.and_then(|it| u8::from_str_radix(it, 16).ok());
        bytes.push(byte.unwrap_or(if *first == b'+' { b' ' } else { *first }));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
