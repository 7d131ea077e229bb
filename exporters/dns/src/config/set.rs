//! A set of resolvers, as a config writes it. No I/O, no clock.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use exporter_kit::config::{self as kit, Labels, Located, Name, Problems, all};
use serde::Deserialize;

use super::TAKEN;
use super::encrypted::{Encrypted, RawTransport, TlsConfig};
use crate::exchange::HostName;
use crate::exchange::identity::HttpPath;
use crate::resolvers::{Added, Builder, Listed, ResolverList};

/// Earliest retransmission (RFC 1035 §4.2.1: 2-5 seconds).
const MIN_RETRY: Duration = Duration::from_secs(2);
/// How long an answer may be waited for.
const TIMEOUT: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(30));

/// A set of resolvers, asked together.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "RawSet")]
pub(crate) struct Set {
    /// Its name: a label.
    pub(crate) name: String,
    /// Where the resolvers stand written.
    pub(super) source: Source,
    /// The resolvers, once they are known.
    pub(crate) list: Arc<ResolverList>,
    /// How they are asked, where that is not by datagrams.
    pub(crate) encrypted: Option<Encrypted>,
    /// Port that all of them are asked at.
    pub(crate) port: u16,
    /// Whether special-purpose addresses may be asked.
    pub(crate) allow_private: bool,
    /// From the start of one sweep to the start of the next.
    pub(crate) interval: Duration,
    /// Queries per second, over all resolvers.
    pub(crate) rate: u32,
    /// How long an answer may take.
    pub(crate) timeout: Duration,
    /// Whether each resolver is asked which of its machines answers (RFC 5001).
    pub(crate) nsid: bool,
    /// How often a query is sent again after a timeout: 0 or 1.
    pub(crate) retries: u8,
    /// A name that every healthy resolver can resolve.
    pub(crate) control: Option<HostName>,
    /// Fewer conclusive answers say nothing; as few as a verdict needs, if it is not given.
    pub(crate) min_resolvers: Option<usize>,
    /// Answers from fewer networks say nothing.
    pub(crate) min_networks: Option<usize>,
    /// The operator knows that third parties are probed.
    pub(super) acknowledge_third_party_probing: bool,
    /// Whom a third party can write to; shown on the landing page.
    pub(crate) contact: Option<String>,
    /// The user's own labels of all of its series.
    pub(crate) labels: Labels,
}

/// Where the resolvers of a set stand written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Source {
    Inline(Vec<Located<Listed>>),
    File(Located<PathBuf>),
    /// In the lists of `file_sd_configs` alone.
    Discovered,
}

impl Set {
    /// Those of its resolvers that are written by their names.
    pub(super) fn names(&self) -> impl Iterator<Item = &Listed> {
        let entries = match &self.source {
            Source::Inline(entries) => &**entries,
            Source::File(_) | Source::Discovered => &[],
        };
        entries.iter().map(|entry| &entry.value).filter(|entry| entry.at.name().is_some())
    }

