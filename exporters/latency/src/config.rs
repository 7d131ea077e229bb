//! The config file: from where, to what, and how is probed. Words of `blackbox_exporter`'s modules
//! are kept.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use exporter_kit::config::{
    self, Identity, Located, Name, Place, Problems, Vantage, refuse_duplicates, shared_addresses,
};
use exporter_kit::discovery::{Discovery, FileSd, Found, HttpSd, Skipped};
use exporter_kit::on_demand::{AllowList, Settings};
use exporter_kit::{Buckets, TargetId, Wanted};
use serde::Deserialize;

mod entry;
mod module;
pub(crate) mod path;
#[cfg(test)]
mod tests;
mod warnings;

pub(crate) use entry::Role;
use entry::{Entry, RawEntry};
use module::{Continuous, Module};
use path::{PathRate, PathSettings, TableFiles};

use crate::blackbox::offer::{Offer, Offered};
use crate::figures::Figures;
use crate::host::{Families, Host};
use crate::icmp::Backend;
use crate::probe::{Address, Probe, Prober};

/// The whole file, each part valid by itself and together.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "RawConfig")]
pub struct Config {
    /// From where is probed; without a name where nothing is probed all the time.
    pub(crate) vantage: Vantage,
    /// Who is asked for names; the system's resolvers when empty.
    pub(crate) resolvers: Vec<SocketAddr>,
    modules: BTreeMap<String, Located<Module>>,
    targets: Vec<Entry>,
    /// By which bounds times are counted.
    pub(crate) buckets: Buckets,
    /// What is shown of each target beside the ordinary; by how many there are where nothing is said.
    figures: Option<Figures>,
    /// By what echoes are sent.
    pub(crate) backend: Backend,
    /// Where more targets are discovered.
    pub(crate) discovery: Discovery,
    on_demand: Arc<Settings>,
    /// Whose addresses, routers and exchanges are.
    pub(crate) tables: TableFiles,
    /// How many datagrams a second traces may send.
    pub(crate) path_rate: PathRate,
    /// Addresses that are probed twice.
    shared: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    vantage: Option<Vantage>,
    #[serde(default)]
    buckets: Buckets,
    figures: Option<Figures>,
    #[serde(default)]
    icmp: RawIcmp,
    #[serde(default)]
    resolvers: Vec<Resolver>,
    modules: BTreeMap<Name, Located<Module>>,
    #[serde(default)]
    targets: Vec<Located<RawEntry>>,
    #[serde(default)]
    file_sd_configs: Vec<FileSd>,
    #[serde(default)]
    http_sd_configs: Vec<HttpSd>,
    #[serde(default)]
    on_demand: Settings,
    #[serde(default)]
    tables: TableFiles,
    #[serde(default)]
    path_rate: PathRate,
}

/// How echoes are sent, whatever the module.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawIcmp {
    backend: Backend,
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
    /// How the paths to it are traced, where they are.
    pub(crate) path: Option<PathSettings>,
}

impl Work {
    /// How many files its task holds open at most while it has one address.
    pub(crate) fn descriptors(&self) -> usize {
        let lookup = if matches!(self.host, Host::Name(_)) { LOOKUP } else { 0 };
        lookup + self.descriptors_of_an_address()
    }

    /// How many of them are each address's: one for each probe that may be under way, and one for the next.
    /// Echoes and traces go by sockets that all targets share.
    pub(crate) fn descriptors_of_an_address(&self) -> usize {
        if !self.probe.holds_files() {
            return 0;
        }
        let under_way = self.timeout.as_nanos().div_ceil(self.interval.as_nanos().max(1));
        usize::try_from(under_way).unwrap_or(usize::MAX).saturating_add(1)
    }
}

/// What is shown of a target beside its name. Over a reload, other labels restart nothing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Labels {
    /// The name of its module.
    pub(crate) module: String,
    /// Whose it is; empty where none is configured.
    pub(crate) team: String,
    /// What it is there for.
    pub(crate) role: Role,
    /// The user's own.
    pub(crate) own: config::Labels,
    /// The bounds of its histograms, the values of the label `le`.
    pub(crate) buckets: Buckets,
    /// What is shown of it beside the ordinary.
    pub(crate) figures: Figures,
}

/// How many files a lookup holds open at most: it asks for both families.
const LOOKUP: usize = 2;

/// So many sets of labels are looked through for one that is the same.
const MOST_ALIKE: usize = 8;

