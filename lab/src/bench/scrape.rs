//! A scrape of a program, as Prometheus asks for it; of one in a namespace from within that, and uncompressed.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tokio::time::Instant;

use crate::netns::Namespace;

/// A page that takes longer is of no use to Prometheus, whose own limit is 10 s by default.
const PATIENCE: Duration = Duration::from_secs(120);

/// As Prometheus 2 asks.
const ACCEPT: &str = "application/openmetrics-text;version=1.0.0;q=0.75,\
                      text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

/// Room for a page, to begin with.
const ROOM: usize = 64 << 20;

/// A metrics page.
#[derive(Clone, Debug)]
pub struct Scrape {
    /// Its text.
    pub page: String,
    /// From the request to its last byte, in seconds.
    pub seconds: f64,
}

/// Fetches `http://<address>/metrics`.
pub fn scrape(namespace: &Namespace, address: SocketAddr) -> anyhow::Result<Scrape> {
    let answer = namespace.run(move || fetch(address, "/metrics", ""))?;
    let page = String::from_utf8(answer.body).context("the page is not text")?;
    Ok(Scrape { page, seconds: answer.seconds })
}

/// How many bytes the page has as this is asked for; none from a program that gives something else.
pub fn size(
    namespace: &Namespace,
    address: SocketAddr,
    accept: &'static str,
    gzip: bool,
) -> anyhow::Result<Option<usize>> {
    let coding = if gzip { "Accept-Encoding: gzip\r\n" } else { "" };
    let answer = namespace.run(move || fetch_as(accept, address, "/metrics", coding))?;
    let asked = accept.split(';').next().unwrap_or(accept);
    let is_good = answer.head.contains(&format!("content-type: {asked}"))
        && answer.head.contains("content-encoding: gzip") == gzip;
    Ok(is_good.then_some(answer.body.len()))
}

/// Waits until the page says what it shall.
pub async fn wait_for(
    namespace: &Namespace,
    address: SocketAddr,
    limit: Duration,
    good: impl Fn(&str) -> bool,
) -> anyhow::Result<Scrape> {
    let deadline = Instant::now() + limit;
    loop {
        let scraped = scrape(namespace, address);
        match scraped {
            Ok(scraped) if good(&scraped.page) => return Ok(scraped),
            Ok(_) if Instant::now() > deadline => bail!("{address} was not ready in {limit:?}"),
            Err(error) if Instant::now() > deadline => return Err(error),
            _ => tokio::time::sleep(Duration::from_millis(250)).await,
        }
    }
}

/// A page as it came.
#[derive(Debug)]
pub struct Answer {
    /// The headers, in lower case.
    pub head: String,
    /// All after them.
    pub body: Vec<u8>,
    /// From the request to the last byte, in seconds.
    pub seconds: f64,
}

/// Fetches a page, which must be there, as Prometheus asks, with header lines that each end with
/// `\r\n`; blocks.
pub fn fetch(address: SocketAddr, path: &str, headers: &str) -> anyhow::Result<Answer> {
    fetch_as(ACCEPT, address, path, headers)
}

fn fetch_as(
    accept: &str,
    address: SocketAddr,
    path: &str,
    headers: &str,
) -> anyhow::Result<Answer> {
    let headers = format!("Accept: {accept}\r\n{headers}");
    let (mut head, seconds) =
        get(address, path, &headers).with_context(|| format!("asking {address}"))?;
    let end = head.windows(4).position(|four| four == b"\r\n\r\n");
    let body = head.split_off(end.context("the answer has no head")? + 4);
    let head = String::from_utf8_lossy(&head).to_lowercase();
    ensure!(head.split(' ').nth(1) == Some("200"), "{path} of {address} answered: {head}");
    Ok(Answer { head, body, seconds })
}

/// The answer, and how long it took.
fn get(address: SocketAddr, path: &str, headers: &str) -> io::Result<(Vec<u8>, f64)> {
    // In place before the clock runs: the time is to be the program's, not ours.
    let mut answer = vec![0; ROOM];
    let mut length = 0;
    let began = Instant::now();
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // HTTP/1.0: the body ends with the connection, and is never in chunks.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n{headers}\r\n")?;
    loop {
        if length == answer.len() {
            answer.resize(2 * length, 0);
        }
        match stream.read(&mut answer[length..])? {
            0 => break,
            more => length += more,
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    answer.truncate(length);
    Ok((answer, seconds))
}
