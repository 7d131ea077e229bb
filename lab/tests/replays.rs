//! The incidents end to end: `ipmi_sim`, the WAN and the resolvers, the three exporters, a real
//! Prometheus and a real Alertmanager on the shipped files, and what arrives at the sink.
//!
//! Everything is played that the demo plays, side by side where it does not touch; then every
//! exporter's page and every query of every dashboard is held against the running world.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// A line a replay, and two for the heading and the verdict on the pages.
const REPLAYS: usize = 13;

#[test]
fn every_incident_is_notified_as_it_should_be_and_nothing_else_is() {
    let output = Command::new(env!("CARGO_BIN_EXE_turbulence-lab"))
        .args(["demo", "--once", "--parallel", "--inspect", "--any-ports"])
        .stderr(Stdio::inherit())
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => panic!("the lab could not be started: {error}"),
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let results: Vec<_> = text.lines().filter(|line| line.starts_with("RESULT ")).collect();
    // Twice: as each ends, and in the summary.
    let complete = results.len() == 2 * REPLAYS;
    assert!(output.status.success() && complete, "{}\n{text}", output.status);
    // Past the capture of the test runner, so that the delays can be read in its output.
    let mut out = std::io::stdout().lock();
    for line in &results[REPLAYS..] {
        let _ = writeln!(out, "{line}");
    }
}