/// What is to be probed, each by its name, its team and its module.
pub(crate) type Probed = BTreeMap<TargetId, Wanted<Arc<Work>, Arc<Labels>>>;

impl Config {
    /// Reads the files that modules name, relative paths being taken from `folder`.
    pub(crate) fn load_files(mut self, folder: &Path) -> anyhow::Result<Self> {
        let mut problems = Problems::default();
        let mut addresses: BTreeMap<&str, Vec<&Address>> = BTreeMap::new();
        for target in &self.targets {
            addresses.entry(&target.id.module).or_default().push(&target.address);
        }
        // What will be discovered may need what no target of this file does.
        let discovers = self.discovers();
        for (name, Located { place, value: module }) in &mut self.modules {
            let addresses = addresses.get(name.as_str()).map_or(&[][..], Vec::as_slice);
            let is_needed = discovers || !addresses.is_empty() || module.asked.interval.is_some();
            let addresses = (!discovers).then_some(addresses);
            if let (Backend::Surge, Ok(continuous)) = (self.backend, &module.continuous)
                && let Prober::Icmp(settings) = &continuous.prober
            {
                let able = settings.refuse_beyond_surge();
                able.unwrap_or_else(|error| {
                    problems.add(*place, format!("modules.{name}.{error}"));
                });
            }
            if let (true, Ok(continuous)) = (is_needed, &mut module.continuous) {
                let loaded = continuous.prober.load(folder, addresses);
                loaded.unwrap_or_else(|error| {
                    problems.add(*place, format!("modules.{name}.{error:#}"));
                });
            }
            module.load(folder);
        }
        problems.into_result()?;
        self.tables = self.tables.in_folder(folder);
        Ok(self)
    }

    /// The targets of the file, and with them those that are discovered; which of these are left out. Whether all figures
    /// were shown before counts where the config says nothing of them.
    pub(crate) fn targets(&self, found: &[Found], were_in_full: bool) -> (Probed, Vec<Skipped>) {
        let mut known: BTreeSet<TargetId> = self.targets.iter().map(|it| it.id.clone()).collect();
        let (mut discovered, mut skipped) = (Vec::new(), Vec::new());
        for found in found {
            match self.discovered(found) {
                Ok(entry) if known.insert(entry.id.clone()) => discovered.push(entry),
                Ok(_) => {
                    skipped
                        .push(found.clone().skip("another target has its team, name and module"));
                }
                Err(reason) => skipped.push(found.clone().skip(reason)),
            }
        }
        // Those that are left out have no figures.
        let so_many = Figures::of_so_many(known.len(), were_in_full);
        let figures = self.figures.unwrap_or(so_many);
        let all = self.targets.iter().chain(&discovered);
        let mut labels = Vec::new();
        let targets = all.map(|entry| (entry.id.clone(), self.wanted(entry, figures, &mut labels)));
        (targets.collect(), skipped)
    }

    /// A discovered target, held to the same conditions as one of the file.
    fn discovered(&self, found: &Found) -> Result<Entry, String> {
        let mut parts = found.parts(&["role", "team"])?;
        let module = parts.module.ok_or("module: must be named, by __param_module or module")?;
        let role = match parts.fields.get("role") {
            None => Role::default(),
            Some(name) => {
                Role::named(name.as_str()).ok_or("role: must be one of service, canary")?
            }
        };
        let raw = RawEntry {
            name: parts.name,
            team: parts.fields.remove("team"),
            address: found.address.clone(),
            module: Some(module.into_string()),
            modules: None,
            role,
            labels: parts.labels,
        };
        let mut entries = raw.entries(&self.modules)?;
        let entry = entries.pop().ok_or("module: must be named")?;
        let allow = &self.on_demand.allow;
        if *allow != AllowList::default() {
            let prober = &self.modules[&entry.id.module].asked.prober;
            let destination = prober.destination(&found.address);
            let destination = destination.map_err(|must| format!("address: {must}"))?;
            if !allow.allows(&destination) {
                return Err("address: `on_demand.allow` does not list it".to_owned());
            }
        }
        Ok(entry)
    }

