//! Traces by real kernels: routers in network namespaces, which are asked by other programs as well.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::process::Command;
use std::time::Duration;

#[path = "tests/forger.rs"]
mod forger;
#[path = "tests/net.rs"]
mod net;

use super::due::Why;
use super::memory::Verdict;
use super::slots::Slots;
use super::trace::{End, Trace};
use super::tracer::Tracer;
use crate::clock::Clock;
use crate::outcome::{Failure, Outcome};
use crate::standing::{Moment, Standing};
use net::{Namespace, in_a_namespace, run, veth};

const TARGETS: [&str; 2] = ["10.9.0.9", "fd00:9::9"];

/// The vantage, a way of four routers, and the target behind it: `10.0.K.2` and `fd00:K::2` are hop K.
struct Way {
    routers: Vec<Namespace>,
}

impl Way {
    fn new(count: u8) -> Self {
        let routers: Vec<Namespace> = (0..count).map(|_| Namespace::router()).collect();
        let mut before: Option<&Namespace> = None;
        for (hop, router) in (1_u8..).zip(&routers) {
            veth(before, router, hop);
            before = Some(router);
        }
        for (place, router) in routers.iter().enumerate() {
            let hop = place + 1;
            if place + 1 < routers.len() {
                let next = hop + 1;
                router.run(&format!(
                    "ip route add default via 10.0.{next}.2; ip -6 route add default via fd00:{next}::2"
                ));
            } else {
                router
                    .run("ip addr add 10.9.0.9/32 dev lo; ip addr add fd00:9::9/128 dev lo nodad");
            }
            if place > 0 {
                router.run(&format!(
                    "ip route add 10.0.1.0/24 via 10.0.{hop}.1; ip -6 route add fd00:1::/64 via fd00:{hop}::1"
                ));
            }
        }
        run("ip", &["route", "add", "default", "via", "10.0.1.2"]);
        run("ip", &["-6", "route", "add", "default", "via", "fd00:1::2"]);
        Self { routers }
    }
}

fn to(target: &str) -> SocketAddr {
    SocketAddr::new(target.parse().unwrap(), 0)
}

fn tracer() -> Tracer {
    Tracer::new("test", 10_000, Clock::start())
}

fn addresses(trace: &Trace) -> Vec<String> {
    let text = |ip: Option<IpAddr>| ip.map_or("*".to_owned(), |ip| ip.to_string());
    trace.hops.iter().map(|hop| text(hop.as_ref().map(|hop| hop.address))).collect()
}

/// What another program says, a line for each hop.
fn hops_of(program: &str, arguments: &[&str]) -> Option<Vec<String>> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).unwrap();
    let hop = |line: &str| {
        let mut words = line.split_whitespace();
        let number = words.next()?.trim_end_matches(".|--");
        number.parse::<u8>().ok()?;
        words.next().map(|word| if word == "???" { "*".to_owned() } else { word.to_owned() })
    };
    let hops: Vec<String> = text.lines().filter_map(hop).collect();
    assert!(!hops.is_empty(), "{program}: {text}");
    Some(hops)
}

/// Asks another program, again where a busy machine made it miss one.
#[track_caller]
fn agrees(program: &str, arguments: &[&str], wanted: &[String]) {
    for _ in 0..5 {
        match hops_of(program, arguments) {
            Some(hops) if hops == wanted => return,
            Some(_) => {}
            None => return eprintln!("skipped: {program} is not there"),
        }
    }
    assert_eq!(hops_of(program, arguments).unwrap(), wanted, "{program}");
}

/// Traces so often, and takes in each; what each came to.
async fn follow(tracer: &Tracer, slots: &Slots, target: &str, times: usize) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for number in 0..times {
        let to = to(target);
        let trace = tracer.trace(Why::Turn, to, 30, slots.length(to.ip())).await;
        let at = f64::from(u32::try_from(number).unwrap());
        verdicts.push(slots.take_in(0, &trace, at));
    }
    verdicts
}

fn id(slots: &Slots, target: &str) -> u64 {
    slots.view(0, target.parse().unwrap()).unwrap().id.unwrap()
}

fn changes(slots: &Slots, target: &str) -> (u64, u64) {
    let counts = slots.view(0, target.parse().unwrap()).unwrap().counts;
    (counts.changes, counts.unstable)
}

