//! The prober `icmp`: one echo.

use std::path::Path;

use exporter_kit::on_demand::Destination;
use serde::Deserialize;
use tokio::time::Instant;

use super::ask::Ask;
use super::choose::{self, Source};
use super::found::{Found, IcmpEcho};
use crate::host::{Families, IpProtocol, interface};
use crate::icmp::{EchoOptions, options};
use crate::outcome::Failure;

/// The section `icmp` of a module.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "RawSettings")]
pub(crate) struct Settings {
    families: Families,
    options: EchoOptions,
    /// What the module wants and this version cannot do.
    lack: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawSettings {
    preferred_ip_protocol: Option<IpProtocol>,
    ip_protocol_fallback: Option<bool>,
    #[serde(default)]
    source_ip_address: Source,
    payload_size: Option<u64>,
    dont_fragment: bool,
    ttl: Option<u64>,
    /// Ours.
    dscp: Option<u64>,
    /// Ours.
    interface: Option<String>,
}

/// What an echo's TTL is where nothing is said.
const TTL: u8 = 64;
/// What it carries, as in the peer.
const PAYLOAD: usize = 28;

impl TryFrom<RawSettings> for Settings {
    type Error = String;

    fn try_from(raw: RawSettings) -> Result<Self, String> {
        let interface = raw.interface.map(|name| {
            let name = interface(&name).map(str::to_owned);
            name.ok_or_else(|| "interface: must be the name of one, as in eth0".to_owned())
        });
        // The peer knows a reply by its identifier, and sends as little as it is told.
        let (payload, lack) = match raw.payload_size.map(options::payload) {
            Some(Err(why)) if raw.payload_size < Some(options::FEW) => (None, Some(why)),
            payload => (payload.transpose()?.flatten(), None),
        };
        Ok(Self {
            families: choose::families(raw.preferred_ip_protocol, raw.ip_protocol_fallback),
            options: EchoOptions {
                ttl: raw.ttl.map_or(Ok(Some(TTL)), options::ttl)?,
                dscp: raw.dscp.map(options::dscp).transpose()?,
                payload: payload.or(Some(PAYLOAD)),
                dont_fragment: raw.dont_fragment,
                source: raw.source_ip_address.0,
                interface: interface.transpose()?,
            },
            lack,
        })
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::try_from(RawSettings::default()).expect("the defaults are good")
    }
}

impl Settings {
    /// Which addresses of a name are probed.
    pub(crate) fn families(&self) -> Families {
        self.families
    }

    /// What it wants and this version cannot do.
    pub(crate) fn lack(&self) -> Option<&str> {
        self.lack.as_deref()
    }

    /// Whom a probe of this target contacts.
    #[expect(clippy::unused_self, reason = "as every prober has it")]
    pub(crate) fn destination(&self, target: &str) -> Result<Destination, String> {
        if target.is_empty() || target.contains(['/', '?', '#', '@', ' ']) {
            return Err("must be a host name or an IP address".to_owned());
        }
        Ok(Destination::new(target, None))
    }

    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "as every prober has it")]
    pub(crate) fn load(&mut self, _: &Path) -> anyhow::Result<()> {
        Ok(())
    }

    /// Sends an echo, and waits for its reply.
    pub(crate) async fn probe(&self, ask: &Ask<'_>, found: &mut Found) -> Result<(), Failure> {
        found.icmp = Some(IcmpEcho::default());
        let ip = choose::address(ask.target, self.families, ask, found).await?;
        let mut echo = IcmpEcho { resolve: found.lookup, ..IcmpEcho::default() };
        found.icmp = Some(echo);
        let left = ask.deadline.saturating_duration_since(Instant::now());
        if self.options.source.is_some_and(|source| source.is_ipv4() != ip.is_ipv4()) {
            ask.log.line(|| "source_ip_address is of another family");
            return Err(Failure::Local);
        }
        let sent = ask.icmp.echo(ip, &self.options, left, ask.strays).await;
        let answer = sent.map_err(|refusal| {
            ask.log.line(|| format!("no reply: {}", refusal.failure.as_str()));
            refusal.failure
        })?;
        (echo.rtt, echo.reply_hop_limit) = (answer.rtt, answer.reply_hop_limit);
        ask.log.line(|| format!("a reply came after {} s", echo.rtt.as_secs_f64()));
        found.icmp = Some(echo);
        Ok(())
    }
}
