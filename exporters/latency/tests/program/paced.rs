//! Echoes to addresses, which one task sends for all targets.

use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::VANTAGE;
use super::echoes::{self, Manner, host, in_a_namespace, sealed};
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

/// Hosts at all addresses that keep what they are asked, until they are told to answer.
#[derive(Clone, Default)]
struct Withheld(Arc<Mutex<Vec<Vec<u8>>>>, Arc<AtomicBool>);

impl Withheld {
    fn start() -> Self {
        let hosts = Self::default();
        let kept = hosts.clone();
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).unwrap();
        echoes::make_room(&socket);
        let socket = UdpSocket::from(socket);
        thread::spawn(move || {
            let mut bytes = [0; 1500];
            loop {
                let (length, _) = socket.recv_from(&mut bytes).unwrap();
                if bytes[20] != 8 {
                    continue;
                }
                // Whoever answers them has the lock.
                let mut requests = kept.0.lock().unwrap();
                if kept.1.load(Ordering::Relaxed) {
                    answer(&sender(), &bytes[..length]);
                } else {
                    requests.push(bytes[..length].to_vec());
                }
            }
        });
        hosts
    }

    /// How many requests are kept.
    fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Answers them, the newest first, and whatever comes from now on at once.
    fn answer(&self) {
        let mut kept = self.0.lock().unwrap();
        self.1.store(true, Ordering::Relaxed);
        let sender = sender();
        kept.drain(..).rev().for_each(|request| answer(&sender, &request));
    }
}

fn sender() -> Socket {
    Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(RAW))).unwrap()
}

/// Answers a request for an echo in the name of whoever was asked.
fn answer(socket: &Socket, request: &[u8]) {
    let mut reply = request.to_vec();
    reply[12..16].copy_from_slice(&request[16..20]);
    reply[16..20].copy_from_slice(&request[12..16]);
    let message = sealed([&[0], &request[21..]].concat());
    reply[20..].copy_from_slice(&message);
    let to = Ipv4Addr::new(reply[16], reply[17], reply[18], reply[19]);
    socket.send_to(&reply, &SocketAddr::from((to, 0)).into()).unwrap();
}

/// The protocol of packets that bring their own IP header.
const RAW: i32 = 255;

#[test]
fn what_lies_in_the_socket_after_a_stop_had_come_in_time_however_much_it_is() {
    const TARGETS: usize = 1_000;
    let name = "paced::what_lies_in_the_socket_after_a_stop_had_come_in_time_however_much_it_is";
    if !in_a_namespace(name) {
        return;
    }
    echoes::allow_dgram(true);
    let hosts = Withheld::start();
    let names: Vec<_> = (0..TARGETS)
        .map(|number| {
            (format!("n{number}"), format!("127.5.{}.{}", number / 250, number % 250 + 1))
        })
        .collect();
    let targets: Vec<_> =
        names.iter().map(|(name, address)| (name.as_str(), address.as_str())).collect();
    // A busy machine has a while to ask and to answer all.
    let timeout = Duration::from_secs(15);
    let program = Program::start(command(), &config("interval: 1s, timeout: 15s", &targets));
    let has_room = "latency_icmp_socket_feature{family=\"ip4\",feature=\"receive_buffer\"}";
    if program.metrics().get(has_room) != Some(1.0) {
        return eprintln!("skipped: the kernel gives no room for so many replies");
    }
    program.wait("each was asked", || hosts.count() >= TARGETS);
    program.signal("STOP");
    // The oldest are answered last: many lie before what is given up first.
    hosts.answer();
    thread::sleep(timeout + timeout / 2);
    program.signal("CONT");
    let metrics = program.wait_until("each was asked again", |it| {
        it.sum("latency_probes_total") >= 3.0 * TARGETS as f64
    });
    assert!(metrics.sum("turbulence_rounds_missed_total") > 0.0, "it was not stopped");
    assert!(metrics.sum("latency_failures_total") < 0.5, "{}", metrics.text);
    assert!(metrics.sum("latency_icmp_late_replies_total") < 0.5, "{}", metrics.text);
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
    let none = config(module, &[]).replace("targets:\n", "targets: []\n");
    let program = Program::start(command(), &slow);
    for _ in 0..3 {
        wait_for_probes(&program, "slow", 3.0);
        // Its place is free before the next one comes, which gets it.
        assert_eq!(program.reload(&none).status, 200);
        program.wait_until("that it is gone", |it| !it.text.contains("latency_probes_total{"));
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
