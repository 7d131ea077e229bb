//! Zones whose own servers disagree, are lame, or have signatures that end: real name servers on loopback, asked by
//! the real program, and by dig.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::float_cmp, reason = "the values are counts, codes and serials")]

#[path = "zones/delegation.rs"]
mod delegation;
#[path = "zones/edns.rs"]
mod edns;
#[path = "zones/signatures.rs"]
mod signatures;
#[path = "zones/ttl.rs"]
mod ttl;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::Command;

use hickory_proto::op::{Message, OpCode, ResponseCode};
use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use peers::{NameServer, Program, Scrape, free_port};

fn at(last: u8, port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::new(127, 0, 53, last), port))
}

/// Where BIND can listen: at addresses that interfaces have.
fn own(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// A port that is free at each of these addresses of ours, whatever sockets other programs have.
fn port_at(lasts: &[u8]) -> u16 {
    let is_free = |port: &u16| {
        let mut addresses = lasts.iter().map(|last| at(*last, *port));
        addresses.all(|it| UdpSocket::bind(it).is_ok() && TcpListener::bind(it).is_ok())
    };
    std::iter::repeat_with(free_port).find(is_free).unwrap()
}

fn nsd(address: SocketAddr, nsid: &str, zone: &str, text: &str) -> NameServer {
    NameServer::nsd(Some(address), nsid, zone, text)
}

/// A resolver that asks nobody beyond this machine.
fn unbound(address: SocketAddr, files: &[(&str, &str)], more: &str) -> NameServer {
    let alone = "  outgoing-interface: 127.0.0.1
  do-ip6: no
  access-control: 127.0.0.0/8 allow_snoop
  do-not-query-localhost: no
";
    NameServer::unbound(Some(address), files, &format!("{alone}{more}"))
}

/// Where a resolver finds zones.
fn stub(zone: &str, server: SocketAddr) -> String {
    format!("stub-zone:\n  name: {zone}\n  stub-addr: {}@{}\n", server.ip(), server.port())
}

fn named(address: SocketAddr, zones: &[(&str, &str)]) -> NameServer {
    NameServer::start_at("/usr/sbin/named", address, zones, |folder| {
        let zone = |(name, _): &(&str, &str)| {
            format!("zone \"{name}\" {{ type primary; file \"{name}\"; check-names ignore; }};\n")
        };
        let zones: String = zones.iter().map(zone).collect();
        format!(
            "options {{
  directory \"{}\";
  pid-file none;
  session-keyfile none;
  listen-on port {} {{ {}; }};
  listen-on-v6 {{ none; }};
  recursion no;
  dnssec-validation no;
  notify no;
  empty-zones-enable no;
  server-id \"bind\";
}};
controls {{ }};
{zones}",
            folder.display(),
            address.port(),
            address.ip()
        )
    })
}

