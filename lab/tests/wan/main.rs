//! The simulated WAN as its nodes see it: delays, routes, faults, services.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod paths;
mod sight;

use std::net::{IpAddr, TcpListener};
use std::os::unix::process::ExitStatusExt;
use std::panic::AssertUnwindSafe;
use std::process::{Command, Stdio};
use std::time::Duration;

use turbulence_lab::netns::Namespace;
use turbulence_lab::services;
use turbulence_lab::wan::topology::{Prefix, Role};
use turbulence_lab::wan::{ANY, Topology, Wan, default_world};

use self::sight::{Pings, fetch, ping, privileged, until};

const SINGLE: &str = "203.0.113.220";
const ANYCAST: &str = "203.0.113.53";

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The default world without jitter, so that a figure can be foretold.
fn calm() -> Wan {
    Wan::build(Topology { jitter: Duration::ZERO, ..default_world() }).unwrap()
}

#[test]
fn round_trips_are_as_configured() {
    if !privileged("round_trips_are_as_configured") {
        return;
    }
    let wan = calm();
    println!(
        "{:<8} {:<10} {:>10} {:>8} {:>8} {:>8}  ms",
        "from", "to", "true", "min", "p50", "max"
    );
    for vantage in wan.topology().with_role(Role::Vantage) {
        for target in [SINGLE, ANYCAST, "198.51.100.10", "198.51.100.20", "198.51.100.30"] {
            let to = wan.receiver(&vantage.name, address(target)).unwrap().unwrap();
            let truth = wan.rtt(&vantage.name, &to.name).unwrap().as_secs_f64() * 1000.0;
            let pings = ping(&wan, &vantage.name, target, 20, 10);
            println!(
                "{:<8} {:<10} {truth:>10.3} {:>8.2} {:>8.2} {:>8.2}",
                vantage.name,
                to.name,
                pings.min(),
                pings.median(),
                pings.max()
            );
            assert_eq!(pings.lost, 0, "{} to {target}", vantage.name);
            assert!(pings.min() + Pings::ROUNDING >= truth, "faster than light");
            assert!(pings.min() < truth + 5.0, "{} is far from {truth}", pings.min());
        }
    }
    println!("{:?}", wan.stats());
}

#[test]
fn ipv6_takes_the_same_time() {
    if !privileged("ipv6_takes_the_same_time") {
        return;
    }
    let wan = calm();
    let truth = wan.rtt("nyc", "svc-ams").unwrap().as_secs_f64() * 1000.0;
    let pings = ping(&wan, "nyc", "2001:db8:0:7::1", 5, 20);
    assert_eq!(pings.lost, 0);
    assert!(pings.min() + Pings::ROUNDING >= truth && pings.min() < truth + 5.0, "{pings:?}");
}

#[test]
fn a_withdrawn_anycast_site_sends_its_clients_elsewhere() {
    if !privileged("a_withdrawn_anycast_site_sends_its_clients_elsewhere") {
        return;
    }
    let wan = calm();
    let faults = wan.faults();
    let near = ping(&wan, "fra", ANYCAST, 5, 20).min();
    faults.withdraw(address(ANYCAST), "any-lon").unwrap();
    let far = ping(&wan, "fra", ANYCAST, 5, 20);
    faults.announce(address(ANYCAST), "any-lon").unwrap();
    let back = ping(&wan, "fra", ANYCAST, 5, 20).min();
    println!("London {near} ms, New York {} ms, London again {back} ms", far.min());
    assert_eq!(far.lost, 0);
    assert!(near < 25.0 && back < 25.0 && far.min() > 100.0);
}

#[test]
fn a_dark_region_sees_nothing_and_the_others_everything() {
    if !privileged("a_dark_region_sees_nothing_and_the_others_everything") {
        return;
    }
    let wan = calm();
    let faults = wan.faults();
    faults.dark(["sin", "syd"], "shop").unwrap();
    for (vantage, lost) in [("fra", 0), ("nyc", 0), ("sin", 3), ("syd", 3)] {
        assert_eq!(ping(&wan, vantage, "203.0.113.30", 3, 20).lost, lost, "{vantage}");
        assert_eq!(ping(&wan, vantage, SINGLE, 3, 20).lost, 0, "{vantage}");
    }
    faults.heal_all();
    assert_eq!(ping(&wan, "syd", "203.0.113.30", 3, 20).lost, 0);
}

