//! The prober `tcp`: a TCP handshake with one address.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tracing::debug;

use super::{Attempt, Run};
use crate::host::{Families, Host, Zone};
use crate::link;
use crate::outcome::{Failure, Outcome, Phase, Seen};
use crate::stopwatch::Stopwatch;
use crate::verdict::Layer;

/// The section `tcp` of a module.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(transparent)]
pub(crate) struct Settings {
    families: Families,
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Address {
    pub(super) host: Host,
    port: u16,
}

/// A handshake with this port.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Probe {
    port: u16,
    /// The link that a link-local address is on.
    zone: Option<Zone>,
}

impl super::Settings for Settings {
    const INTERVAL: Duration = Duration::from_secs(5);
    type Address = Address;
    type Probe = Probe;

    fn families(&self) -> Families {
        self.families
    }

    fn address(&self, text: &str) -> Result<Address, String> {
        let must = || "must be HOST:PORT ([IP]:PORT for IPv6)".to_owned();
        let (host, port) = Host::parse_with_port(text).ok_or_else(must)?;
        Ok(Address { host, port })
    }

    fn probe(&self, address: &Address) -> Probe {
        Probe { port: address.port, zone: address.host.zone().cloned() }
    }
}

impl Run for Probe {
    const LAYER: Layer = Layer::Tcp;
    const HOLDS_FILES: bool = true;

    fn phases(&self) -> &'static [Phase] {
        &[Phase::Connect]
    }

    fn detail(&self, host: &Host) -> String {
        format!("tcp {host} port {}", self.port)
    }

    /// Connects, and hangs up.
    async fn run(&self, attempt: &Attempt<'_>) -> Outcome {
        let link = match self.zone.as_deref().map(link::index).transpose() {
            Ok(link) => link,
            Err(error) => {
                debug!(ip = %attempt.ip, "no connection is tried: {error}");
                return Outcome::failed(Failure::Local);
            }
        };
        let address = link::socket_address(attempt.ip, self.port, link);
        // Boxed: an echo's task must not have the size of a connection's.
        Box::pin(shake_hands(address, attempt)).await
    }
}

async fn shake_hands(address: SocketAddr, attempt: &Attempt<'_>) -> Outcome {
    let started = Instant::now();
    let mut watch = Stopwatch::default();
    let connected = tokio::time::timeout(attempt.left(), connect(address, &mut watch)).await;
    let took = attempt.spent + started.elapsed();
    let (failure, duration, seen) = match connected {
        Ok(Ok(_)) => (None, Some(took), Seen::Connection),
        Ok(Err(failure)) => (Some(failure), None, Seen::Nothing),
        Err(_) => (Some(Failure::Timeout), Some(attempt.timeout), Seen::Nothing),
    };
    let phase = watch.running();
    let (phases, rtt) = watch.stop(failure == Some(Failure::Timeout));
    Outcome { failure, phase, duration, rtt, phases, seen, ..Outcome::default() }
}

/// Connects to one address; the handshake is the phase `connect`.
pub(super) async fn connect(
    address: SocketAddr,
    watch: &mut Stopwatch,
) -> Result<TcpStream, Failure> {
    watch.begin(Phase::Connect);
    let stream = TcpStream::connect(address).await.map_err(|error| Failure::of_io(&error))?;
    watch.shook_hands();
    Ok(stream)
}
