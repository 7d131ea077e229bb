//! Resolvers that are asked by TLS, HTTPS and QUIC: Debian's unbound, and a server by aioquic; kdig says what they answer.

use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{Name, RData, Record};
use peers::{Authority, DnsServer, NameServer, Program, Scrape, answer_to, free_port};

use super::start;

/// The name in the certificates.
const NAME: &str = "dns.example";

/// unbound, which answers by datagrams, by TLS and by HTTPS, with this certificate.
struct Unbound {
    server: NameServer,
    tls: u16,
    https: u16,
}

impl Unbound {
    fn start(signed: &peers::Signed) -> Self {
        Self::start_as("res1.fra.pch.example", signed)
    }

    /// The same, which says that it is this machine.
    fn start_as(identity: &str, signed: &peers::Signed) -> Self {
        let more = format!("  identity: \"{identity}\"\n  tcp-idle-timeout: 100\n");
        Self::start_with(&more, signed)
    }

    /// The same, of which this is said besides.
    fn start_with(more: &str, signed: &peers::Signed) -> Self {
        let (tls, https) = (free_port(), free_port());
        let files = [("a.pem", &*signed.certificate), ("a.key", &*signed.key)];
        let more = format!(
            "  interface: 127.0.0.1@{tls}
  interface: 127.0.0.1@{https}
  tls-port: {tls}
  https-port: {https}
  tls-service-pem: a.pem
  tls-service-key: a.key
  module-config: \"iterator\"
  nsid: \"ascii_left-rack\"
  local-zone: \"messenger.example.\" static
  local-data: \"api.messenger.example. A 149.154.167.220\"
  local-data: \"api.messenger.example. A 149.154.167.99\"
{more}"
        );
        let server = NameServer::unbound(None, &files, &more);
        Self { server, tls, https }
    }
}

/// Hands one connection on to a server, and ends all that follow.
fn once(server: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut connections = listener.incoming().flatten();
        let Some(ours) = connections.next() else { return };
        let theirs = TcpStream::connect(("127.0.0.1", server)).unwrap();
        for (from, to) in [(&ours, &theirs), (&theirs, &ours)] {
            let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
            thread::spawn(move || {
                let _ = io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Both);
            });
        }
        connections.for_each(drop);
    });
    port
}

/// A server by QUIC, ended when it is dropped.
struct Quic(Child);

impl Drop for Quic {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where aioquic is: installed, or beside what is built. Nothing where it is not to be had.
fn aioquic() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/aioquic");
    let mut python = Command::new("python3");
    python.args(["-c", "import aioquic"]).env("PYTHONPATH", &beside).stderr(Stdio::null());
    python.status().is_ok_and(|status| status.success()).then_some(beside)
}

impl Quic {
    fn start(folder: &Path, port: u16, behind: u16) -> Option<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/program/doq.py");
        let mut child = Command::new("python3")
            .arg(script)
            .arg(port.to_string())
            .args([folder.join("a.pem"), folder.join("a.key")])
            .arg(behind.to_string())
            .env("PYTHONPATH", aioquic()?)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut said, out) = (String::new(), child.stdout.take().unwrap());
        BufReader::new(out).read_line(&mut said).unwrap();
        assert_eq!(said, "ready\n");
        Some(Self(child))
    }
}

/// Why there is no answer, and what that is of the name; how it is asked, at which port, as whom, by whose word, and what
/// is said besides.
type Fault<'a> = (&'a str, &'a str, &'a str, u16, &'a str, &'a str, &'a str);

fn of_set(metrics: &Scrape, set: &str, metric: &str, label: &str) -> Option<f64> {
    metrics.get(&format!("dns_consistency_{metric}{{{}}}", labels(label, set)))
}

/// Whether the verdicts of a sweep are told.
fn is_swept(metrics: &Scrape, set: &str) -> bool {
    let agree = "name=\"api.messenger.example\",outcome=\"agree\",type=\"A\"";
    of_set(metrics, set, "responses", agree).is_some()
}

