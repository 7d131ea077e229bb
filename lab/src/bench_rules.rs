//! What it costs a Prometheus to evaluate the shipped rules: those of server hardware with so many BMCs, those of
//! reachability with so many vantages and endpoints.
//!
//! A real Prometheus scrapes what the exporter shows, of which some have verdicts standing, and says itself how long
//! each group took.

mod fleet;
mod pages;
mod vantages;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum};
use peers::Prometheus;
use peers::exposition::samples;
use tokio::time::{Instant, sleep};

use self::fleet::Fleet;
use crate::bench::report::quantile;
use crate::bench::say;
use crate::http;

/// What is scraped, and by which rules it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Load {
    /// Machines, as turbulence-ipmi shows them.
    Bmcs,
    /// Endpoints, as many vantages of turbulence-latency show them.
    Endpoints,
}

impl Load {
    fn rules(self) -> &'static [&'static str] {
        match self {
            Self::Bmcs => &["thermal.rules.yml", "hardware.rules.yml"],
            Self::Endpoints => &["reachability.rules.yml"],
        }
    }
}
/// Prometheus scrapes so often.
const SCRAPES: Duration = Duration::from_secs(15);
/// The windows of the rules are full after so long.
const WARM: Duration = Duration::from_secs(75);
/// So many rules are named, those that took longest.
const DEAREST: usize = 8;
/// A group may take this share of its interval.
const SHARE: f64 = 0.2;

/// What is measured; the defaults are the fleet that the exporter's README speaks of.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// What is scraped, one after the other.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Load::Bmcs, Load::Endpoints])]
    which: Vec<Load>,
    /// How many BMCs.
    #[arg(long, default_value_t = 10_000)]
    bmcs: usize,
    /// How many endpoints each vantage probes.
    #[arg(long, default_value_t = 1_000)]
    endpoints: usize,
    /// How many vantages there are.
    #[arg(long, default_value_t = 30)]
    vantages: usize,
    /// For how many seconds, once the windows of the rules are full.
    #[arg(long, default_value_t = 120)]
    seconds: u64,
    /// The Prometheus.
    #[arg(long, value_name = "PROGRAM", default_value = "prometheus")]
    prometheus: PathBuf,
    /// The root of the repository, for its alerts/ and worlds/.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    suite: PathBuf,
}

/// What a group took.
#[derive(Clone, Debug, Default, PartialEq)]
struct Group {
    interval: f64,
    /// Seconds of evaluations.
    took: Vec<f64>,
    missed: f64,
}

/// Measures; whether each group reached the goal.
pub async fn run(options: &Options) -> anyhow::Result<bool> {
    let mut is_good = true;
    for load in &options.which {
        is_good &= measure(*load, options).await?;
    }
    Ok(is_good)
}

async fn measure(load: Load, options: &Options) -> anyhow::Result<bool> {
    let suite = options.suite.canonicalize().context("finding the repository")?;
    let rules: Vec<PathBuf> =
        load.rules().iter().map(|name| suite.join("alerts").join(name)).collect();
    let read = |file: &PathBuf| {
        std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))
    };
    let words = rules.iter().map(read).collect::<Result<String, _>>()?;
    let (size, pages) = match load {
        Load::Bmcs => {
            let fleet = Fleet::new(&suite, &words, options.bmcs)?;
            (format!("bmcs={}", options.bmcs), fleet.pages())
        }
        Load::Endpoints => {
            let Options { endpoints, vantages, .. } = *options;
            let pages = vantages::pages(&words, vantages, endpoints)?;
            (format!("endpoints={endpoints} vantages={vantages}"), pages)
        }
    };
    say(&format!("{size}: {} series that the rules read", pages.series()));
    let labels = pages.labels().to_vec();
    let config = config(&rules, pages.serve()?, &labels);
    let prometheus = {
        let program = options.prometheus.clone();
        tokio::task::spawn_blocking(move || Prometheus::start(&program, &config, &[])).await?
    };
    let page = format!("{}/metrics", prometheus.url());
    let groups = watch(&page, options).await?;
    let answer = http::fetch(&format!("{}/api/v1/rules", prometheus.url())).await?;
    for line in dearest(&answer).context("the answer of /api/v1/rules")? {
        say(&line);
    }
    let mut is_good = true;
    for (name, group) in &groups {
        is_good &= tell(name, group, &size)?;
    }
    Ok(is_good && !groups.is_empty())
}

