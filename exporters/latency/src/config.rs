//! The config file: from where, to what, and how is probed. Words of `blackbox_exporter`'s modules
//! are kept.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;
use serde_saphyr::Spanned;

mod address;
mod module;
mod span;
#[cfg(test)]
mod tests;
mod vantage;

use address::Endpoint;
pub(crate) use address::{Host, HttpProbe};
use module::Module;
pub(crate) use module::{Families, Prober};
pub(crate) use vantage::Vantage;

use crate::tls::{TlsClient, Trust};

/// The whole file, each part valid by itself and together.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "RawConfig")]
pub struct Config {
    /// From where is probed.
    pub(crate) vantage: Vantage,
    resolvers: Vec<SocketAddr>,
    modules: BTreeMap<String, Module>,
    targets: Vec<Entry>,
    /// By module; filled in by [`Config::with_trust`].
    trust: BTreeMap<String, Trust>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    vantage: Vantage,
    #[serde(default)]
    resolvers: Vec<Resolver>,
    modules: BTreeMap<String, Module>,
    targets: Vec<Spanned<RawEntry>>,
}

/// One target as it stands in the file, its address read as its module needs it.
#[derive(Clone, Debug)]
struct Entry {
    name: String,
    module: String,
    role: Role,
    endpoint: Endpoint,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    name: Name,
    address: String,
    module: String,
    #[serde(default)]
    role: Role,
}

/// What a target is there for.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Hash)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// Its own reachability matters.
    #[default]
    Service,
    /// It is known to be reachable, and shows whether the vantage itself is.
    Canary,
}

impl Role {
    /// The label's value.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Canary => "canary",
        }
    }
}

/// One target with all that is needed to probe it. Equal ones need no restart on a reload.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Target {
    /// Its name; the label `target`.
    pub(crate) name: String,
    /// The name of its module; the label of that name.
    pub(crate) module: String,
    /// What it is there for.
    pub(crate) role: Role,
    /// Whose addresses are probed.
    pub(crate) host: Host,
    /// Which of its addresses.
    pub(crate) families: Families,
    /// Who is asked for them; the system's resolvers when empty, and for a literal address.
    pub(crate) resolvers: Vec<SocketAddr>,
    /// The time from one probe to the next.
    pub(crate) interval: Duration,
    /// How long a probe may take.
    pub(crate) timeout: Duration,
    /// What a probe is.
    pub(crate) probe: Probe,
}

/// What is done with each address.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Probe {
    /// An ICMP echo.
    Icmp,
    /// A TCP handshake.
    Tcp {
        /// With this port.
        port: u16,
    },
    /// An HTTP request.
    Http {
        /// To this port.
        port: u16,
        /// This one.
        http: Box<HttpProbe>,
    },
}

impl Config {
    /// Reads the CA files, relative paths being taken from `folder`.
    pub(crate) fn with_trust(mut self, folder: &Path) -> anyhow::Result<Self> {
        let used: BTreeSet<&String> = self
            .targets
            .iter()
            .filter(|target| target.endpoint.server_name().is_some())
            .map(|target| &target.module)
            .collect();
        for (name, module) in &self.modules {
            // A CA file is read in any case, so that a bad path does not wait for its first target.
            if let Prober::Http(http) = &module.prober
                && (used.contains(name) || http.tls.ca_file.is_some())
            {
                let trust = Trust::load(&http.tls, folder);
                let trust = trust.with_context(|| format!("modules.{name}.http.tls_config"))?;
                self.trust.insert(name.clone(), trust);
            }
        }
        Ok(self)
    }

    /// The targets by name.
    pub(crate) fn targets(&self) -> BTreeMap<String, Target> {
        self.targets.iter().map(|entry| (entry.name.clone(), self.target(entry))).collect()
    }

    fn target(&self, entry: &Entry) -> Target {
        let module = &self.modules[&entry.module];
        let host = entry.endpoint.host().clone();
        let resolvers = match host {
            Host::Ip(_) => Vec::new(),
            Host::Name(_) => self.resolvers.clone(),
        };
        Target {
            name: entry.name.clone(),
            module: entry.module.clone(),
            role: entry.role,
            host,
            families: module.families,
            resolvers,
            interval: module.interval,
            timeout: module.timeout,
            probe: self.probe(entry, module),
        }
    }

    fn probe(&self, entry: &Entry, module: &Module) -> Probe {
        match (&entry.endpoint, &module.prober) {
            (Endpoint::Icmp { .. }, _) => Probe::Icmp,
            (Endpoint::Tcp { port, .. }, _) => Probe::Tcp { port: *port },
            (Endpoint::Http { url, .. }, Prober::Http(settings)) => {
                let tls = entry.endpoint.server_name().map(|name| {
                    let trust = self.trust.get(&entry.module);
                    let trust = trust.expect("each module of an https target has been loaded");
                    let name = settings.tls.server_name.clone().unwrap_or(name);
                    TlsClient::new(trust.clone(), name)
                });
                Probe::Http { port: url.port, http: Box::new(HttpProbe::new(url, settings, tls)) }
            }
            (Endpoint::Http { .. }, _) => unreachable!("an endpoint is read as its module says"),
        }
    }
}

impl TryFrom<RawConfig> for Config {
    type Error = String;

    fn try_from(raw: RawConfig) -> Result<Self, String> {
        let mut names = BTreeSet::new();
        let mut targets = Vec::new();
        for target in raw.targets {
            let line = target.defined.line();
            let entry = Entry::try_from((target.value, &raw.modules))
                .map_err(|error| format!("line {line}: targets: {error}"))?;
            if !names.insert(entry.name.clone()) {
                let name = entry.name;
                return Err(format!("line {line}: targets: the name `{name}` is there twice"));
            }
            targets.push(entry);
        }
        Ok(Self {
            vantage: raw.vantage,
            resolvers: raw.resolvers.into_iter().map(|resolver| resolver.0).collect(),
            modules: raw.modules,
            targets,
            trust: BTreeMap::new(),
        })
    }
}

impl TryFrom<(RawEntry, &BTreeMap<String, Module>)> for Entry {
    type Error = String;

    fn try_from((raw, modules): (RawEntry, &BTreeMap<String, Module>)) -> Result<Self, String> {
        let name = raw.name.0;
        let Some(module) = modules.get(&raw.module) else {
            let allowed: Vec<_> = modules.keys().map(String::as_str).collect();
            return Err(format!(
                "`{name}` names the module `{}`, which is not among the modules: {}",
                raw.module,
                allowed.join(", ")
            ));
        };
        let endpoint = Endpoint::parse(&raw.address, &module.prober)
            .map_err(|error| format!("`{name}`: address: {error}"))?;
        Ok(Self { name, module: raw.module, role: raw.role, endpoint })
    }
}

/// A resolver's address, with or without a port.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Resolver(SocketAddr);

impl TryFrom<String> for Resolver {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bare = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53));
        bare.or_else(|_| text.parse()).map(Self).map_err(|_| {
            format!("resolvers: `{text}` must be an IP address, or IP:PORT ([IP]:PORT for IPv6)")
        })
    }
}

/// A name that is fit for a label.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Name(String);

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err("name: must not be empty".to_owned());
        }
        Ok(Self(text))
    }
}