#[test]
fn a_node_without_power_or_uplink_is_silent_until_mended() {
    if !privileged("a_node_without_power_or_uplink_is_silent_until_mended") {
        return;
    }
    let wan = calm();
    let faults = wan.faults();
    faults.down("blog").unwrap();
    assert_eq!(ping(&wan, "fra", "203.0.113.40", 3, 20).lost, 3);
    faults.up("blog").unwrap();
    faults.isolate("fra").unwrap();
    assert_eq!(ping(&wan, "fra", "203.0.113.40", 3, 20).lost, 3);
    assert_eq!(ping(&wan, "lon", "203.0.113.40", 3, 20).lost, 0);
    faults.rejoin("fra").unwrap();
    faults.loss(ANY, "blog", 1.0).unwrap();
    assert_eq!(ping(&wan, "lon", "203.0.113.40", 3, 20).lost, 3);
    faults.restore_link(ANY, "blog").unwrap();
    assert_eq!(ping(&wan, "fra", "203.0.113.40", 3, 20).lost, 0);
}

#[test]
fn a_lossy_link_loses_about_its_share() {
    if !privileged("a_lossy_link_loses_about_its_share") {
        return;
    }
    let wan = calm();
    wan.faults().loss("fra", "svc-ams", 0.3).unwrap();
    let lost = ping(&wan, "fra", SINGLE, 400, 2).lost;
    println!("30 % of 400: {lost} lost");
    // Six standard deviations (9.2 each) to either side.
    assert!((65..=175).contains(&lost), "{lost}");
    assert_eq!(wan.stats().lost, u64::from(lost));
}

#[test]
fn a_set_delay_and_a_duplicate_are_seen() {
    if !privileged("a_set_delay_and_a_duplicate_are_seen") {
        return;
    }
    let wan = calm();
    wan.faults().round_trip("fra", "svc-ams", Duration::from_millis(80)).unwrap();
    wan.faults().duplicates("svc-ams", "fra", 1.0).unwrap();
    let pings = ping(&wan, "fra", SINGLE, 5, 100);
    assert!(pings.min() + Pings::ROUNDING >= 80.0 && pings.min() < 85.0, "{pings:?}");
    assert_eq!(pings.duplicates, 5);
}

#[test]
fn a_trace_sees_the_routers_and_where_they_are() {
    if !privileged("a_trace_sees_the_routers_and_where_they_are") {
        return;
    }
    let wan = calm();
    let path: Vec<_> = (1..=4).map(|ttl| sight::trace(&wan, "nyc", SINGLE, ttl)).collect();
    println!("{path:?}");
    let path: Vec<_> = path.iter().map(Option::as_deref).collect();
    assert_eq!(path, [Some("100.64.0.3"), Some("198.51.100.129"), Some("100.64.0.7"), None]);
    assert_eq!(wan.stats().answered, 3);
}

#[test]
fn an_address_that_nobody_has_is_said_to_be_unreachable() {
    if !privileged("an_address_that_nobody_has_is_said_to_be_unreachable") {
        return;
    }
    let wan = calm();
    assert!(sight::unreachable(&wan, "nyc", "198.18.0.1"));
    for site in ["any-lon", "any-nyc", "any-sin"] {
        wan.faults().withdraw(address(ANYCAST), site).unwrap();
    }
    assert!(sight::unreachable(&wan, "nyc", ANYCAST));
    assert!(!sight::unreachable(&wan, "nyc", SINGLE));
}

#[test]
fn a_packet_keeps_its_place_in_spite_of_jitter() {
    if !privileged("a_packet_keeps_its_place_in_spite_of_jitter") {
        return;
    }
    let jitter = Duration::from_millis(5);
    let wan = Wan::build(Topology { jitter, ..default_world() }).unwrap();
    let order = sight::order_of_arrival(&wan, "fra", "lon", 200);
    assert_eq!(order, (0..200).collect::<Vec<u8>>());
}

#[test]
fn every_address_of_a_prefix_answers() {
    if !privileged("every_address_of_a_prefix_answers") {
        return;
    }
    let mut world = Topology { jitter: Duration::ZERO, ..default_world() };
    let network = address("10.50.0.0");
    world.nodes[6].prefixes.push(Prefix { network, length: 16 });
    let wan = Wan::build(world).unwrap();
    for target in ["10.50.0.1", "10.50.77.200", "10.50.255.254"] {
        assert_eq!(ping(&wan, "fra", target, 2, 20).lost, 0, "{target}");
    }
}

#[test]
fn a_child_lives_in_the_namespace_and_serves_on_a_socket_of_ours() {
    if !privileged("a_child_lives_in_the_namespace_and_serves_on_a_socket_of_ours") {
        return;
    }
    let namespace = Namespace::new("test").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = sight::name_of(&listener);
    let mut command = Command::new("sh");
    command
        .env("LISTEN_PID", "1")
        .stdout(Stdio::piped())
        .args(["-c", "readlink /proc/self/fd/3 /proc/self/ns/net; echo $LISTEN_FDS:$LISTEN_PID"]);
    let child = namespace.spawn_with_listener(command, listener).unwrap();
    let said = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(said, format!("{socket}\nnet:[{}]\n1:\n", namespace.id()));
}

