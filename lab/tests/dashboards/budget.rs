//! What a reader waits for where a fleet is large: no panel draws more than a person can look at.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use turbulence_lab::dashboards::{self, Cost};

use crate::files;
use crate::panels::panels;
use crate::prometheus::{Scraper, moved};

/// Lines of a panel, or rows of a table.
const MOST: usize = 200;

/// What is watched. Every vantage probes the first endpoint, and some all of them.
struct Fleet {
    machines: usize,
    endpoints: usize,
    wide_vantages: usize,
    /// How often it is scraped: a page is long.
    seconds: u64,
    /// As many that a graph has several points, at each of which other series are the highest.
    scrapes: u64,
    deadline: Duration,
}

/// More of each than a panel may show.
const MANY: Fleet = Fleet {
    machines: 250,
    endpoints: 220,
    wide_vantages: 3,
    seconds: 5,
    scrapes: 15,
    deadline: Duration::from_secs(300),
};

/// What this suite is made for.
const LARGEST: Fleet = Fleet {
    machines: 1_000,
    endpoints: 300,
    wide_vantages: VANTAGES,
    seconds: 30,
    scrapes: 4,
    deadline: Duration::from_secs(1_500),
};

const VANTAGES: usize = 30;
/// Names that are asked for, from some vantages.
const NAMES: usize = 20;
const ASKING: usize = 3;

/// Rows of the grid that a screen of 1080 pixels shows; Grafana asks for what is below once one scrolls there.
const SCREEN: u64 = 24;
/// So many queries are printed.
const SLOWEST: usize = 8;
/// What the first screen of a dashboard may answer.
const FIRST_BYTES: usize = 3_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn no_panel_shows_more_of_a_large_fleet_than_a_person_can_read() {
    println!("{}", is_readable(&MANY).await);
}

/// `cargo test -p turbulence-lab --test dashboards -- --ignored --nocapture largest`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a quarter of an hour and some gigabytes: --ignored runs it"]
async fn the_largest_fleet_is_as_readable() {
    println!("{}", is_readable(&LARGEST).await);
}

/// What was answered, once no panel shows more than a person can read.
async fn is_readable(fleet: &Fleet) -> String {
    let jobs = [
        ("turbulence-ipmi", fleet.machines()),
        ("turbulence-latency", fleet.vantages()),
        ("turbulence-dns", resolvers()),
    ];
    let rules = files::root().join("alerts/*.rules.yml");
    let scraper = Scraper::of_pages(&rules, &jobs, fleet.seconds, moved).await;
    let deadline = Instant::now() + fleet.deadline;
    while scraper.scrapes() < fleet.scrapes {
        assert!(Instant::now() < deadline, "{} scrapes", scraper.scrapes());
        sleep(Duration::from_secs(1)).await;
    }
    loop {
        let checked = dashboards::check(&files::dashboards(), &scraper.url).await;
        let costs = checked.unwrap_or_else(|error| panic!("{error:#}")).costs;
        let sizes = sizes(&costs);
        // Each kind is there, and would be more than a panel may show.
        let shown = |board: &str, panel: &str| {
            sizes.get(&(format!("turbulence-{board}"), panel.to_owned())).copied().unwrap_or(0)
        };
        let is_there = shown("thermal", "Temperatures") > 40
            && shown("world", "Region by endpoint") > 40
            && shown("dns", "Consensus") > 10;
        assert!(is_there || Instant::now() < deadline, "{}", table(&costs));
        if is_there {
            let too_many: Vec<_> = sizes.iter().filter(|(_, series)| **series > MOST).collect();
            assert!(too_many.is_empty(), "{}\nmore than {MOST}: {too_many:#?}", table(&costs));
            let first = first_screens(&costs);
            for board in files::boards().keys() {
                let of_it = first.iter().filter(|cost| cost.dashboard == *board);
                let bytes: usize = of_it.map(|cost| cost.bytes).sum();
                assert!(bytes < FIRST_BYTES, "{board}: {bytes} bytes");
            }
            let (all, first_lines) = (table(&costs), table(&first));
            return format!("{all}Of these the first screens:\n{first_lines}{}", slowest(first));
        }
        sleep(Duration::from_secs(1)).await;
    }
}

/// How much each panel shows: the rows of a table are joined from its queries, the lines of another panel stand side by side.
fn sizes(costs: &[Cost]) -> BTreeMap<(String, String), usize> {
    let tables: Vec<(String, String)> = files::boards()
        .iter()
        .flat_map(|(uid, board)| panels(board).into_iter().map(move |panel| (uid.clone(), panel)))
        .filter(|(_, panel)| {
            ["table", "geomap", "xychart"].iter().any(|kind| panel.json["type"] == *kind)
        })
        .map(|(uid, panel)| (uid, panel.text("title").to_owned()))
        .collect();
    let mut sizes = BTreeMap::new();
    for cost in costs {
        let panel = (cost.dashboard.clone(), cost.panel.clone());
        let joined = tables.contains(&panel);
        let size = sizes.entry(panel).or_insert(0);
        *size = if joined { cost.series.max(*size) } else { *size + cost.series };
    }
    sizes
}