/// Labels in the order of their names.
fn labels(own: &str, set: &str) -> String {
    let mut labels = vec![format!("set=\"{set}\"")];
    labels.extend(own.split(',').filter(|it| !it.is_empty()).map(str::to_owned));
    labels.sort();
    labels.join(",")
}

/// What kdig makes of a server. It goes by the last that is said of how.
fn kdig(folder: &Path, port: u16, over: &str) -> Vec<String> {
    let mut kdig = Command::new("kdig");
    kdig.args(["@127.0.0.1", "-p", &port.to_string(), "+short", "+time=5"]);
    kdig.arg(format!("+tls-ca={}", folder.join("ca.pem").display()));
    kdig.args([&format!("+tls-hostname={NAME}"), over, "api.messenger.example", "A"]);
    let output = kdig.output().expect("kdig is needed: Debian package knot-dnsutils");
    let mut lines: Vec<_> =
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

fn agrees(program: &Program, set: &str) {
    let of_name =
        |name: &str| format!("name=\"{name}.messenger.example\",outcome=\"agree\",type=\"A\"");
    for name in ["api", "gone"] {
        program.wait_until(&format!("{set} agrees on {name}"), |it| {
            of_set(it, set, "responses", &of_name(name)) == Some(1.0)
        });
    }
}

#[test]
fn resolvers_are_asked_by_tls_https_and_quic() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::default();
    let signed = authority.sign_for(&[NAME, "127.0.0.1"]);
    signed.write(folder.path(), "a");
    fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
    let unbound = Unbound::start(&signed);
    let (quic_port, behind) = (free_port(), unbound.server.address().port());
    let quic = Quic::start(folder.path(), quic_port, behind);
    if quic.is_none() {
        eprintln!("aioquic is not there: DNS over QUIC is held against no peer");
    }
    let set = |name: &str, transport: &str, port: u16, whose: &str| {
        format!(
            "  - {{ name: {name}, transport: {transport}, port: {port}, resolvers: [{{ address: 127.0.0.1{whose} }}], \
             allow_private: true, min_resolvers: 1, min_networks: 1, interval: 60s, nsid: true, \
             tls_config: {{ ca_file: ca.pem }}, control: api.messenger.example }}\n"
        )
    };
    let named = &format!(", server_name: {NAME}");
    let mut sets = vec![
        ("dot", set("dot", "dot", unbound.tls, named), unbound.tls, "+tls"),
        // By its address, which stands in the certificate as well.
        ("dot-address", set("dot-address", "dot", unbound.tls, ""), unbound.tls, "+tls"),
        ("doh", set("doh", "doh", unbound.https, named), unbound.https, "+https"),
    ];
    if quic.is_some() {
        sets.push(("doq", set("doq", "doq", quic_port, named), quic_port, "+quic"));
    }
    let mut text: String = sets.iter().map(|(_, text, ..)| text.as_str()).collect();
    // One question a second, and a server that waits for a tenth of one.
    text += &set("slow", "dot", unbound.tls, named).replace("nsid: true", "rate: 1");
    // An answer that is another one would be told: the pin is what kdig is told too.
    let config = format!(
        "vantage: {{ name: fra, region: EMEA }}\nsets:\n{text}questions:
  - {{ name: api.messenger.example, types: [A], expected: {{ A: {{ answers: [149.154.167.99, 149.154.167.220] }} }} }}
  - {{ name: gone.messenger.example, types: [A] }}
"
    );
    let program = start(folder.path(), &config);
    for (set, _, port, over) in &sets {
        agrees(&program, set);
        let metrics = program.metrics();
        let transport = set.split('-').next().unwrap();
        // Each question and the control, over one connection.
        let asked = format!("transport=\"{transport}\"");
        assert_eq!(of_set(&metrics, set, "queries_total", &asked), Some(3.0), "{set}");
        assert_eq!(of_set(&metrics, set, "connect_seconds_count", ""), Some(1.0), "{set}");
        assert_eq!(of_set(&metrics, set, "response_seconds_count", ""), Some(3.0), "{set}");
        assert_eq!(of_set(&metrics, set, "queries_total", "transport=\"udp\""), None, "{set}");
        let rows =
            program.page(&format!("/api/v1/results?name=api.messenger.example&type=A&set={set}"));
        assert!(rows.contains("\"nsid\":\"left-rack\""), "{set} {rows}");
        assert_eq!(
            kdig(folder.path(), *port, over),
            ["149.154.167.220", "149.154.167.99"],
            "{set}"
        );
    }
    agrees(&program, "slow");
    // It was connected to anew for each question, and each that met the end of the connection was put once more.
    let metrics = program.metrics();
    assert_eq!(of_set(&metrics, "slow", "connect_seconds_count", ""), Some(3.0));
    assert_eq!(of_set(&metrics, "slow", "response_seconds_count", ""), Some(3.0));
}

