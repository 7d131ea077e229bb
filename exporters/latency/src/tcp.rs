//! A TCP handshake with one address.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::outcome::{Failure, Outcome, Phase};
use crate::stopwatch::Stopwatch;

/// Connects, and hangs up.
pub(crate) async fn probe(address: SocketAddr, timeout: Duration) -> Outcome {
    let started = Instant::now();
    let mut watch = Stopwatch::default();
    let connected = tokio::time::timeout(timeout, connect(address, &mut watch)).await;
    let took = started.elapsed();
    let (failure, duration) = match connected {
        Ok(Ok(_)) => (None, Some(took)),
        Ok(Err(failure)) => (Some(failure), None),
        Err(_) => (Some(Failure::Timeout), Some(timeout)),
    };
    let (phases, rtt) = watch.stop(failure == Some(Failure::Timeout));
    Outcome { failure, duration, rtt, phases, status: None }
}

/// Connects to one address; the handshake is the phase `connect`.
pub(crate) async fn connect(
    address: SocketAddr,
    watch: &mut Stopwatch,
) -> Result<TcpStream, Failure> {
    watch.begin(Phase::Connect);
    let stream = TcpStream::connect(address).await.map_err(|error| Failure::of_io(&error))?;
    watch.end();
    Ok(stream)
}
