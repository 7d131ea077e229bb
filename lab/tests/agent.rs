//! An agent at a site and the centre that it sends to, by the files of deploy/agent and real programs: what it adds to a delay, a
//! site that is lost, and a line that is cut for ten minutes. The same into `VictoriaMetrics`.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::print_stdout, reason = "what is measured is what docs/more-than-one.md says")]

#[path = "agent/line.rs"]
mod line;
#[path = "agent/site.rs"]
mod site;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};
use turbulence_lab::process::{Launcher, Program, find};
use turbulence_lab::{http, ports};

use crate::line::Line;
use crate::site::Site;

/// How long something may take to come; it takes seconds.
const PATIENCE: Duration = Duration::from_secs(180);
/// Told at once of a false temperature.
const PHANTOM: &str = "IpmiPhantomTemperature";
const GONE: &str = "ExporterJobGone";

fn deploy(file: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/agent").join(file);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The command of deploy/agent/README.md that starts Prometheus on this file, in the folder where the file is.
fn written(config: &str, folder: &Path) -> Command {
    let readme = deploy("README.md");
    let is_it = |line: &&str| {
        line.starts_with("prometheus ") && line.contains(&format!("--config.file={config}"))
    };
    let line = readme.lines().find(is_it).unwrap_or_else(|| panic!("no command for {config}"));
    let mut command = Command::new(find("prometheus", "prometheus").unwrap());
    let said = Command::new(command.get_program()).arg("--version").output().unwrap();
    let is_new = !String::from_utf8_lossy(&said.stdout).contains("version 2.");
    for word in line.split('#').next().unwrap().split_whitespace().skip(1) {
        command.arg(match word {
            "--enable-feature=agent" if is_new => "--agent".to_owned(),
            word => word.replace("/var/lib", &folder.display().to_string()),
        });
    }
    command.current_dir(folder);
    command
}

/// Copies the shipped rules, with each of these words in the place of another.
fn rules(folder: &Path, changed: &[(&str, &str)]) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../alerts");
    fs::create_dir(folder.join("rules")).unwrap();
    let mut found = vec![false; changed.len()];
    for file in fs::read_dir(from).unwrap().map(|file| file.unwrap().path()) {
        let name = file.file_name().unwrap().to_owned();
        if name.to_string_lossy().ends_with(".rules.yml") {
            let mut text = fs::read_to_string(&file).unwrap();
            for ((from, to), found) in changed.iter().zip(&mut found) {
                *found |= text.contains(from);
                text = text.replace(from, to);
            }
            fs::write(folder.join("rules").join(name), text).unwrap();
        }
    }
    let gone = changed.iter().zip(found).find(|(_, found)| !found);
    assert!(gone.is_none(), "no rule says {gone:?} any more");
}

/// Who evaluates the rules in the centre, and tells what fires.
struct Centre {
    /// What takes samples.
    takes: std::net::SocketAddr,
    /// What is asked for queries, and for alerts.
    queries: String,
    alerts: String,
    _programs: Vec<Program>,
}

impl Centre {
    /// `central.yml`, with these flags besides.
    async fn prometheus(launcher: &Launcher, folder: &Path, flags: &[&str]) -> Self {
        fs::write(folder.join("central.yml"), deploy("central.yml")).unwrap();
        let takes = ports::address(None);
        let mut command = written("central.yml", folder);
        command.arg(format!("--web.listen-address={takes}")).args(flags);
        let start = |command| launcher.spawn(command);
        let mut program = Program::start("centre", folder, command, start).unwrap();
        let url = format!("http://{takes}");
        program.until_it_answers(&format!("{url}/-/ready")).await.unwrap();
        Self { takes, queries: url.clone(), alerts: url, _programs: vec![program] }
    }

