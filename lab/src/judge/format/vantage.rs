//! A vantage of a world, and what each of its probes would find. No I/O, no clock.

use exporter_kit::config::Located;
use serde::Deserialize;

use super::period::Period;
use super::steps::Steps;

/// A place that endpoints are probed from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Vantage {
    /// The label `vantage`.
    #[serde(rename = "vantage")]
    pub(crate) name: String,
    /// The label `region`.
    pub(crate) region: String,
    /// Whether Prometheus reaches it.
    pub(crate) scraped: Option<Steps<bool>>,
    /// Seconds by which its wall clock is ahead.
    #[serde(default)]
    pub(crate) clock: f64,
    /// Seconds by which its samples are old when they arrive.
    #[serde(default)]
    pub(crate) arrives_late: u64,
    /// Seconds at which its exporter is restarted.
    #[serde(default)]
    pub(crate) restarts: Vec<u64>,
    /// What it probes.
    pub(crate) probes: Vec<Located<Probe>>,
}

/// An endpoint by one module.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Probe {
    /// The label `target`.
    pub(crate) target: String,
    /// The label `module`: `icmp...` is an echo, `tcp...` a handshake, every other one HTTP.
    pub(crate) module: String,
    /// The label `role`.
    #[serde(default)]
    pub(crate) role: Role,
    /// The label `team`; none where it is empty.
    #[serde(default)]
    pub(crate) team: String,
    /// The time from one probe to the next.
    pub(crate) interval: Period,
    /// How long a probe may take.
    pub(crate) timeout: exporter_kit::config::Duration,
    /// What a probe that begins then finds.
    pub(crate) outcome: Steps<Outcome>,
    /// The share of the probes that fail where `outcome` says ok, drawn evenly, and how.
    pub(crate) fails: Option<Steps<f64>>,
    #[serde(default = "default_failure")]
    pub(crate) fails_as: Outcome,
    /// Of each address, whether a probe succeeds there: the first half is IPv4, the other IPv6.
    pub(crate) addresses_up: Option<Vec<Steps<bool>>>,
    /// Seconds there and back.
    pub(crate) rtt: Option<Steps<f64>>,
    /// Seconds to the first byte.
    pub(crate) ttfb: Option<Steps<f64>>,
    /// The second of the first probe.
    #[serde(default)]
    pub(crate) added_at: u64,
    /// The second from which on it is no longer there.
    pub(crate) removed_at: Option<u64>,
}

fn default_failure() -> Outcome {
    Outcome { reason: Some("timeout".to_owned()), status: None }
}

/// What a target is there for.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// Its own reachability matters.
    #[default]
    Service,
    /// It shows whether the vantage itself is reachable.
    Canary,
}

/// What a probe finds: `ok`, or a reason, with the HTTP status behind `http_status`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub(crate) struct Outcome {
    /// Why it fails; none where it succeeds.
    pub(crate) reason: Option<String>,
    /// The HTTP status, where one came.
    pub(crate) status: Option<u16>,
}

impl TryFrom<String> for Outcome {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        const MUST: &str = "must be ok, or a reason of latency_probe_failures_total, as in timeout or http_status 503";
        let (reason, status) = match text.split_once(' ') {
            Some((reason, status)) => (reason, Some(status.parse().map_err(|_| MUST)?)),
            None => (&*text, None),
        };
        if reason == "ok" {
            return Ok(Self { reason: None, status: status.or(Some(200)) });
        }
        if !turbulence_latency::simulation::is_reason(reason) {
            return Err(MUST);
        }
        Ok(Self { reason: Some(reason.to_owned()), status })
    }
}
