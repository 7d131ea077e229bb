//! Zones whose own servers disagree, are lame, or have signatures that end: real name servers on loopback, asked by
//! the real program, and by dig.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::float_cmp, reason = "the values are counts, codes and serials")]

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
    NameServer::start_at("/usr/sbin/unbound", address, files, |folder| {
        format!(
            "server:
  interface: {}@{}
  outgoing-interface: 127.0.0.1
  do-ip6: no
  access-control: 127.0.0.0/8 allow_snoop
  do-not-query-localhost: no
  do-daemonize: no
  use-syslog: no
  username: \"\"
  chroot: \"\"
  pidfile: \"\"
  directory: \"{}\"
{more}",
            address.ip(),
            address.port(),
            folder.display()
        )
    })
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

/// A zone with the keys and signatures of Debian's own tools; `from` and `to` are seconds from now.
fn signed(folder: &Path, zone: &str, from: i64, to: i64) -> String {
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).current_dir(folder).args(arguments).output();
        let output = output.expect("the Debian package bind9-utils is needed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let text = ZONE.replace("SERIAL", "7").replace("messenger.example", zone);
    fs::write(folder.join(zone), text).unwrap();
    run("dnssec-keygen", &["-q", "-a", "ECDSAP256SHA256", "-f", "KSK", zone]);
    run("dnssec-keygen", &["-q", "-a", "ECDSAP256SHA256", zone]);
    let (from, to) = (format!("now{from:+}"), format!("now{to:+}"));
    run("dnssec-signzone", &["-S", "-P", "-s", &from, "-e", &to, "-o", zone, zone]);
    fs::read_to_string(folder.join(format!("{zone}.signed"))).unwrap()
}

/// The key of a zone that a resolver trusts, as Debian's tools wrote it.
fn key(folder: &Path, zone: &str) -> String {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let keys = files.filter(|path| {
        let name = path.file_stem().unwrap().to_string_lossy();
        name.starts_with(&format!("K{zone}.")) && path.extension().is_some_and(|it| it == "key")
    });
    let texts = keys.map(|path| fs::read_to_string(path).unwrap());
    texts.filter(|text| text.contains("DNSKEY 257 ")).collect()
}

