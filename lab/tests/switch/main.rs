//! `ipmi_exporter` and turbulence-ipmi on the same BMCs, by one config: each series there has its like
//! here, with the same value, or a reason stands in [`DIFFERENCES`].
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod community;
#[path = "../machines/fixture.rs"]
mod fixture;
mod machines;
mod peer;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use peers::Program;
use peers::exposition::samples;
use tokio::time::Instant;
use turbulence_lab::process::find_own;
use turbulence_lab::testbmc::fleet::Fleet;
use turbulence_lab::testbmc::{Quirks, TestBmc};

use crate::peer::Peer;

/// The address of the first BMC.
const FIRST: Ipv4Addr = Ipv4Addr::new(127, 48, 0, 1);
/// Labels by which either tells targets and sensors apart in a way of its own.
const OWN: [&str; 8] = ["id", "target", "entity", "product_id", "guid", "address", "site", "rack"];
/// `ipmi-sensors` prints two digits behind the point.
const ROUNDED: f64 = 0.0051;

/// Whether a reason fits a series.
type Fits = fn(&Theirs) -> bool;

/// What differs, and why. One that explains nothing fails.
const DIFFERENCES: [(&str, Fits); 9] = [
    ("no number there (NaN), absent here", |it| it.value.is_nan()),
    ("is ipmi_poll_duration_seconds here", |it| it.metric == "ipmi_scrape_duration_seconds"),
    ("beyond a non-critical threshold is a warning here, and nominal there", |it| {
        it.metric.ends_with("_state") && (it.value, it.ours) == (0.0, Some(1.0))
    }),
    ("an entry with a comma in its words is left out there", |it| {
        it.metric.starts_with("ipmi_sel_events_count") && it.ours > Some(it.value)
    }),
    ("linearisation 0Bh is the cube root here, and x^-3 there", |it| it.name == "cube root"),
    ("no finite number: absent here", |it| {
        it.ours.is_none() && ["no number", "1/0", "ln of 0", "sqrt of -9"].contains(&&*it.name)
    }),
    ("degrees Fahrenheit, kelvins and shares of full speed are temperatures and fans here", |it| {
        it.ours.is_none() && ["fahrenheit", "kelvin", "percent of RPM"].contains(&&*it.name)
    }),
    ("blanks at the end of a name are left out here", |it| {
        it.ours.is_none() && it.name.starts_with("padded ")
    }),
    ("each sensor of a shared record has its number in its name here", |it| {
        it.ours.is_none() && ["Bay ", "Fan "].contains(&&*it.name)
    }),
];

/// A series of `ipmi_exporter`, and the value of its like here.
struct Theirs {
    metric: String,
    name: String,
    value: f64,
    ours: Option<f64>,
}

/// What became of the series of one metric.
#[derive(Default)]
struct Tally {
    there: usize,
    alike: usize,
    reasons: BTreeSet<&'static str>,
}

type Series = BTreeMap<(String, BTreeMap<String, String>), f64>;

fn series(page: &str) -> Series {
    let of_ipmi = samples(page)
        .filter(|it| it.name.starts_with("ipmi_") && !it.name.starts_with("ipmi_exporter"));
    let keyed = of_ipmi.map(|it| {
        let labels = it.labels().filter(|(name, _)| !OWN.contains(name));
        let labels = labels.map(|(name, value)| (name.to_owned(), value.into_owned()));
        ((it.name.to_owned(), labels.collect()), it.value)
    });
    keyed.collect()
}

/// Whether every collector of a page got its answers.
fn is_up(page: &str) -> bool {
    samples(page).filter(|it| it.name == "ipmi_up").all(|it| it.value > 0.5)
}

/// Our page, once the whole event log is read.
fn ours(exporter: &Program, path: &str, entries: f64) -> String {
    let until = Instant::now() + Duration::from_secs(120);
    loop {
        let page = exporter.page(path);
        let counted = samples(&page).filter(|it| it.name == "ipmi_sel_events_count_by_state");
        let counted: f64 = counted.map(|it| it.value).sum();
        if is_up(&page) && counted >= entries || Instant::now() > until {
            return page;
        }
    }
}

