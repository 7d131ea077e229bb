//! Files of the peer's as people have them, in words of our own: each is taken as it is, with what is hardly meant told.

use super::*;

/// Whose it is, a config, and what is warned of.
const FILES: [(&str, &str, &[&str]); 8] = [
    // The family is spelled as many do, which the peer takes for the same.
    (
        "a node's",
        "modules:\n  ping:\n    prober: icmp\n    timeout: 10s\n    icmp:\n      preferred_ip_protocol: ipv4",
        &[],
    ),
    // A version that no answer has, as in the example of the peer itself.
    (
        "a token's",
        "modules: {m: {prober: http, http: {valid_http_versions: [HTTP/1.1, HTTP/2], method: GET}}}",
        &["modules.m.http.valid_http_versions: one of them no answer ever has"],
    ),
    (
        "by HTTP/3",
        "modules: {h3: {prober: http, timeout: 5s, http: {method: GET, enable_http2: false, \
         enable_http3: true, valid_http_versions: [HTTP/3.0], valid_status_codes: []}}}",
        &[],
    ),
    // One space is indentation enough, and a name may be of digits and dots.
    (
        "a club's",
        "modules:\n 0815_page:\n  prober: http\n  http:\n   method: GET\n dns_a.example:\n  prober: dns\n  \
         dns:\n   query_name: a.example\n",
        &[],
    ),
    (
        "a mail server's",
        "modules: {smtp: {prober: tcp, timeout: 5s, tcp: {query_response: [{expect: '^220 ([^ ]+) ESMTP'}, \
         {send: \"EHLO prober\\r\"}, {expect: '^250-STARTTLS'}, {send: \"STARTTLS\\r\"}, {expect: '^220'}, \
         {starttls: true}, {send: \"QUIT\\r\"}], tls_config: {insecure_skip_verify: false}}}}",
        &[],
    ),
    (
        "a database's",
        "modules: {rest: {prober: http, http: {method: POST, headers: {Content-Type: application/json, \
         Host: localhost}, body: '{\"a\": [\"é\"]}', basic_auth: {username: a, password: b}, \
         fail_if_body_not_matches_regexp: ['.*'], fail_if_ssl: false, fail_if_not_ssl: false}}}",
        &[],
    ),
    (
        "a network's",
        "modules: {ping4: {prober: icmp, icmp: {preferred_ip_protocol: ip4, ip_protocol_fallback: false}}, \
         ping6: {prober: icmp, icmp: {preferred_ip_protocol: ip6, ip_protocol_fallback: false, ttl: 10}}, \
         cert: {prober: tcp, tcp: {tls: true, tls_config: {}, preferred_ip_protocol: ip4}}}",
        &[],
    ),
    // What belongs to another prober is told.
    (
        "a hurried one's",
        "modules: {icmp: {prober: icmp, tcp: {preferred_ip_protocol: ip4}}, none: {prober: tcp, tcp: }}",
        &["modules.icmp.tcp: has no effect: the prober is another"],
    ),
];

#[test]
fn what_people_have_in_their_files_is_taken_as_the_peer_takes_it() {
    for (whose, text, wanted) in FILES {
        let config = load(text).unwrap_or_else(|error| panic!("{whose}: {error:#}"));
        let warnings = config.warnings();
        let told: Vec<_> = warnings.iter().filter(|it| it.starts_with("modules.")).collect();
        assert_eq!(told.len(), wanted.len(), "{whose}: {told:?}");
        assert!(told.iter().zip(wanted).all(|(told, wanted)| told.starts_with(wanted)), "{told:?}");
    }
    let families = |word: &str| {
        let section = format!("{{preferred_ip_protocol: {word}, ip_protocol_fallback: false}}");
        let config = load(&format!("modules: {{m: {{prober: icmp, icmp: {section}}}}}")).unwrap();
        config.offer().modules["m"].module.prober.families()
    };
    assert_eq!(families("ipv4"), families("ip4"));
    assert_ne!(families("ipv4"), families("ip6"));
}
