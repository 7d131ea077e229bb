//! Modules of `blackbox_exporter`, each with whom it probes.

/// A module by its name, as the config has it, and the word for its server.
pub(crate) type Row = (&'static str, &'static str, &'static str);

/// Of the probers `tcp` and `unix`.
pub(crate) const TALKS: [Row; 18] = [
    ("tcp", "{prober: tcp}", "ssh"),
    ("tcp_by_name", "{prober: tcp, tcp: {preferred_ip_protocol: ip4}}", "ssh by name"),
    ("tcp_refused", "{prober: tcp}", "closed"),
    ("tcp_no_such_family", "{prober: tcp, tcp: {ip_protocol_fallback: false}}", "ssh"),
    ("tcp_source", "{prober: tcp, tcp: {source_ip_address: 127.0.0.7}}", "ssh"),
    (
        "tcp_labels",
        "{prober: tcp, timeout: 3s, tcp: {query_response: [{expect: '^SSH-2.0-([^ -]+)(?: (.*))?$', \
         labels: [{name: ssh_version, value: '${1}'}, {name: rest, value: '<$2>'}]}, {send: quit}]}}",
        "ssh",
    ),
    ("tcp_no_match", "{prober: tcp, tcp: {query_response: [{expect: '^three$'}]}}", "brief"),
    ("tcp_last_line", "{prober: tcp, tcp: {query_response: [{expect: '^two$'}]}}", "brief"),
    (
        "tcp_too_late",
        "{prober: tcp, timeout: 500ms, tcp: {query_response: [{expect: x}]}}",
        "quiet",
    ),
    (
        "tcp_dialogue",
        "{prober: tcp, tcp: {query_response: [{send: 'a b'}, {expect: '^re: (\\w) (?P<last>\\w)$', \
         send: '${last}-${1}'}, {expect: '^re: b-a$'}]}}",
        "quiet",
    ),
    ("tcp_latin", "{prober: tcp, tcp: {query_response: [{expect: '^220 b.cher$'}]}}", "latin"),
    ("tcp_bytes", "{prober: tcp, tcp: {query_response: [{send: x}, {expect_bytes: S}]}}", "bytes"),
    ("tcp_other_bytes", "{prober: tcp, tcp: {query_response: [{expect_bytes: N}]}}", "bytes"),
    ("tcp_few_bytes", "{prober: tcp, tcp: {query_response: [{expect_bytes: SSH}]}}", "bytes"),
    (
        "tcp_binary",
        "{prober: tcp, tcp: {query_response: [{send: !!binary AAAACATSFi8=}, \
         {expect_bytes: 're: '}]}}",
        "quiet",
    ),
    (
        "unix",
        "{prober: unix, unix: {query_response: [{expect: '^hello (.+)$', send: '${1}'}, \
         {expect: 're: there'}]}}",
        "socket",
    ),
    (
        "unix_no_match",
        "{prober: unix, timeout: 500ms, unix: {query_response: [{expect: bye}]}}",
        "socket",
    ),
    ("unix_nobody", "{prober: unix}", "no socket"),
];

/// Of the prober `dns`.
pub(crate) const QUESTIONS: [Row; 18] = [
    ("dns_a", "{prober: dns, dns: {query_name: www.example, query_type: A}}", "zone"),
    (
        "dns_tcp",
        "{prober: dns, dns: {query_name: www.example, query_type: A, transport_protocol: tcp}}",
        "zone",
    ),
    ("dns_soa", "{prober: dns, dns: {query_name: example, query_type: SOA}}", "zone"),
    ("dns_soa_of_none", "{prober: dns, dns: {query_name: www.example, query_type: SOA}}", "zone"),
    ("dns_nxdomain", "{prober: dns, dns: {query_name: none.example, query_type: A}}", "zone"),
    (
        "dns_nxdomain_wanted",
        "{prober: dns, dns: {query_name: none.example, query_type: A, valid_rcodes: [NXDOMAIN]}}",
        "zone",
    ),
    (
        "dns_no_code",
        "{prober: dns, dns: {query_name: www.example, query_type: A, valid_rcodes: []}}",
        "zone",
    ),
    (
        "dns_line",
        "{prober: dns, dns: {query_name: www.example, query_type: A, \
         validate_answer_rrs: {fail_if_not_matches_regexp: \
         [\"^www\\\\.example\\\\.\\t300\\tIN\\tA\\t192\\\\.0\\\\.2\\\\.\\\\d$\"]}, \
         validate_authority_rrs: {fail_if_none_matches_regexp: [\"^example.\\t300\\tIN\\tSOA\\t\
         ns.example. host.example. 2016365489 1 2 3 4$\"]}, \
         validate_additional_rrs: {fail_if_none_matches_regexp: [\"^ns.example.\\t60\\tIN\\tAAAA\\t\
         2001:db8::1$\"]}}}",
        "zone",
    ),
    (
        "dns_text",
        "{prober: dns, dns: {query_name: www.example, query_type: TXT, \
         validate_answer_rrs: {fail_if_not_matches_regexp: \
         ['\\tTXT\\t\"a \\\\\"b\\\\\" \\\\\\\\c\" \"\\\\195\\\\169\\\\010\"$']}}}",
        "zone",
    ),
    (
        "dns_mx",
        "{prober: dns, dns: {query_name: www.example, query_type: MX, \
         validate_answer_rrs: {fail_if_not_matches_regexp: ['\\tIN\\tMX\\t10 a\\.b\\.example\\.$']}}}",
        "zone",
    ),
    (
        "dns_matches",
        "{prober: dns, dns: {query_name: www.example, query_type: A, \
         validate_answer_rrs: {fail_if_matches_regexp: ['2$']}}}",
        "zone",
    ),
    (
        "dns_all_match",
        "{prober: dns, dns: {query_name: www.example, query_type: A, \
         validate_answer_rrs: {fail_if_all_match_regexp: ['192']}}}",
        "zone",
    ),
    (
        "dns_not_all_match",
        "{prober: dns, dns: {query_name: www.example, query_type: A, \
         validate_answer_rrs: {fail_if_all_match_regexp: ['2$']}}}",
        "zone",
    ),
    (
        "dns_nothing_to_match",
        "{prober: dns, dns: {query_name: www.example, query_type: AAAA, \
         validate_answer_rrs: {fail_if_none_matches_regexp: ['.']}}}",
        "zone",
    ),
    (
        "dns_chaos",
        "{prober: dns, dns: {query_name: www.example, query_type: A, query_class: CH, \
         recursion_desired: false}}",
        "zone",
    ),
    ("dns_refused", "{prober: dns, dns: {query_name: example}}", "closed"),
    (
        "dns_tcp_refused",
        "{prober: dns, dns: {query_name: example, transport_protocol: tcp}}",
        "closed",
    ),
    ("dns_mute", "{prober: dns, timeout: 500ms, dns: {query_name: mute.example}}", "zone"),
];

/// Those that speak TLS; `$CA` is the file of an authority that has signed for `localhost`.
pub(crate) const SHAKES: [Row; 13] = [
    (
        "tls",
        "{prober: tcp, tcp: {tls: true, query_response: [{expect: '^hello$'}], \
         tls_config: {ca_file: $CA, server_name: localhost}}}",
        "tls",
    ),
    (
        "tls_by_name",
        "{prober: tcp, tcp: {tls: true, preferred_ip_protocol: ip4, tls_config: {ca_file: $CA}}}",
        "tls by name",
    ),
    (
        "tls_1_2",
        "{prober: tcp, tcp: {tls: true, \
         tls_config: {ca_file: $CA, server_name: localhost, max_version: TLS12}}}",
        "tls",
    ),
    ("tls_any", "{prober: tcp, tcp: {tls: true, tls_config: {insecure_skip_verify: true}}}", "tls"),
    ("tls_untrusted", "{prober: tcp, tcp: {tls: true}}", "tls by name"),
    (
        "tls_other_name_untrusted",
        "{prober: tcp, tcp: {tls: true, tls_config: {ca_file: $CA, server_name: other.example}}}",
        "tls",
    ),
    ("tls_of_none", "{prober: tcp, timeout: 500ms, tcp: {tls: true}}", "quiet"),
    (
        "starttls",
        "{prober: tcp, tcp: {query_response: [{expect: '^220 '}, {send: STARTTLS}, \
         {expect: '^220'}, {starttls: true}, {expect: '^250 safe'}], \
         tls_config: {ca_file: $CA, server_name: localhost}}}",
        "starter",
    ),
    (
        "starttls_untrusted",
        "{prober: tcp, tcp: {query_response: [{expect: '^220 ', send: STARTTLS}, \
         {expect: '^220', starttls: true}], tls_config: {server_name: localhost}}}",
        "starter",
    ),
    (
        "dns_over_tls",
        "{prober: dns, dns: {query_name: www.example, query_type: A, transport_protocol: tcp, \
         dns_over_tls: true, tls_config: {ca_file: $CA, server_name: localhost}}}",
        "zone by tls",
    ),
    (
        "https",
        "{prober: http, http: {fail_if_not_ssl: true, \
         tls_config: {ca_file: $CA, server_name: localhost}}}",
        "https",
    ),
    (
        "https_not_wanted",
        "{prober: http, http: {fail_if_ssl: true, tls_config: {insecure_skip_verify: true}}}",
        "https",
    ),
    ("https_untrusted", "{prober: http}", "https"),
];

/// Of the prober `http`.
pub(crate) const PAGES: [Row; 14] = [
    ("http", "{prober: http}", "web/ok"),
    ("http_error", "{prober: http}", "web/error"),
    ("http_error_wanted", "{prober: http, http: {valid_status_codes: [500]}}", "web/error"),
    ("http_moved", "{prober: http}", "web/moved"),
    ("http_not_followed", "{prober: http, http: {follow_redirects: false}}", "web/moved"),
    ("http_cut", "{prober: http}", "web/cut"),
    ("http_garbage", "{prober: http}", "web/garbage"),
    ("http_stall", "{prober: http, timeout: 500ms}", "web/stall"),
    ("http_refused", "{prober: http}", "closed"),
    ("http_match", "{prober: http, http: {fail_if_body_not_matches_regexp: ['^hell']}}", "web/ok"),
    ("http_no_match", "{prober: http, http: {fail_if_body_matches_regexp: [ello]}}", "web/ok"),
    (
        "http_header",
        "{prober: http, http: {fail_if_header_not_matches: [{header: Content-Length, \
         regexp: '^4$'}]}}",
        "web/ok",
    ),
    ("http_no_ssl", "{prober: http, http: {fail_if_not_ssl: true}}", "web/ok"),
    ("http_no_such_family", "{prober: http, http: {ip_protocol_fallback: false}}", "web/ok"),
];

/// Of the prober `grpc`.
pub(crate) const HEALTHS: [Row; 5] = [
    ("grpc", "{prober: grpc, grpc: {tls: false}}", "health"),
    ("grpc_down", "{prober: grpc, grpc: {service: down}}", "health"),
    ("grpc_unknown", "{prober: grpc, grpc: {service: nobody}}", "health"),
    ("grpc_refused", "{prober: grpc, timeout: 2s, grpc: {service: any}}", "closed"),
    ("grpc_no_such_family", "{prober: grpc, grpc: {ip_protocol_fallback: false}}", "health"),
];

/// Of the prober `icmp`.
pub(crate) const ECHOES: [Row; 6] = [
    ("icmp", "{prober: icmp}", "127.0.0.1"),
    ("icmp_v6", "{prober: icmp}", "::1"),
    ("icmp_ttl", "{prober: icmp, icmp: {ttl: 5}}", "127.0.0.1"),
    ("icmp_whole", "{prober: icmp, icmp: {dont_fragment: true, payload_size: 1000}}", "127.0.0.1"),
    ("icmp_source", "{prober: icmp, icmp: {source_ip_address: 127.0.0.9}}", "127.0.0.1"),
    ("icmp_no_such_family", "{prober: icmp, icmp: {ip_protocol_fallback: false}}", "127.0.0.1"),
];