/// What is asked for before anybody scrolls or unfolds a row.
fn first_screens(costs: &[Cost]) -> Vec<Cost> {
    let boards = files::boards();
    let is_seen = |cost: &&Cost| {
        let panels = boards[&cost.dashboard]["panels"].as_array().unwrap();
        let at_top = panels.iter().filter(|panel| panel["gridPos"]["y"].as_u64().unwrap() < SCREEN);
        let mut seen = at_top.filter(|panel| panel["title"] == cost.panel.as_str());
        seen.next().is_some()
    };
    costs.iter().filter(is_seen).cloned().collect()
}

/// A line for each of the queries that took longest.
fn slowest(mut costs: Vec<Cost>) -> String {
    costs.sort_by_key(|cost| std::cmp::Reverse(cost.took));
    let mut text = String::new();
    for Cost { dashboard, panel, series, took, .. } in costs.iter().take(SLOWEST) {
        let took = took.as_millis();
        let _ = writeln!(text, "SLOWEST {dashboard} {panel:?} series={series} ms={took}");
    }
    text
}

/// A line for each dashboard: queries, series, bytes, the time of all queries one after the other.
fn table(costs: &[Cost]) -> String {
    let mut boards: BTreeMap<&str, (usize, usize, usize, Duration)> = BTreeMap::new();
    for cost in costs {
        let board = boards.entry(&cost.dashboard).or_default();
        board.0 += 1;
        board.1 += cost.series;
        board.2 += cost.bytes;
        board.3 += cost.took;
    }
    let mut text = String::new();
    for (board, (queries, series, bytes, took)) in boards {
        let (kilobytes, milliseconds) = (bytes / 1_000, took.as_millis());
        let _ = writeln!(
            text,
            "BUDGET {board} queries={queries} series={series} kB={kilobytes} ms={milliseconds}"
        );
    }
    text
}

/// Of the sample of a job the lines that have a label of this value, under other values of labels.
fn renamed(sample: &str, of: &str, labels: &[(&str, &str, &str)]) -> String {
    let mut text = String::new();
    for line in sample.lines().filter(|line| !line.starts_with('#') && line.contains(of)) {
        let mut line = line.to_owned();
        for (label, from, to) in labels {
            line = line.replace(&format!("{label}=\"{from}\""), &format!("{label}=\"{to}\""));
        }
        text += &line;
        text.push('\n');
    }
    text
}

fn sample(job: &str) -> &'static str {
    files::JOBS.iter().find(|(name, _)| *name == job).unwrap().1
}

impl Fleet {
    fn machines(&self) -> Vec<String> {
        let sample = sample("turbulence-ipmi");
        let of_one = "target=\"srv-phantom\"";
        let all = (0..self.machines).map(|number| {
            renamed(sample, of_one, &[("target", "srv-phantom", &format!("srv-{number}"))])
        });
        vec![all.collect()]
    }

    fn vantages(&self) -> Vec<String> {
        let sample = sample("turbulence-latency");
        let (of_one, of_api) = ("vantage=\"fra\"", "target=\"messenger-api\"");
        let alone: String = sample
            .lines()
            .filter(|line| !line.contains("target="))
            .flat_map(|line| [line, "\n"])
            .collect();
        let probed = sample.lines().filter(|line| line.contains(of_api));
        let probed: String = probed.flat_map(|line| [line, "\n"]).collect();
        let page = |vantage: usize| {
            let name = format!("v{vantage}");
            let region = ["EMEA", "AMER", "APAC"][vantage % 3];
            let place = [("vantage", "fra", name.as_str()), ("region", "EMEA", region)];
            let endpoints = if vantage < self.wide_vantages { self.endpoints } else { 1 };
            let each = (0..endpoints).map(|number| {
                let endpoint = format!("api-{number}");
                let labels = [place[0], place[1], ("target", "messenger-api", endpoint.as_str())];
                let all = renamed(&probed, of_one, &labels);
                // Buckets are asked for in sums alone.
                let lines = all.lines().filter(|line| number == 0 || !line.contains("_bucket{"));
                lines.flat_map(|line| [line, "\n"]).collect::<String>()
            });
            renamed(&alone, of_one, &place) + &each.collect::<String>()
        };
        (0..VANTAGES).map(page).collect()
    }
}

fn resolvers() -> Vec<String> {
    let sample = sample("turbulence-dns");
    let name = sample.split_once("name=\"").unwrap().1.split('"').next().unwrap();
    let own = format!("name=\"{name}\"");
    let page = |vantage: usize| {
        let called = format!("v{vantage}");
        let place = ("vantage", "fra", called.as_str());
        let rest =
            sample.lines().filter(|line| !line.contains("name=\"") && !line.starts_with('#'));
        let rest: String = rest.flat_map(|line| [line, "\n"]).collect();
        let names = (0..NAMES).map(|number| {
            renamed(sample, &own, &[place, ("name", name, &format!("n{number}.example"))])
        });
        renamed(&rest, "", &[place]) + &names.collect::<String>()
    };
    (0..ASKING).map(page).collect()
}
