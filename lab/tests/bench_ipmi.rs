//! `turbulence-lab bench-ipmi` on a small world and without the other exporter: it measures what it says.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::process::Command;

const BMCS: &str = "20";
/// The figures that each line begins with, in this order.
const FIGURES: [&str; 8] =
    ["peer", "bmcs", "collectors", "cpu_ms_per_poll", "p99_ms", "rss_mb", "wrong", "failed"];

/// The words of a `RESULT ipmi` line, each of the form name=value.
fn words(line: &str) -> Vec<(&str, &str)> {
    let words = line.strip_prefix("RESULT ipmi ").unwrap().split(' ');
    words.map(|word| word.split_once('=').unwrap()).collect()
}

/// Measures one poller, three polls of each BMC two seconds apart; checks all that is the same for each
/// of its `measurements`. Returns its lines.
fn measure(which: &str, peer: &str, measurements: usize) -> Vec<String> {
    let options = ["--which", which, "--bmcs", BMCS, "--interval", "2", "--rounds", "3"];
    let mut lab = Command::new(env!("CARGO_BIN_EXE_turbulence-lab"));
    let output = lab.arg("bench-ipmi").args(options).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<_> = said.lines().filter(|line| line.starts_with("RESULT ")).collect();
    assert_eq!(lines.len(), measurements, "{said}{errors}");
    for line in &lines {
        check(line, peer, &said);
    }
    let failed = lines.iter().any(|line| !line.contains(" failed=0 "));
    assert_eq!(output.status.success(), !failed, "{said}{errors}");
    lines.into_iter().map(str::to_owned).collect()
}

fn check(line: &str, peer: &str, said: &str) {
    let words = words(line);
    let names: Vec<_> = words.iter().take(FIGURES.len()).map(|(name, _)| *name).collect();
    assert_eq!(names, FIGURES, "{said}");
    let value = |name| words.iter().find(|(it, _)| *it == name).unwrap().1;
    assert_eq!([value("peer"), value("bmcs")], [peer, BMCS]);
    assert_eq!(value("wrong"), "0", "{said}");
    // A machine that stands still for two seconds misses a round; a busy one misses several.
    let failed: u32 = value("failed").parse().unwrap();
    assert!(failed < 60, "some polls of three rounds succeed: {said}");
    // CPU time is told in hundredths of a second, which so few polls may not take.
    assert!(value("cpu_ms_per_poll").parse::<f64>().unwrap() >= 0.0, "{said}");
    for figure in ["p99_ms", "rss_mb"] {
        assert!(value(figure).parse::<f64>().unwrap() > 0.0, "{said}");
    }
}

#[test]
fn the_client_is_measured() {
    measure("client", "ours", 1);
}

#[test]
fn a_shared_socket_is_measured() {
    measure("shared", "shared", 1);
}

#[test]
fn the_exporter_is_measured() {
    let lines = measure("exporter", "turbulence-ipmi", 3);
    // Scraped as one page, and by its list: what it says of itself, and eight shares of the BMCs; and what it reads by default.
    let pages: Vec<_> = lines.iter().map(|line| line.contains(" pages=9 ")).collect();
    assert_eq!(pages, [false, true, false], "{lines:?}");
    let reads_all = |line: &String| line.contains(" collectors=bmc,ipmi,chassis,dcmi,sel ");
    assert_eq!(lines.iter().map(reads_all).collect::<Vec<_>>(), [false, false, true], "{lines:?}");
}
