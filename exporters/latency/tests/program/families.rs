//! Machines that have one family of addresses alone.

use std::fs;

use peers::{Program, Scrape};

use super::echoes::{in_a_namespace, run};
use super::names::Names;
use super::running::{failures, of_target, start, wait_for_probes};
use super::web::Web;
use super::{assert_up, config};

/// The kernel answers echoes here, and this machine has these addresses on a link of its own.
fn machine(addresses: &[&str]) {
    fs::write("/proc/sys/net/ipv4/icmp_echo_ignore_all", "0").unwrap();
    fs::write("/proc/sys/net/ipv6/icmp/echo_ignore_all", "0").unwrap();
    run("ip", &["link", "add", "out0", "type", "veth", "peer", "name", "out1"]);
    for address in addresses {
        let is_v6 = address.contains(':');
        let way: &[&str] = if is_v6 { &["nodad"] } else { &[] };
        run("ip", &[&["address", "add", address, "dev", "out0"], way].concat());
    }
    for end in ["out0", "out1"] {
        run("ip", &["link", "set", end, "up"]);
    }
}

/// The targets of the family that is there are well, those of the other fail as whom there is no way to, and the
/// network of this vantage is well.
fn only_one_is_judged(program: &Program, well: &[&str], others: &[&str]) {
    for name in well.iter().chain(others) {
        wait_for_probes(program, name, 6.0);
    }
    let is_well = |metrics: &Scrape| {
        let network = "latency_vantage_ok{vantage=\"test\",region=\"EMEA\",part=\"network\"}";
        metrics.get(network) == Some(1.0)
            && well.iter().all(|name| of_target(metrics, "latency_up", name) > 0.0)
    };
    let metrics = program.wait_until("the network is well", is_well);
    for name in well {
        assert_up(&metrics, name);
    }
    for name in others {
        let reasons = failures(&metrics, name);
        let is_known = |reason: &String| ["unreachable", "local"].contains(&reason.as_str());
        assert!(!reasons.is_empty() && reasons.keys().all(is_known), "{name}: {reasons:?}");
        assert!(of_target(&metrics, "latency_up", name) < 1.0);
    }
}

#[test]
fn without_ipv6_the_targets_of_ipv4_are_judged_as_ever() {
    if !in_a_namespace("families::without_ipv6_the_targets_of_ipv4_are_judged_as_ever") {
        return;
    }
    fs::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1").unwrap();
    machine(&["192.0.2.1/24"]);
    let (web, names) = (Web::plain([192, 0, 2, 1]), Names::serve());
    names.set("both.test", &["192.0.2.1", "2001:db8::9"]);
    let port = web.port;
    let (four, six) = (format!("192.0.2.1:{port}"), format!("[2001:db8::9]:{port}"));
    let both = format!("both.test:{port}");
    let targets = [
        ("echo-4", "icmp", "192.0.2.1"),
        ("tcp-4", "tcp", &four),
        ("echo-6", "icmp", "2001:db8::9"),
        ("tcp-6", "tcp", &six),
        ("both", "tcp", &both),
    ];
    let program = start(&config(&format!("resolvers: ['{}']\n", names.address), &targets), &[]);
    only_one_is_judged(&program, &["echo-4", "tcp-4"], &["echo-6", "tcp-6"]);
    program.wait_until("a name of both is up", |it| of_target(it, "latency_up", "both") > 0.0);
    assert!(program.stop().success());
}

#[test]
fn without_ipv4_the_targets_of_ipv6_are_judged_as_ever() {
    if !in_a_namespace("families::without_ipv4_the_targets_of_ipv6_are_judged_as_ever") {
        return;
    }
    machine(&["fd05::1/64"]);
    let names = Names::serve();
    names.set("both.test", &["192.0.2.9", "fd05::1"]);
    let targets = [
        ("echo-6", "icmp", "fd05::1"),
        ("echo-4", "icmp", "192.0.2.9"),
        ("tcp-4", "tcp", "192.0.2.9:80"),
        ("both", "icmp", "both.test"),
    ];
    let program = start(&config(&format!("resolvers: ['{}']\n", names.address), &targets), &[]);
    only_one_is_judged(&program, &["echo-6"], &["echo-4", "tcp-4"]);
    program.wait_until("a name of both is up", |it| of_target(it, "latency_up", "both") > 0.0);
    assert!(program.stop().success());
}
