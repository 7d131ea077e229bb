//! Resolvers that answer with a page's own signs, which are text to a browser and to a terminal, and those that break every
//! rule of the protocol.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::responder::{Behaviour, Responder, TRUTH, header};
use super::{of_world, responses, start};

const SCRIPT: &[u8] = b"<script>alert(1)</script>\"'&\x1b[2J";

/// A text, and an identity of the machine, that are a script.
fn replies(query: &[u8], to: Ipv4Addr) -> Vec<(Duration, Ipv4Addr, Vec<u8>)> {
    let length = |more: usize| u16::try_from(SCRIPT.len() + more).unwrap().to_be_bytes();
    let mut reply = header(query, 0, 1);
    // One more record at the end: OPT.
    reply[11] = 1;
    reply.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60]);
    reply.extend(length(1));
    reply.push(u8::try_from(SCRIPT.len()).unwrap());
    reply.extend(SCRIPT);
    reply.extend([0, 0, 41, 4, 208, 0, 0, 0, 0]);
    reply.extend(length(4));
    reply.extend([0, 3]);
    reply.extend(length(0));
    reply.extend(SCRIPT);
    vec![(Duration::ZERO, to, reply)]
}

#[test]
fn what_a_resolver_sends_is_text_on_every_page() {
    let (folder, responder) = (tempfile::tempdir().unwrap(), Responder::start_with(replies));
    let config = format!(
        "vantage: {{ name: fra, region: EMEA }}
sets:
  - {{ name: world, resolvers: [127.0.1.1], port: {}, allow_private: true, nsid: true, min_resolvers: 1, min_networks: 1 }}
questions: [{{ name: api.messenger.example, types: [TXT] }}]
",
        responder.port
    );
    let program = start(folder.path(), &config);
    program.wait_until_ready();
    let html = program.request("GET", "/answers", "accept: text/html\r\n").body;
    assert!(html.contains("&lt;script&gt;alert(1)"), "{html}");
    let results = program.page("/api/v1/results");
    assert!(results.contains("alert(1)") && results.matches("script").count() >= 2, "{results}");
    for page in ["/", "/answers", "/lists", "/metrics", "/api/v1/results", "/api/v1/answers"] {
        for accept in ["text/html", "text/plain"] {
            let answer = program.request("GET", page, &format!("accept: {accept}\r\n"));
            assert_eq!(answer.status, 200, "{page}");
            let is_html = answer.head.to_ascii_lowercase().contains("content-type: text/html");
            assert!(!is_html || !answer.body.contains("<script"), "{page}: {}", answer.body);
            assert!(!answer.body.contains('\x1b'), "{page} moves a terminal's cursor");
        }
    }
    assert!(!program.page("/metrics").contains("alert("), "no answer is a label");
}

/// How each of them is classed, who breaks a rule beside sixty that do not.
const BREAKERS: [(Behaviour, &str); 14] = [
    (Behaviour::Flood, "agree"),
    (Behaviour::CnameLoop, "malformed"),
    (Behaviour::Referral, "referral"),
    (Behaviour::Offtype, "offtype"),
    (Behaviour::RefusedThenReal, "conflict"),
    (Behaviour::TruncatedThenReal, "agree"),
    (Behaviour::WrongPort, "timeout"),
    (Behaviour::TwoOpts, "agree"),
    (Behaviour::BadVersion, "agree"),
    (Behaviour::LongestTtl, "agree"),
    (Behaviour::NegativeTtl, "agree"),
    (Behaviour::TruncatedThenLess, "truncated"),
    (Behaviour::TruncatedThenMost, "truncated"),
    (Behaviour::TruncatedThenHangs, "truncated"),
];

#[test]
fn who_breaks_the_protocol_or_floods_us_is_classed_by_itself_and_harms_nobody_else() {
    let (folder, responder) = (tempfile::tempdir().unwrap(), Responder::start());
    let honest = (1..=60).map(|n| Behaviour::Honest.address(n));
    let breakers = BREAKERS.iter().flat_map(|(it, _)| (1..=2).map(|n| it.address(n)));
    let all: Vec<String> = honest.chain(breakers).map(|it| it.to_string()).collect();
    let config = format!(
        "vantage: {{ name: fra, region: EMEA }}
sets:
  - {{ name: world, resolvers: [{}], port: {}, allow_private: true, timeout: 3s, retries: 1, rate: 100, min_networks: 1 }}
questions: [{{ name: api.messenger.example, types: [A], expected: {{ A: {{ answers: [{}] }} }} }}]
",
        all.join(", "),
        responder.port,
        Ipv4Addr::from(TRUTH)
    );
    let program = start(folder.path(), &config);
    program.wait_until_ready();
    let rows = program.page("/api/v1/results?format=ndjson");
    for address in &all {
        let behaviour = Behaviour::of(address.parse().unwrap());
        let wanted = BREAKERS.iter().find(|(it, _)| *it == behaviour).map_or("agree", |it| it.1);
        let row = rows.lines().find(|it| it.contains(&format!("\"{address}\"")));
        let row = row.unwrap_or_else(|| panic!("{address} is not in\n{rows}"));
        assert!(row.contains(&format!("\"class\":\"{wanted}\"")), "{behaviour:?}: {row}");
    }
    let metrics = program.metrics();
    assert_eq!(responses(&metrics, "A", "world", "local_error"), 0.0);
    assert_eq!(metrics.value("dns_consistency_sweep_degraded{set=\"world\"}"), 0.0);
    assert_eq!(of_world(&metrics, "verdict", "verdict=\"unexpected\""), 0.0);
    assert_eq!(of_world(&metrics, "verdict", "verdict=\"failing\""), 0.0);
    // One that understands another version of EDNS is asked without.
    assert_eq!(of_world(&metrics, "flag_resolvers", "flag=\"no_edns\""), 2.0);
    let of_reason = |reason: &str| {
        metrics.value(&format!(
            "dns_consistency_datagrams_ignored_total{{reason=\"{reason}\",set=\"world\"}}"
        ))
    };
    // What the kernel had to drop of a flood is nobody's answer, and no error of ours.
    assert!(of_reason("duplicate") > 10_000.0, "{}", of_reason("duplicate"));
    // Each was asked once more, for it seems silent.
    assert_eq!(of_reason("wrong_source"), 4.0);
}
