//! What is done with a measurement of strangers' probes, and whom it is about.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use exporter_kit::config::Labels;
use exporter_kit::discovery::HttpSd;
use ipnet::IpNet;

use super::public::is_public;
use crate::world::Endpoint;

/// One on this machine may be asked for oftener.
pub(super) const LOOPBACK_INTERVAL: Duration = Duration::from_secs(1);
/// Labels of the metrics, which the user's own may not be.
pub(super) const TAKEN: [&str; 7] =
    ["address", "class", "outcome", "panel", "reason", "result", "type"];

/// What is done with a measurement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PanelWork {
    /// Where its results are.
    pub(crate) settings: HttpSd,
    /// The time from one request to the next.
    pub(crate) interval: Duration,
    /// A result that is older says nothing.
    pub(crate) max_age: Duration,
    /// From where files are taken.
    pub(crate) folder: Arc<Path>,
    /// Whose it is.
    pub(crate) way: Way,
}

/// Whether results are there to be read, or made for us.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Way {
    /// RIPE Atlas, whose probes are on a list.
    Atlas { probes_file: String },
    /// Globalping.
    Globalping(Own),
}

/// Whom a measurement is about.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PanelLabels {
    /// The endpoints.
    pub(crate) endpoints: Vec<Endpoint>,
    /// The user's own labels, on each series of the measurement.
    pub(crate) own: Labels,
    /// What parts of the world are called that the user calls otherwise.
    pub(crate) regions: BTreeMap<String, String>,
}

impl PanelLabels {
    /// A part of the world as the user's vantages call it.
    pub(crate) fn region<'a>(&'a self, ours: &'a str) -> &'a str {
        self.regions.get(ours).map_or(ours, String::as_str)
    }
}

/// What may be measured, and how.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Own {
    /// Whose addresses are measured: those of another endpoint are another work.
    pub(crate) endpoint: Endpoint,
    /// Where it says how many tests are left.
    pub(crate) limits: Box<HttpSd>,
    /// The service.
    pub(crate) url: String,
    /// One's own networks: no address elsewhere is measured.
    pub(crate) networks: Vec<IpNet>,
    /// Probes that are asked for.
    pub(crate) probes: usize,
}

impl Own {
    /// Whether an address is one's own, and may be told to strangers.
    pub(crate) fn has(&self, ip: IpAddr) -> bool {
        is_public(&ip.into()) && self.networks.iter().any(|it| it.contains(&ip))
    }
}

/// Whether that is a server of this machine.
pub(super) fn is_here(url: &str) -> bool {
    url.starts_with("http://127.0.0.1:") || url.starts_with("http://[::1]:")
}

/// A document that is asked for without an account, and without following a redirect.
pub(crate) fn plain(url: &str) -> Option<HttpSd> {
    settings(url, None)
}

/// The same with the token of a file, if there is one.
pub(super) fn settings(url: &str, token_file: Option<&Path>) -> Option<HttpSd> {
    let mut settings = serde_json::json!({ "url": url, "follow_redirects": false });
    if let Some(file) = token_file {
        settings["authorization"] = serde_json::json!({ "credentials_file": file });
    }
    exporter_kit::parse(&settings.to_string(), "").ok()
}
