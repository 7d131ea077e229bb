//! A scrape of a program that lives in a namespace, from within it, as classic text, uncompressed.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tokio::time::Instant;

use crate::netns::Namespace;

/// A page that takes longer is of no use to Prometheus, whose own limit is 10 s by default.
const PATIENCE: Duration = Duration::from_secs(60);

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
    let began = Instant::now();
    let answer =
        namespace.run(move || get(address)).with_context(|| format!("asking {address}"))?;
    let seconds = began.elapsed().as_secs_f64();
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

fn get(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // HTTP/1.0: the body ends with the connection, and is never in chunks.
    write!(stream, "GET /metrics HTTP/1.0\r\nHost: {address}\r\nAccept: text/plain\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
