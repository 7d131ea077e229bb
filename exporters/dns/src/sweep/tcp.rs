//! One question over TCP, after a truncated answer over UDP.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Connections of one sweep at the same time.
pub(super) const MAX_CONNECTIONS: usize = 50;

/// How long connection, question and answer may take together.
const LIMIT: Duration = Duration::from_secs(5);

/// Longest answer that is read: hundreds of addresses. To decode 64 KiB of hostile compression
/// pointers takes a tenth of a second.
const MAX_ANSWER: u16 = 16 * 1024;

/// Asks; the message is not looked into.
pub(super) async fn ask(peer: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    timeout(LIMIT, exchange(peer, query)).await?
}

async fn exchange(peer: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(peer).await?;
    let length = u16::try_from(query.len()).map_err(io::Error::other)?;
    // In one segment (RFC 7766 §8).
    stream.write_all(&[&length.to_be_bytes(), query].concat()).await?;
    let length = stream.read_u16().await?;
    if length > MAX_ANSWER {
        return Err(io::Error::other("the answer is too long"));
    }
    let mut answer = vec![0; usize::from(length)];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}