#[test]
fn signatures_are_told_of_before_they_end() {
    let folder = tempfile::tempdir().unwrap();
    let zones = [
        ("good.example", -3_600, 2_592_000, 0.0),
        ("ends.example", -10_000, 1_000, 2.0),
        ("now.example", -100_000, 1_000, 3.0),
        ("over.example", -100_000, -60, 3.0),
        ("early.example", 3_600, 100_000, 3.0),
        ("lone.elsewhere", -100_000, -60, 3.0),
    ];
    let texts: Vec<_> = zones
        .iter()
        .map(|(zone, from, to, _)| (*zone, signed(folder.path(), zone, *from, *to)))
        .collect();
    let mut texts: Vec<_> = texts.iter().map(|(zone, text)| (*zone, text.as_str())).collect();
    // The zone above most of them; above one there is none, so that no resolver there shows that it is sound.
    texts.push(("example", "$TTL 300\n@ SOA ns.invalid. host 1 1 1 1 1\n@ NS ns.invalid.\n"));
    let address = own(port_at(&[8]));
    let _server = named(address, &texts);
    // A resolver that validates three of them.
    let validated = ["good.example", "over.example", "lone.elsewhere"];
    let keys: String = validated.map(|zone| key(folder.path(), zone)).concat();
    let validator = at(8, address.port());
    let more = "  module-config: \"validator iterator\"\n  trust-anchor-file: \"keys\"\n  val-sig-skew-min: 0\n  val-sig-skew-max: 0\n";
    let known = [&validated[..], &["example", "elsewhere"]].concat();
    let known: Vec<_> = known.iter().map(|zone| stub(zone, address)).collect();
    let _validator = unbound(validator, &[("keys", &keys)], &format!("{more}{}", known.concat()));
    let zone = |(zone, ..): &(&str, i64, i64, f64)| {
        format!(
            "  {zone}: {{ interval: 1s, servers: ['{address}'], resolvers: ['{validator}'], port: {}, \
             allow_private: true }}\n",
            address.port()
        )
    };
    let listed: String = zones.iter().map(zone).collect();
    let (_folder, program) =
        start(&format!("vantage: {{ name: fra, region: EMEA }}\nzones:\n{listed}"));
    program.wait_until_ready();
    program.wait_until("three rounds were judged", |it| {
        verdict(it, "early.example", "signature") == 3.0
            && verdict(it, "over.example", "signature") == 3.0
            && verdict(it, "now.example", "signature") == 3.0
            && verdict(it, "ends.example", "signature") == 2.0
            && verdict(it, "lone.elsewhere", "signature") == 3.0
    });
    let metrics = program.metrics();
    for (zone, _, _, wanted) in zones {
        assert_eq!(verdict(&metrics, zone, "signature"), wanted, "{zone}");
        let ends = metrics
            .value(&format!("dns_auth_signature_expiry_timestamp_seconds{{zone=\"{zone}\"}}"));
        let lines = ["SOA", "NS", "DNSKEY"].map(|kind| dig(address, &["+dnssec", zone, kind]));
        let earliest = lines.iter().flat_map(|text| text.lines()).filter_map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            // Name, TTL, class, RRSIG, type covered, algorithm, labels, TTL, expiration.
            (words.get(3) == Some(&"RRSIG")).then(|| words[8].to_owned())
        });
        let earliest = earliest.min().unwrap();
        let output = Command::new("date")
            .args(["-u", "+%Y%m%d%H%M%S", "-d", &format!("@{ends}")])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), earliest, "{zone}");
    }
    program.wait_until("a validator has failed three times", |it| {
        verdict(it, "over.example", "bogus") == 3.0 && verdict(it, "good.example", "bogus") >= 0.0
    });
    assert_eq!(verdict(&program.metrics(), "good.example", "bogus"), 0.0);
    let page = program.page("/metrics");
    let is_told = |it: &str| it.contains("verdict=\"bogus\"") && it.contains("lone.elsewhere");
    assert!(!page.lines().any(is_told), "a resolver that fails on all says nothing of a zone");
    let status = |zone: &str, more: &str| {
        let text = dig(validator, &["+recurse", more, zone, "SOA"]);
        text.lines().find(|line| line.contains("status: ")).unwrap().to_owned()
    };
    assert!(status("over.example", "+nocdflag").contains("SERVFAIL"));
    assert!(status("lone.elsewhere", "+nocdflag").contains("SERVFAIL"));
    assert!(status("lone.elsewhere", "+cdflag").contains("NOERROR"));
    assert!(status("over.example", "+cdflag").contains("NOERROR"));
    assert!(status("good.example", "+nocdflag").contains("NOERROR"));
}

