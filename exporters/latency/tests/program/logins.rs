//! Modules of `blackbox_exporter` that say who they are: by a token that is fetched, by a certificate, by headers; and
//! others that the tables of other files have no room for.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use super::modules::Row;
use super::proxied::join;

/// `$CERT` and `$KEY` are those of a client of the authority `$CA`; `$PROXY` is a proxy that wants a header.
pub(crate) const LOGINS: [Row; 19] = [
    (
        "page_oauth2",
        "{prober: http, http: {oauth2: {client_id: me, client_secret: s, token_url: 'http://$PAGES/token', \
         scopes: [a, b]}, fail_if_body_not_matches_regexp: ['authorization: bearer t']}}",
        "pages/echo",
    ),
    (
        "page_oauth2_without_a_token",
        "{prober: http, http: {oauth2: {client_id: me, client_secret: s, token_url: 'http://$PAGES/500'}}}",
        "pages/echo",
    ),
    (
        "page_client_certificate",
        "{prober: http, http: {tls_config: {ca_file: $CA, cert_file: $CERT, key_file: $KEY}}}",
        "strict/",
    ),
    (
        "page_no_client_certificate_untrusted",
        "{prober: http, http: {tls_config: {ca_file: $CA, max_version: TLS12}}}",
        "strict/",
    ),
    (
        "page_connect_header",
        "{prober: http, http: {proxy_url: 'http://$PROXY', proxy_connect_header: {X-A: [b]}, \
         tls_config: {ca_file: $CA}}}",
        "secure/",
    ),
    (
        "page_connect_without_header",
        "{prober: http, http: {proxy_url: 'http://$PROXY', tls_config: {ca_file: $CA}}}",
        "secure/",
    ),
    (
        "page_http_headers",
        "{prober: http, http: {http_headers: {X-B: {values: [one, two]}, X-C: {secrets: [three]}}, \
         fail_if_body_not_matches_regexp: ['x-b: one', 'x-c: three']}}",
        "pages/echo",
    ),
    (
        "page_http_headers_of_a_file",
        "{prober: http, http: {http_headers: {X-B: {files: [$TOKEN]}}, \
         fail_if_body_not_matches_regexp: ['x-b: t']}}",
        "pages/echo",
    ),
    ("page_body_file", "{prober: http, http: {method: POST, body_file: $TOKEN}}", "pages/"),
    (
        "grpc_by_tls",
        "{prober: grpc, grpc: {tls: true, tls_config: {ca_file: $CA, server_name: localhost}}}",
        "health by tls",
    ),
    (
        "grpc_by_tls_untrusted",
        "{prober: grpc, timeout: 2s, grpc: {tls: true, tls_config: {server_name: localhost}}}",
        "health by tls",
    ),
    (
        "page_cel_deep",
        "{prober: http, http: {fail_if_body_json_not_matches_cel: 'body.ok && body.n > 2 && \
         body.list.exists(it, it == 2) && size(body.list) == 2 && !has(body.none)'}}",
        "pages/json",
    ),
    (
        "page_cel_deep_matches",
        "{prober: http, http: {fail_if_body_json_matches_cel: 'body.list.all(it, it < 3) ? \
         body.list[1] == 2 : false'}}",
        "pages/json",
    ),
    // Each is late in another phase.
    ("page_late_head", "{prober: http}", "pages/late-head"),
    ("page_late_body", "{prober: http}", "pages/late-body"),
    ("page_late_behind_a_redirect", "{prober: http}", "pages/late-twice"),
    ("page_late_handshake", "{prober: http, http: {tls_config: {ca_file: $CA}}}", "late/"),
    ("dns_late", "{prober: dns, dns: {query_name: late.example}}", "zone"),
    (
        "page_cel_of_no_json",
        "{prober: http, http: {fail_if_body_json_not_matches_cel: 'body.ok'}}",
        "pages/",
    ),
];

/// A proxy that connects for those who say `X-A: b`.
pub(crate) fn proxy() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            // Whoever hangs up early is no fault of the test's.
            thread::spawn(move || connect(stream.unwrap()));
        }
    });
    address
}

fn connect(mut client: TcpStream) -> std::io::Result<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    if !head.to_lowercase().contains("x-a: b\r\n") {
        return client.write_all(b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n");
    }
    let server = TcpStream::connect(head.split(' ').nth(1).unwrap_or_default())?;
    client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n")?;
    join(client, server)
}
