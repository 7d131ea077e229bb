//! The real program against servers of the field at once: nsd and Knot as authorities, unbound with DNS64 and dnsmasq as
//! resolvers, with an answer that fills a whole message over TCP. dig says the same of each.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::float_cmp, reason = "the values are counts")]

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::process::Command;

use peers::{NameServer, Program, Scrape, free_port};

/// As many addresses as a message of 64 KiB holds, nearly.
const MANY: usize = 4_000;

fn zone() -> String {
    let mut zone = "\
$ORIGIN messenger.example.
$TTL 300
@     SOA  ns1 hostmaster 1 3600 600 86400 300
@     NS   ns1
ns1   A    127.0.0.1
api   A    149.154.167.220
"
    .to_owned();
    for n in 0..MANY {
        writeln!(zone, "many  A    149.155.{}.{}", n / 250, n % 250).unwrap();
    }
    zone
}

fn at(last: u8, port: u16) -> SocketAddr {
    (Ipv4Addr::new(127, 0, 0, last), port).into()
}

/// The servers, all at one port.
fn servers() -> (Vec<NameServer>, u16) {
    let is_free = |port: &u16| {
        (31..=34).all(|last| {
            UdpSocket::bind(at(last, *port)).is_ok() && TcpListener::bind(at(last, *port)).is_ok()
        })
    };
    let port = std::iter::repeat_with(free_port).find(is_free).unwrap();
    let zone = zone();
    let nsd = NameServer::nsd(Some(at(31, port)), "nsd", "messenger.example", &zone);
    let knot =
        NameServer::start_at("/usr/sbin/knotd", at(32, port), &[("zone", &zone)], |folder| {
            let folder = folder.display();
            format!(
                "server:
  listen: 127.0.0.32@{port}
  rundir: {folder}
database:
  storage: {folder}
zone:
  - domain: messenger.example
    storage: {folder}
    file: zone
"
            )
        });
    let makes = format!(
        "  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  module-config: \"dns64 iterator\"
  dns64-prefix: 64:ff9b::/96
stub-zone:
  name: messenger.example
  stub-addr: 127.0.0.31@{port}
"
    );
    let unbound = NameServer::unbound(Some(at(33, port)), &[], &makes);
    let dnsmasq = NameServer::start_at("/usr/sbin/dnsmasq", at(34, port), &[], |_| {
        format!(
            "port={port}
listen-address=127.0.0.34
bind-interfaces
no-resolv
no-hosts
pid-file
user=root
server=127.0.0.31#{port}
"
        )
    });
    (vec![nsd, knot, unbound, dnsmasq], port)
}

fn dig(server: &NameServer, name: &str, kind: &str) -> Vec<String> {
    let output = Command::new("dig")
        .args(["-r", "+short", "+time=30", &format!("@{}", server.address().ip())])
        .args(["-p", &server.address().port().to_string(), name, kind])
        .output()
        .expect("dig is needed: Debian package bind9-dnsutils");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn servers_of_the_field_agree_on_an_answer_of_thousands_and_on_what_dns64_makes() {
    let (servers, port) = servers();
    let folder = tempfile::tempdir().unwrap();
    let entry = |(number, server): (usize, &NameServer)| {
        format!("{{ address: {}, asn: {} }}", server.address().ip(), number + 1)
    };
    let entries: Vec<_> = servers.iter().enumerate().map(entry).collect();
    let config = format!(
        "vantage: {{ name: fra, region: EMEA }}
sets:
  - {{ name: field, resolvers: [{}], port: {port}, allow_private: true, timeout: 5s, min_resolvers: 3, min_networks: 3 }}
questions:
  - {{ name: many.messenger.example, types: [A] }}
  - {{ name: api.messenger.example, types: [A, AAAA] }}
",
        entries.join(", ")
    );
    let program = Program::start_in(
        Command::new(env!("CARGO_BIN_EXE_turbulence-dns")),
        folder.path(),
        &config,
    );
    program.wait_until_ready();
    let metrics = program.metrics();
    let count = |metrics: &Scrape, name: &str, kind: &str, outcome: &str| {
        metrics.value(&format!(
            "dns_consistency_responses{{name=\"{name}.messenger.example\",outcome=\"{outcome}\",set=\"field\",type=\"{kind}\"}}"
        ))
    };
    for (name, kind) in [("many", "A"), ("api", "A"), ("api", "AAAA")] {
        assert_eq!(count(&metrics, name, kind, "agree"), 4.0, "{name} {kind}");
    }
    assert_eq!(
        metrics.value("dns_consistency_queries_total{set=\"field\",transport=\"tcp\"}"),
        4.0
    );
    for server in &servers {
        assert_eq!(dig(server, "many.messenger.example", "A").len(), MANY);
    }
    // What dig sees of DNS64, and that it is held against nobody.
    assert_eq!(dig(&servers[2], "api.messenger.example", "AAAA"), ["64:ff9b::959a:a7dc"]);
    let row = program.page("/api/v1/results?name=api.messenger.example&type=AAAA&format=ndjson");
    assert!(row.contains("64:ff9b::959a:a7dc"), "{row}");
}
