//! The worlds as history: a real Prometheus scrapes what a world's exporter showed, promtool dumps it, and
//! the backtest of the dump and of the query API says what the judge says of the world.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::routing::get;
use peers::Prometheus;
use turbulence_lab::judge::{self, Suite};

use crate::suite;

/// Scrapes come as fast as this, each with the page of the world's next one.
const PACE: &str = "50ms";

/// A world as the pages of its scrapes, with the times of the hour that has just passed.
struct Played {
    name: &'static str,
    pages: Vec<String>,
    /// Seconds since the epoch.
    last: u64,
}

impl Played {
    fn of(name: &'static str) -> Self {
        let pages = judge::pages(&file(name)).unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let end = pages.last().unwrap().0;
        let at = |second: u64| now - end + second;
        let dated = |(second, page): &(u64, String)| dated(page, at(*second));
        Self { name, pages: pages.iter().map(dated).collect(), last: at(end) }
    }

    /// Gives one page after the other, the last one for ever.
    fn serve(self: &Arc<Self>) -> SocketAddr {
        let (world, next) = (Arc::clone(self), Arc::new(Mutex::new(0)));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let page = move || {
            let mut next = next.lock().unwrap();
            let page = world.pages[(*next).min(world.pages.len() - 1)].clone();
            *next += 1;
            std::future::ready(page)
        };
        let app = Router::new().route("/metrics", get(page));
        tokio::spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, app).await.unwrap();
        });
        address
    }

    /// As `ipmi_exporter`'s users have it: the machine is the instance, a sensor has the number of its
    /// record, and neither part nor limits are told.
    fn foreign(dump: &str) -> String {
        let mut text = String::new();
        let kept = ["_celsius{", "_speed_", "_state{", "ipmi_up{", "_watts{", "_volts{"];
        for line in dump.lines().filter(|line| !line.contains("_threshold_")) {
            if !kept.iter().any(|word| line.replace("\", ", "{").contains(word)) {
                continue;
            }
            let mut line = line.to_owned();
            for part in ["entity", "site", "rack"] {
                if let Some(from) = line.find(&format!("{part}=\"")) {
                    let to = from + part.len() + 2;
                    let to = to + line[to..].find('"').unwrap() + 1;
                    line.replace_range(from..to, &format!("no_{part}=\"\""));
                }
            }
            let line =
                line.replace("instance=\"", "exporter=\"").replace("target=\"", "instance=\"");
            writeln!(text, "{}", line.replace("id=\"32.0.", "id=\"")).unwrap();
        }
        text
    }
}

/// A page of a moment, as the text format has it.
fn dated(page: &str, at: u64) -> String {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| format!("{line} {at}000\n")).collect::<Vec<_>>().concat()
}

fn file(name: &str) -> PathBuf {
    suite().join(format!("worlds/thermal/{name}.yml"))
}

fn binary(name: &str) -> Command {
    let test = std::env::current_exe().unwrap();
    let binary = test.ancestors().nth(2).unwrap().join(name);
    assert!(binary.exists(), "{}: build it: cargo build --workspace --bins", binary.display());
    Command::new(binary)
}

fn backtest(arguments: &[&str]) -> String {
    let output = binary("turbulence-ipmi").arg("backtest").args(arguments).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && error.is_empty(), "{error}");
    String::from_utf8(output.stdout).unwrap()
}

/// Alerts that are a ticket or a page by what the backtest says, with the machine's name.
fn told(said: &str) -> BTreeSet<String> {
    let worth =
        |line: &&str| line.contains(" severity=ticket ") || line.contains(" severity=page ");
    let alert = |line: &str| Some(line.split_once(" alert=")?.1.split(' ').next()?.to_owned());
    said.lines().filter(worth).filter_map(alert).collect()
}

