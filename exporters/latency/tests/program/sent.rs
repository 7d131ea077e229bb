//! What an echo is sent with, as the wire shows it; and the ways to write an address.

use std::cell::Cell;
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::net::{IpAddr, TcpListener};
use std::process::Command;
use std::time::Duration;

use peers::{Program, Scrape, yaml_block};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::time::Instant;

use super::echoes::{self, Manner, host, in_a_namespace};
use super::names::Names;
use super::running::{command, fails_for, in_flight, of_target, start, wait_for_probes};
use super::{VANTAGE, assert_up, config};

/// What the header of a packet says that carried an echo request.
#[derive(Debug, PartialEq)]
struct Header {
    from: IpAddr,
    hop_limit: u8,
    traffic_class: u8,
    dont_fragment: bool,
    payload: usize,
}

/// Everything that this namespace's interfaces carry, with its IP header.
struct Wire(Socket);

impl Wire {
    fn tap() -> Self {
        let every = i32::from(0x0003_u16.to_be());
        let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(Protocol::from(every))).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        socket.set_recv_buffer_size(4 << 20).unwrap();
        Self(socket)
    }

    /// Forgets what it has carried.
    fn clear(&self) {
        self.0.set_nonblocking(true).unwrap();
        while std::io::Read::read(&mut &self.0, &mut [0]).is_ok() {}
        self.0.set_nonblocking(false).unwrap();
    }

    /// The next echo request to this address.
    fn request_to(&self, to: IpAddr) -> Header {
        let mut bytes = vec![0; 65_536];
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(60) {
            let length = match std::io::Read::read(&mut &self.0, &mut bytes) {
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => panic!("{error}"),
            };
            match request(&bytes[..length]) {
                Some((header, destination)) if destination == to => return header,
                _ => {}
            }
        }
        panic!("no echo request to {to}");
    }
}

/// An echo request and its destination.
fn request(packet: &[u8]) -> Option<(Header, IpAddr)> {
    if packet.first()? >> 4 == 4 {
        let address = |at: usize| IpAddr::from(<[u8; 4]>::try_from(&packet[at..at + 4]).unwrap());
        let message = packet.get(usize::from(packet[0] & 15) * 4..)?;
        let header = Header {
            from: address(12),
            hop_limit: packet[8],
            traffic_class: packet[1],
            dont_fragment: packet[6] & 0x40 != 0,
            payload: message.len() - 8,
        };
        (packet[9] == 1 && message[0] == 8).then(|| (header, address(16)))
    } else {
        let address = |at: usize| IpAddr::from(<[u8; 16]>::try_from(&packet[at..at + 16]).unwrap());
        let header = Header {
            from: address(8),
            hop_limit: packet[7],
            traffic_class: (packet[0] & 15) << 4 | packet[1] >> 4,
            dont_fragment: true,
            payload: packet.len().checked_sub(48)?,
        };
        (packet[6] == 58 && packet[40] == 128).then(|| (header, address(24)))
    }
}

#[test]
fn an_echo_is_sent_as_its_module_says() {
    if !in_a_namespace("sent::an_echo_is_sent_as_its_module_says") {
        return;
    }
    let wire = Wire::tap();
    for (plain, special, source) in
        [("127.4.0.1", "127.4.0.2", "127.4.0.9"), ("fd04::1", "fd04::2", "fd04::9")]
    {
        for ip in [plain, special] {
            host(ip, Manner::After(Duration::ZERO));
        }
        echoes::add(source.parse().unwrap());
        for (allowed, mode) in [(true, "dgram"), (false, "raw")] {
            echoes::allow_dgram(allowed);
            let options = format!(
                "{{ttl: 7, dscp: 46, payload_size: 100, dont_fragment: true, source_ip_address: \
                 '{source}', interface: lo}}"
            );
            let text = format!(
                "{VANTAGE}modules:\n  plain: {{prober: icmp, interval: 100ms}}\n  special: \
                 {{prober: icmp, interval: 100ms, icmp: {options}}}\ntargets:\n  - {{name: plain, \
                 module: plain, address: '{plain}'}}\n  - {{name: special, module: special, \
                 address: '{special}'}}\n"
            );
            let program = Program::start(command(), &text);
            eprintln!("{plain} {mode}");
            let sent = wire.request_to(special.parse().unwrap());
            let wanted = Header {
                from: source.parse().unwrap(),
                hop_limit: 7,
                traffic_class: 46 << 2,
                dont_fragment: true,
                payload: 100,
            };
            assert_eq!(sent, wanted);
            let sent = wire.request_to(plain.parse().unwrap());
            assert_eq!((sent.hop_limit, sent.traffic_class, sent.payload), (64, 0, 56));
            for target in ["plain", "special"] {
                assert_up(&wait_for_probes(&program, target, 4.0), target);
            }
            assert!(program.stop().success());
        }
    }
}

