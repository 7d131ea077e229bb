//! A real resolver, and what is understood of it.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, UdpSocket};

use peers::{NameServer, free_port};

use super::start;

/// Whether this machine speaks IPv6 to itself.
fn has_ipv6() -> bool {
    UdpSocket::bind("[::1]:0").is_ok()
}

/// A real resolver that serves a zone of its own.
pub(crate) fn unbound() -> NameServer {
    let port = free_port();
    let interface = |n| format!("  interface: 127.0.0.{n}@{port}\n");
    let record = |n| format!("  local-data: \"many.messenger.example. A 149.154.167.{n}\"\n");
    let mut interfaces = (2..=4).map(interface).collect::<Vec<_>>().concat();
    if has_ipv6() {
        write!(interfaces, "  interface: ::1@{port}\n  access-control: ::1 allow\n").unwrap();
    }
    let many = (1..=60).map(record).collect::<Vec<_>>().concat();
    let more = format!(
        "{interfaces}  module-config: \"iterator\"
  max-udp-size: 512
  local-zone: \"messenger.example.\" static
  local-data: \"api.messenger.example. A 149.154.167.220\"
  local-data: \"api.messenger.example. A 149.154.167.99\"
  local-data: \"-odd-._.messenger.example. A 149.154.167.1\"
{many}"
    );
    NameServer::unbound(Some((Ipv4Addr::LOCALHOST, port).into()), &[], &more)
}

#[test]
fn a_real_resolver_is_understood() {
    let (unbound, folder) = (unbound(), tempfile::tempdir().unwrap());
    let (six, all) = if has_ipv6() { (", '::1'", 5.0) } else { ("", 4.0) };
    let program = start(
        folder.path(),
        &format!(
            "vantage: {{ name: fra, region: EMEA }}
sets:
  - name: world
    resolvers: [127.0.0.1, 127.0.0.2, 127.0.0.3, 127.0.0.4{six}]
    port: {}
    allow_private: true
    min_resolvers: 3
    min_networks: 1
questions:
  - {{ name: api.messenger.example, types: [A, AAAA], expected: {{ A: {{ mode: superset, answers: [149.154.167.220] }} }} }}
  - {{ name: gone.messenger.example, types: [A] }}
  - {{ name: -odd-._.messenger.example, types: [A] }}
  - {{ name: many.messenger.example, types: [A], expected: {{ A: {{ mode: subset, answers: [149.154.167.0/24] }} }} }}
",
            unbound.address().port()
        ),
    );
    program.wait_until_ready();
    let metrics = program.metrics();
    for (name, kind) in
        [("api", "A"), ("api", "AAAA"), ("gone", "A"), ("-odd-._", "A"), ("many", "A")]
    {
        let labels = format!(
            "name=\"{name}.messenger.example\",outcome=\"agree\",set=\"world\",type=\"{kind}\""
        );
        assert_eq!(
            metrics.value(&format!("dns_consistency_responses{{{labels}}}")),
            all,
            "{name} {kind}"
        );
    }
    for (name, flag, count) in [
        ("many", "tc", all),
        ("api", "tc", 0.0),
        ("api", "case_mismatch", 0.0),
        ("api", "ra_missing", 0.0),
    ] {
        let labels =
            format!("flag=\"{flag}\",name=\"{name}.messenger.example\",set=\"world\",type=\"A\"");
        assert_eq!(
            metrics.value(&format!("dns_consistency_flag_resolvers{{{labels}}}")),
            count,
            "{name} {flag}"
        );
    }
    for name in ["api", "many"] {
        let labels = format!("name=\"{name}.messenger.example\",set=\"world\",type=\"A\"");
        assert_eq!(
            metrics.value(&format!("dns_consistency_consensus_matches_expected{{{labels}}}")),
            1.0
        );
    }
    let answers = program.page("/answers");
    assert!(
        answers.contains(&format!("[149.154.167.99 149.154.167.220] : {all} occurrences")),
        "{answers}"
    );
    assert!(
        answers
            .contains(&format!("gone.messenger.example A (set world, {all} resolvers): uniform")),
        "{answers}"
    );
}
