//! What becomes of echoes when a router that translates addresses switches to another uplink.

use std::fmt::Write as _;
use std::process::{Child, Command};
use std::time::Duration;

use peers::{Program, Scrape};
use tokio::time::Instant;

use super::VANTAGE;
use super::echoes::{self, Manner, Uplink, host, in_a_namespace, run};
use super::running::{command, failures, of_target, wait_for_probes};

/// As long as a busy machine may take for an answer, and shorter than [`LATE`].
const TIMEOUT: &str = "2s";
const LATE: Duration = Duration::from_millis(2500);

const MOVES: &str = "latency_icmp_socket_moves_total{family=\"FAMILY\"}";

fn moves(metrics: &Scrape, family: &str) -> f64 {
    metrics.get(&MOVES.replace("FAMILY", family)).unwrap_or(0.0)
}

/// Answers come, however many a busy machine has lost.
#[track_caller]
fn wait_until_up(program: &Program, target: &str) {
    let up = format!("latency_up{{target=\"{target}\"}}");
    program.wait_until(&format!("{target} answers"), |it| it.get(&up) == Some(1.0));
}

fn config(targets: &[(&str, &str)]) -> String {
    let mut text = format!(
        "{VANTAGE}modules: {{icmp: {{prober: icmp, interval: 200ms, timeout: {TIMEOUT}}}}}\ntargets:\n"
    );
    for (name, ip) in targets {
        writeln!(text, "  - {{name: {name}, module: icmp, address: '{ip}'}}").unwrap();
    }
    text
}

#[test]
fn a_target_that_stays_silent_is_asked_with_another_identifier_and_no_other_target_is() {
    if !in_a_namespace(
        "switched::a_target_that_stays_silent_is_asked_with_another_identifier_and_no_other_target_is",
    ) {
        return;
    }
    let uplink: &'static Uplink = Box::leak(Box::default());
    let steady: &'static Uplink = Box::leak(Box::default());
    let targets = [
        ("four", "127.5.0.1", uplink),
        ("four-too", "127.5.0.2", uplink),
        ("steady", "127.5.0.3", steady),
        ("six", "fd05::1", uplink),
        ("steady-six", "fd05::3", steady),
    ];
    for (_, ip, uplink) in targets {
        host(ip, Manner::Behind(uplink));
    }
    host("127.5.0.9", Manner::Silent);
    let mut addresses: Vec<_> = targets.iter().map(|(name, ip, _)| (*name, *ip)).collect();
    addresses.push(("dead", "127.5.0.9"));
    for allowed in [true, false] {
        echoes::allow_dgram(allowed);
        let program = Program::start(command(), &config(&addresses));
        for (name, ..) in targets {
            wait_for_probes(&program, name, 4.0);
            wait_until_up(&program, name);
        }
        uplink.switch();
        let switched = ["four", "four-too", "six"];
        program.wait_until("silence", |metrics| {
            switched
                .iter()
                .all(|name| metrics.get(&format!("latency_up{{target=\"{name}\"}}")) == Some(0.0))
        });
        let metrics = program.wait_until("answers", |metrics| {
            switched.iter().all(|name| of_target(metrics, "latency_up", name) > 0.0)
        });
        for name in ["steady", "steady-six"] {
            wait_until_up(&program, name);
        }
        assert!(steady.identifiers() <= 2, "those that answer keep their socket");
        assert!(moves(&metrics, "ip4") >= 3.0 && moves(&metrics, "ip6") >= 1.0, "{}", metrics.text);
        // The dead one shares its socket with those that were silent.
        for family in ["ip4", "ip6"] {
            let sockets = metrics.value(&format!("latency_icmp_sockets{{family=\"{family}\"}}"));
            assert!((2.0..=3.0).contains(&sockets), "{family}: {sockets}");
        }
        // They stay where they are answered: more answers come, and nobody moves who is not silent.
        let answers = |metrics: &Scrape, name: &str| {
            let failed = failures(metrics, name).values().sum::<f64>();
            of_target(metrics, "latency_probes_total", name) - failed
        };
        let later = program.wait_until("thirty more answers of each", |it| {
            switched.iter().all(|name| answers(it, name) >= answers(&metrics, name) + 30.0)
        });
        assert!((moves(&later, "ip6") - moves(&metrics, "ip6")).abs() < 0.5, "{}", later.text);
        assert!(program.stop().success());
        steady.forget();
    }
}