#[test]
fn a_child_ends_with_its_namespace() {
    if !privileged("a_child_ends_with_its_namespace") {
        return;
    }
    let namespace = Namespace::new("test").unwrap();
    let mut command = Command::new("sleep");
    command.arg("3600");
    let mut child = namespace.spawn(command).unwrap();
    drop(namespace);
    assert_eq!(child.wait().unwrap().signal(), Some(9));
}

#[test]
fn what_cannot_be_started_or_bound_says_where() {
    if !privileged("what_cannot_be_started_or_bound_says_where") {
        return;
    }
    let namespace = Namespace::new("test").unwrap();
    let missing = namespace.spawn(Command::new("/nothing/here")).unwrap_err();
    assert!(format!("{missing:#}").contains("/nothing/here in namespace test"), "{missing:#}");
    let foreign = namespace.udp_socket("203.0.113.9:53".parse().unwrap()).unwrap_err();
    assert!(format!("{foreign:#}").contains("203.0.113.9:53 in namespace test"), "{foreign:#}");
    let panicked = std::panic::catch_unwind(AssertUnwindSafe(|| namespace.run(|| panic!("job"))));
    assert!(panicked.is_err());
    assert_eq!(namespace.run(|| 7), 7, "it goes on after a job's panic");
}

#[test]
fn two_worlds_at_once_do_not_meet() {
    if !privileged("two_worlds_at_once_do_not_meet") {
        return;
    }
    let (one, other) = (calm(), calm());
    one.faults().down("svc-ams").unwrap();
    assert_eq!(ping(&one, "fra", SINGLE, 3, 20).lost, 3);
    assert_eq!(ping(&other, "fra", SINGLE, 3, 20).lost, 0);
    drop(one);
    assert_eq!(ping(&other, "fra", SINGLE, 3, 20).lost, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_answer_what_they_are_told() {
    if !privileged("services_answer_what_they_are_told") {
        return;
    }
    let wan = calm();
    let folder = tempfile::tempdir().unwrap();
    let services = services::start(&wan, folder.path()).unwrap();
    let get = |from: &str, host: &str| fetch(&wan, from, host, &services.ca_pem_path);

    for vantage in ["fra", "lon", "nyc", "sfo", "sin", "syd"] {
        let answer = get(vantage, "api.messenger.example").unwrap();
        assert_eq!((answer.status, answer.node.as_str()), (200, "svc-ams"), "{vantage}");
    }
    for (vantage, site) in [("fra", "any-lon"), ("sfo", "any-nyc"), ("syd", "any-sin")] {
        assert_eq!(get(vantage, "web.anycast.example").unwrap().node, site);
    }

    services.set_status("messenger-api", 500).unwrap();
    assert_eq!(get("syd", "api.messenger.example").unwrap().status, 500);
    assert_eq!(get("syd", "shop.example").unwrap().status, 200);
    services.set_status("messenger-api", 200).unwrap();
    assert_eq!(get("fra", "api.messenger.example").unwrap().status, 200);

    services.close("shop").await.unwrap();
    assert!(get("fra", "shop.example").unwrap_err().to_string().contains("refused"));
    services.open("shop").unwrap();
    assert_eq!(get("fra", "shop.example").unwrap().status, 200);

    services.close_resolver("fra").await.unwrap();
    assert!(get("fra", "shop.example").is_err());
    assert_eq!(get("lon", "shop.example").unwrap().status, 200);
    services.open_resolver("fra").unwrap();
    assert_eq!(get("fra", "shop.example").unwrap().status, 200);

    let pause = Duration::from_millis(300);
    services.set_delay("blog", pause).unwrap();
    let start = tokio::time::Instant::now();
    assert_eq!(get("fra", "blog.example").unwrap().status, 200);
    assert!(start.elapsed() >= pause);

    assert!(get("fra", "nothing.example").is_err());
    assert!(services.set_status("nothing", 200).is_err());
}

#[test]
fn nothing_is_left_of_a_killed_process() {
    if !privileged("nothing_is_left_of_a_killed_process") {
        return;
    }
    let mut victim = sight::Victim::start("stays_up_until_killed");
    assert!(victim.traces().iter().any(|trace| trace.starts_with("thread")));
    victim.kill();
    until("every namespace and child is gone", || victim.traces().is_empty());
}

#[test]
#[ignore = "the victim of nothing_is_left_of_a_killed_process"]
fn stays_up_until_killed() {
    let wan = calm();
    let mut child = sight::sleeper(&wan, "fra");
    sight::Victim::report(&wan, child.id());
    child.wait().unwrap();
}