/// Waits until no socket has an identifier any more.
async fn all_are_closed() {
    let begun = tokio::time::Instant::now();
    let count = |file: &str| std::fs::read_to_string(file).unwrap().lines().count();
    while count("/proc/net/icmp") + count("/proc/net/icmp6") > 2 {
        assert!(begun.elapsed() < Duration::from_secs(60), "a socket stays open");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn two_of_one_name_trace_side_by_side() {
    if !in_a_namespace("path::tests::two_of_one_name_trace_side_by_side") {
        return;
    }
    let _way = Way::new(2);
    let (one, other) = (tracer(), tracer());
    for target in TARGETS {
        // The second opens its socket while the first has one, which must go on hearing its replies.
        for tracer in [&one, &other, &one] {
            let trace = tracer.trace(Why::Turn, to(target), 30, None).await;
            assert_eq!((trace.end, trace.hops.len()), (End::Reached, 2), "{trace:?}");
        }
    }
    // Each of the four has an identifier of its own.
    let lines =
        ["/proc/net/icmp", "/proc/net/icmp6"].map(|it| std::fs::read_to_string(it).unwrap());
    let ports = lines.iter().flat_map(|text| text.lines().skip(1));
    let port = |line: &str| Some(line.split_whitespace().nth(1)?.rsplit_once(':')?.1.to_owned());
    // One of them may list those of the other family, too.
    let ports: BTreeSet<_> = ports.map(|line| port(line).unwrap()).collect();
    assert_eq!(ports.len(), 4, "{ports:?}");
}

#[tokio::test]
async fn hops_are_those_that_mtr_and_traceroute_find() {
    if !in_a_namespace("path::tests::hops_are_those_that_mtr_and_traceroute_find") {
        return;
    }
    let way = Way::new(5);
    // One that says nothing of what it does not forward.
    way.routers[2].silence();
    let tracer = tracer();
    for target in TARGETS {
        let trace = tracer.trace(Why::Turn, to(target), 30, None).await;
        assert_eq!(trace.end, End::Reached, "{trace:?}");
        let near = if target.contains(':') { "fd00:K::2" } else { "10.0.K.2" };
        let wanted = ["1", "2", "*", "4", target].map(|hop| {
            if hop.len() == 1 && hop != "*" { near.replace('K', hop) } else { hop.into() }
        });
        assert_eq!(addresses(&trace), wanted);
        let is_plausible = |rtt: Duration| !rtt.is_zero() && rtt < Duration::from_secs(1);
        assert!(trace.hops.iter().flatten().all(|hop| is_plausible(hop.rtt)), "{trace:?}");
        agrees("mtr", &["-n", "-r", "-c", "1", "-G", "1", target], &addresses(&trace));
        agrees("traceroute", &["-I", "-n", "-q", "1", "-w", "1", target], &addresses(&trace));
    }
    // The same by raw sockets, where there may be no others.
    std::fs::write("/proc/sys/net/ipv4/ping_group_range", "1 0").unwrap();
    let raw = Tracer::new("raw", 10_000, Clock::start());
    for target in TARGETS {
        let trace = raw.trace(Why::Turn, to(target), 30, None).await;
        assert_eq!(
            addresses(&trace),
            addresses(&tracer.trace(Why::Turn, to(target), 30, None).await)
        );
        assert_eq!((trace.end, trace.hops.len()), (End::Reached, 5), "{trace:?}");
    }
    // A target that is not there, one that cannot be reached, and a path that is longer than may be asked.
    way.routers[3].run("ip route add unreachable 10.9.0.7/32");
    let nobody = tracer.trace(Why::Turn, to("10.9.0.7"), 30, None).await;
    assert_eq!(nobody.end, End::Unreachable { by: "10.0.4.2".parse().unwrap() }, "{nobody:?}");
    way.routers[3].run("ip route add blackhole 10.9.0.8/32");
    let lost = tracer.trace(Why::Turn, to("10.9.0.8"), 30, None).await;
    assert_eq!((lost.end, lost.hops.len()), (End::Incomplete, 2), "{lost:?}");
    let short = tracer.trace(Why::Turn, to("10.9.0.9"), 2, None).await;
    assert_eq!((short.end, short.hops.len()), (End::Incomplete, 2));
    run("ip", &["route", "del", "default"]);
    assert_eq!(tracer.trace(Why::Turn, to("10.9.0.9"), 30, None).await.end, End::Local);
}

#[tokio::test]
async fn four_equal_ways_are_one_path_and_the_same_after_a_restart() {
    if !in_a_namespace("path::tests::four_equal_ways_are_one_path_and_the_same_after_a_restart") {
        return;
    }
    let (near, far) = (Namespace::router(), Namespace::router());
    veth(None, &near, 1);
    run("ip", &["route", "add", "default", "via", "10.0.1.2"]);
    run("ip", &["-6", "route", "add", "default", "via", "fd00:1::2"]);
    let mut middle = Vec::new();
    for way in 2..6 {
        let router = Namespace::router();
        veth(Some(&near), &router, way);
        veth(Some(&router), &far, way + 10);
        router.run(&format!(
            "ip route add default via 10.0.1{way}.2; ip -6 route add default via fd00:1{way}::2
             ip route add 10.0.1.0/24 via 10.0.{way}.1; ip -6 route add fd00:1::/64 via fd00:{way}::1"
        ));
        near.run(&format!(
            "ip route add default via 10.0.{way}.2 table {way}; ip rule add fwmark {way} table {way}
             ip -6 route add default via fd00:{way}::2 table {way}; ip -6 rule add fwmark {way} table {way}"
        ));
        middle.push(router);
    }
    far.run(
        "ip addr add 10.9.0.9/32 dev lo; ip addr add fd00:9::9/128 dev lo nodad
         ip route add default via 10.0.12.1; ip -6 route add default via fd00:12::1",
    );
    // As routers do: by the first four bytes behind the IP header, which are type, code and checksum.
    let has_nft = near.try_run(
        "nft add table inet t
         nft add chain inet t pre '{ type filter hook prerouting priority mangle; }'
         nft add rule inet t pre iifname f1 meta mark set jhash @th,0,32 mod 4 seed 7 offset 2",
    );
    if !has_nft {
        return eprintln!("skipped: nft is not there");
    }
    for target in TARGETS {
        // Another program's echoes have another checksum each, and take several ways.
        let ping = Command::new("ping")
            .args(["-n", "-c", "24", "-i", "0.01", "-t", "2", "-W", "1", target])
            .output()
            .unwrap();
        let text = String::from_utf8(ping.stdout).unwrap();
        let who: BTreeSet<&str> = text
            .lines()
            .filter_map(|line| {
                line.to_lowercase().starts_with("from ").then(|| line.split(' ').nth(1))?
            })
            .collect();
        assert!(who.len() > 1, "the load is spread: {text}");

        let (slots, again) = (Slots::default(), Slots::default());
        let verdicts = {
            let tracer = tracer();
            follow(&tracer, &slots, target, 60).await
        };
        // Its sockets are closed before the next are opened, as those of a process that has ended.
        all_are_closed().await;
        assert_eq!(verdicts[..2], [Verdict::Doubted, Verdict::First]);
        assert!(verdicts[2..].iter().all(|verdict| *verdict == Verdict::Same), "{verdicts:?}");
        assert_eq!(changes(&slots, target), (0, 0));
        assert!(follow(&tracer(), &again, target, 2).await.contains(&Verdict::First));
        assert_eq!(id(&again, target), id(&slots, target));
    }
}

#[tokio::test]
async fn a_router_that_seldom_answers_changes_nothing_and_a_moved_route_is_one_change() {
    if !in_a_namespace(
        "path::tests::a_router_that_seldom_answers_changes_nothing_and_a_moved_route_is_one_change",
    ) {
        return;
    }
    let way = Way::new(4);
    let tracer = tracer();
    let slots = Slots::default();
    let target = TARGETS[0];
    let seldom = way.routers[1].try_run(
        "nft add table inet t
         nft add chain inet t out '{ type filter hook output priority 0; }'
         nft add rule inet t out icmp type time-exceeded numgen inc mod 3 != 0 drop",
    );
    if !seldom {
        return eprintln!("skipped: nft is not there");
    }
    let verdicts = follow(&tracer, &slots, target, 12).await;
    assert_eq!(verdicts[1], Verdict::First);
    assert_eq!(changes(&slots, target), (0, 0), "{verdicts:?}");
    let first = id(&slots, target);
    // It wakes, and then its kernel's own limit of one a second holds it back.
    way.routers[1].run("nft flush ruleset; echo 1000 > /proc/sys/net/ipv4/icmp_ratelimit");
    follow(&tracer, &slots, target, 12).await;
    assert_eq!((changes(&slots, target), id(&slots, target)), ((0, 0), first));

    // Another router between the first and the third.
    let detour = Namespace::router();
    veth(Some(&way.routers[0]), &detour, 50);
    veth(Some(&detour), &way.routers[2], 51);
    detour.run("ip route add default via 10.0.51.2; ip route add 10.0.1.0/24 via 10.0.50.1");
    way.routers[0].run("ip route replace default via 10.0.50.2");
    let verdicts = follow(&tracer, &slots, target, 6).await;
    assert_eq!(verdicts[..2], [Verdict::Doubted, Verdict::Changed]);
    assert_eq!((changes(&slots, target).0, id(&slots, target) == first), (1, false));
    way.routers[0].run("ip route replace default via 10.0.2.2");
    follow(&tracer, &slots, target, 6).await;
    assert_eq!((changes(&slots, target).0, id(&slots, target)), (2, first));
}

#[tokio::test]
async fn what_is_forged_makes_no_path() {
    if !in_a_namespace("path::tests::what_is_forged_makes_no_path") {
        return;
    }
    let way = Way::new(3);
    let tracer = tracer();
    let slots = Slots::default();
    let forger = forger::start(&way.routers[1], tracer.identifier(), false);
    let verdicts = follow(&tracer, &slots, TARGETS[0], 10).await;
    assert!(forger.sent() > 1000, "{} were forged", forger.sent());
    assert_eq!(verdicts[..2], [Verdict::Doubted, Verdict::First]);
    assert_eq!(changes(&slots, TARGETS[0]), (0, 0), "{verdicts:?}");
    let (path, whole) = (id(&slots, TARGETS[0]), ["10.0.1.2", "10.0.2.2", TARGETS[0]]);
    let trace = tracer.trace(Why::Turn, to(TARGETS[0]), 30, Some(3)).await;
    assert_eq!(addresses(&trace), whole);
    drop(forger);

    // The router in the middle says nothing, so that whoever guesses has a second for each guess.
    way.routers[1].silence();
    let forger = forger::start(&way.routers[2], tracer.identifier(), true);
    let before = forger.sent();
    for _ in 0..4 {
        let trace = tracer.trace(Why::Turn, to(TARGETS[0]), 30, Some(3)).await;
        assert_eq!((trace.end, trace.hops.len()), (End::Incomplete, 0), "it is not believed");
        slots.take_in(0, &trace, 0.0);
    }
    assert!(forger.sent() > before + 1000, "{} were guessed", forger.sent() - before);
    drop(forger);
    // What is on its way of it is still to be read.
    let mut trace = tracer.trace(Why::Turn, to(TARGETS[0]), 30, Some(3)).await;
    for _ in 0..20 {
        if trace.end == End::Reached {
            break;
        }
        trace = tracer.trace(Why::Turn, to(TARGETS[0]), 30, Some(3)).await;
    }
    assert_eq!(addresses(&trace), ["10.0.1.2", "*", TARGETS[0]]);
    assert_eq!((changes(&slots, TARGETS[0]), id(&slots, TARGETS[0])), ((0, 0), path));
    assert_eq!(tracer.under_way(), 0, "nothing is left of it");
}

#[test]
fn an_address_that_fails_is_seen_though_another_answers() {
    let ips = [IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2])];
    let (mut standing, now) = (Standing::default(), Duration::from_secs(60));
    standing.resolved(&ips, Duration::ZERO);
    let at = Moment { monotonic: now, unix_seconds: 0.0 };
    let good = Outcome { rtt: Some(Duration::from_millis(20)), ..Outcome::default() };
    let mut failed = Vec::new();
    for round in 0..4 {
        let outcome = if round < 3 { Outcome::failed(Failure::Timeout) } else { good.clone() };
        standing.decided(round, ips[0], &outcome, at);
        standing.decided(round, ips[1], &good, at);
        let signs = super::signs(&standing, now);
        failed.push([signs[0].2.failed, signs[1].2.failed]);
    }
    assert_eq!(failed, [[1, 0], [2, 0], [3, 0], [0, 0]]);
}
