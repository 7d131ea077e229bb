//! Resolvers that answer with a page's own signs: whatever they send is text to a browser, and to a terminal.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::responder::{Responder, header};
use super::start;

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