    /// Labels of which there are some like them are kept once.
    fn wanted(
        &self,
        entry: &Entry,
        figures: Figures,
        known: &mut Vec<Arc<Labels>>,
    ) -> Wanted<Arc<Work>, Arc<Labels>> {
        let TargetId { group: team, module, .. } = entry.id.clone();
        let (own, buckets) = (entry.labels.clone(), self.buckets.clone());
        let labels = Labels { module, team, role: entry.role, own, buckets, figures };
        let alike = known.iter().position(|known| **known == labels);
        let labels = match alike {
            Some(place) => known.remove(place),
            None => Arc::new(labels),
        };
        // The newest last: targets that are alike mostly stand together.
        known.drain(..(known.len() + 1).saturating_sub(MOST_ALIKE));
        known.push(Arc::clone(&labels));
        Wanted { work: Arc::new(self.work(entry)), labels }
    }

    /// Whether there may be more targets than those of the file.
    fn discovers(&self) -> bool {
        self.discovery != Discovery::default()
    }

    /// What a scraper may ask for.
    pub(crate) fn offer(&self) -> Offer {
        let offered = |module: &Located<Module>| Offered {
            module: Arc::new(module.asked.clone()),
            fault: module.fault.as_deref().map(Arc::from),
        };
        Offer {
            settings: Arc::clone(&self.on_demand),
            modules: self.modules.iter().map(|(name, it)| (name.clone(), offered(it))).collect(),
            resolvers: self.resolvers.clone().into(),
        }
    }

    fn work(&self, entry: &Entry) -> Work {
        let Continuous { prober, interval, timeout, path } = self.modules[&entry.id.module]
            .continuous
            .as_ref()
            .expect("an entry is made with a module that probes all the time");
        let host = entry.address.host().clone();
        let resolvers = match host {
            Host::Ip(_) | Host::Zoned(..) => Vec::new(),
            Host::Name(_) => self.resolvers.clone(),
        };
        Work {
            host,
            families: prober.families(),
            resolvers,
            interval: *interval,
            timeout: *timeout,
            probe: prober.probe(&entry.address),
            path: *path,
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
            match value.entries(&modules) {
                Ok(entries) => {
                    targets.extend(entries.into_iter().map(|value| Located { place, value }));
                }
                Err(error) => problems.add(place, format!("targets[{number}].{error}")),
            }
        }
        let group = |target: &Located<Entry>| format!("{}\0{}", target.id.group, target.id.module);
        let groups: Vec<_> = targets.iter().map(group).collect();
        // The same address by another module is something else that is measured.
        let address =
            |target: &Located<Entry>| format!("{:?}\0{}", target.address, target.id.module);
        let addresses: Vec<_> = targets.iter().map(address).collect();
        let identities = targets.iter().zip(&groups).zip(&addresses);
        let identities = identities.map(|((target, group), address)| Identity {
            place: target.place,
            group,
            name: &target.id.name,
            address,
        });
        refuse_duplicates(Some("team, module"), identities.clone(), &mut problems);
        let shared = shared_addresses(identities);
        let has_lists = !raw.file_sd_configs.is_empty() || !raw.http_sd_configs.is_empty();
        if raw.vantage.is_none() && (has_lists || !targets.is_empty()) {
            let what = "vantage: must be given where there are targets: from where they are probed, as in \
                        `vantage: {name: fra, region: EMEA}`";
            let first = Place { line: 1, column: 1 };
            problems.add(targets.first().map_or(first, |it| it.place), what);
        }
        problems.into_result()?;
        let mut targets: Vec<_> = targets.into_iter().map(|target| target.value).collect();
        targets.shrink_to_fit();
        let resolvers = raw.resolvers.into_iter().map(|resolver| resolver.0).collect();
        let discovery = Discovery { files: raw.file_sd_configs, http: raw.http_sd_configs };
        Ok(Self {
            vantage: raw.vantage.unwrap_or_default(),
            buckets: raw.buckets,
            figures: raw.figures,
            backend: raw.icmp.backend,
            resolvers,
            modules,
            targets,
            discovery,
            on_demand: Arc::new(raw.on_demand),
            tables: raw.tables,
            path_rate: raw.path_rate,
            shared,
        })
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
        let resolver: SocketAddr = bare
            .or_else(|_| text.parse())
            .map_err(|_| "must be an IP address, or IP:PORT ([IP]:PORT for IPv6)".to_owned())?;
        if resolver.port() == 0 {
            return Err("must have a port from 1 to 65535".to_owned());
        }
        config::host_address(resolver.ip())?;
        Ok(Self(resolver))
    }
}
