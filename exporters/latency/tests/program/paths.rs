//! Servers of HTTP that have an answer of their own for each path, plain and by TLS; and modules of
//! `blackbox_exporter` that ask them.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::thread;
use std::time::Duration;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderValue, LOCATION};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use openssl::pkey::PKey;
use openssl::ssl::{
    AlpnError, Ssl, SslContext, SslContextBuilder, SslMethod, SslVerifyMode, SslVersion,
    select_next_proto,
};
use openssl::x509::X509;
use peers::{Authority, HttpServer, Signed};
use tokio_openssl::SslStream;

use super::modules::Row;

/// Those of the prober `http` for `pages`, and for `secure` by TLS.
pub(crate) const HTTP: [Row; 60] = [
    ("page", "{prober: http}", "pages/"),
    ("page_moved", "{prober: http}", "pages/2"),
    (
        "page_moved_wanted",
        "{prober: http, http: {no_follow_redirects: true, valid_status_codes: [302]}}",
        "pages/2",
    ),
    ("page_moved_for_ever", "{prober: http}", "pages/loop"),
    ("page_moved_nowhere", "{prober: http, http: {valid_status_codes: [301]}}", "pages/nowhere"),
    ("page_moved_to_a_file", "{prober: http}", "pages/file"),
    (
        "page_cookie",
        "{prober: http, http: {fail_if_body_not_matches_regexp: ['cookie: a=b', 'referer: http']}}",
        "pages/cookie",
    ),
    ("page_500", "{prober: http}", "pages/500"),
    ("page_500_cut", "{prober: http}", "pages/500cut"),
    ("page_cut", "{prober: http, http: {fail_if_body_matches_regexp: [x]}}", "pages/cut"),
    ("page_old", "{prober: http}", "pages/old"),
    ("page_too_old", "{prober: http, http: {valid_http_versions: [HTTP/1.1]}}", "pages/old"),
    ("page_chunked", "{prober: http}", "pages/chunked"),
    ("page_chunked_cut", "{prober: http}", "pages/chunkedcut"),
    ("page_packed", "{prober: http}", "pages/gzip"),
    ("page_gzip", "{prober: http, http: {compression: gzip}}", "pages/gzip"),
    (
        "page_gzip_too_long",
        "{prober: http, http: {compression: gzip, body_size_limit: 10B}}",
        "pages/gzip",
    ),
    ("page_not_gzip", "{prober: http, http: {compression: gzip}}", "pages/"),
    ("page_deflate", "{prober: http, http: {compression: deflate}}", "pages/deflate"),
    ("page_too_long", "{prober: http, http: {body_size_limit: 3B}}", "pages/"),
    ("page_long_enough", "{prober: http, http: {body_size_limit: 5B}}", "pages/"),
    ("page_204", "{prober: http}", "pages/204"),
    ("page_304", "{prober: http, http: {valid_status_codes: [304]}}", "pages/304"),
    ("page_999", "{prober: http}", "pages/999"),
    ("page_no_http", "{prober: http}", "pages/ssh"),
    ("page_nothing", "{prober: http}", "pages/nothing"),
    ("page_length_twice", "{prober: http}", "pages/twice"),
    ("page_length_and_chunks", "{prober: http}", "pages/both"),
    ("page_folded", "{prober: http}", "pages/folded"),
    ("page_space", "{prober: http}", "pages/space"),
    ("page_many_headers", "{prober: http}", "pages/many"),
    ("page_early", "{prober: http}", "pages/early"),
    ("page_head", "{prober: http, http: {method: HEAD}}", "pages/"),
    ("page_post", "{prober: http, http: {method: POST}}", "pages/length"),
    ("page_post_body", "{prober: http, http: {method: POST, body: '{}'}}", "pages/length"),
    ("page_delete", "{prober: http, http: {method: DELETE}}", "pages/length"),
    (
        "page_headers",
        "{prober: http, http: {headers: {Host: v.example, X-A: b}, \
         fail_if_body_not_matches_regexp: ['host: v.example', 'x-a: b', 'connection: close']}}",
        "pages/echo",
    ),
    (
        "page_few_headers",
        "{prober: http, http: {fail_if_body_matches_regexp: [accept, transfer-encoding]}}",
        "pages/echo",
    ),
    ("page_login", "{prober: http, http: {basic_auth: {username: u, password: p}}}", "pages/login"),
    ("page_no_login", "{prober: http}", "pages/login"),
    (
        "page_bearer",
        "{prober: http, http: {bearer_token: c, \
         fail_if_body_not_matches_regexp: ['authorization: bearer c']}}",
        "pages/echo",
    ),
    (
        "page_cel",
        "{prober: http, http: {fail_if_body_json_not_matches_cel: \
         'body.ok && body.n == 3 && body.list.exists(x, x > 1)'}}",
        "pages/json",
    ),
    ("page_cel_no", "{prober: http, http: {fail_if_body_json_matches_cel: body.ok}}", "pages/json"),
    ("page_cel_html", "{prober: http, http: {fail_if_body_json_matches_cel: body.ok}}", "pages/"),
    (
        "page_cel_none",
        "{prober: http, http: {fail_if_body_json_matches_cel: body.x}}",
        "pages/json",
    ),
    (
        "page_header_of_two",
        "{prober: http, http: {fail_if_header_matches: [{header: x-a, regexp: two}]}}",
        "pages/json",
    ),
    (
        "page_header_missing",
        "{prober: http, http: {fail_if_header_not_matches: [{header: x-b, regexp: a}]}}",
        "pages/json",
    ),
    (
        "page_header_may_be_missing",
        "{prober: http, http: {fail_if_header_not_matches: [{header: x-b, regexp: a, \
         allow_missing: true}]}}",
        "pages/json",
    ),
    ("page_proxy", "{prober: http, http: {proxy_url: 'http://$PAGES'}}", "pages/echo"),
    (
        "page_proxy_that_looks_up",
        "{prober: http, http: {proxy_url: 'http://$PAGES', skip_resolve_phase_with_proxy: true}}",
        "http://nowhere.invalid/",
    ),
    ("h2", "{prober: http, http: {tls_config: {ca_file: $CA}}}", "secure/"),
    (
        "h2_wanted",
        "{prober: http, http: {valid_http_versions: [HTTP/2.0], tls_config: {ca_file: $CA}}}",
        "secure/",
    ),
    (
        "h2_not_offered",
        "{prober: http, http: {enable_http2: false, tls_config: {ca_file: $CA}}}",
        "secure/",
    ),
    ("h2_moved", "{prober: http, http: {tls_config: {ca_file: $CA}}}", "secure/moved"),
    ("h2_empty", "{prober: http, http: {tls_config: {ca_file: $CA}}}", "secure/empty"),
    ("h2_head", "{prober: http, http: {method: HEAD, tls_config: {ca_file: $CA}}}", "secure/"),
    (
        "h2_host",
        "{prober: http, http: {headers: {Host: localhost}, tls_config: {ca_file: $CA}}}",
        "secure/",
    ),
    (
        "h2_host_untrusted",
        "{prober: http, http: {headers: {Host: v.example}, tls_config: {ca_file: $CA}}}",
        "secure/",
    ),
    (
        "h2_by_old_tls",
        "{prober: http, http: {tls_config: {ca_file: $CA, max_version: TLS12}}}",
        "secure/",
    ),
    (
        "h2_by_tls_of_the_past",
        "{prober: http, http: {tls_config: {ca_file: $CA, max_version: TLS11}}}",
        "secure/",
    ),
];