#[test]
fn what_must_not_be_fragmented_and_does_not_fit_is_not_sent() {
    if !in_a_namespace("sent::what_must_not_be_fragmented_and_does_not_fit_is_not_sent") {
        return;
    }
    let mtu = Command::new("ip").args(["link", "set", "lo", "mtu", "1500"]).status().unwrap();
    assert!(mtu.success());
    for (ip, most) in [("127.4.0.1", 1472), ("fd04::1", 1452)] {
        host(ip, Manner::After(Duration::ZERO));
        let mut text = format!("{VANTAGE}modules:\n");
        for (name, size, whole) in
            [("fits", most, true), ("pieces", 3000, false), ("too-long", most + 1, true)]
        {
            writeln!(
                text,
                "  {name}: {{prober: icmp, interval: 100ms, icmp: {{payload_size: {size}, \
                 dont_fragment: {whole}}}}}"
            )
            .unwrap();
        }
        writeln!(
            text,
            "targets: [{{name: a, modules: [fits, pieces, too-long], address: '{ip}'}}]"
        )
        .unwrap();
        for allowed in [true, false] {
            echoes::allow_dgram(allowed);
            let program = Program::start(command(), &text);
            let of = |module: &str| format!("latency_up{{target=\"a\",module=\"{module}\"}}");
            let metrics = program.wait_until("answers", |metrics| {
                ["fits", "pieces"].iter().all(|module| metrics.get(&of(module)) == Some(1.0))
            });
            let refused =
                "latency_probe_failures_total{target=\"a\",module=\"too-long\",reason=\"local\"}";
            program.wait_until("a refusal", |metrics| metrics.get(refused) >= Some(4.0));
            assert_eq!(metrics.get(&of("too-long")), None, "it says nothing of the target");
            assert!(program.stop().success());
        }
    }
}

#[test]
fn an_echo_leaves_by_the_interface_of_its_module() {
    if !in_a_namespace("sent::an_echo_leaves_by_the_interface_of_its_module") {
        return;
    }
    for (link, v4, v6) in
        [("west", "10.1.0.1/24", "fd01::1/64"), ("east", "10.2.0.1/24", "fd02::1/64")]
    {
        let other = format!("{link}1");
        echoes::run("ip", &["link", "add", "name", link, "type", "veth", "peer", "name", &other]);
        echoes::run("ip", &["link", "set", link, "up"]);
        echoes::run("ip", &["link", "set", &other, "up"]);
        echoes::run("ip", &["address", "add", v4, "dev", link]);
        echoes::run("ip", &["address", "add", v6, "dev", link, "nodad"]);
        // The way that the routing table prefers is west.
        let metric = if link == "west" { "10" } else { "100" };
        for (net, ip) in [("10.9.0.0/16", "10.9.0.1"), ("fd09::/64", "fd09::1")] {
            echoes::run("ip", &["route", "add", net, "dev", link, "metric", metric]);
            let neighbour = ["neighbour", "add", ip, "lladdr", "02:00:00:00:00:01", "dev", link];
            echoes::run("ip", &neighbour);
        }
    }
    let wire = Wire::tap();
    for (ip, by_west, by_east) in
        [("10.9.0.1", "10.1.0.1", "10.2.0.1"), ("fd09::1", "fd01::1", "fd02::1")]
    {
        for allowed in [true, false] {
            echoes::allow_dgram(allowed);
            for (options, from) in [("{}", by_west), ("{interface: east}", by_east)] {
                let text = format!(
                    "{VANTAGE}modules: {{m: {{prober: icmp, interval: 100ms, timeout: 100ms, \
                     icmp: {options}}}}}\ntargets: [{{name: a, module: m, address: '{ip}'}}]\n"
                );
                let program = Program::start(command(), &text);
                wire.clear();
                let from: IpAddr = from.parse().unwrap();
                assert_eq!(wire.request_to(ip.parse().unwrap()).from, from, "{options}");
                assert!(program.stop().success());
            }
        }
    }
}