    /// `VictoriaMetrics`, which hides the newest samples for so long, and its vmalert, which judges what was so long ago.
    async fn victoria(launcher: &Launcher, folder: &Path, hides: &str, ago: &str) -> Self {
        let (store, alert) = (ports::address(None), ports::address(None));
        let url = format!("http://{store}");
        let mut command = Command::new(find("victoria-metrics", "victoria-metrics").unwrap());
        command
            .arg(format!("-storageDataPath={}", folder.join("store").display()))
            .arg(format!("-httpListenAddr={store}"))
            .arg(format!("-search.latencyOffset={hides}"));
        let start = |command| launcher.spawn(command);
        let mut store_runs = Program::start("store", folder, command, start).unwrap();
        store_runs.until_it_answers(&format!("{url}/health")).await.unwrap();
        let mut command = Command::new(find("vmalert", "victoria-metrics").unwrap());
        command
            .arg(format!("-rule={}", folder.join("rules/*.rules.yml").display()))
            .arg(format!("-datasource.url={url}"))
            .arg(format!("-remoteWrite.url={url}"))
            .arg(format!("-remoteRead.url={url}"))
            .arg(format!("-httpListenAddr={alert}"))
            .args([
                "-evaluationInterval=15s",
                "-remoteWrite.flushInterval=1s",
                "-notifier.blackhole",
            ])
            .arg(format!("-rule.evalDelay={ago}"))
            .arg("-external.label=turbulence_runbooks=http://localhost:9778/runbooks");
        let start = |command| launcher.spawn(command);
        let mut alert_runs = Program::start("vmalert", folder, command, start).unwrap();
        let alerts = format!("http://{alert}");
        alert_runs.until_it_answers(&format!("{alerts}/health")).await.unwrap();
        Self { takes: store, queries: url, alerts, _programs: vec![store_runs, alert_runs] }
    }

    /// The values of a query.
    async fn ask(&self, query: &str) -> Vec<f64> {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("query", query)
            .finish();
        let url = format!("{}/api/v1/query", self.queries);
        let (_, body) = http::post_form(&url, form).await.unwrap();
        let answer: Value = serde_json::from_str(&body).unwrap();
        let rows = answer["data"]["result"].as_array().unwrap_or_else(|| panic!("{query}: {body}"));
        rows.iter().map(|row| row["value"][1].as_str().unwrap().parse().unwrap()).collect()
    }

    /// What fires, but the Watchdog.
    async fn firing(&self) -> Vec<String> {
        let body = http::fetch(&format!("{}/api/v1/alerts", self.alerts)).await.unwrap();
        let answer: Value = serde_json::from_str(&body).unwrap();
        let alerts = answer["data"]["alerts"].as_array().unwrap_or_else(|| panic!("{body}"));
        let fires = alerts.iter().filter(|it| it["state"] == "firing");
        let names = fires.map(|it| it["labels"]["alertname"].as_str().unwrap().to_owned());
        names.filter(|name| name != "Watchdog").collect()
    }

