//! The real program, running on a config, and what its pages say of a target.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use peers::exposition::samples;
use peers::{Program, Scrape};

/// The program's binary, ready for flags.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_turbulence-latency"));
    command.args(["--log.format", "json"]);
    command
}

/// Starts the program with this config. `files` are put beside it.
pub(crate) fn start(config: &str, files: &[(&str, &str)]) -> Program {
    Program::start_beside(command(), files, config)
}

/// Writes a list of targets beside the config as Prometheus' documents demand: whole, by a rename.
pub(crate) fn list(program: &Program, name: &str, text: &str) {
    let new = program.folder().join("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, program.folder().join(name)).unwrap();
}

/// Waits until so many probes of a target were decided; returns the metrics.
#[track_caller]
pub(crate) fn wait_for_probes(program: &Program, target: &str, count: f64) -> Scrape {
    program.wait_until(&format!("{count} probes of {target}"), |metrics| {
        of_target(metrics, "latency_probes_total", target) >= count
    })
}

/// The value of a target's only series of a metric; 0 if there is none.
pub(crate) fn of_target(metrics: &Scrape, name: &str, target: &str) -> f64 {
    metrics.get(&format!("{name}{{target=\"{target}\"}}")).unwrap_or(0.0)
}

/// How many probes of a target are in flight: what was sent is decided or in flight, on every page.
pub(crate) fn in_flight(metrics: &Scrape, target: &str) -> f64 {
    let sent = of_target(metrics, "latency_probes_sent_total", target);
    let in_flight = of_target(metrics, "latency_probes_in_flight", target);
    let decided = of_target(metrics, "latency_probes_total", target);
    assert!((sent - decided - in_flight).abs() < 0.5, "{}", metrics.text);
    in_flight
}

/// The reasons for which probes of a target failed, each with how many did.
pub(crate) fn failures(metrics: &Scrape, target: &str) -> BTreeMap<String, f64> {
    let all = samples(&metrics.text).filter(|sample| {
        sample.name == "latency_probe_failures_total"
            && sample.label("target").as_deref() == Some(target)
    });
    let all: BTreeMap<_, _> =
        all.map(|it| (it.label("reason").unwrap().into_owned(), it.value)).collect();
    assert!(all.values().all(|count| *count > 0.0), "a reason that did not occur: {all:?}");
    all
}

/// Whether all probes of a target failed, and for this one reason. How many did for it is no help: a page reads that before
/// it counts probes, and some are decided meanwhile.
pub(crate) fn fails_for(metrics: &Scrape, target: &str, reason: &str) -> bool {
    let [probes, failed] = ["latency_probes_total", "latency_failures_total"]
        .map(|name| of_target(metrics, name, target));
    probes > 0.0 && (probes - failed).abs() < 0.5 && failures(metrics, target).keys().eq([reason])
}
