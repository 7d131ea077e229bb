//! The config file: from where, to what, and how is probed. Words of `blackbox_exporter`'s modules
//! are kept.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::anyhow;
use exporter_kit::config::{self, Identity, Located, Name, Problems, Vantage, refuse_duplicates};
use exporter_kit::discovery::{Discovery, FileSd, Found, HttpSd, Skipped};
use exporter_kit::{Buckets, Wanted};
use serde::Deserialize;

mod module;
#[cfg(test)]
mod tests;

use module::Module;

use crate::host::{Families, Host};
use crate::probe::{Address, Probe};

/// The whole file, each part valid by itself and together.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "RawConfig")]
pub struct Config {
    /// From where is probed.
    pub(crate) vantage: Vantage,
    resolvers: Vec<SocketAddr>,
    modules: BTreeMap<String, Module>,
    targets: Vec<Entry>,
    /// By which bounds times are counted.
    pub(crate) buckets: Buckets,
    /// Where more targets are discovered.
    pub(crate) discovery: Discovery,
}

/// Labels of the metrics, which a target's own labels may not be.
const TAKEN: [&str; 9] =
    ["address", "family", "mode", "module", "phase", "reason", "role", "slot", "window"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    vantage: Vantage,
    #[serde(default)]
    buckets: Buckets,
    #[serde(default)]
    resolvers: Vec<Resolver>,
    modules: BTreeMap<Name, Module>,
    #[serde(default)]
    targets: Vec<Located<RawEntry>>,
    #[serde(default)]
    file_sd_configs: Vec<FileSd>,
    #[serde(default)]
    http_sd_configs: Vec<HttpSd>,
}

/// One target as it stands in the file, its address read by its module's prober.
#[derive(Clone, Debug)]
struct Entry {
    name: String,
    module: String,
    role: Role,
    labels: config::Labels,
    address: Address,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    name: Name,
    address: String,
    module: String,
    #[serde(default)]
    role: Role,
    #[serde(default)]
    labels: config::Labels,
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
    const ALL: [Self; 2] = [Self::Service, Self::Canary];

    /// The label's value.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Canary => "canary",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }
}

/// What the task of a target does. Over a reload, equal work goes on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Work {
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
    /// What is done with each address.
    pub(crate) probe: Probe,
}

/// What is shown of a target beside its name. Over a reload, other labels restart nothing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Labels {
    /// The name of its module.
    pub(crate) module: String,
    /// What it is there for.
    pub(crate) role: Role,
    /// The user's own.
    pub(crate) own: config::Labels,
    /// The bounds of its histograms, the values of the label `le`.
    pub(crate) buckets: Buckets,
}

/// What is to be probed, by name.
pub(crate) type Probed = BTreeMap<String, Wanted<Work, Labels>>;

impl Config {
    /// Reads the files that modules name, relative paths being taken from `folder`.
    pub(crate) fn load_files(mut self, folder: &Path) -> anyhow::Result<Self> {
        let mut addresses: BTreeMap<&str, Vec<&Address>> = BTreeMap::new();
        for target in &self.targets {
            addresses.entry(&target.module).or_default().push(&target.address);
        }
        // What will be discovered may need what no target of this file does.
        let discovers = self.discovers();
        for (name, module) in &mut self.modules {
            let addresses = addresses.get(name.as_str()).map_or(&[][..], Vec::as_slice);
            let addresses = (!discovers).then_some(addresses);
            let loaded = module.prober.load(folder, addresses);
            loaded.map_err(|error| anyhow!("modules.{name}.{error:#}"))?;
        }
        Ok(self)
    }

    /// The targets of the file, and with them those that are discovered; which of these are left out.
    pub(crate) fn targets(&self, found: &[Found]) -> (Probed, Vec<Skipped>) {
        let of_file = self.targets.iter().map(|entry| (entry.name.clone(), self.wanted(entry)));
        let mut targets: Probed = of_file.collect();
        let mut skipped = Vec::new();
        for found in found {
            match self.discovered(found) {
                Ok(entry) if targets.contains_key(&entry.name) => {
                    skipped.push(found.clone().skip("another target has its name"));
                }
                Ok(entry) => drop(targets.insert(entry.name.clone(), self.wanted(&entry))),
                Err(reason) => skipped.push(found.clone().skip(reason)),
            }
        }
        (targets, skipped)
    }