/// Each page is a target of its own, with its labels.
fn config(rules: &[PathBuf], address: std::net::SocketAddr, labels: &[String]) -> String {
    let files: Vec<_> =
        rules.iter().map(|file| format!("{:?}", file.display().to_string())).collect();
    let scrape = |(shard, labels): (usize, &String)| {
        format!(
            "- {{job_name: shard-{shard}, honor_labels: true, params: {{shard: ['{shard}']}}, \
             static_configs: [{{targets: ['{address}'], labels: {{{labels}}}}}]}}\n"
        )
    };
    let scrapes = labels.iter().enumerate().map(scrape).collect::<Vec<_>>().concat();
    format!(
        "global: {{scrape_interval: {0}s, scrape_timeout: {0}s}}\nrule_files: [{1}]\nscrape_configs:\n{scrapes}",
        SCRAPES.as_secs(),
        files.join(", ")
    )
}

/// Looks each second at what Prometheus says of its groups.
async fn watch(page: &str, options: &Options) -> anyhow::Result<BTreeMap<String, Group>> {
    let begin = Instant::now();
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    let mut before: BTreeMap<String, f64> = BTreeMap::new();
    while begin.elapsed() < WARM + Duration::from_secs(options.seconds) {
        sleep(Duration::from_secs(1)).await;
        // It may not be up yet, or be busy.
        let Ok(text) = http::fetch(page).await else { continue };
        if begin.elapsed() < WARM {
            continue;
        }
        for sample in samples(&text) {
            let Some(group) = sample.label("rule_group") else { continue };
            let name = group.rsplit(';').next().unwrap_or_default().to_owned();
            let group = groups.entry(name.clone()).or_default();
            match sample.name {
                // The same as a moment ago is the same evaluation.
                "prometheus_rule_group_last_duration_seconds"
                    if before.insert(name, sample.value) != Some(sample.value) =>
                {
                    group.took.push(sample.value);
                }
                "prometheus_rule_group_interval_seconds" => group.interval = sample.value,
                "prometheus_rule_group_iterations_missed_total" => group.missed = sample.value,
                _ => {}
            }
        }
    }
    ensure!(!groups.is_empty(), "Prometheus evaluated nothing: does it run, and take the rules?");
    Ok(groups)
}

/// The rules that took longest when they were evaluated last, so that one sees where to mend.
fn dearest(answer: &str) -> Option<Vec<String>> {
    let answer: serde_json::Value = serde_json::from_str(answer).ok()?;
    let mut rules = Vec::new();
    for group in answer["data"]["groups"].as_array()? {
        for rule in group["rules"].as_array()? {
            let name = rule["name"].as_str()?;
            rules.push((rule["evaluationTime"].as_f64()?, name, group["name"].as_str()?));
        }
    }
    rules.sort_by(|one, other| other.0.total_cmp(&one.0));
    let line = |(seconds, rule, group): &(f64, &str, &str)| {
        format!("RULE group={group} rule={rule} seconds={seconds:.3}")
    };
    Some(rules.iter().take(DEAREST).map(line).collect())
}

fn tell(name: &str, group: &Group, size: &str) -> anyhow::Result<bool> {
    let mut took = group.took.clone();
    took.sort_by(f64::total_cmp);
    let median = quantile(&took, 0.5).with_context(|| format!("{name} was never evaluated"))?;
    let most = quantile(&took, 1.0).unwrap_or(median);
    let (interval, missed, count) = (group.interval, group.missed, took.len());
    say(&format!(
        "RESULT rules group={name} {size} seconds={median:.3} interval={interval} worst={most:.3} \
         evaluations={count} missed={missed}"
    ));
    let goal = interval * SHARE;
    let is_good = median <= goal;
    let word = if is_good { "reached" } else { "MISSED" };
    say(&format!("GOAL rules group={name} {size} seconds<={goal} {word}"));
    Ok(is_good)
}
