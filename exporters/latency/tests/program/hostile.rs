//! Servers that mean harm: each fails for its one reason, and none of them costs memory.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use peers::Authority;

use super::running::{fails_for, start, wait_for_probes};
use super::web::Web;
use super::{VANTAGE, web};

/// What is done with each connection, once something was said.
fn server(
    act: impl Fn(&mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, act) = (listener.local_addr().unwrap(), Arc::new(act));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, act) = (stream.unwrap(), Arc::clone(&act));
            thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                let _ = act(&mut stream);
                // Open until the other side has seen it.
                let _ = stream.shutdown(std::net::Shutdown::Write);
                let _ = stream.read_to_end(&mut Vec::new());
            });
        }
    });
    address
}

/// Says this.
pub(crate) fn says(bytes: &[u8]) -> SocketAddr {
    let bytes = bytes.to_vec();
    server(move |stream| stream.write_all(&bytes))
}

/// Says this, and then that for ever.
fn goes_on(head: &[u8], more: &[u8]) -> SocketAddr {
    // In pieces of a size that a network carries.
    let (head, more) = (head.to_vec(), more.repeat(1 + 8_192 / more.len()));
    server(move |stream| {
        stream.write_all(&head)?;
        loop {
            stream.write_all(&more)?;
        }
    })
}

#[test]
fn each_server_that_means_harm_has_its_one_reason_and_costs_no_memory() {
    let authority = Authority::default();
    let ok: &[u8] = b"HTTP/1.1 200 OK\r\n";
    let sized: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort";
    let chunked: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let crowded = Web::tls(web::chain(&authority, "127.0.0.1", 1_000));
    let silent = Web::tls(web::server(&authority, "127.0.0.1"));
    let by_http = |address: SocketAddr| format!("http://{address}/");
    let by_tls = |address: SocketAddr| format!("https://{address}/");
    let targets = [
        (
            "headers-without-end",
            by_http(goes_on(ok, b"X-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n")),
            "http_status",
        ),
        ("header-without-end", by_http(goes_on(b"HTTP/1.1 200 OK\r\nX: ", b"a")), "http_status"),
        ("status-without-end", by_http(goes_on(b"HTTP/1.1 200 ", b"a")), "http_status"),
        ("no-http", by_http(goes_on(b"220 smtp.example\r\n", b"x")), "http_status"),
        ("bytes-of-zero", by_http(goes_on(b"", b"\0")), "http_status"),
        ("short", by_http(says(sized)), "body"),
        ("no-chunk", by_http(says(&[chunked, b"zz\r\nhello"].concat())), "body"),
        ("large-chunk", by_http(says(&[chunked, b"fffffffffffffff\r\nhello"].concat())), "body"),
        ("chunk-extension", by_http(goes_on(&[chunked, b"5;"].concat(), b"a")), "body"),
        (
            "two-lengths",
            by_http(says(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab")),
            "http_status",
        ),
        ("nothing", by_http(says(b"")), "reset"),
        (
            "round-and-round",
            by_http(says(b"HTTP/1.1 302 No\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n")),
            "http_status",
        ),
        (
            "drops",
            by_http(server(|stream| {
                stream.write_all(b"HTTP/1.1 200 OK\r\nX: ")?;
                (0..).try_for_each(|_| {
                    thread::sleep(Duration::from_millis(20));
                    stream.write_all(b"a")
                })
            })),
            "timeout",
        ),
        ("no-tls", by_tls(says(b"HTTP/1.1 400 Bad Request\r\n\r\n")), "tls_handshake"),
        ("empty-records", by_tls(goes_on(b"", &[22, 3, 3, 0, 0])), "tls_handshake"),
        ("long-record", by_tls(goes_on(&[22, 3, 3, 255, 255], b"a")), "tls_handshake"),
        (
            "long-hello",
            by_tls(goes_on(
                b"",
                &[&[22, 3, 3, 64, 0, 2, 255, 255, 255][..], &[0; 16_380]].concat(),
            )),
            "tls_handshake",
        ),
        ("warnings", by_tls(goes_on(b"", &[21, 3, 3, 0, 2, 1, 90])), "tls_handshake"),
        ("certificates", by_tls(SocketAddr::from(([127, 0, 0, 1], crowded.port))), "tls_handshake"),
        ("silent", format!("https://127.0.0.1:{}/hold", silent.port), "timeout"),
    ];
    let mut text = format!(
        "{VANTAGE}modules:\n  patient: {{prober: http, interval: 500ms, timeout: 30s, http: {{follow_redirects: \
         true, tls_config: {{ca_file: ca.pem}}}}}}\n  brief: {{prober: http, interval: 250ms, timeout: 2s, \
         http: {{tls_config: {{ca_file: ca.pem}}}}}}\ntargets:\n"
    );
    for (name, url, reason) in &targets {
        let module = if *reason == "timeout" { "brief" } else { "patient" };
        writeln!(text, "  - {{name: {name}, module: {module}, address: '{url}'}}").unwrap();
    }
    let program = start(&text, &[("ca.pem", &authority.pem())]);
    for (name, _, reason) in &targets {
        let metrics = wait_for_probes(&program, name, 30.0);
        assert!(fails_for(&metrics, name, reason), "{name}: {:?}", super::failures(&metrics, name));
    }
    let status = fs::read_to_string(format!("/proc/{}/status", program.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").trim().parse().unwrap();
    assert!(peak < 150 << 10, "{peak} kB");
    assert!(program.stop().success());
}