    /// A discovered target, held to the same conditions as one of the file.
    fn discovered(&self, found: &Found) -> Result<Entry, String> {
        let parts = found.parts(&["role"])?;
        let module = parts.module.ok_or("module: must be named, by __param_module or module")?;
        let role = match parts.fields.get("role") {
            None => Role::default(),
            Some(name) => {
                Role::named(name.as_str()).ok_or("role: must be one of service, canary")?
            }
        };
        let (name, module, labels) = (parts.name, module.into_string(), parts.labels);
        let raw = RawEntry { name, address: found.address.clone(), module, role, labels };
        Entry::try_from((raw, &self.modules))
    }

    fn wanted(&self, entry: &Entry) -> Wanted<Work, Labels> {
        let (module, own) = (entry.module.clone(), entry.labels.clone());
        Wanted {
            work: self.work(entry),
            labels: Labels { module, role: entry.role, own, buckets: self.buckets.clone() },
        }
    }

    /// Whether there may be more targets than those of the file.
    fn discovers(&self) -> bool {
        self.discovery != Discovery::default()
    }

    /// What is allowed and hardly meant.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let idle = self.targets.is_empty() && !self.discovers();
        let idle = idle.then(|| "targets: there is none, so nothing is probed".to_owned());
        idle.into_iter().collect()
    }

    fn work(&self, entry: &Entry) -> Work {
        let module = &self.modules[&entry.module];
        let host = entry.address.host().clone();
        let resolvers = match host {
            Host::Ip(_) => Vec::new(),
            Host::Name(_) => self.resolvers.clone(),
        };
        Work {
            host,
            families: module.prober.families(),
            resolvers,
            interval: module.interval,
            timeout: module.timeout,
            probe: module.prober.probe(&entry.address),
        }
    }
}

impl TryFrom<RawConfig> for Config {
    type Error = Problems;

    fn try_from(raw: RawConfig) -> Result<Self, Problems> {
        let modules = raw.modules.into_iter().map(|(name, module)| (name.into_string(), module));
        let modules = modules.collect();
        let mut problems = Problems::default();
        let mut targets = Vec::new();
        for (number, Located { place, value }) in raw.targets.into_iter().enumerate() {
            match Entry::try_from((value, &modules)) {
                Ok(value) => targets.push(Located { place, value }),
                Err(error) => problems.add(place, format!("targets[{number}].{error}")),
            }
        }
        let identities = targets.iter().map(|Located { place, value }| Identity {
            place: *place,
            group: "",
            name: &value.name,
            address: "",
        });
        refuse_duplicates(None, identities, &mut problems);
        problems.into_result()?;
        let targets = targets.into_iter().map(|target| target.value).collect();
        let resolvers = raw.resolvers.into_iter().map(|resolver| resolver.0).collect();
        let discovery = Discovery { files: raw.file_sd_configs, http: raw.http_sd_configs };
        Ok(Self {
            vantage: raw.vantage,
            buckets: raw.buckets,
            resolvers,
            modules,
            targets,
            discovery,
        })
    }
}

impl TryFrom<(RawEntry, &BTreeMap<String, Module>)> for Entry {
    type Error = String;

    fn try_from((raw, modules): (RawEntry, &BTreeMap<String, Module>)) -> Result<Self, String> {
        let name = raw.name.into_string();
        let Some(module) = modules.get(&raw.module) else {
            let allowed: Vec<_> = modules.keys().map(String::as_str).collect();
            let allowed = allowed.join(", ");
            return Err(format!("module: is not among the modules; must be one of {allowed}"));
        };
        let address = module.prober.address(&raw.address);
        let address = address.map_err(|error| format!("address: {error}"))?;
        raw.labels.refuse(&TAKEN).map_err(|error| format!("labels: {error}"))?;
        Ok(Self { name, module: raw.module, role: raw.role, labels: raw.labels, address })
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
        bare.or_else(|_| text.parse())
            .map(Self)
            .map_err(|_| "must be an IP address, or IP:PORT ([IP]:PORT for IPv6)".to_owned())
    }
}
