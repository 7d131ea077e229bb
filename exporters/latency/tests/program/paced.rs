//! Echoes to addresses, which one task sends for all targets.

use std::cell::Cell;
use std::time::Duration;

use super::VANTAGE;
use super::echoes::{self, Manner, host, in_a_namespace};
use super::running::{command, failures, in_flight, of_target, wait_for_probes};
use peers::{Program, Scrape};

/// The config of targets, each with an address.
fn config(module: &str, targets: &[(&str, &str)]) -> String {
    let targets = targets
        .iter()
        .map(|(name, address)| format!("  - {{name: {name}, module: m, address: {address}}}\n"));
    let targets: String = targets.collect();
    format!("{VANTAGE}modules: {{m: {{prober: icmp, {module}}}}}\ntargets:\n{targets}")
}

#[test]
fn an_address_is_found_to_be_as_its_name_which_a_task_of_its_own_asks() {
    if !in_a_namespace("paced::an_address_is_found_to_be_as_its_name_which_a_task_of_its_own_asks")
    {
        return;
    }
    echoes::allow_dgram(true);
    host("127.0.0.1", Manner::After(Duration::from_millis(20)));
    let module = "interval: 100ms, timeout: 5s, icmp: {preferred_ip_protocol: ip4}";
    let targets = [("address", "127.0.0.1"), ("name", "localhost")];
    let program = Program::start(command(), &config(module, &targets));
    let metrics = program.wait_until("answers", |it| {
        targets.iter().all(|(name, _)| of_target(it, "latency_probes_total", name) >= 10.0)
    });
    for (name, _) in targets {
        assert_eq!(metrics.get(&format!("latency_up{{target=\"{name}\"}}")), Some(1.0), "{name}");
        assert!(failures(&metrics, name).is_empty(), "{name}");
        let minimum =
            format!("latency_rtt_min_seconds{{target=\"{name}\",slot=\"0\",window=\"1m\"}}");
        assert!(metrics.value(&minimum) >= 0.02, "{name}");
    }
    assert!(program.stop().success());
}

#[test]
fn echoes_that_wait_for_longer_than_an_interval_are_decided_once_each() {
    if !in_a_namespace("paced::echoes_that_wait_for_longer_than_an_interval_are_decided_once_each")
    {
        return;
    }
    echoes::allow_dgram(true);
    host("127.7.1.1", Manner::After(Duration::from_millis(300)));
    host("127.7.1.2", Manner::Silent);
    let targets = [("slow", "127.7.1.1"), ("silent", "127.7.1.2")];
    let module = "interval: 100ms, timeout: 6s";
    let program = Program::start(command(), &config(module, &targets));
    let seen_in_flight = Cell::new(0.0);
    let holds = |metrics: &Scrape| {
        for (target, _) in targets {
            seen_in_flight.set(in_flight(metrics, target).max(seen_in_flight.get()));
        }
        of_target(metrics, "latency_failures_total", "silent") >= 20.0
    };
    let metrics = program.wait_until("that many are given up", holds);
    assert!(seen_in_flight.get() > 20.0, "{seen_in_flight:?}");
    assert_eq!(failures(&metrics, "silent").keys().collect::<Vec<_>>(), ["timeout"]);
    assert!(failures(&metrics, "slow").is_empty(), "{}", metrics.text);

    // A program that stands still misses rounds; it begins none in the past, and nothing fails by it.
    let missed = |metrics: &Scrape| metrics.get("turbulence_rounds_missed_total{}").unwrap_or(0.0);
    let before = missed(&metrics);
    program.signal("STOP");
    std::thread::sleep(Duration::from_millis(1500));
    program.signal("CONT");
    let probes = |metrics: &Scrape| of_target(metrics, "latency_probes_total", "slow");
    let stopped = probes(&program.metrics());
    let metrics = program.wait_until("that it goes on", |it| probes(it) >= stopped + 10.0);
    assert!(missed(&metrics) >= before + 20.0, "{} {before}", missed(&metrics));
    assert!(failures(&metrics, "slow").is_empty(), "{}", metrics.text);
    assert!(program.stop().success());
}

#[test]
fn what_comes_for_a_target_that_was_removed_is_nobodys() {
    if !in_a_namespace("paced::what_comes_for_a_target_that_was_removed_is_nobodys") {
        return;
    }
    echoes::allow_dgram(true);
    host("127.7.2.1", Manner::After(Duration::from_millis(300)));
    host("127.7.2.2", Manner::Silent);
    let module = "interval: 50ms, timeout: 1s";
    let slow = config(module, &[("slow", "127.7.2.1")]);
    let silent = config(module, &[("silent", "127.7.2.2")]);
    let program = Program::start(command(), &slow);
    for _ in 0..3 {
        wait_for_probes(&program, "slow", 3.0);
        assert_eq!(program.reload(&silent).status, 200);
        let metrics = program.wait_until("that it is given up", |it| {
            of_target(it, "latency_failures_total", "silent") >= 3.0
        });
        let [probes, failed] = ["latency_probes_total", "latency_failures_total"]
            .map(|name| of_target(&metrics, name, "silent"));
        assert!((probes - failed).abs() < 0.5, "what came was for another: {}", metrics.text);
        assert_eq!(program.reload(&slow).status, 200);
    }
    assert!(program.stop().success());
}