#[test]
fn a_target_that_answers_too_late_is_not_silent() {
    if !in_a_namespace("switched::a_target_that_answers_too_late_is_not_silent") {
        return;
    }
    let targets = [("late", "127.5.1.1"), ("late-six", "fd05::11")];
    for (_, ip) in targets {
        host(ip, Manner::After(LATE));
    }
    echoes::allow_dgram(true);
    let program = Program::start(command(), &config(&targets));
    // Long after a silent one would have moved.
    let metrics = program.wait_until("late replies", |metrics| {
        targets
            .iter()
            .all(|(name, _)| of_target(metrics, "latency_icmp_late_replies_total", name) >= 80.0)
    });
    for (name, family) in [("late", "ip4"), ("late-six", "ip6")] {
        assert_eq!(metrics.get(&format!("latency_up{{target=\"{name}\"}}")), Some(0.0));
        assert!(moves(&metrics, family) < 0.5, "{}", metrics.text);
    }
    assert!(program.stop().success());
}

/// A network namespace of its own, as long as this is there.
struct Namespace(Child);

impl Namespace {
    fn new() -> Self {
        let child = Command::new("unshare").args(["-n", "sleep", "600"]).spawn().unwrap();
        let own = std::fs::read_link("/proc/self/ns/net").unwrap();
        let theirs = format!("/proc/{}/ns/net", child.id());
        let begun = Instant::now();
        while std::fs::read_link(&theirs).is_ok_and(|namespace| namespace == own) {
            assert!(begun.elapsed() < Duration::from_secs(60), "no namespace");
            std::thread::sleep(Duration::from_millis(5));
        }
        let namespace = Self(child);
        namespace.run("ip link set lo up");
        namespace
    }

    fn id(&self) -> String {
        self.0.id().to_string()
    }

    /// Runs a shell's line in it.
    fn run(&self, line: &str) {
        run("nsenter", &["-t", &self.id(), "-n", "sh", "-ec", line]);
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_uplink_switch_behind_a_router_that_translates_addresses_is_survived() {
    if !Command::new("nft").arg("--version").output().is_ok_and(|it| it.status.success()) {
        return eprintln!("skipped: no nft");
    }
    if !in_a_namespace(
        "switched::an_uplink_switch_behind_a_router_that_translates_addresses_is_survived",
    ) {
        return;
    }
    echoes::allow_dgram(true);
    let (router, far) = (Namespace::new(), Namespace::new());
    let veth = |name: &str, here: &str, peer: &str, there: &str| {
        let peer = ["peer", "name", peer, "netns", there];
        let line = ["link", "add", "name", name, "netns", here, "type", "veth"];
        run("ip", &[&line[..], &peer[..]].concat());
    };
    let own = std::process::id().to_string();
    veth("in0", &own, "in1", &router.id());
    veth("up0", &router.id(), "far0", &far.id());
    veth("up1", &router.id(), "far1", &far.id());
    run(
        "sh",
        &[
            "-ec",
            "ip addr add 10.0.0.2/24 dev in0; ip link set in0 up; ip route add default via 10.0.0.1",
        ],
    );
    router.run(
        "ip addr add 10.0.0.1/24 dev in1; ip addr add 10.1.0.2/24 dev up0; ip addr add 10.2.0.2/24 dev up1
         for link in in1 up0 up1; do ip link set $link up; done
         echo 1 > /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter
         ip route add default via 10.1.0.1
         nft add table ip t
         nft add chain ip t out '{ type nat hook postrouting priority 100; }'
         nft add rule ip t out oif up0 snat to 10.1.0.2
         nft add rule ip t out oif up1 snat to 10.2.0.2",
    );
    far.run(
        "ip addr add 10.1.0.1/24 dev far0; ip addr add 10.2.0.1/24 dev far1; ip addr add 10.9.0.1/32 dev lo
         for link in far0 far1; do ip link set $link up; done
         echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter; echo 0 > /proc/sys/net/ipv4/conf/far1/rp_filter",
    );
    let program =
        Program::start(command(), &config(&[("service", "10.9.0.1"), ("router", "10.0.0.1")]));
    for target in ["service", "router"] {
        wait_for_probes(&program, target, 4.0);
        wait_until_up(&program, target);
    }
    // The first uplink is gone, and with it the address that echoes were translated to.
    far.run("ip route replace blackhole 10.1.0.2/32");
    router.run("ip route replace default via 10.2.0.1");
    program.wait_until("silence", |it| it.get("latency_up{target=\"service\"}") == Some(0.0));
    // The way is there: another program's echoes are answered while ours are not.
    run("sh", &["-c", "! command -v fping || fping -q -c 1 -t 2000 10.9.0.1"]);
    let metrics =
        program.wait_until("answers", |it| it.get("latency_up{target=\"service\"}") == Some(1.0));
    assert!(moves(&metrics, "ip4") >= 1.0);
    assert!(of_target(&metrics, "latency_failures_total", "service") > 20.0);
    wait_until_up(&program, "router");
    assert!(program.stop().success());
}
