//! One question over TCP (RFC 7766). An answer has at most 64 KiB.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Asks; connection, question and answer may take so long together. The message is not looked into.
pub(crate) async fn ask(peer: SocketAddr, query: &[u8], limit: Duration) -> io::Result<Vec<u8>> {
    timeout(limit, exchange(peer, query)).await?
}

async fn exchange(peer: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(peer).await?;
    let length = u16::try_from(query.len()).map_err(io::Error::other)?;
    // In one segment (RFC 7766 §8).
    stream.write_all(&[&length.to_be_bytes(), query].concat()).await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0; usize::from(length)];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}
