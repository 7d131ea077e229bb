//! The prober `icmp`: one echo to one address.

use std::time::Duration;

use serde::Deserialize;
use tracing::debug;

use super::{Attempt, Run};
use crate::host::{Families, Host};
use crate::icmp::Refusal;
use crate::outcome::{Failure, Outcome, Phase, Seen};
use crate::verdict::Layer;

/// The section `icmp` of a module.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(transparent)]
pub(crate) struct Settings {
    families: Families,
}

/// A host.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Address {
    pub(super) host: Host,
}

/// An echo.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Probe;

impl super::Settings for Settings {
    // Echoes cost next to nothing.
    const INTERVAL: Duration = Duration::from_secs(1);
    type Address = Address;
    type Probe = Probe;

    fn families(&self) -> Families {
        self.families
    }

    fn address(text: &str) -> Result<Address, String> {
        let host = Host::parse(text);
        let host = host.ok_or_else(|| "must be a host name or an IP address".to_owned())?;
        Ok(Address { host })
    }

    fn probe(&self, _: &Address) -> Probe {
        Probe
    }
}

impl Run for Probe {
    const LAYER: Layer = Layer::Icmp;

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
        match icmp.ping(*ip, *timeout, strays).await {
            Ok(rtt) => Outcome {
                duration: Some(rtt),
                rtt: Some(rtt),
                seen: Seen::Echo,
                ..Outcome::default()
            },
            Err(Refusal { failure: Failure::Timeout, .. }) => Outcome::timed_out(*timeout),
            Err(Refusal { failure, offender }) => {
                if let Some(offender) = offender {
                    debug!(%ip, %offender, reason = failure.as_str(), "an echo was refused");
                }
                Outcome::failed(failure)
            }
        }
    }
}
