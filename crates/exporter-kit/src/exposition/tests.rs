//! Pages that are read to their end, that fail, and whose reader goes away or stops reading.

use std::fmt;
use std::io::Read as _;

use axum::Router;
use axum::http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE};
use axum::routing::get;
use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt as _;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tower_http::compression::CompressionLayer;

use super::chunks::PATIENCE;
use super::classic::Classic;
use super::*;

/// Series of a page that fills many chunks, also when it is packed.
const MANY: u64 = 200_000;

/// A collector of as many series, and of what comes after them.
#[derive(Debug)]
struct Series(u64, End);

#[derive(Debug)]
enum End {
    Good,
    Failure,
    Panic,
}

impl Collector for Series {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut family = encoder.encode_descriptor("a", "Things", None, MetricType::Counter)?;
        for n in 0..self.0 {
            let labels = [("hash", n.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_string())];
            ConstCounter::new(n).encode(family.encode_family(&labels)?)?;
        }
        match self.1 {
            End::Good => Ok(()),
            End::Failure => Err(fmt::Error),
            End::Panic => panic!("a collector with a mistake in it"),
        }
    }
}

fn registry(series: u64, end: End) -> Arc<Registry> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Series(series, end)));
    Arc::new(registry)
}

async fn ask(accept: &'static str, encoding: &'static str, registry: &Arc<Registry>) -> Response {
    let headers = [(ACCEPT, accept), (ACCEPT_ENCODING, encoding)];
    let headers = headers.map(|(name, value)| (name, value.parse().unwrap()));
    respond(&HeaderMap::from_iter(headers), Arc::clone(registry)).await
}

async fn text(response: Response) -> String {
    assert_eq!(response.status(), 200);
    let packed = response.headers().contains_key(CONTENT_ENCODING);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let mut text = String::new();
    if packed {
        MultiGzDecoder::new(&body[..]).read_to_string(&mut text).unwrap();
    } else {
        text.push_str(std::str::from_utf8(&body).unwrap());
    }
    text
}

/// Waits until nobody writes the page any more.
async fn until_given_up(registry: &Arc<Registry>) {
    while Arc::strong_count(registry) > 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_page_is_the_same_however_it_is_packed_and_cut() {
    for series in [0, 1, MANY] {
        let registry = registry(series, End::Good);
        let (mut openmetrics, mut classic) = (String::new(), String::new());
        prometheus_client::encoding::text::encode(&mut openmetrics, &registry).unwrap();
        Classic::default().translate(&openmetrics, &mut classic);
        for encoding in ["", "gzip"] {
            let response = ask("application/openmetrics-text", encoding, &registry).await;
            assert_eq!(response.headers()[CONTENT_TYPE], OPENMETRICS);
            assert!(text(response).await == openmetrics, "{series} {encoding}");
            let response = ask("*/*", encoding, &registry).await;
            assert_eq!(response.headers()[CONTENT_TYPE], CLASSIC);
            assert!(text(response).await == classic, "{series} {encoding}");
        }
    }
    let nothing = Arc::new(Registry::default());
    assert_eq!(text(ask("*/*", "", &nothing).await).await, "");
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
    for end in [|| End::Failure, || End::Panic] {
        for encoding in ["", "gzip"] {
            // Nothing was sent yet: the status can say it.
            let response = ask("*/*", encoding, &registry(1, end())).await;
            assert_eq!(response.status(), 500);
            assert!(!response.headers().contains_key(CONTENT_ENCODING));

            let response = ask("*/*", encoding, &registry(MANY, end())).await;
            assert_eq!(response.status(), 200);
            assert!(response.into_body().collect().await.is_err(), "{encoding}");
        }
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
        for (end, whole) in [(End::Good, true), (End::Failure, false)] {
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

#[tokio::test]
async fn pages_wait_for_their_turn() {
    let others = TURNS.acquire_many(4).await.unwrap();
    let registry = registry(1, End::Good);
    let page = ask("*/*", "", &registry);
    tokio::pin!(page);
    tokio::select! {
        biased;
        _ = &mut page => panic!("a fifth page is written"),
        () = tokio::task::yield_now() => drop(others),
    }
    assert_eq!(page.await.status(), 200);
    until_given_up(&registry).await;
}
