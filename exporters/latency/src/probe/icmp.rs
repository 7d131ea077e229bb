//! The prober `icmp`: one echo to one address.

use std::net::IpAddr;
use std::time::Duration;

use serde::Deserialize;
use tracing::debug;

use super::{Attempt, Run};
use crate::host::{Families, Host, IpProtocol, interface};
use crate::icmp::{Answer, EchoOptions, Refusal, Verdict, options};
use crate::outcome::{Failure, Outcome, Phase, Seen};
use crate::verdict::Layer;

/// The section `icmp` of a module.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(try_from = "RawSettings")]
pub(crate) struct Settings {
    families: Families,
    options: EchoOptions,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSettings {
    preferred_ip_protocol: Option<IpProtocol>,
    ip_protocol_fallback: Option<bool>,
    ttl: Option<u64>,
    dscp: Option<u64>,
    payload_size: Option<u64>,
    #[serde(default)]
    dont_fragment: bool,
    source_ip_address: Option<String>,
    interface: Option<String>,
}

impl TryFrom<RawSettings> for Settings {
    type Error = String;

    fn try_from(raw: RawSettings) -> Result<Self, String> {
        let source = raw.source_ip_address.map(|text| text.parse::<IpAddr>());
        let source = source.transpose().map_err(|_| {
            "source_ip_address: must be an IP address of this machine, as in 192.0.2.7".to_owned()
        })?;
        let families = Families::of(raw.preferred_ip_protocol, raw.ip_protocol_fallback);
        let interface = raw.interface.map(|name| {
            let name = interface(&name).map(str::to_owned);
            name.ok_or_else(|| "interface: must be the name of one, as in eth0".to_owned())
        });
        Ok(Self {
            families: families.probed_from(source)?,
            options: EchoOptions {
                ttl: raw.ttl.map(options::ttl).transpose()?.flatten(),
                dscp: raw.dscp.map(options::dscp).transpose()?,
                payload: raw.payload_size.map(options::payload).transpose()?.flatten(),
                dont_fragment: raw.dont_fragment,
                source,
                interface: interface.transpose()?,
            },
        })
    }
}

impl Settings {
    /// Refuses what `surge-ping` cannot do.
    pub(crate) fn refuse_beyond_surge(&self) -> Result<(), String> {
        match self.options.beyond_surge(false) {
            Some(option) => Err(format!("icmp.{option}: needs `icmp: {{backend: kernel}}`")),
            None => Ok(()),
        }
    }
}

/// A host.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Address {
    pub(super) host: Host,
}

/// An echo with these options.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Probe {
    options: EchoOptions,
}

impl super::Settings for Settings {
    // Echoes cost next to nothing.
    const INTERVAL: Duration = Duration::from_secs(1);
    type Address = Address;
    type Probe = Probe;

    fn families(&self) -> Families {
        self.families
    }

    fn address(&self, text: &str) -> Result<Address, String> {
        let host = Host::parse(text);
        let host = host.ok_or_else(|| "must be a host name or an IP address".to_owned())?;
        Ok(Address { host })
    }

    fn probe(&self, address: &Address) -> Probe {
        let mut options = self.options.clone();
        // A link-local address says itself on which link it is.
        if let Some(zone) = address.host.zone() {
            options.interface = Some(zone.clone());
        }
        Probe { options }
    }
}

impl Run for Probe {
    const LAYER: Layer = Layer::Icmp;
    const HOLDS_FILES: bool = false;

    fn phases(&self) -> &'static [Phase] {
        &[]
    }

    fn detail(&self, host: &Host) -> String {
        format!("icmp {host}")
    }

    /// An echo is a round trip and nothing else: it has all of the timeout, or a slow resolver would
    /// look like loss.
    async fn run(&self, attempt: &Attempt<'_>) -> Outcome {
        let Attempt { ip, timeout, icmp, strays, .. } = attempt;
        outcome(*ip, icmp.echo(*ip, &self.options, *timeout, strays).await, *timeout)
    }
}

impl Probe {
    /// How the echo is sent.
    pub(crate) fn options(&self) -> &EchoOptions {
        &self.options
    }
}

/// The outcome of an echo to an address of which this became.
pub(crate) fn outcome(ip: IpAddr, found: Verdict, timeout: Duration) -> Outcome {
    match found {
        Ok(Answer { rtt, reply_hop_limit }) => Outcome {
            duration: Some(rtt),
            rtt: Some(rtt),
            seen: Seen::Echo { hop_limit: reply_hop_limit },
            ..Outcome::default()
        },
        Err(Refusal { failure: Failure::Timeout, .. }) => Outcome::timed_out(timeout),
        Err(Refusal { failure, offender, has_waited }) => {
            if let Some(offender) = offender {
                debug!(%ip, %offender, reason = failure.as_str(), "an echo was refused");
            }
            let duration = (has_waited && !failure.is_ours()).then_some(timeout);
            Outcome { duration, ..Outcome::failed(failure) }
        }
    }
}

#[cfg(test)]
mod tests {
    /// The keys of a section, by the structure that takes it.
    fn keys<'a>(text: &'a str, structure: &str) -> Vec<&'a str> {
        let (_, section) = text.split_once(&format!("struct {structure} {{")).unwrap();
        let (section, _) = section.split_once("\n}").unwrap();
        let fields = section.lines().filter_map(|line| line.trim().split_once(": "));
        let fields = fields.map(|(key, _)| key).filter(|key| !key.contains(['/', '#']));
        fields.collect()
    }

    /// The section is read twice, and a module that targets may have must be one that a scraper may ask for.
    #[test]
    fn what_targets_know_a_scraper_may_ask_for() {
        let sections = [
            // The section of `tcp` holds these alone.
            (include_str!("../host.rs"), "RawFamilies", include_str!("../blackbox/tcp.rs")),
            (include_str!("icmp.rs"), "RawSettings", include_str!("../blackbox/icmp.rs")),
        ];
        for (own, structure, asked) in sections {
            let (own, asked) = (keys(own, structure), keys(asked, "RawSettings"));
            assert!(own.len() >= 2, "{own:?}");
            let unknown: Vec<_> = own.iter().filter(|key| !asked.contains(key)).collect();
            assert!(unknown.is_empty(), "{unknown:?} is unknown to /probe");
        }
    }
}