/// So long takes a server that is late.
pub(crate) const LATE: Duration = Duration::from_millis(200);

fn page(headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn moved(status: u16, location: &str) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status} Moved\r\nLocation: {location}\r\n");
    format!("{head}Content-Length: 0\r\n\r\n").into_bytes()
}

/// A web server with an answer for each path; it hangs up after each.
pub(crate) fn pages() -> SocketAddr {
    let server = HttpServer::start();
    server.act("*", |head, asker| {
        let said = answer(head);
        // Up to the end of the headers, or of what is sent at once.
        let at_once = if head.contains("late-head") { 0 } else { said.len() };
        let at_once = if head.contains("late-body") { said.len() - 5 } else { at_once };
        asker.write_all(&said[..at_once])?;
        if at_once < said.len() {
            asker.flush()?;
            thread::sleep(LATE);
        }
        asker.write_all(&said[at_once..])
    });
    server.address
}

fn answer(head: &str) -> Vec<u8> {
    let lower = head.to_lowercase();
    let path = head.split(' ').nth(1).unwrap_or_default();
    // As a proxy is asked.
    let path = path.strip_prefix("http://").map_or(path, |rest| &rest[rest.find('/').unwrap()..]);
    let packed = |raw| {
        let mut bytes = Vec::new();
        if raw {
            let mut encoder = DeflateEncoder::new(&mut bytes, Compression::fast());
            encoder.write_all(&[b'a'; 1000]).unwrap();
        } else {
            let mut encoder = GzEncoder::new(&mut bytes, Compression::fast());
            encoder.write_all(&[b'a'; 1000]).unwrap();
        }
        bytes
    };
    if head.starts_with("HEAD") {
        return b"HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n".to_vec();
    }
    match path {
        "/late-head" | "/late-body" => page("", b"hello"),
        "/late-twice" => moved(302, "/late-head"),
        "/" => page("Last-Modified: Tue, 15 Nov 1994 12:45:26 GMT\r\n", b"hello"),
        "/1" => moved(301, "/"),
        "/2" => moved(302, "/1"),
        "/loop" => moved(307, "/loop"),
        "/nowhere" => b"HTTP/1.1 301 Moved\r\nContent-Length: 0\r\n\r\n".to_vec(),
        "/file" => moved(302, "file:///etc/passwd"),
        "/cookie" => b"HTTP/1.1 302 Moved\r\nSet-Cookie: a=b\r\nLocation: /told\r\n\
                       Content-Length: 0\r\n\r\n"
            .to_vec(),
        "/told" => {
            // Of a length that does not depend on who asks.
            let told = lower
                .lines()
                .filter(|line| ["cookie", "refere"].contains(&&line[..6.min(line.len())]));
            page("", told.collect::<Vec<_>>().join("\n").as_bytes())
        }
        "/500" => b"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\nhi".to_vec(),
        "/500cut" => b"HTTP/1.1 500 Oops\r\nContent-Length: 9\r\n\r\nhi".to_vec(),
        "/cut" => b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi".to_vec(),
        "/old" => b"HTTP/1.0 200 OK\r\n\r\nhi".to_vec(),
        "/chunked" => {
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n".to_vec()
        }
        "/chunkedcut" => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel".to_vec(),
        "/gzip" => page("Content-Encoding: gzip\r\n", &packed(false)),
        "/deflate" => page("", &packed(true)),
        "/204" => b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
        "/304" => b"HTTP/1.1 304 Not Modified\r\n\r\n".to_vec(),
        "/999" => b"HTTP/1.1 999 Denied\r\nContent-Length: 0\r\n\r\n".to_vec(),
        "/ssh" => b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
        "/nothing" => Vec::new(),
        "/twice" => b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi".to_vec(),
        "/both" => b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n\
                     2\r\nhi\r\n0\r\n\r\n"
            .to_vec(),
        "/folded" => page("X-A: b\r\n  continued\r\n", b"hi"),
        "/space" => page("X-A : b\r\n", b"hi"),
        "/many" => {
            let many = (0..300).fold(String::new(), |mut text, number| {
                let _ = write!(text, "X-{number}: a\r\n");
                text
            });
            page(&many, b"hi")
        }
        "/early" => [&b"HTTP/1.1 103 Early Hints\r\n\r\n"[..], &page("", b"hi")].concat(),
        "/length" if lower.contains("content-length:") => page("", b"hi"),
        "/length" => b"HTTP/1.1 411 Length Required\r\nContent-Length: 0\r\n\r\n".to_vec(),
        "/login" if head.contains("Authorization: Basic dTpw\r\n") => page("", b"hi"),
        "/login" => b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n".to_vec(),
        // Of a length that does not depend on who asks.
        "/echo" => page("", format!("{lower:<2000}").as_bytes()),
        "/token" => page(
            "Content-Type: application/json\r\n",
            br#"{"access_token": "t", "token_type": "Bearer", "expires_in": 3600}"#,
        ),
        "/json" => page("X-A: one\r\nX-A: two\r\n", br#"{"ok": true, "n": 3, "list": [1, 2]}"#),
        _ => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec(),
    }
}

/// Serves each connection within a runtime of its own thread.
fn serving<F: Future<Output = ()> + Send + 'static>(
    serve: impl Fn(tokio::net::TcpStream) -> F + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream));
            }
        });
    });
    address
}