fn dig(server: SocketAddr, arguments: &[&str]) -> String {
    let output = Command::new("dig")
        .args(["-r", &format!("@{}", server.ip()), "-p", &server.port().to_string()])
        .args(["+time=30", "+nocookie", "+norecurse"])
        .args(arguments)
        .output()
        .expect("dig is needed: Debian package bind9-dnsutils");
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

fn start(config: &str) -> (tempfile::TempDir, Program) {
    let folder = tempfile::tempdir().unwrap();
    let program = Command::new(env!("CARGO_BIN_EXE_turbulence-dns"));
    let program = Program::start_in(program, folder.path(), config);
    (folder, program)
}

/// How bad a verdict is; below 0 while it is not told.
fn verdict(metrics: &Scrape, zone: &str, verdict: &str) -> f64 {
    let series = format!("dns_auth_verdict{{verdict=\"{verdict}\",zone=\"{zone}\"}}");
    metrics.get(&series).unwrap_or(-1.0)
}

const ZONE: &str = "\
$ORIGIN messenger.example.
$TTL 300
@    SOA ns1 hostmaster SERIAL 3600 600 86400 300
@    NS  ns1
@    NS  ns2
ns1  A   127.0.53.2
ns2  A   127.0.53.3
api  A   127.0.53.99
now  TXT \"2026-11-29T08:00:00Z\"
";

/// What the parent says: five servers, of which the first has an address that is not its own.
const PARENT: &str = "\
$ORIGIN example.
$TTL 300
@ SOA ns hostmaster 1 3600 600 86400 300
@ NS ns
ns A 127.0.53.1
messenger NS ns1.messenger
messenger NS ns2.messenger
messenger NS ns3.messenger
messenger NS ns4.messenger
messenger NS ns5.messenger
ns1.messenger A 127.0.53.2
ns1.messenger A 127.0.53.9
ns2.messenger A 127.0.53.3
ns3.messenger A 127.0.53.4
ns4.messenger A 127.0.53.5
ns5.messenger A 127.0.0.1
";

const MESSENGER: &str = "messenger.example";

fn zones(port: u16) -> String {
    format!(
        "vantage: {{ name: fra, region: EMEA }}
zones:
  messenger.example:
    interval: 1s
    port: {port}
    allow_private: true
    grace: 1s
    parents: ['127.0.53.1:{port}']
    names: {{ api.messenger.example: [A] }}
    canary: {{ name: now.messenger.example, max_age: 1s }}
  silent.example:
    interval: 1s
    timeout: 100ms
    servers: ['127.0.53.10:{port}']
    parents: ['127.0.53.10:{port}']
    resolvers: ['127.0.53.4:{port}']
    allow_private: true
  closed.example:
    interval: 1s
    port: {port}
    servers: ['127.0.53.9:{port}']
    allow_private: true
"
    )
}

#[test]
fn servers_that_disagree_or_are_lame_are_told_by_name() {
    let port = port_at(&[1, 2, 3, 4, 5, 9, 10]);
    let _parent = nsd(at(1, port), "parent", "example", PARENT);
    let newest = ZONE.replace("SERIAL", "4294967295");
    // A serial ahead of it, on the circle.
    let ahead = ZONE.replace("SERIAL", "2");
    let other_answer = ahead.replace("127.0.53.99", "127.0.53.98");
    let first = nsd(at(2, port), "first", MESSENGER, &ahead);
    let second = nsd(at(3, port), "second", MESSENGER, &(newest + "@ NS ns7\n"));
    // It knows nothing of the zone.
    let lame = "  module-config: \"iterator\"\n  local-zone: messenger.example. static\n  local-zone: silent.example. static\n";
    let third = unbound(at(4, port), &[], lame);
    let fourth = nsd(at(5, port), "fourth", "other.example", &ZONE.replace("messenger", "other"));
    let fifth = named(own(port), &[(MESSENGER, &other_answer)]);
    let _silent = UdpSocket::bind(at(10, port)).unwrap();
    let config = zones(port);
    let (_folder, program) = start(&config);
    program.wait_until_ready();
    program.wait_until("three rounds were judged", |it| {
        ["lame", "serial_spread", "ns_differs", "canary_stale", "answers_differ", "glue_differs"]
            .iter()
            .all(|name| verdict(it, MESSENGER, name) == 2.0)
    });
    what_is_wrong_is_told(&program, port);
    dig_sees_the_same(&program, &[&first, &second, &third, &fourth, &fifth]);

    // A server that mends itself is lame no more.
    drop(fourth);
    let _fourth = nsd(at(5, port), "fourth", MESSENGER, &ahead);
    program.wait_until("the fourth server answers", |it| {
        it.value(&format!("dns_auth_servers{{outcome=\"answers\",zone=\"{MESSENGER}\"}}")) == 4.0
    });
    // A reload that judges otherwise starts nothing anew.
    let queries = |metrics: &Scrape| {
        metrics.value(&format!("dns_auth_queries_total{{transport=\"udp\",zone=\"{MESSENGER}\"}}"))
    };
    let before = queries(&program.metrics());
    let pinned = config.replace("grace: 1s", "grace: 1h\n    ns: [ns1.messenger.example]");
    assert_eq!(program.reload(&pinned).status, 200);
    program.wait_until("another pin is broken", |it| {
        verdict(it, MESSENGER, "delegation_changed") == 3.0
            && verdict(it, MESSENGER, "serial_spread") == 0.0
    });
    assert!(queries(&program.metrics()) > before);
    assert!(program.page("/sd").contains(MESSENGER));
}

fn what_is_wrong_is_told(program: &Program, port: u16) {
    let metrics = program.metrics();
    for (name, wanted) in [
        ("unserved", 0.0),
        ("delegation_changed", 0.0),
        ("delegation_differs", 1.0),
        ("answers_differ", 2.0),
        ("glue_differs", 2.0),
        ("signature", 0.0),
    ] {
        assert_eq!(
            verdict(&metrics, MESSENGER, name),
            wanted,
            "{name}\n{}",
            program.page("/zones")
        );
    }
    for (verdict, number, address, reason) in [
        ("lame", 4, at(5, port), "refused"),
        ("lame", 1, at(9, port), "closed"),
        ("serial_spread", 2, at(3, port), "behind"),
        ("ns_differs", 2, at(3, port), "ns_set"),
        ("answers_differ", 5, own(port), "answer"),
        ("glue_differs", 1, at(9, port), "glue"),
    ] {
        let series = format!(
            "dns_auth_culprit{{address=\"{}\",reason=\"{reason}\",server=\"ns{number}.{MESSENGER}\",\
             verdict=\"{verdict}\",zone=\"{MESSENGER}\"}}",
            address.ip()
        );
        assert_eq!(metrics.value(&series), 1.0, "{series}");
    }
    let spread = format!("dns_auth_soa_serial_spread{{zone=\"{MESSENGER}\"}}");
    assert_eq!(metrics.value(&spread), 3.0, "from 4294967295 to 2");
    let age = metrics.value(&format!("dns_auth_canary_age_seconds{{zone=\"{MESSENGER}\"}}"));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    assert!((now.as_secs_f64() - 1_795_939_200.0 - age).abs() < 60.0, "{age}");
    // Where no server replied, nothing is told, whatever a resolver says from its cache.
    let page = program.page("/metrics");
    let is_told = |line: &str| line.starts_with("dns_auth_verdict{") && line.contains("silent");
    assert!(!page.lines().any(is_told));
    let failed = "dns_auth_rounds_total{result=\"failed\",zone=\"silent.example\"}";
    assert!(metrics.value(failed) >= 1.0);
    // A host on which nothing listens is no network that is down.
    program.wait_until("nobody serves the other zone", |it| {
        verdict(it, "closed.example", "unserved") == 3.0
    });
}

fn dig_sees_the_same(program: &Program, servers: &[&NameServer]) {
    let page = program.page("/zones?format=json");
    let page: serde_json::Value = serde_json::from_str(&page).unwrap();
    let shown = page.as_array().unwrap().iter().find(|it| it["zone"] == MESSENGER).unwrap();
    let rows = shown["servers"].as_array().unwrap();
    for server in servers {
        let address = server.address();
        let dig = dig(address, &["+nsid", MESSENGER, "SOA"]);
        let row = rows.iter().find(|it| it["address"] == address.to_string()).unwrap();
        let is_authoritative = dig.contains("flags: qr aa") && dig.contains("status: NOERROR");
        assert_eq!(
            row["outcome"] == "answers",
            is_authoritative && dig.contains("\tSOA\t"),
            "{dig}"
        );
        if dig.contains("status: REFUSED") {
            assert_eq!(row["outcome"], "refused");
        }
        if let Some(nsid) = row["nsid"].as_str() {
            assert!(dig.contains(&format!("(\"{nsid}\")")), "{nsid} {dig}");
        } else {
            assert!(!dig.contains("NSID"), "{dig}");
        }
        if let Some(serial) = row["serial"].as_u64() {
            assert!(dig.contains(&format!("hostmaster.messenger.example. {serial} ")), "{dig}");
        }
    }
}