#[test]
fn a_connection_that_fails_after_an_answer_is_held_against_no_name() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::default();
    fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
    let unbound = Unbound::start(&authority.sign_for(&[NAME]));
    let set = |name: &str, control: &str| {
        format!(
            "  - {{ name: {name}, transport: dot, port: {}, resolvers: [127.0.0.1], allow_private: true, min_resolvers: 1, \
             min_networks: 1, interval: 60s, rate: 1, tls_config: {{ server_name: {NAME}, ca_file: ca.pem }}{control} }}\n",
            once(unbound.tls)
        )
    };
    let sets = set("controlled", ", control: api.messenger.example") + &set("uncontrolled", "");
    let config = format!(
        "vantage: {{ name: fra, region: EMEA }}\nsets:\n{sets}questions: [{{ name: api.messenger.example, types: [A, AAAA, MX] }}]\n"
    );
    let program = start(folder.path(), &config);
    // The first question has an answer; the server ends the connection for being idle, and takes no other.
    for (set, unasked) in [("controlled", 3.0), ("uncontrolled", 2.0)] {
        let metrics = program.wait_until(set, |it| is_swept(it, set));
        let sum = |outcome: &str| {
            let of_type = |kind| {
                let labels =
                    format!("name=\"api.messenger.example\",outcome=\"{outcome}\",type=\"{kind}\"");
                of_set(&metrics, set, "responses", &labels).unwrap_or_default()
            };
            ["A", "AAAA", "MX"].map(of_type).iter().sum::<f64>()
        };
        assert_eq!(sum("not_asked"), unasked, "{set}");
        assert_eq!(["unreachable", "timeout", "malformed"].map(sum), [0.0; 3], "{set}");
        assert_eq!(of_set(&metrics, set, "connect_seconds_count", ""), Some(1.0), "{set}");
    }
}

#[test]
fn a_name_whose_servers_are_slow_costs_no_connection() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::default();
    fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let more = format!(
        "  do-not-query-localhost: no\nforward-zone:\n  name: \"slow.example.\"\n  forward-addr: 127.0.0.1@{}\n",
        silent.local_addr().unwrap().port()
    );
    let unbound = Unbound::start_with(&more, &authority.sign_for(&[NAME]));
    let config = format!(
        "vantage: {{ name: fra, region: EMEA }}
sets: [{{ name: own, transport: dot, port: {}, resolvers: [127.0.0.1], allow_private: true, min_resolvers: 1, min_networks: 1,
  interval: 60s, timeout: 1s, tls_config: {{ server_name: {NAME}, ca_file: ca.pem }}, control: api.messenger.example }}]
questions:
  - {{ name: slow.example, types: [A] }}
  - {{ name: api.messenger.example, types: [A, AAAA, MX, NS, TXT, CAA, SRV, SOA] }}
",
        unbound.tls
    );
    let program = start(folder.path(), &config);
    let metrics = program.wait_until("it was asked", |it| is_swept(it, "own"));
    let slow = "name=\"slow.example\",outcome=\"timeout\",type=\"A\"";
    assert_eq!(of_set(&metrics, "own", "responses", slow), Some(1.0));
    assert_eq!(of_set(&metrics, "own", "response_seconds_count", ""), Some(9.0));
    assert_eq!(of_set(&metrics, "own", "connect_seconds_count", ""), Some(1.0));
}