/// A web server by TLS, of HTTP/2 where that is offered, and of no version of TLS before 1.2.
pub(crate) fn secure(signed: &Signed) -> SocketAddr {
    web_by(context(signed))
}

/// The same, but each handshake takes its time.
pub(crate) fn late(signed: &Signed) -> SocketAddr {
    let mut built = context(signed);
    built.set_alpn_select_callback(|_, _| {
        thread::sleep(LATE);
        Err(AlpnError::NOACK)
    });
    web_by(built)
}

/// The same for those alone who show a certificate of this authority.
pub(crate) fn strict(signed: &Signed, authority: &Authority) -> SocketAddr {
    let mut built = context(signed);
    let authority = X509::from_pem(authority.pem().as_bytes()).unwrap();
    built.cert_store_mut().add_cert(authority).unwrap();
    built.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    web_by(built)
}

/// How the server of this certificate speaks TLS.
fn context(signed: &Signed) -> SslContextBuilder {
    let mut built = SslContext::builder(SslMethod::tls_server()).unwrap();
    built.set_certificate(&X509::from_pem(signed.certificate.as_bytes()).unwrap()).unwrap();
    built.set_private_key(&PKey::private_key_from_pem(signed.key.as_bytes()).unwrap()).unwrap();
    built.set_min_proto_version(Some(SslVersion::TLS1_2)).unwrap();
    built.set_alpn_select_callback(|_, offered| {
        select_next_proto(b"\x02h2\x08http/1.1", offered).ok_or(AlpnError::NOACK)
    });
    built
}