/// The same by what the judge says, `Name:page@620s; ... (fired, not told: Name,Name)`: what is notified, and
/// what fires besides.
fn judged(name: &str) -> [BTreeSet<String>; 2] {
    let folder = tempfile::tempdir().unwrap();
    let judgement = Suite::read(&suite()).unwrap().judge(&file(name), folder.path()).unwrap();
    let got = judgement.opinion.got;
    let (notified, fired) = got.split_once("(fired, not told: ").unwrap_or((&got, ")"));
    let notified = notified.split("; ").filter_map(|it| it.split_once(':')).map(|(name, _)| name);
    let fired = fired.trim_end_matches(')').split(',');
    [notified.map(str::to_owned).collect(), fired.map(str::to_owned).collect()]
}

/// Whether the backtest tells all that is notified, and nothing that does not fire.
fn agree(said: &str, [notified, fired]: &[BTreeSet<String>; 2], how: &str) {
    let told = told(said);
    let besides: Vec<_> = told.difference(notified).filter(|it| !fired.contains(*it)).collect();
    assert!(told.is_superset(notified) && besides.is_empty(), "{how}: {notified:?} in\n{said}");
}

/// The dump of a Prometheus' data by that promtool, in OpenMetrics where it can.
fn dump(promtool: &Path, data: &Path) -> String {
    let help = Command::new(promtool).args(["tsdb", "--help"]).output().unwrap();
    let can = [help.stdout, help.stderr].concat();
    let can = String::from_utf8_lossy(&can).contains("dump-openmetrics");
    let command = if can { "dump-openmetrics" } else { "dump" };
    let output = Command::new(promtool).args(["tsdb", command]).arg(data).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn says_the_same(world: &Played, prometheus: &Prometheus, promtool: &Path) {
    let wanted = judged(world.name);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history");
    let dump = dump(promtool, &prometheus.data());
    fs::write(&file, &dump).unwrap();
    let of_file = backtest(&[file.to_str().unwrap()]);
    agree(&of_file, &wanted, &format!("{} by its dump", world.name));
    let url = prometheus.url();
    let asked = backtest(&["--prometheus.url", &url, "--since", "2h"]);
    assert_eq!(asked, of_file, "{}: the query API beside the dump", world.name);
    let none = binary("turbulence-ipmi")
        .args([
            "backtest",
            "--prometheus.url",
            &url,
            "--since",
            "2h",
            "--query",
            "{site=\"nowhere\"}",
        ])
        .output()
        .unwrap();
    assert!(!none.status.success() && none.stdout.is_empty());
    fs::write(&file, Played::foreign(&dump)).unwrap();
    let foreign = backtest(&[file.to_str().unwrap()]);
    agree(&foreign, &wanted, &format!("{} as of ipmi_exporter", world.name));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_judged_as_its_world_is() {
    let worlds = ["phantom-polled-each-15s", "all-fans-stop", "a-quiet-week-begins"];
    for program in Prometheus::programs() {
        let promtool = Prometheus::promtool(&program);
        let runs = worlds.map(|name| {
            let world = Arc::new(Played::of(name));
            let config = format!(
                "scrape_configs: [{{job_name: history, scrape_interval: {PACE}, scrape_timeout: {PACE}, \
                 honor_labels: true, static_configs: [{{targets: ['{}']}}]}}]\n",
                world.serve()
            );
            (world, Prometheus::start(&program, &config, &[]))
        });
        for (world, prometheus) in runs {
            // The last sample is there.
            let last =
                format!("ipmi_up{{collector=\"ipmi\"}} and timestamp(ipmi_up) >= {}", world.last);
            prometheus.wait_for(&last, 1);
            tokio::task::block_in_place(|| says_the_same(&world, &prometheus, &promtool));
        }
    }
}

#[test]
fn no_other_host_than_the_one_named_is_asked() {
    // Whoever answers with a redirect to another host is not followed.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, elsewhere) = (listener.local_addr().unwrap(), other.local_addr().unwrap());
    other.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        let answer = format!(
            "HTTP/1.1 302 Found\r\nlocation: http://{elsewhere}/\r\ncontent-length: 0\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).unwrap();
    });
    let url = format!("http://{address}");
    let output =
        binary("turbulence-ipmi").args(["backtest", "--prometheus.url", &url]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && error.contains("redirects to another host"), "{error}");
    assert!(other.accept().is_err(), "the other host was asked");
}
