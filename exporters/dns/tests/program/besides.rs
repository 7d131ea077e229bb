//! What is asked beside sets and zones: one server on behalf of many subnets, and addresses at which nobody is.

use std::process::Command;

use peers::{NameServer, free_port};

use crate::responder::{Behaviour, Responder};
use crate::start;

const ZONE: &str = "\
$ORIGIN messenger.example.
$TTL 300
@    SOA  ns1 hostmaster 1 3600 600 86400 300
@    NS   ns1
ns1  A    127.0.0.1
api  A    149.154.167.1
www  A    149.154.167.9
";

/// Who gets which answer, as knotd's own module has it.
const PLACES: &str = "\
api.messenger.example:
  - net: 198.51.100.0/24
    A: 149.154.167.2
  - net: 203.0.112.0/20
    A: 149.154.167.3
";

/// A real authority that answers by subnet.
fn knot() -> NameServer {
    let address = ([127, 0, 0, 1], free_port()).into();
    let files = [("zone", ZONE), ("places", PLACES)];
    NameServer::start_at("/usr/sbin/knotd", address, &files, |folder| {
        let (folder, port) = (folder.display(), address.port());
        format!(
            "server:
  listen: 127.0.0.1@{port}
  rundir: {folder}
  edns-client-subnet: on
database:
  storage: {folder}
mod-geoip:
  - id: places
    config-file: {folder}/places
    ttl: 60
    mode: subnet
zone:
  - domain: messenger.example
    storage: {folder}
    file: zone
    module: mod-geoip/places
"
        )
    })
}

#[test]
fn one_server_tells_what_it_answers_for_whom_as_it_tells_dig() {
    let folder = tempfile::tempdir().unwrap();
    let knot = knot();
    let port = knot.address().port();
    let subnets = ["198.51.100.0/24", "203.0.113.0/24", "192.0.2.0/24", "2001:db8::/48"];
    let program = start(
        folder.path(),
        &format!(
            "vantage: {{ name: fra, region: EMEA }}
ecs:
  - name: places
    server: '127.0.0.1:{port}'
    authority: true
    allow_private: true
    interval: 1h
    timeout: 10s
    names: {{ api.messenger.example: [A], www.messenger.example: [A] }}
    subnets:
      - {{ subnet: {}, country: DE }}
      - {{ subnet: {}, country: CN }}
      - {{ subnet: {}, country: DE }}
      - '{}'
",
            subnets[0], subnets[1], subnets[2], subnets[3]
        ),
    );
    program.wait_until_ready();
    let metrics = program.metrics();
    let labels = |name: &str| format!("name=\"{name}.messenger.example\"");
    let count = |name: &str, outcome: &str| {
        metrics.value(&format!(
            "dns_consistency_ecs_subnets{{{},outcome=\"{outcome}\",set=\"places\",type=\"A\"}}",
            labels(name)
        ))
    };
    let answers = |name: &str| {
        metrics.value(&format!(
            "dns_consistency_ecs_answers{{{},set=\"places\",type=\"A\"}}",
            labels(name)
        ))
    };
    assert_eq!((answers("api"), answers("www")), (3.0, 1.0));
    assert_eq!((count("api", "tailored"), count("api", "failed")), (2.0, 0.0));
    assert_eq!((count("www", "tailored"), count("www", "mismatched")), (0.0, 0.0));

    let pages: serde_json::Value = serde_json::from_str(&program.page("/api/v1/ecs")).unwrap();
    let api = pages.as_array().unwrap().iter().find(|it| it["name"] == "api.messenger.example");
    let lines = program.page("/api/v1/ecs?format=ndjson");
    let lines: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(Some(&lines), pages.as_array());
    let rows = api.unwrap()["answers"].as_array().unwrap();
    for (subnet, answer) in subnets.iter().zip(["2", "3", "1", "1"]) {
        let has = |row: &&serde_json::Value| {
            row["subnets"].as_array().unwrap().iter().any(|it| it == subnet)
        };
        let row = rows.iter().find(has).unwrap();
        assert_eq!(row["answer"], format!("149.154.167.{answer}"), "{subnet}");
        // The same as dig gets, with the same scope.
        let output = Command::new("dig")
            .args(["-r", "@127.0.0.1", "-p", &port.to_string(), "+norecurse", "+time=30"])
            .args([&format!("+subnet={subnet}"), "api.messenger.example", "A"])
            .output()
            .unwrap();
        let dig = String::from_utf8(output.stdout).unwrap();
        assert!(dig.contains(&format!("149.154.167.{answer}")), "{dig}");
        let echo = dig.lines().find_map(|line| line.split("CLIENT-SUBNET: ").nth(1)).unwrap();
        let scope: u64 = echo.rsplit('/').next().unwrap().trim().parse().unwrap();
        let scopes = row["scopes"].as_array().unwrap();
        assert!(
            scopes[0].as_u64() <= Some(scope) && scopes[1].as_u64() >= Some(scope),
            "{dig} {row}"
        );
    }
    let text = program.page("/answers?name=api.messenger.example");
    assert!(text.contains("[149.154.167.2] : 1 subnets (DE 1)"), "{text}");
    let page = program.request("GET", "/answers", "accept: text/html\r\n").body;
    assert!(page.contains("198.51.100.0/24"), "{page}");
    assert_eq!(program.request("GET", "/answers?name=elsewhere.example", "").status, 404);
}

#[test]
fn a_server_that_does_not_heed_subnets_is_known_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let responder = Responder::start();
    let program = start(
        folder.path(),
        &format!(
            "vantage: {{ name: fra, region: EMEA }}
ecs:
  - {{ name: deaf, server: '{}:{port}', allow_private: true, interval: 1h, names: {{ a.example: [A] }}, subnets: [198.51.100.0/24, 192.0.2.0/24] }}
  - {{ name: dead, server: '{}:{port}', allow_private: true, interval: 1h, timeout: 100ms, names: {{ a.example: [A] }}, subnets: [198.51.100.0/24] }}
",
            Behaviour::Honest.address(1),
            Behaviour::Silent.address(1),
            port = responder.port
        ),
    );
    program.wait_until_ready();
    let metrics = program.metrics();
    let count = |set: &str, outcome: &str| {
        metrics.value(&format!(
            "dns_consistency_ecs_subnets{{name=\"a.example\",outcome=\"{outcome}\",set=\"{set}\",type=\"A\"}}"
        ))
    };
    assert_eq!((count("deaf", "ignored"), count("dead", "failed")), (2.0, 1.0));
}

#[test]
fn who_answers_where_nobody_is_stands_on_the_way() {
    let responder = Responder::start();
    let intercepted = |behaviour: Behaviour| {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("{}:{}", behaviour.address(1), responder.port);
        let config = format!(
            "vantage: {{ name: fra, region: EMEA }}
ecs: [{{ name: x, server: '{address}', allow_private: true, interval: 1h, timeout: 100ms, names: {{ a.example: [A] }}, subnets: [192.0.2.0/24] }}]
interception: {{ name: a.example, addresses: ['{address}'], timeout: 500ms }}
"
        );
        let program = start(folder.path(), &config);
        program.wait_until("the test was done", |it| {
            it.get("dns_consistency_vantage_intercepted{}").is_some()
        });
        program.metrics().value("dns_consistency_vantage_intercepted{}")
    };
    assert_eq!(intercepted(Behaviour::Silent), 0.0);
    // Whatever is said there.
    assert_eq!(intercepted(Behaviour::Honest), 1.0);
    assert_eq!(intercepted(Behaviour::Refused), 1.0);
}