#[test]
#[ignore = "unpacks the ipmi_exporter of Debian's sid: --ignored runs it"]
fn a_user_of_ipmi_exporter_finds_every_series_again() {
    let machines = machines::all();
    let at: Vec<_> =
        (0..).take(machines.len()).map(|n| Ipv4Addr::from(u32::from(FIRST) + n)).collect();
    let bmcs = at.iter().zip(&machines);
    let bmcs =
        bmcs.map(|(at, (_, it))| (*at, TestBmc::new(Arc::new(it.clone()), Quirks::default(), 1)));
    let fleet = Fleet::start(0, bmcs).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let caches = format!("[\"--sdr-cache-directory={}\"]", folder.path().display());
    let config = format!(
        "modules:\n  default:\n    user: monitor\n    pass: s3cretpass\n    driver: LAN_2_0\n    \
         privilege: user\n    timeout: 20000\n    collectors: [bmc, ipmi, chassis, dcmi, sel, sel-events]\n    \
         sel_events: [{{name: ecc, regex: Correctable memory error.*}}, {{name: any, regex: '.'}}]\n    \
         custom_args: {{ipmi: {caches}, sel-events: {caches}}}\n"
    );
    let peer = Peer::start(folder.path(), &config);
    let program = Command::new(find_own("turbulence-ipmi").unwrap());
    let exporter =
        Program::start(program, &format!("{config}on_demand: {{allow: [127.48.0.0/24]}}\n"));

    let mut tallies = BTreeMap::<String, Tally>::new();
    let mut used = BTreeSet::new();
    let mut wrong = Vec::new();
    for (at, (machine, _)) in at.iter().zip(&machines) {
        let path = format!("/ipmi?target={at}:{}&module=default", fleet.port());
        let theirs = peer.get(&path).unwrap();
        assert!(is_up(&theirs), "{machine}: {theirs}");
        let entries = samples(&theirs).find(|it| it.name == "ipmi_sel_logs_count").unwrap().value;
        let here = series(&ours(&exporter, &path, entries));
        for ((metric, labels), value) in series(&theirs) {
            let ours = here.get(&(metric.clone(), labels.clone())).copied();
            let tally = tallies.entry(metric.clone()).or_default();
            tally.there += 1;
            if ours.is_some_and(|ours| (ours - value).abs() <= ROUNDED * value.abs().max(1.0)) {
                tally.alike += 1;
                continue;
            }
            let name = labels.get("name").cloned().unwrap_or_default();
            let one = Theirs { metric, name, value, ours };
            match DIFFERENCES.iter().find(|(_, fits)| fits(&one)) {
                Some((why, _)) => drop((used.insert(*why), tally.reasons.insert(why))),
                None => wrong.push(format!(
                    "{machine}: {}{labels:?} there {value}, here {ours:?}",
                    one.metric
                )),
            }
        }
    }

    println!(
        "| metric | series there | the same here | why the others differ |\n|---|---|---|---|"
    );
    for (metric, it) in &tallies {
        let reasons: Vec<_> = it.reasons.iter().copied().collect();
        println!("| `{metric}` | {} | {} | {} |", it.there, it.alike, reasons.join("; "));
    }
    let sum = |of: fn(&Tally) -> usize| tallies.values().map(of).sum::<usize>();
    println!(
        "RESULT switch bmcs={} series={} same={} unexplained={}",
        machines.len(),
        sum(|it| it.there),
        sum(|it| it.alike),
        wrong.len()
    );
    assert!(wrong.is_empty(), "differences that nothing explains:\n{}", wrong.join("\n"));
    let idle: Vec<_> =
        DIFFERENCES.iter().map(|(why, _)| why).filter(|why| !used.contains(*why)).collect();
    assert!(idle.is_empty(), "reasons that explain nothing: {idle:?}");
}