#[test]
fn the_delegation_is_found_by_resolvers_and_a_takeover_is_told_even_after_a_restart() {
    let port = port_at(&[21, 22, 23]);
    let text = "\
$ORIGIN example.
$TTL 1
@ SOA ns hostmaster 1 3600 600 86400 1
@ NS ns
ns A 127.0.53.21
messenger NS ns1.messenger
messenger NS ns.gone
ns1.messenger A 127.0.53.22
ns1.messenger AAAA ::1
";
    let parent = nsd(at(21, port), "parent", "example", text);
    let zone = "\
$ORIGIN messenger.example.
$TTL 1
@ SOA ns1 hostmaster 7 3600 600 86400 1
@ NS ns1
@ NS ns.gone.example.
ns1 A 127.0.53.22
ns1 AAAA ::1
";
    let _v4 = nsd(at(22, port), "v4", MESSENGER, zone);
    let _v6 = nsd(SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, port)), "v6", MESSENGER, zone);
    let stubs = [stub("example", at(21, port)), stub(MESSENGER, at(22, port))].concat();
    let _resolver = unbound(at(23, port), &[], &format!("  module-config: \"iterator\"\n{stubs}"));
    let config = format!(
        "vantage: {{ name: fra, region: EMEA }}
state_directory: state
zones:
  messenger.example:
    interval: 1s
    port: {port}
    allow_private: true
    resolvers: ['127.0.53.23:{port}']
"
    );
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        let program = Command::new(env!("CARGO_BIN_EXE_turbulence-dns"));
        let program = Program::start_in(program, folder.path(), &config);
        program.wait_until_ready();
        program
    };
    let program = start();
    program.wait_until("both servers answer, over IPv4 and IPv6", |it| {
        it.value(&format!("dns_auth_servers{{outcome=\"answers\",zone=\"{MESSENGER}\"}}")) == 2.0
            && verdict(it, MESSENGER, "delegation_changed") == 0.0
            && verdict(it, MESSENGER, "lame") == 2.0
    });
    let gone = "address=\"\",reason=\"no_address\",server=\"ns.gone.example\",verdict=\"lame\"";
    let gone = format!("dns_auth_culprit{{{gone},zone=\"{MESSENGER}\"}}");
    assert_eq!(program.metrics().value(&gone), 1.0);
    let consistent = |what: &str| {
        program.metrics().value(&format!("dns_auth_{what}_consistent{{zone=\"{MESSENGER}\"}}"))
    };
    assert_eq!(["ns_set", "delegation", "glue"].map(consistent), [1.0; 3]);
    drop((program, parent));
    let taken = text.replace("ns1.messenger", "ns1.evil").replace("messenger NS ns.gone\n", "");
    let _parent = nsd(at(21, port), "parent", "example", &taken);
    let program = start();
    program.wait_until("the takeover is told", |it| {
        verdict(it, MESSENGER, "delegation_changed") == 3.0
    });
    let page = program.page("/zones");
    assert!(page.contains("parent: ns1.evil.example"), "{page}");
}

#[test]
fn a_reload_that_asks_anew_accepts_no_takeover_and_ends_nothing_that_was_told() {
    let port = port_at(&[41, 42]);
    let text = "\
$ORIGIN example.
$TTL 1
@ SOA ns hostmaster 1 3600 600 86400 1
@ NS ns
ns A 127.0.53.41
messenger NS ns1.messenger
ns1.messenger A 127.0.53.42
";
    let parent = nsd(at(41, port), "parent", "example", text);
    let own = ZONE.replace("SERIAL", "7").replace("127.0.53.2\n", "127.0.53.42\n");
    let own = own.replace("127.0.53.3\n", "127.0.53.42\n");
    let _zone = nsd(at(42, port), "zone", MESSENGER, &own);
    let config = format!(
        "vantage: {{ name: fra, region: EMEA }}
zones:
  messenger.example:
    interval: 1s
    port: {port}
    allow_private: true
    parents: ['127.0.53.41:{port}']
    names: {{ api.messenger.example: [A] }}
"
    );
    let (_folder, program) = start(&config);
    program.wait_until("the delegation is known", |it| {
        verdict(it, MESSENGER, "delegation_changed") == 0.0
    });
    drop(parent);
    let taken = text.replace("messenger NS ns1.messenger", "messenger NS ns1.evil");
    let _parent = nsd(at(41, port), "parent", "example", &taken);
    program.wait_until("the takeover is told", |it| {
        verdict(it, MESSENGER, "delegation_changed") == 3.0
    });
    let rounds = |metrics: &Scrape| {
        let series = format!("dns_auth_rounds_total{{result=\"complete\",zone=\"{MESSENGER}\"}}");
        metrics.value(&series)
    };
    let consistent = |metrics: &Scrape, name: &str| {
        let labels = format!("name=\"{name}.messenger.example\",type=\"A\",zone=\"{MESSENGER}\"");
        metrics.get(&format!("dns_auth_answers_consistent{{{labels}}}"))
    };
    let before = rounds(&program.metrics());
    assert!(before >= 3.0, "{before}");
    let more = "names: { aaa.messenger.example: [A], api.messenger.example: [A] }";
    let more = config.replace("names: { api.messenger.example: [A] }", more);
    assert_eq!(program.reload(&more).status, 200);
    let metrics = program.metrics();
    assert!(rounds(&metrics) < before, "it is asked anew");
    assert_eq!(verdict(&metrics, MESSENGER, "delegation_changed"), 3.0);
    assert_eq!(consistent(&metrics, "api"), Some(1.0), "by its name, not by its place");
    program.wait_until("rounds were judged since", |it| rounds(it) >= 4.0);
    assert_eq!(verdict(&program.metrics(), MESSENGER, "delegation_changed"), 3.0);
}

