//! A real Prometheus that scrapes the samples and the golden files.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::routing::get;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use crate::files;

/// Ends Prometheus and the page that it scrapes when it is dropped.
pub(crate) struct Scraper {
    pub(crate) url: String,
    /// How often each page was scraped.
    scrapes: Vec<Arc<AtomicU64>>,
    _prometheus: Child,
    _data: tempfile::TempDir,
}

impl Scraper {
    /// Loads the shipped rules. Scrapes each second, under the shipped job names: the sample of each exporter and, beside
    /// it as other instances, its golden file where there is one, the sample once more, as an agent or a pair gives it,
    /// and that of another site and team, which uses the same names.
    pub(crate) async fn of_samples() -> Self {
        Self::with_rules(&files::root().join("alerts/*.rules.yml")).await
    }

    /// The same with rules from elsewhere.
    pub(crate) async fn with_rules(rules: &Path) -> Self {
        let jobs = files::JOBS.map(|(job, sample)| {
            let elsewhere =
                sample.replace("site=\"lab\"", "site=\"ams\"").replace("team=\"", "team=\"b-");
            let copies = [Some(sample.to_owned()), Some(elsewhere)];
            let expositions = [Some(sample.to_owned()), files::golden(job)];
            (job, expositions.into_iter().chain(copies).flatten().collect())
        });
        Self::of_pages(rules, &jobs, 1, grown).await
    }

    /// How often the page was scraped that was scraped least.
    pub(crate) fn scrapes(&self) -> u64 {
        self.scrapes.iter().map(|count| count.load(Ordering::Relaxed)).min().unwrap_or(0)
    }

    /// Scrapes these pages of each job, each so many seconds.
    pub(crate) async fn of_pages(
        rules: &Path,
        expositions: &[(&str, Vec<String>)],
        seconds: u64,
        at: Change,
    ) -> Self {
        let mut pages = Router::new();
        let mut scrapes = Vec::new();
        let mut jobs = String::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        for (job, expositions) in expositions {
            write!(jobs, "- {{job_name: {job}, honor_labels: true, static_configs: [").unwrap();
            for (number, exposition) in expositions.iter().cloned().enumerate() {
                let path = format!("/{job}/{number}");
                let count = Arc::new(AtomicU64::new(0));
                pages = pages.route(&path, get(changing(exposition, at, Arc::clone(&count))));
                scrapes.push(count);
                write!(
                    jobs,
                    "{{targets: ['{address}'], labels: {{instance: '{job}-{number}', \
                     __metrics_path__: {path}}}}}, "
                )
                .unwrap();
            }
            jobs.push_str("]}\n");
        }
        tokio::spawn(async move { axum::serve(listener, pages).await });

        let data = tempfile::tempdir().unwrap();
        let config = data.path().join("prometheus.yml");
        let config_text = format!(
            "global: {{scrape_interval: {seconds}s, evaluation_interval: 1s, \
             external_labels: {{turbulence_runbooks: 'http://runbooks', \
             turbulence_alertmanager: 'http://alertmanager'}}}}\n\
             rule_files: ['{}']\nscrape_configs:\n{jobs}",
            rules.display()
        );
        std::fs::write(&config, config_text).unwrap();
        let mut prometheus = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", data.path().join("tsdb").display()))
            .arg("--web.listen-address=127.0.0.1:0")
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("prometheus is needed for this test: apt-get install prometheus");
        let mut log = BufReader::new(prometheus.stderr.take().unwrap()).lines();
        let mut url = None;
        let mut is_ready = false;
        // The two are said by two tasks of its own, in any order.
        let url = loop {
            let line = log.next_line().await.unwrap().expect("prometheus ended");
            // Prometheus 3 names a component before the address.
            let listens = line.split_once("msg=\"Listening on\"");
            if let Some((_, after)) = listens.and_then(|(_, rest)| rest.split_once("address=")) {
                url = Some(format!("http://{}", after.split_whitespace().next().unwrap()));
            }
            is_ready |= line.contains("Server is ready");
            if let Some(url) = url.take_if(|_| is_ready) {
                break url;
            }
        };
        tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        Self { url, scrapes, _prometheus: prometheus, _data: data }
    }
}

/// What a line of a page is at a scrape, by the number of the line and of the scrape.
pub(crate) type Change = fn(&str, u64, u64) -> String;

fn changing(
    exposition: String,
    at: Change,
    scrapes: Arc<AtomicU64>,
) -> impl Fn() -> std::future::Ready<String> + Clone {
    move || {
        let scrape = scrapes.fetch_add(1, Ordering::Relaxed) + 1;
        let lines = (0..).zip(exposition.lines());
        std::future::ready(lines.map(|(number, line)| at(line, number, scrape) + "\n").collect())
    }
}

/// Counters and buckets that grow with each scrape (the rate of a constant is nothing, and a quantile of nothing is not
/// a number), and time stamps of the present.
pub(crate) fn grown(line: &str, _number: u64, scrape: u64) -> String {
    let name = line.split(['{', ' ']).next().unwrap();
    if name.ends_with("_timestamp_seconds") {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        return format!("{} {now}", line.rsplit_once(' ').unwrap().0);
    }
    let grows = ["_total", "_bucket", "_sum", "_count"].iter().any(|end| name.ends_with(end));
    match line.rsplit_once(' ') {
        Some((series, value)) if grows && !line.starts_with('#') => {
            let value: f64 = value.parse().unwrap();
            #[expect(clippy::cast_precision_loss, reason = "a count of scrapes")]
            let value = value * scrape as f64;
            format!("{series} {value}")
        }
        _ => line.to_owned(),
    }
}

/// The same, and everything else changes places from scrape to scrape: what was highest is not the next time, and what was
/// up is down.
pub(crate) fn moved(line: &str, number: u64, scrape: u64) -> String {
    let line = grown(line, number, scrape);
    let name = line.split(['{', ' ']).next().unwrap();
    let counts = ["_total", "_bucket", "_sum", "_count", "_timestamp_seconds", "_info"];
    let Some((series, value)) = line.rsplit_once(' ') else { return line };
    if line.starts_with('#') || counts.iter().any(|end| name.ends_with(end)) {
        return line;
    }
    let value: f64 = value.parse().unwrap();
    let moved = match value {
        0.0 | 1.0 if (number + scrape).is_multiple_of(5) => 1.0 - value,
        0.0 | 1.0 => value,
        #[expect(clippy::cast_precision_loss, reason = "less than fifty")]
        _ => value * (1.0 + ((31 * number + 37 * scrape) % 50) as f64 / 100.0),
    };
    format!("{series} {moved}")
}
