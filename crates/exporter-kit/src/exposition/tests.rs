//! Pages that are read to their end, that fail, and whose reader goes away or stops reading.

use std::io::Read as _;

use axum::Router;
use axum::http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderName};
use axum::routing::get;
use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tower_http::compression::CompressionLayer;

use super::chunks::PATIENCE;
use super::*;
use crate::page::{Collector, Format, LabelSet, LabelWriter, Page, written};

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";
const PROTOBUF: &str = "application/vnd.google.protobuf; \
                        proto=io.prometheus.client.MetricFamily; encoding=delimited";

/// Series of a page that fills many chunks, also when it is packed.
const MANY: u64 = 200_000;

/// A collector of as many series, and of what comes after them.
#[derive(Debug)]
struct Series(u64, End);

#[derive(Debug)]
enum End {
    Good,
    Panic,
}

impl Collector for Series {
    fn collect(&self, page: &mut Page<'_>) {
        let labels = |n: u64| Hash(n.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_string());
        page.counter("a_total", "Things.", (0..self.0).map(|n| (labels(n), n)));
        match self.1 {
            End::Good => {}
            End::Panic => panic!("a collector with a mistake in it"),
        }
    }
}

struct Hash(String);

impl LabelSet for Hash {
    fn put(&self, to: &mut LabelWriter<'_>) {
        to.label("hash", &self.0);
    }
}

fn registry(series: u64, end: End) -> Arc<Registry> {
    let mut registry = Registry::default();
    registry.register(Series(series, end));
    Arc::new(registry)
}

async fn ask(accept: &'static str, encoding: &'static str, registry: &Arc<Registry>) -> Response {
    let headers = [(ACCEPT, accept), (ACCEPT_ENCODING, encoding)];
    let headers = headers.map(|(name, value)| (name, value.parse().unwrap()));
    respond(&HeaderMap::from_iter(headers), Arc::clone(registry)).await
}

async fn bytes(response: Response) -> Vec<u8> {
    assert_eq!(response.status(), 200);
    let packed = response.headers().contains_key(CONTENT_ENCODING);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    if !packed {
        return body.into();
    }
    let mut bytes = Vec::new();
    MultiGzDecoder::new(&body[..]).read_to_end(&mut bytes).unwrap();
    bytes
}

/// Waits until nobody writes the page any more.
async fn until_given_up(registry: &Arc<Registry>) {
    while Arc::strong_count(registry) > 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_page_is_the_same_however_it_is_packed_and_cut() {
    let formats = [
        (Format::OpenMetrics, OPENMETRICS),
        (Format::Classic, CLASSIC),
        (Format::Protobuf, PROTOBUF),
    ];
    for series in [0, 1, MANY] {
        let registry = registry(series, End::Good);
        for (format, kind) in formats {
            let whole = written(format, |page| registry.collect(page));
            for encoding in ["", "gzip"] {
                let response = ask(kind, encoding, &registry).await;
                assert_eq!(response.headers()[CONTENT_TYPE], kind);
                assert!(bytes(response).await == whole, "{series} {encoding} {kind}");
            }
        }
    }
    let nothing = Arc::new(Registry::default());
    assert_eq!(bytes(ask("*/*", "", &nothing).await).await, b"");
}

#[tokio::test]
async fn gzip_is_for_those_who_want_it() {
    let registry = registry(1, End::Good);
    let response = ask("*/*", "gzip", &registry).await;
    assert_eq!(response.headers()[CONTENT_ENCODING], "gzip");
    for encoding in ["", "gzip;q=0", "deflate"] {
        let response = ask("*/*", encoding, &registry).await;
        assert!(!response.headers().contains_key(CONTENT_ENCODING), "{encoding}");
    }
}

#[tokio::test]
async fn a_page_that_fails_never_looks_whole() {
    for encoding in ["", "gzip"] {
        // Nothing was sent yet: the status can say it.
        let response = ask("*/*", encoding, &registry(1, End::Panic)).await;
        assert_eq!(response.status(), 500);
        assert!(!response.headers().contains_key(CONTENT_ENCODING));

        let response = ask("*/*", encoding, &registry(MANY, End::Panic)).await;
        assert_eq!(response.status(), 200);
        assert!(response.into_body().collect().await.is_err(), "{encoding}");
    }
}

/// What is on the wire of a page, as the server sends it.
async fn sent(registry: Arc<Registry>, encoding: &str) -> Vec<u8> {
    let metrics = move |headers: HeaderMap| async move { respond(&headers, registry).await };
    let layer = CompressionLayer::new().compress_when(may_be_compressed());
    let router = Router::new().route("/metrics", get(metrics)).layer(layer);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let server = tokio::spawn(axum::serve(listener, router).into_future());
    let asked = format!(
        "GET /metrics HTTP/1.1\r\nHost: t\r\nConnection: close\r\nAccept-Encoding: {encoding}\r\n\r\n"
    );
    stream.write_all(asked.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // An error is as good as an end.
    let _ = stream.read_to_end(&mut answer).await;
    server.abort();
    answer
}

#[tokio::test]
async fn a_scraper_is_told_the_end_of_a_whole_page_only() {
    for encoding in ["gzip", "gzip;q=0"] {
        for (end, whole) in [(End::Good, true), (End::Panic, false)] {
            let answer = sent(registry(MANY, end), encoding).await;
            assert!(answer.starts_with(b"HTTP/1.1 200"));
            assert_eq!(answer.ends_with(b"\r\n0\r\n\r\n"), whole, "{encoding}");
            let head = String::from_utf8_lossy(&answer[..300]).to_lowercase();
            let packed = usize::from(encoding == "gzip");
            assert_eq!(head.matches("content-encoding: gzip\r\n").count(), packed, "{head}");
        }
    }
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_the_writing() {
    for encoding in ["", "gzip"] {
        let endless = registry(u64::MAX, End::Good);
        let mut response = ask("*/*", encoding, &endless).await;
        assert!(response.body_mut().frame().await.unwrap().is_ok());
        assert_eq!(Arc::strong_count(&endless), 2);
        drop(response);
        until_given_up(&endless).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_stops_reading_is_given_up() {
    for encoding in ["", "gzip"] {
        let endless = registry(u64::MAX, End::Good);
        let response = ask("*/*", encoding, &endless).await;
        while Arc::strong_count(&endless) > 1 {
            tokio::time::advance(PATIENCE).await;
        }
        assert!(response.into_body().collect().await.is_err());
    }
}

#[test]
fn a_scraper_may_say_how_long_it_waits() {
    for (told, seconds) in [("10", 11), ("0.5", 1), ("9e9", 300), ("NaN", 60), ("-5", 60), ("", 60)]
    {
        let name = HeaderName::from_static("x-prometheus-scrape-timeout-seconds");
        let request = HeaderMap::from_iter([(name, told.parse().unwrap())]);
        assert_eq!(patience(&request).as_secs(), seconds, "{told}");
    }
    assert_eq!(patience(&HeaderMap::new()), DEADLINE);
}