/// Serves each connection once TLS is spoken over it.
fn shaken<F: Future<Output = ()> + Send + 'static>(
    context: SslContextBuilder,
    serve: impl Fn(SslStream<tokio::net::TcpStream>) -> F + Copy + Send + 'static,
) -> SocketAddr {
    let context = context.build();
    serving(move |stream| {
        let context = context.clone();
        async move {
            let mut stream = SslStream::new(Ssl::new(&context).unwrap(), stream).unwrap();
            if Pin::new(&mut stream).accept().await.is_ok() {
                serve(stream).await;
            }
        }
    })
}

fn web_by(context: SslContextBuilder) -> SocketAddr {
    shaken(context, |stream| async move {
        let is_h2 = stream.ssl().selected_alpn_protocol() == Some(b"h2");
        let (io, service) = (TokioIo::new(stream), service_fn(by_path));
        // Whoever asks may hang up.
        let _ = if is_h2 {
            http2::Builder::new(TokioExecutor::new()).serve_connection(io, service).await
        } else {
            http1::Builder::new().serve_connection(io, service).await
        };
    })
}

/// The health protocol of gRPC by TLS.
pub(crate) fn healthy(signed: &Signed) -> SocketAddr {
    shaken(context(signed), |stream| async move {
        let (io, service) = (TokioIo::new(stream), service_fn(super::healthy::answer));
        let _ = http2::Builder::new(TokioExecutor::new()).serve_connection(io, service).await;
    })
}

async fn by_path(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let has_body = request.uri().path() == "/" && request.method() != Method::HEAD;
    let body = if has_body { Bytes::from_static(b"by TLS") } else { Bytes::new() };
    let mut response = Response::new(Full::new(body));
    if request.uri().path() == "/moved" {
        *response.status_mut() = StatusCode::FOUND;
        response.headers_mut().insert(LOCATION, HeaderValue::from_static("/"));
    }
    Ok(response)
}
