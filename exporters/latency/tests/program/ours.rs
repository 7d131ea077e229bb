//! What fails on our side: nothing is said of the targets.

use std::process::Command;

use peers::{Connection, Program, Scrape};

use super::echoes::{self, in_a_namespace};
use super::names::Names;
use super::running::{command, fails_for, failures, of_target, start, wait_for_probes};
use super::web::Web;
use super::{assert_up, config};

/// No series says how the target stands; that and why its probes fail is counted.
fn is_not_judged(metrics: &Scrape, target: &str) -> bool {
    let gauges = ["latency_up", "latency_last_success_timestamp_seconds", "latency_addresses"];
    gauges.iter().all(|gauge| metrics.get(&format!("{gauge}{{target=\"{target}\"}}")).is_none())
        && metrics.get(&format!("latency_address_up{{target=\"{target}\",slot=\"0\"}}")).is_none()
        && failures(metrics, target).keys().eq(["local"])
}

#[test]
fn without_permission_to_send_echoes_their_targets_are_not_judged() {
    if !in_a_namespace("ours::without_permission_to_send_echoes_their_targets_are_not_judged") {
        return;
    }
    echoes::allow_dgram(false);
    let web = Web::plain([127, 0, 0, 1]);
    let url = format!("http://127.0.0.1:{}/ok", web.port);
    let text = config("", &[("echo", "icmp", "127.0.0.1"), ("web", "http", &url)]);
    let mut program = Command::new("setpriv");
    program.args(["--bounding-set", "-net_raw", "--"]).arg(command().get_program());
    let program = Program::start(program, &text);
    wait_for_probes(&program, "web", 4.0);
    let metrics = wait_for_probes(&program, "echo", 4.0);
    assert!(is_not_judged(&metrics, "echo"), "{}", metrics.text);
    assert!(fails_for(&metrics, "echo", "local"));
    assert_up(&metrics, "web");
    // The first round is over all the same: the exporter is ready.
    assert_eq!(program.request("GET", "/-/ready", "").status, 200);
    assert!(program.stop().success());
}

/// Lets a process open no descriptor but those below `limit`.
fn limit_descriptors(id: u32, limit: u32) -> bool {
    let limit = format!("--nofile={limit}:");
    let status = Command::new("prlimit").args(["--pid", &id.to_string(), &limit]).status();
    status.is_ok_and(|status| status.success())
}

#[test]
fn without_descriptors_no_target_is_judged_and_with_them_each_is_again() {
    let web = Web::plain([127, 0, 0, 1]);
    let names = Names::serve();
    names.set("web.test", &["127.0.0.1"]);
    let head = format!("resolvers: ['{}']\n", names.address);
    let by_address = format!("http://127.0.0.1:{}/ok", web.port);
    let by_name = format!("http://web.test:{}/ok", web.port);
    let targets = [("address", "http", by_address.as_str()), ("name", "http", &by_name)];
    let program = start(&config(&head, &targets), &[]);
    let mut connection = Connection::open(program.address());
    let is_up = |metrics: &Scrape, (target, ..): &(&str, &str, &str)| {
        of_target(metrics, "latency_up", target) > 0.0
    };
    connection.wait_until("all are up", |page| targets.iter().all(|target| is_up(page, target)));
    if !limit_descriptors(program.id(), 3) {
        return eprintln!("skipped: no prlimit");
    }
    connection.wait_until("none is judged", |page| {
        targets.iter().all(|(target, ..)| is_not_judged(page, target))
    });
    // The name's answer has expired meanwhile: neither was the resolver to blame.
    assert!(limit_descriptors(program.id(), 256));
    let page = connection
        .wait_until("all are up again", |page| targets.iter().all(|target| is_up(page, target)));
    for (target, ..) in targets {
        assert_eq!(failures(&page, target).keys().collect::<Vec<_>>(), ["local"], "{target}");
    }
    assert!(program.stop().success());
}
