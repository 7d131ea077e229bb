//! A scrape of a program in a namespace, from within it, as Prometheus asks for it but uncompressed.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tokio::time::Instant;

use crate::netns::Namespace;

/// A page that takes longer is of no use to Prometheus, whose own limit is 10 s by default.
const PATIENCE: Duration = Duration::from_secs(60);

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
    let (answer, seconds) =
        namespace.run(move || get(address)).with_context(|| format!("asking {address}"))?;
    let answer = String::from_utf8(answer).context("the answer is not text")?;
    let (head, page) = answer.split_once("\r\n\r\n").context("the answer has no head")?;
    ensure!(head.split(' ').nth(1) == Some("200"), "{address} answered: {head}");
    Ok(Scrape { page: page.to_owned(), seconds })
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

/// The answer, and how long it took.
fn get(address: SocketAddr) -> io::Result<(Vec<u8>, f64)> {
    // In place before the clock runs: the time is to be the program's, not ours.
    let mut answer = vec![0; ROOM];
    let mut length = 0;
    let began = Instant::now();
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // HTTP/1.0: the body ends with the connection, and is never in chunks.
    write!(stream, "GET /metrics HTTP/1.0\r\nHost: {address}\r\nAccept: {ACCEPT}\r\n\r\n")?;
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