/// A server of 1986: whatever has a record in its additional section it does not understand, or does not answer at
/// all. False if the address is taken.
fn averse(address: SocketAddr, is_silent: bool) -> bool {
    let Ok(socket) = UdpSocket::bind(address) else { return false };
    std::thread::spawn(move || {
        let mut bytes = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut bytes) {
            let query = Message::from_vec(&bytes[..length]).unwrap();
            let mut reply = Message::response(query.metadata.id, OpCode::Query);
            if query.edns.is_some() {
                if is_silent {
                    continue;
                }
                reply.metadata.response_code = ResponseCode::FormErr;
            } else {
                let question = query.queries[0].clone();
                reply.metadata.authoritative = true;
                let name = |text: &str| Name::from_ascii(text).unwrap();
                let soa = SOA::new(name("ns."), name("host."), 77, 1, 1, 1, 1);
                if question.query_type() == RecordType::SOA {
                    let owner = question.name().clone();
                    reply.add_answer(Record::from_rdata(owner, 60, RData::SOA(soa)));
                }
                reply.add_query(question);
            }
            let _ = socket.send_to(&reply.to_vec().unwrap(), from);
        }
    });
    true
}

#[test]
fn a_server_that_cannot_bear_edns_is_asked_without_it() {
    let is_free = |port: &u16| averse(at(31, *port), false) && averse(at(32, *port), true);
    let port = std::iter::repeat_with(free_port).find(is_free).unwrap();
    let config = format!(
        "vantage: {{ name: fra, region: EMEA }}
zones:
  messenger.example:
    interval: 10s
    timeout: 500ms
    servers: ['127.0.53.31:{port}', '127.0.53.32:{port}']
"
    );
    let (_folder, program) = start(&config);
    program.wait_until_ready();
    let metrics = program.metrics();
    for last in [31, 32] {
        let serial = format!(
            "dns_auth_soa_serial{{address=\"127.0.53.{last}\",server=\"127.0.53.{last}\",zone=\"{MESSENGER}\"}}"
        );
        assert_eq!(metrics.value(&serial), 77.0);
    }
}

#[test]
fn addresses_that_were_learned_are_not_asked_unless_they_are_allowed() {
    let port = port_at(&[11, 12]);
    let text = "\
$ORIGIN example.
$TTL 300
@ SOA ns hostmaster 1 3600 600 86400 300
@ NS ns
ns A 127.0.53.11
messenger NS ns1.messenger
ns1.messenger A 127.0.53.12
";
    let _parent = nsd(at(11, port), "parent", "example", text);
    let victim = UdpSocket::bind(at(12, port)).unwrap();
    victim.set_nonblocking(true).unwrap();
    let config = format!(
        "vantage: {{ name: fra, region: EMEA }}
zones:
  messenger.example: {{ interval: 10s, port: {port}, parents: ['127.0.53.11:{port}'] }}
"
    );
    let (_folder, program) = start(&config);
    program.wait_until_ready();
    let zone = "messenger.example";
    let count = |outcome: &str| {
        program
            .metrics()
            .value(&format!("dns_auth_servers{{outcome=\"{outcome}\",zone=\"{zone}\"}}"))
    };
    assert_eq!((count("not_allowed"), count("answers")), (1.0, 0.0));
    assert!(victim.recv(&mut [0; 512]).is_err(), "nothing was sent there");
}
