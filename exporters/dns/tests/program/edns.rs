//! Resolvers that do not understand EDNS, that cannot validate, and that say which of their machines they are.

use std::fmt::Write as _;

use peers::{NameServer, Scrape};

use crate::responder::{Behaviour, Responder};
use crate::{of_world, responses, start};

fn set(resolvers: &str, port: u16, more: &str) -> String {
    format!(
        "vantage: {{ name: fra, region: EMEA }}
sets:
  - {{ name: world, resolvers: [{resolvers}], port: {port}, allow_private: true, timeout: 500ms, {more} }}
questions: [{{ name: api.messenger.example, types: [A] }}]
"
    )
}

fn list(all: &[(Behaviour, u8)]) -> String {
    let mut text = String::new();
    for (behaviour, count) in all {
        for n in 1..=*count {
            write!(text, "{}, ", behaviour.address(n)).unwrap();
        }
    }
    text
}

#[test]
fn who_does_not_understand_edns_is_asked_without_and_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let responder = Responder::start();
    let all = [(Behaviour::Honest, 4), (Behaviour::Phobic, 2), (Behaviour::Deaf, 2)];
    let program = start(folder.path(), &set(&list(&all), responder.port, "interval: 3s"));
    program.wait_until_ready();
    let fallbacks =
        |metrics: &Scrape| metrics.value("dns_consistency_retries_total{set=\"world\"}");
    // The silent ones are asked without EDNS in the next sweep, and are known when they were silent once more.
    program.wait_until("all have answered", |it| responses(it, "A", "world", "agree") == 8.0);
    program.wait_until("all are known", |it| {
        of_world(it, "flag_resolvers", "flag=\"no_edns\"") == 4.0
    });
    let metrics = program.metrics();
    assert_eq!(responses(&metrics, "A", "world", "agree"), 8.0);
    assert_eq!(fallbacks(&metrics), 2.0);
    // They are known by now: each gets one query a sweep.
    let sweeps = "dns_consistency_sweeps_total{result=\"complete\",set=\"world\"}";
    let ended = metrics.value(sweeps);
    program.wait_until("another sweep", |it| it.value(sweeps) > ended);
    assert_eq!(fallbacks(&program.metrics()), 2.0);
    assert_eq!(responses(&program.metrics(), "A", "world", "agree"), 8.0);
}

#[test]
fn a_failure_that_is_an_answer_without_validation_is_told_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let responder = Responder::start();
    let all = [(Behaviour::Honest, 4), (Behaviour::Bogus, 3), (Behaviour::Servfail, 2)];
    let program = start(folder.path(), &set(&list(&all), responder.port, "interval: 1h"));
    program.wait_until_ready();
    let metrics = program.metrics();
    for (outcome, count) in [("agree", 4.0), ("bogus", 3.0), ("servfail", 2.0)] {
        assert_eq!(responses(&metrics, "A", "world", outcome), count, "{outcome}");
    }
    // The one more question, and nothing else.
    for ((address, _), count) in responder.counts() {
        let wanted = if Behaviour::of(address) == Behaviour::Honest { 1 } else { 2 };
        assert_eq!(count, wanted, "{address}");
    }
    let row = program.page("/api/v1/results?class=bogus&format=ndjson");
    assert_eq!(row.lines().count(), 3, "{row}");
}

/// A resolver that trusts a key for a zone that is not signed: it can validate nothing in it.
const ZONE: &str = "\
$ORIGIN messenger.example.
$TTL 300
@    SOA  ns1 hostmaster 1 3600 600 86400 300
@    NS   ns1
ns1  A    127.0.0.1
api  A    149.154.167.220
";

#[test]
fn a_real_resolver_that_cannot_validate_says_why_and_which_of_its_machines_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let authority = NameServer::nsd(None, "authority", "messenger.example", ZONE);
    let more = format!(
        "  module-config: \"validator iterator\"
  trust-anchor: \"messenger.example. DS 12345 13 2 1111111111111111111111111111111111111111111111111111111111111111\"
  ede: yes
  nsid: \"ascii_left-rack\"
  do-not-query-localhost: no
stub-zone:
  name: messenger.example
  stub-addr: 127.0.0.1@{}
",
        authority.address().port()
    );
    let unbound = NameServer::unbound(None, &[], &more);
    let port = unbound.address().port();
    let dig = |flag: &str| {
        let output = std::process::Command::new("dig")
            .args(["-r", "@127.0.0.1", "-p", &port.to_string(), "+time=30", flag])
            .args(["api.messenger.example", "A"])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let (checked, unchecked) = (dig("+nocdflag"), dig("+cdflag"));
    assert!(checked.contains("status: SERVFAIL"), "{checked}");
    assert!(unchecked.contains("149.154.167.220"), "{unchecked}");
    let code = checked.lines().find_map(|line| line.split("; EDE: ").nth(1)).unwrap();
    let code = code.split(' ').next().unwrap();

    let config = set("127.0.0.1", port, "interval: 1h, nsid: true");
    let program = start(folder.path(), &config.replace("500ms", "5s"));
    program.wait_until_ready();
    let metrics = program.metrics();
    assert_eq!(responses(&metrics, "A", "world", "bogus"), 1.0);
    assert_eq!(of_world(&metrics, "ede_resolvers", &format!("code=\"{code}\"")), 1.0);
    let row = program.page("/api/v1/resolvers/127.0.0.1?format=ndjson");
    assert!(row.contains("\"nsid\":\"left-rack\""), "{row}");
    assert!(row.contains(&format!("\"extended_error\":{code}")), "{row}");
    assert!(!program.page("/metrics").contains("left-rack"), "no label");
}
