//! The incidents end to end: `ipmi_sim`, the WAN and the resolvers, the four exporters, a real
//! Prometheus and a real Alertmanager on the shipped files, and what arrives at the sink.
//!
//! Everything is played that the demo plays, side by side where it does not touch; then every
//! exporter's page and every query of every dashboard is held against the running world. With
//! `TURBULENCE_SHARE=SEED` (a commit, say) only one replay of each kind is played, drawn by the seed; with
//! `all`, or without it, every one is.

use std::io::Write as _;
use std::process::{Command, Stdio};

use turbulence_lab::replay;

#[test]
fn every_incident_is_notified_as_it_should_be_and_nothing_else_is() {
    let seed = std::env::var("TURBULENCE_SHARE").unwrap_or_default();
    let seed = Some(seed).filter(|seed| !seed.is_empty() && seed != "all");
    let replays = seed.as_deref().map_or_else(replay::all, replay::share);
    let mut lab = Command::new(env!("CARGO_BIN_EXE_turbulence-lab"));
    lab.args(["demo", "--once", "--parallel", "--inspect", "--any-ports"]);
    lab.args(seed.iter().flat_map(|seed| ["--share", seed]));
    let output = match lab.stderr(Stdio::inherit()).output() {
        Ok(output) => output,
        Err(error) => panic!("the lab could not be started: {error}"),
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let results: Vec<_> = text.lines().filter(|line| line.starts_with("RESULT ")).collect();
    // Twice: as each ends, and in the summary.
    let complete = results.len() == 2 * replays.len();
    assert!(output.status.success() && complete, "{}\n{text}", output.status);
    // Past the capture of the test runner, so that the delays can be read in its output.
    let mut out = std::io::stdout().lock();
    for line in &results[replays.len()..] {
        let _ = writeln!(out, "{line}");
    }
}