    /// The list of a set whose resolvers stand in the config, where it is entry number `number`, added to an empty
    /// one; what is wrong with them; and a warning of those that are there twice.
    pub(super) fn inline(
        &self,
        entries: &[Located<Listed>],
        number: usize,
        mut builder: Builder,
        problems: &mut Problems,
    ) -> (Builder, Option<String>) {
        let (mut again, mut names) = (Vec::new(), HashSet::new());
        let written = entries.iter().map(|entry| (entry.value.entry(), entry)).enumerate();
        for (at, (of_it, entry)) in written {
            if let Some(fault) = Encrypted::fault_of(self.encrypted.as_ref(), &entry.certified) {
                problems.add(entry.place, format!("sets[{number}].resolvers[{at}].{fault}"));
            }
            let Some(of_it) = of_it else {
                if entry.at.name().is_some_and(|name| !names.insert(name)) {
                    again.push(entry);
                }
                continue;
            };
            match builder.add(&of_it) {
                Added::New | Added::OptedOut => {}
                Added::Again => again.push(entry),
                Added::Special if self.allow_private => problems.add(
                    entry.place,
                    format!("sets[{number}].resolvers[{at}]: no host can have this address"),
                ),
                Added::Special => problems.add(
                    entry.place,
                    format!(
                        "sets[{number}].resolvers[{at}]: a special-purpose address is asked only with \
                         `allow_private: true`"
                    ),
                ),
            }
        }
        let warning = again.first().map(|entry| {
            let first = entries.iter().find(|it| it.at.host == entry.at.host);
            let what = if entry.at.name().is_some() { "name" } else { "address" };
            let more = match again.len() - 1 {
                0 => String::new(),
                more => format!(", and {more} more are there twice"),
            };
            format!(
                "line {}: resolvers: line {} has the same {what}{more}; each is asked once",
                entry.place.line,
                first.map_or(0, |it| it.place.line)
            )
        });
        (builder, warning)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSet {
    name: Name,
    resolvers: Option<Vec<Located<Listed>>>,
    resolvers_file: Option<Located<PathBuf>>,
    #[serde(default)]
    transport: RawTransport,
    tls_config: Option<TlsConfig>,
    path: Option<HttpPath>,
    port: Option<u16>,
    #[serde(default)]
    allow_private: bool,
    #[serde(default = "default_interval")]
    interval: kit::Duration,
    #[serde(default = "default_rate")]
    rate: u32,
    #[serde(default = "default_timeout")]
    timeout: kit::Duration,
    #[serde(default)]
    retries: u8,
    #[serde(default)]
    nsid: bool,
    control: Option<HostName>,
    min_resolvers: Option<usize>,
    min_networks: Option<usize>,
    #[serde(default)]
    acknowledge_third_party_probing: bool,
    contact: Option<String>,
    #[serde(default)]
    labels: Labels,
}

fn default_interval() -> kit::Duration {
    kit::Duration::new(Duration::from_secs(3600))
}

fn default_rate() -> u32 {
    100
}

fn default_timeout() -> kit::Duration {
    kit::Duration::new(Duration::from_secs(2))
}

impl TryFrom<RawSet> for Set {
    type Error = String;

    fn try_from(raw: RawSet) -> Result<Self, String> {
        let source = match (raw.resolvers, raw.resolvers_file) {
            (Some(entries), None) => Ok(Source::Inline(entries)),
            (None, Some(path)) => Ok(Source::File(path)),
            (Some(_), Some(_)) => {
                Err("resolvers: give them or `resolvers_file`, not both".to_owned())
            }
            (None, None) => Ok(Source::Discovered),
        };
        let must = |field: &str, holds: bool, must: &str| {
            if holds { Ok(()) } else { Err(format!("{field}: must be {must}")) }
        };
        let port = raw.port.unwrap_or_else(|| raw.transport.port());
        let encrypted = Encrypted::new(raw.transport, raw.tls_config, raw.path);
        let timeout = raw.timeout.within(TIMEOUT.0, TIMEOUT.1);
        let retries = match raw.retries {
            1 if raw.timeout.get() < MIN_RETRY => Err(format!(
                "retries: must be 0 unless the timeout is at least {} (RFC 1035 §4.2.1)",
                kit::Duration::new(MIN_RETRY)
            )),
            1 if raw.transport.way().is_some() => {
                Err("retries: must be 0 with this `transport`, which sends again by itself"
                    .to_owned())
            }
            retries => must("retries", retries <= 1, "0 or 1"),
        };
        all([
            source.as_ref().map(drop).map_err(String::clone),
            encrypted.clone().map(drop).map_err(str::to_owned),
            must("port", port > 0, "from 1 to 65535"),
            must("interval", !raw.interval.get().is_zero(), "above 0"),
            timeout.clone().map(drop).map_err(|error| format!("timeout: {error}")),
            retries,
            raw.labels.refuse(&TAKEN).map_err(|error| format!("labels: {error}")),
        ])?;
        Ok(Self {
            name: raw.name.into_string(),
            source: source?,
            list: Arc::default(),
            encrypted: encrypted?,
            port,
            allow_private: raw.allow_private,
            interval: raw.interval.get(),
            rate: raw.rate,
            timeout: timeout?,
            retries: raw.retries,
            nsid: raw.nsid,
            control: raw.control,
            min_resolvers: raw.min_resolvers,
            min_networks: raw.min_networks,
            acknowledge_third_party_probing: raw.acknowledge_third_party_probing,
            contact: raw.contact.filter(|contact| !contact.is_empty()),
            labels: raw.labels,
        })
    }
}