#[test]
fn who_fails_by_quic_is_asked_once_more_without_validation() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::default();
    fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
    authority.sign_for(&[NAME]).write(folder.path(), "a");
    // It validates, and one of the names is signed badly.
    let server = DnsServer::start(|query| {
        let name = query.queries[0].name().clone();
        let is_bad = name == Name::from_ascii("bad.example.").unwrap();
        if is_bad && !query.metadata.checking_disabled {
            return Some(answer_to(query, ResponseCode::ServFail));
        }
        let mut answer = answer_to(query, ResponseCode::NoError);
        answer.metadata.recursion_available = true;
        let address = RData::A(Ipv4Addr::new(149, 154, 167, 99).into());
        answer.add_answer(Record::from_rdata(name, 60, address));
        Some(answer)
    });
    let port = free_port();
    let Some(_quic) = Quic::start(folder.path(), port, server.address.port()) else {
        eprintln!("aioquic is not there: nobody is asked without validation");
        return;
    };
    let config = format!(
        "vantage: {{ name: fra, region: EMEA }}
sets: [{{ name: own, transport: doq, port: {port}, resolvers: [127.0.0.1], allow_private: true, min_resolvers: 1,
  min_networks: 1, interval: 60s, tls_config: {{ server_name: {NAME}, ca_file: ca.pem }}, control: good.example }}]
questions: [{{ name: api.messenger.example, types: [A] }}, {{ name: bad.example, types: [A] }}]
"
    );
    let program = start(folder.path(), &config);
    let metrics = program.wait_until("it was asked", |it| is_swept(it, "own"));
    let bogus = "name=\"bad.example\",outcome=\"bogus\",type=\"A\"";
    assert_eq!(of_set(&metrics, "own", "responses", bogus), Some(1.0));
    assert_eq!(of_set(&metrics, "own", "queries_total", "transport=\"doq\""), Some(4.0));
    assert_eq!(of_set(&metrics, "own", "connect_seconds_count", ""), Some(1.0));
}