#[test]
fn neighbours_that_do_not_answer_stand_in_nobodys_way() {
    if !in_a_namespace("sent::neighbours_that_do_not_answer_stand_in_nobodys_way") {
        return;
    }
    for line in [
        "link add name lan type veth peer name lan1",
        "link set lan1 up",
        "link set lan up",
        "address add 10.8.0.1/16 dev lan",
    ] {
        echoes::run("ip", &line.split(' ').collect::<Vec<_>>());
    }
    host("127.4.2.1", Manner::Behind(Box::leak(Box::default())));
    echoes::allow_dgram(true);
    let mut text = format!(
        "{VANTAGE}modules: {{m: {{prober: icmp, interval: 500ms, timeout: 6s}}}}\ntargets:\n  - \
         {{name: well, module: m, address: 127.4.2.1}}\n"
    );
    // What waits for their hardware addresses is more than a socket has room for by itself.
    for number in 0..500 {
        let (high, low) = (1 + number / 250, 1 + number % 250);
        writeln!(text, "  - {{name: dead-{number}, module: m, address: 10.8.{high}.{low}}}")
            .unwrap();
    }
    let program = Program::start(command(), &text);
    let metrics = wait_for_probes(&program, "well", 20.0);
    assert!(of_target(&metrics, "latency_failures_total", "well") < 0.5, "{}", metrics.text);
    let dead = |it: &Scrape| of_target(it, "latency_failures_total", "dead-7");
    let metrics = program.wait_until("a dead one fails", |it| dead(it) > 4.0);
    assert!(of_target(&metrics, "latency_failures_total", "well") < 0.5, "{}", metrics.text);
    assert!(program.stop().success());
}

#[test]
fn what_was_sent_was_answered_has_failed_or_is_under_way_and_replies_have_their_order_and_ttl() {
    if !in_a_namespace(
        "sent::what_was_sent_was_answered_has_failed_or_is_under_way_and_replies_have_their_order_and_ttl",
    ) {
        return;
    }
    host("127.4.1.1", Manner::Uneven);
    // In the order of the requests, however busy the machine is.
    host("127.4.1.2", Manner::Behind(Box::leak(Box::default())));
    host("127.4.1.3", Manner::Silent);
    let targets = [("uneven", "127.4.1.1"), ("steady", "127.4.1.2"), ("silent", "127.4.1.3")];
    let mut text = format!(
        "{VANTAGE}modules: {{m: \
         {{prober: icmp, interval: 100ms, timeout: 2s}}}}\ntargets:\n"
    );
    for (name, ip) in targets {
        writeln!(text, "  - {{name: {name}, module: m, address: '{ip}'}}").unwrap();
    }
    for allowed in [true, false] {
        echoes::allow_dgram(allowed);
        let program = Program::start(command(), &text);
        let seen_in_flight = Cell::new(0.0);
        let metrics = program.wait_until("figures", |metrics| {
            for (target, _) in targets {
                seen_in_flight.set(in_flight(metrics, target).max(seen_in_flight.get()));
            }
            of_target(metrics, "latency_icmp_out_of_order_replies_total", "uneven") >= 3.0
                && of_target(metrics, "latency_reply_ttl_changes_total", "uneven") >= 3.0
                && of_target(metrics, "latency_failures_total", "silent") >= 10.0
        });
        assert!(seen_in_flight.get() > 5.0, "{seen_in_flight:?}");
        let slot = |name: &str, target: &str| {
            metrics.get(&format!("{name}{{target=\"{target}\",slot=\"0\"}}"))
        };
        assert!([Some(44.0), Some(55.0)].contains(&slot("latency_reply_ttl", "uneven")));
        assert_eq!(slot("latency_reply_ttl", "steady"), Some(64.0));
        let jitter = |target| slot("latency_rtt_jitter_seconds", target).unwrap();
        assert!(jitter("uneven") > 0.05 && jitter("uneven") > jitter("steady"), "{}", metrics.text);
        assert!(slot("latency_rtt_deviation_seconds", "uneven").unwrap() > 0.05);
        for name in ["latency_icmp_out_of_order_replies_total", "latency_reply_ttl_changes_total"] {
            assert_eq!(metrics.get(&format!("{name}{{target=\"steady\"}}")), None, "{name}");
        }
        let minimum = "latency_rtt_min_seconds{target=\"steady\",slot=\"0\",window=\"10m\"}";
        assert!(metrics.value(minimum) > 0.0);
        assert!(program.stop().success());
    }
}

/// The second column of the page's tables of names.
fn promised(page: &str) -> Vec<&str> {
    let cells = page.lines().filter_map(|line| line.strip_prefix("| `")?.split("` | `").nth(1));
    let names = cells.filter_map(|rest| rest.split('`').next());
    names.filter(|name| name.starts_with("latency_")).collect()
}