    /// How long it takes until this alert fires, and nothing else does meanwhile but the phantom.
    async fn until_told(&self, alert: &str) -> Duration {
        let begun = Instant::now();
        loop {
            let firing = self.firing().await;
            assert!(firing.iter().all(|it| it == alert || it == PHANTOM), "{firing:?}");
            if firing.iter().any(|it| it == alert) {
                return begun.elapsed();
            }
            assert!(begun.elapsed() < PATIENCE, "{alert} is not told");
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn until_it_has(&self, query: &str) -> Duration {
        let begun = Instant::now();
        while self.ask(query).await.is_empty() {
            assert!(begun.elapsed() < PATIENCE, "nothing of {query}");
            sleep(Duration::from_millis(100)).await;
        }
        begun.elapsed()
    }
}

/// The site is seen and its phantom is told. What each took is printed.
async fn is_watched(centre: &Centre, site: &Site, through: &str) {
    centre.until_it_has("ipmi_up{site=\"ams\"}").await;
    site.has_a_phantom(true);
    let (arrives, told) =
        tokio::join!(centre.until_it_has("ipmi_verdict{site=\"ams\"}"), centre.until_told(PHANTOM));
    println!(
        "DELAY through={through:?} sample={:.1}s told={:.1}s",
        arrives.as_secs_f64(),
        told.as_secs_f64()
    );
    site.has_a_phantom(false);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phantom_at_a_site_is_told_in_the_centre_and_so_is_the_site_when_it_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let launcher = Launcher::start().unwrap();
    // Minutes are seconds: what an agent had is forgotten, though not while it waits for a busy machine, where things were is looked at, a loss is sure.
    rules(
        folder.path(),
        &[
            ("    interval: 5m\n", "    interval: 5s\n"),
            ("[3d:5m]", "[3d:5s]"),
            ("        for: 10m\n", "        for: 15s\n"),
        ],
    );
    let centre =
        Centre::prometheus(&launcher, folder.path(), &["--query.lookback-delta=60s"]).await;
    let line = Line::to(centre.takes).await;
    let site = Site::start(&launcher, folder.path(), line.address).await;
    is_watched(&centre, &site, "agent and Prometheus").await;
    centre.until_it_has("job_place:turbulence_up:last3d{site=\"ams\"}").await;
    drop(site);
    let told = centre.until_told(GONE).await;
    println!("DELAY a site that is lost: {:.0}s (60 s, and 15 s of `for`)", told.as_secs_f64());
}

/// `cargo test -p turbulence-lab --test agent -- --ignored --nocapture ten_minutes`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a quarter of an hour: --ignored runs it"]
async fn an_agent_that_is_cut_off_for_ten_minutes_catches_up_and_nothing_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let launcher = Launcher::start().unwrap();
    rules(folder.path(), &[]);
    let centre = Centre::prometheus(&launcher, folder.path(), &[]).await;
    let line = Line::to(centre.takes).await;
    let site = Site::start(&launcher, folder.path(), line.address).await;
    centre.until_it_has("ipmi_up{site=\"ams\"}").await;
    // It is there for longer than a look takes to come by.
    calm(&centre, Duration::from_secs(120)).await;
    line.cut(true);
    calm(&centre, Duration::from_secs(600)).await;
    line.cut(false);
    let begun = Instant::now();
    // A sample each five seconds, those of the ten minutes too.
    while centre.ask("count_over_time(ipmi_up[12m]) >= 142").await.is_empty() {
        assert!(
            begun.elapsed() < PATIENCE,
            "{:?}",
            centre.ask("count_over_time(ipmi_up[12m])").await
        );
        sleep(Duration::from_millis(200)).await;
    }
    println!("DELAY ten minutes are caught up in {:.1}s", begun.elapsed().as_secs_f64());
    calm(&centre, Duration::from_secs(120)).await;
    drop(site);
}

async fn calm(centre: &Centre, time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        let firing = centre.firing().await;
        assert!(firing.is_empty(), "after {:?}: {firing:?}", begun.elapsed());
        sleep(Duration::from_secs(1)).await;
    }
}

/// Needs Debian sid's programs in `PATH` (`turbulence-lab debian-sid victoria-metrics` prints their folder).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Debian sid's victoria-metrics: --ignored runs it"]
async fn a_phantom_is_told_through_victoria_metrics_and_vmalert() {
    let launcher = Launcher::start().unwrap();
    // What is told to be set, and what each is without.
    for (hides, ago) in [("1s", "1s"), ("1s", "30s"), ("30s", "30s")] {
        let folder = tempfile::tempdir().unwrap();
        rules(folder.path(), &[]);
        let centre = Centre::victoria(&launcher, folder.path(), hides, ago).await;
        let line = Line::to(centre.takes).await;
        let site = Site::start(&launcher, folder.path(), line.address).await;
        let through = format!("agent, -search.latencyOffset={hides}, -rule.evalDelay={ago}");
        is_watched(&centre, &site, &through).await;
    }
}
