//! The prober `tcp`: a connection, and what is said over it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use exporter_kit::on_demand::Destination;
use serde::Deserialize;
use tokio::net::{TcpSocket, TcpStream};

use super::ask::Ask;
use super::choose::{self, Source};
use super::dialogue::{self, Connection, Step};
use super::found::Found;
use super::tls;
use crate::host::{Families, IpProtocol};
use crate::outcome::{Failure, Phase};

/// The section `tcp` of a module.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(from = "RawSettings")]
pub(crate) struct Settings {
    families: Families,
    source: Option<IpAddr>,
    steps: Vec<Step>,
    tls: bool,
    tls_config: tls::Settings,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSettings {
    preferred_ip_protocol: Option<IpProtocol>,
    ip_protocol_fallback: Option<bool>,
    #[serde(default)]
    source_ip_address: Source,
    query_response: Option<Vec<Step>>,
    #[serde(default)]
    tls: bool,
    tls_config: Option<tls::Settings>,
}

impl From<RawSettings> for Settings {
    fn from(raw: RawSettings) -> Self {
        Self {
            families: choose::families(raw.preferred_ip_protocol, raw.ip_protocol_fallback),
            source: raw.source_ip_address.0,
            steps: raw.query_response.unwrap_or_default(),
            tls: raw.tls,
            tls_config: raw.tls_config.unwrap_or_default(),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        RawSettings::default().into()
    }
}

impl Settings {
    /// Which addresses of a name are probed.
    pub(crate) fn families(&self) -> Families {
        self.families
    }

    /// The phases that it can have beside the lookup: what is said is a request and its answer.
    pub(crate) fn phases(&self) -> &'static [Phase] {
        match (self.tls || self.steps.iter().any(|step| step.starttls), self.steps.is_empty()) {
            (false, true) => &[Phase::Connect],
            (false, false) => &[Phase::Connect, Phase::Ttfb],
            (true, true) => &[Phase::Connect, Phase::Tls],
            (true, false) => &[Phase::Connect, Phase::Tls, Phase::Ttfb],
        }
    }

    /// Whom a probe of this target contacts.
    #[expect(clippy::unused_self, reason = "as every prober has it")]
    pub(crate) fn destination(&self, target: &str) -> Result<Destination, String> {
        let (host, port) = host_and_port(target).ok_or("must be HOST:PORT ([IP]:PORT for IPv6)")?;
        Ok(Destination::new(host, Some(port)))
    }

    /// Reads the files that TLS needs, if there is any.
    pub(crate) fn load(&mut self, folder: &Path) -> anyhow::Result<()> {
        if self.tls || self.steps.iter().any(|step| step.starttls) {
            self.tls_config.load(folder)?;
        }
        Ok(())
    }

    /// Connects, and goes through the dialogue.
    pub(crate) async fn probe(&self, ask: &Ask<'_>, found: &mut Found) -> Result<(), Failure> {
        let (host, port) = host_and_port(ask.target).ok_or(Failure::Dns)?;
        let ip = choose::address(host, self.families, ask, found).await?;
        let address = SocketAddr::new(ip, port);
        found.watch.begin(Phase::Connect);
        let stream = connect(address, self.source).await.map_err(|error| {
            ask.log.line(|| format!("no connection with {address}: {error}"));
            Failure::of_io(&error)
        })?;
        found.watch.shook_hands();
        ask.log.line(|| format!("connected with {address}"));
        let name = ask.hostname.unwrap_or(host);
        let connection: Connection = if self.tls {
            Box::new(self.tls_config.connect(stream, name, &[], ask, found).await?)
        } else {
            Box::new(stream)
        };
        let upgrade = (&self.tls_config, name);
        dialogue::converse(connection, &self.steps, upgrade, ask, found).await
    }
}

/// `HOST:PORT`, or `[IP]:PORT`; brackets are taken off.
pub(crate) fn host_and_port(target: &str) -> Option<(&str, u16)> {
    let (host, port) = target.rsplit_once(':')?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = bare.or_else(|| (!host.contains(':')).then_some(host))?;
    let port = port.parse().ok().filter(|port| *port > 0)?;
    (!host.is_empty()).then_some((host, port))
}

/// Connects, from an address of ours where one is named.
pub(crate) async fn connect(to: SocketAddr, from: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if let Some(from) = from {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    let stream = socket.connect(to).await?;
    // What is said is short, and must not wait until it fills a packet.
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_host_and_a_port() {
        assert_eq!(host_and_port("a.example:25"), Some(("a.example", 25)));
        assert_eq!(host_and_port("[::1]:25"), Some(("::1", 25)));
        for bad in ["a.example", "::1:25", ":25", "a:0", "a:99999", "a:smtp"] {
            assert_eq!(host_and_port(bad), None, "{bad}");
        }
    }
}