#[test]
fn who_follows_the_page_for_smokeping_s_users_finds_each_name_that_it_promises() {
    if !in_a_namespace(
        "sent::who_follows_the_page_for_smokeping_s_users_finds_each_name_that_it_promises",
    ) {
        return;
    }
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/migrate-smokeping.md");
    let page = std::fs::read_to_string(page).unwrap();
    // The file of its own, with hosts that are here.
    let block = yaml_block(&page, "role: canary");
    let config = block.replace("www.example.com", "127.4.3.1").replace("192.0.2.1", "127.4.3.2");
    let lines: Vec<_> = config.lines().map(|line| line.get(3..).unwrap_or("")).collect();
    let config = lines.join("\n") + "\n";
    assert!(config.contains("127.4.3.1") && config.contains("127.4.3.2"), "{config}");
    host("127.4.3.1", Manner::Twice);
    host("127.4.3.2", Manner::Silent);
    echoes::allow_dgram(true);
    let names = promised(&page);
    assert!(names.len() >= 6, "{names:?}");
    let program = Program::start(command(), &config);
    for name in names {
        program.wait_until(name, |metrics| metrics.text.lines().any(|line| line.starts_with(name)));
    }
    assert!(program.stop().success());
}

#[test]
fn what_cannot_be_sent_from_here_fails_on_our_side() {
    let text = format!(
        "{VANTAGE}modules:\n  nowhere: {{prober: icmp, interval: 100ms, icmp: {{interface: \
         nothing0}}}}\n  foreign: {{prober: icmp, interval: 100ms, icmp: {{source_ip_address: \
         192.0.2.77}}}}\n  foreign6: {{prober: icmp, interval: 100ms, icmp: {{source_ip_address: \
         '2001:db8::77'}}}}\ntargets:\n  - {{name: nowhere, module: nowhere, address: 127.0.0.1}}\n  \
         - {{name: foreign, module: foreign, address: 127.0.0.1}}\n  - {{name: foreign6, module: \
         foreign6, address: '::1'}}\n"
    );
    let program = start(&text, &[]);
    for target in ["nowhere", "foreign", "foreign6"] {
        assert!(fails_for(&wait_for_probes(&program, target, 4.0), target, "local"), "{target}");
    }
    assert!(program.stop().success());
}

#[test]
fn an_address_may_name_its_link_or_be_written_in_the_other_family() {
    if !in_a_namespace("sent::an_address_may_name_its_link_or_be_written_in_the_other_family") {
        return;
    }
    // Here the kernel answers echoes, and TCP.
    std::fs::write("/proc/sys/net/ipv4/icmp_echo_ignore_all", "0").unwrap();
    std::fs::write("/proc/sys/net/ipv6/icmp/echo_ignore_all", "0").unwrap();
    echoes::add("fe80::7".parse().unwrap());
    let listener = TcpListener::bind("[::]:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let by_tcp = format!("[fe80::7%lo]:{port}");
    let targets = [
        ("link", "icmp", "fe80::7%lo"),
        ("number", "icmp", "fe80::7%1"),
        ("mapped", "icmp", "::ffff:127.0.0.1"),
        ("tcp", "tcp", &by_tcp),
        ("no-link", "icmp", "fe80::7%nothing0"),
    ];
    for allowed in [true, false] {
        echoes::allow_dgram(allowed);
        let program = start(&config("", &targets), &[]);
        for (target, ..) in &targets[..4] {
            assert_up(&wait_for_probes(&program, target, 4.0), target);
        }
        assert!(fails_for(&wait_for_probes(&program, "no-link", 4.0), "no-link", "local"));
        assert!(program.stop().success());
    }
}

#[test]
fn a_name_may_be_written_as_people_write_it() {
    let names = Names::serve();
    names.set("xn--mnchen-3ya.test", &["127.0.0.1"]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let by_tcp = format!("münchen.test:{}", listener.local_addr().unwrap().port());
    let head = format!("resolvers: ['{}']\n", names.address);
    let targets = [("echo", "icmp", "münchen.test"), ("tcp", "tcp", &by_tcp)];
    let program = start(&config(&head, &targets), &[]);
    for (target, ..) in targets {
        let metrics = program.wait_until(target, |it| of_target(it, "latency_up", target) > 0.0);
        assert_up(&metrics, target);
    }
    assert!(program.stop().success());
}
