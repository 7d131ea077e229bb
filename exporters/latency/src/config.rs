//! The config file: from where, to what, and how is probed. Words of `blackbox_exporter`'s modules
//! are kept.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::anyhow;
use exporter_kit::Wanted;
use exporter_kit::config::{Identity, Located, Name, Problems, Vantage, refuse_duplicates};
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
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    vantage: Vantage,
    #[serde(default)]
    resolvers: Vec<Resolver>,
    modules: BTreeMap<Name, Module>,
    targets: Vec<Located<RawEntry>>,
}

/// One target as it stands in the file, its address read by its module's prober.
#[derive(Clone, Debug)]
struct Entry {
    name: String,
    module: String,
    role: Role,
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
}

impl Config {
    /// Reads the files that modules name, relative paths being taken from `folder`.
    pub(crate) fn load_files(mut self, folder: &Path) -> anyhow::Result<Self> {
        let mut addresses: BTreeMap<&str, Vec<&Address>> = BTreeMap::new();
        for target in &self.targets {
            addresses.entry(&target.module).or_default().push(&target.address);
        }
        for (name, module) in &mut self.modules {
            let addresses = addresses.get(name.as_str()).map_or(&[][..], Vec::as_slice);
            let loaded = module.prober.load(folder, addresses);
            loaded.map_err(|error| anyhow!("modules.{name}.{error:#}"))?;
        }
        Ok(self)
    }

    /// The targets by name.
    pub(crate) fn targets(&self) -> BTreeMap<String, Wanted<Work, Labels>> {
        let wanted = |entry: &Entry| Wanted {
            work: self.work(entry),
            labels: Labels { module: entry.module.clone(), role: entry.role },
        };
        self.targets.iter().map(|entry| (entry.name.clone(), wanted(entry))).collect()
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
        refuse_duplicates("team", identities, &mut problems);
        problems.into_result()?;
        let targets = targets.into_iter().map(|target| target.value).collect();
        let resolvers = raw.resolvers.into_iter().map(|resolver| resolver.0).collect();
        Ok(Self { vantage: raw.vantage, resolvers, modules, targets })
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
        Ok(Self { name, module: raw.module, role: raw.role, address })
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