#[test]
fn who_cannot_be_connected_to_is_told_by_why_and_never_for_another_answer() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, other) = (Authority::default(), Authority::default());
    fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
    fs::write(folder.path().join("other.pem"), other.pem()).unwrap();
    let signed = authority.sign_for(&[NAME]);
    signed.write(folder.path(), "a");
    let good = Unbound::start(&signed);
    let expired = Unbound::start(&authority.sign_expired(NAME));
    // It takes connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_port = silent.local_addr().unwrap().port();
    let quic_port = free_port();
    let quic = Quic::start(folder.path(), quic_port, good.server.address().port());
    let mut faults = vec![
        ("tls_name", "unreachable", "dot", good.tls, "other.example", "ca.pem", ""),
        ("tls_expired", "unreachable", "dot", expired.tls, NAME, "ca.pem", ""),
        ("tls_untrusted", "unreachable", "dot", good.tls, NAME, "other.pem", ""),
        ("refused", "unreachable", "dot", free_port(), NAME, "ca.pem", ""),
        ("timeout", "timeout", "dot", silent_port, NAME, "ca.pem", ""),
        // It closes at once where TLS is spoken.
        ("closed", "unreachable", "dot", good.server.address().port(), NAME, "ca.pem", ""),
        ("http", "unreachable", "doh", good.https, NAME, "ca.pem", ", path: /elsewhere"),
        ("tls_name", "unreachable", "doh", good.https, "other.example", "ca.pem", ""),
        ("timeout", "timeout", "doq", free_port(), NAME, "ca.pem", ""),
    ];
    if quic.is_some() {
        faults.push(("tls_name", "unreachable", "doq", quic_port, "other.example", "ca.pem", ""));
        faults.push(("tls_untrusted", "unreachable", "doq", quic_port, NAME, "other.pem", ""));
    }
    let set = |(number, fault): (usize, &Fault<'_>)| {
        let (_, _, transport, port, name, ca, path) = fault;
        format!(
            "  - {{ name: s{number}, transport: {transport}, port: {port}, resolvers: [{{ address: 127.0.0.1 }}], \
             allow_private: true, min_resolvers: 1, min_networks: 1, interval: 60s, timeout: 1s, \
             tls_config: {{ server_name: {name}, ca_file: {ca} }}{path} }}\n"
        )
    };
    let sets: String = faults.iter().enumerate().map(set).collect();
    let config = format!(
        "vantage: {{ name: fra, region: EMEA }}\nsets:\n{sets}questions:
  - {{ name: api.messenger.example, types: [A], expected: {{ A: {{ answers: [149.154.167.99, 149.154.167.220] }} }} }}
"
    );
    let program = start(folder.path(), &config);
    for (number, (why, outcome, ..)) in faults.iter().enumerate() {
        let set = format!("s{number}");
        let of_name = |outcome: &str| {
            format!("name=\"api.messenger.example\",outcome=\"{outcome}\",type=\"A\"")
        };
        program.wait_until(&format!("set {number}, {why}"), |it| {
            of_set(it, &set, "sweep_age_seconds", "").is_some()
                && of_set(it, &set, "responses", &of_name(outcome)).is_some()
        });
        let metrics = program.metrics();
        let reason = format!("reason=\"{why}\"");
        assert_eq!(
            of_set(&metrics, &set, "unanswered_total", &reason),
            Some(1.0),
            "{number} {why}"
        );
        assert_eq!(
            of_set(&metrics, &set, "responses", &of_name(outcome)),
            Some(1.0),
            "{number} {why}"
        );
        assert_eq!(of_set(&metrics, &set, "responses", &of_name("dissent")), Some(0.0));
    }
    drop(silent);
}

#[test]
fn who_answers_for_a_resolver_that_is_another_by_tls_stands_on_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::default();
    fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
    let signed = authority.sign_for(&[NAME]);
    let own = Unbound::start(&signed);
    let proxy = Unbound::start_as("router.example", &signed);
    let port = |unbound: &Unbound| unbound.server.address().port();
    let intercepted = |udp: u16, like: &str, name: &str| {
        let config = format!(
            "vantage: {{ name: fra, region: EMEA }}
sets: [{{ name: own, resolvers: [127.0.0.1], port: {}, allow_private: true }}]
questions: [{{ name: api.messenger.example, types: [A] }}]
interception:
  name: api.messenger.example
  addresses: ['127.0.0.1:{}']
  timeout: 500ms
  known:
    - {{ address: '127.0.0.1:{udp}', tls_port: {}, like: '{like}', tls_config: {{ server_name: {name}, ca_file: ca.pem }} }}
",
            port(&own), free_port(), own.tls
        );
        let program = start(folder.path(), &config);
        let metric = "dns_consistency_vantage_intercepted{}";
        program.wait_until("the test was done", |it| it.get(metric).is_some()).value(metric)
    };
    assert_eq!(intercepted(port(&own), "*.pch.example", NAME), 0.0);
    assert_eq!(intercepted(port(&proxy), "*.pch.example", NAME), 1.0);
    // All of its machines have other names by now, or nobody proves who it is.
    assert_eq!(intercepted(port(&proxy), "*.pch.net", NAME), 0.0);
    assert_eq!(intercepted(port(&proxy), "*.pch.example", "other.example"), 0.0);
}
