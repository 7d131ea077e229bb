//! The config file: which BMCs are polled, and how. Words of `ipmi_exporter`'s modules are kept.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use exporter_kit::config::{
    Identity, Located, Name, Problems, refuse_duplicates, shared_addresses,
};
use exporter_kit::discovery::{Discovery, FileSd, Found, HttpSd, Skipped};
use exporter_kit::on_demand::{AllowList, Settings};
use exporter_kit::{TargetId, Wanted};
use serde::Deserialize;

use crate::baseline::{Kept, Names};

mod account;
mod address;
mod driver;
mod foreign;
mod login;
mod module;
mod on_demand;
mod own;
mod span;
mod target;

pub(crate) use address::Address;
pub(crate) use driver::Driver;
pub(crate) use login::{Privilege, Suite, Workaround};
pub(crate) use module::Module;
pub(crate) use on_demand::{OnDemandBmc, OnDemandModules};
use target::Target;
pub(crate) use target::{Bmc, Labels};

/// The whole file, each module and each target valid by itself and together.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "RawConfig")]
pub struct Config {
    modules: BTreeMap<String, Located<Module>>,
    targets: Vec<Target>,
    /// Whether the machine's own BMC is polled since nobody is named.
    polls_itself: bool,
    /// Where more targets are discovered.
    pub(crate) discovery: Discovery,
    /// Who may be asked for beside the targets, and discovered.
    pub(crate) on_demand: Arc<Settings>,
    /// Where the baselines of sensors are kept over a restart; nowhere when not set.
    pub(crate) state_directory: Option<PathBuf>,
    /// The baselines that were found there, by target.
    pub(crate) kept: BTreeMap<TargetId, Kept>,
    /// What is allowed and hardly meant.
    pub(crate) warnings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    #[serde(default)]
    modules: BTreeMap<Name, Located<Module>>,
    targets: Option<Vec<Located<Target>>>,
    #[serde(default)]
    on_demand: Located<Settings>,
    #[serde(default)]
    file_sd_configs: Vec<FileSd>,
    #[serde(default)]
    http_sd_configs: Vec<HttpSd>,
    state_directory: Option<Folder>,
}

/// The path of a folder.
#[derive(Deserialize)]
#[serde(try_from = "PathBuf")]
struct Folder(PathBuf);

impl TryFrom<PathBuf> for Folder {
    type Error = &'static str;

    fn try_from(path: PathBuf) -> Result<Self, Self::Error> {
        if path.as_os_str().is_empty() {
            return Err("must be the path of a folder; leave it out to keep nothing");
        }
        Ok(Self(path))
    }
}

impl Config {
    /// Reads the files of passwords and keys, and, if they are `looked_for`, the baselines, relative paths
    /// being taken from `folder`. Changes nothing on disk.
    pub(crate) fn with_files(mut self, folder: &Path, looked_for: bool) -> anyhow::Result<Self> {
        let mut problems = Problems::default();
        for (name, Located { place, value }) in &mut self.modules {
            for error in value.account.load(folder) {
                problems.add(*place, format!("modules.{name}.{error}"));
            }
        }
        problems.into_result()?;
        if self.polls_itself {
            self.targets.push(own::target()?);
        }
        if let Some(directory) = &self.state_directory {
            let directory = folder.join(directory);
            let names = Names::of(self.targets.iter().map(|target| &*target.name));
            let kept = |target: &Target| {
                let id = target.id();
                let kept = Kept::find(&directory, &id.name, &id.group, names.alone(&id.name));
                (id, kept)
            };
            self.kept = self.targets.iter().filter(|_| looked_for).map(kept).collect();
            self.state_directory = Some(directory);
        }
        Ok(self)
    }

    /// The targets of the file, and with them those that are discovered; which of these are left out.
    pub(crate) fn wanted(&self, found: &[Found]) -> (Polled, Vec<Skipped>) {
        // Targets of one module share it.
        let shared = |(name, module): (&String, &Located<Module>)| {
            (name.clone(), Arc::new(module.value.clone()))
        };
        let shared: BTreeMap<_, _> = self.modules.iter().map(shared).collect();
        let wanted = |target: &Target| {
            let work = Arc::new(target.work(Arc::clone(&shared[&target.module])));
            Wanted { work, labels: target.labels() }
        };
        let of_file = self.targets.iter().map(|target| (target.id(), wanted(target)));
        let mut polled: Polled = of_file.collect();
        let mut skipped = Vec::new();
        for found in found {
            match self.discovered(found) {
                Ok(target) if polled.contains_key(&target.id()) => {
                    skipped.push(found.clone().skip("another target has its name and site"));
                }
                Ok(target) => drop(polled.insert(target.id(), wanted(&target))),
                Err(reason) => skipped.push(found.clone().skip(reason)),
            }
        }
        (polled, skipped)
    }

    fn discovered(&self, found: &Found) -> Result<Target, String> {
        let target = Target::try_from(found)?;
        target.fits(&self.modules)?;
        let allow = &self.on_demand.allow;
        let may_be_anybody = *allow == AllowList::default();
        match target.address.destination().filter(|it| !may_be_anybody && !allow.allows(it)) {
            Some(_) => Err("address: `on_demand.allow` does not list it".to_owned()),
            None => Ok(target),
        }
    }

    /// The modules, by their names.
    pub(crate) fn modules(&self) -> impl Iterator<Item = (&str, &Module)> {
        self.modules.iter().map(|(name, module)| (name.as_str(), &module.value))
    }

    /// What there is to know of those that a scraper names.
    pub(crate) fn on_demand_modules(&self) -> OnDemandModules {
        let shared = |(name, module): (&String, &Located<Module>)| {
            (name.clone(), Arc::new(module.value.clone()))
        };
        OnDemandModules::new(self.modules.iter().map(shared).collect(), Arc::clone(&self.on_demand))
    }
}

/// What is polled, by the target's name and site.
pub(crate) type Polled = BTreeMap<TargetId, Wanted<Arc<Bmc>, Labels>>;

impl TryFrom<RawConfig> for Config {
    type Error = Problems;

    fn try_from(raw: RawConfig) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let modules = raw.modules.into_iter().map(|(name, module)| (name.into_string(), module));
        let mut modules: BTreeMap<_, Located<Module>> = modules.collect();
        let discovery = Discovery { files: raw.file_sd_configs, http: raw.http_sd_configs };
        let names_nobody = raw.targets.is_none() && discovery == Discovery::default();
        let polls_itself = names_nobody && own::is_polled(&mut modules);
        let targets = raw.targets.unwrap_or_default();
        let mut warnings = own::warnings(&mut modules);
        for (number, Located { place, value }) in targets.iter().enumerate() {
            if let Err(error) = value.fits(&modules) {
                problems.add(*place, format!("targets[{number}].{error}"));
            }
        }
        let Located { place, value: on_demand } = raw.on_demand;
        if on_demand.allow.lists_paths() {
            let what = "on_demand.allow: must list hosts; a device is named in `targets`";
            problems.add(place, what);
        }
        refuse_duplicates(Some("site"), identities(&targets, &[]), &mut problems);
        problems.into_result()?;
        let addresses: Vec<_> =
            targets.iter().map(|target| target.value.address.to_string().to_lowercase()).collect();
        warnings.extend(shared_addresses(identities(&targets, &addresses)));
        for Located { place, value } in &targets {
            if value.address.may_have_lost_its_port() {
                warnings.push(format!(
                    "line {}: address: all of it is an IPv6 address, and the port is 623; where 623 at its \
                     end is meant as the port, write it as in [2001:db8::1]:623",
                    place.line
                ));
            }
        }
        let may_be_asked = on_demand.allow != AllowList::default();
        if targets.is_empty() && discovery == Discovery::default() && !polls_itself && !may_be_asked
        {
            warnings.push(
                "targets: there is none, so nothing is polled; name them here or in `file_sd_configs`, or \
                 list in `on_demand.allow` whom the scraper may name"
                    .to_owned(),
            );
        }
        Ok(Self {
            modules,
            discovery,
            polls_itself,
            on_demand: Arc::new(on_demand),
            targets: targets.into_iter().map(|target| target.value).collect(),
            state_directory: raw.state_directory.map(|it| it.0),
            kept: BTreeMap::new(),
            warnings,
        })
    }
}

/// The targets by their sites and names, which are labels and files of the state directory; `addresses`
/// are in the order of the targets, or none where they do not matter.
fn identities<'a>(
    targets: &'a [Located<Target>],
    addresses: &'a [String],
) -> impl Iterator<Item = Identity<'a>> {
    targets.iter().enumerate().map(|(number, Located { place, value })| Identity {
        place: *place,
        group: value.site(),
        name: &value.name,
        address: addresses.get(number).map_or("", String::as_str),
    })
}

#[cfg(test)]
mod tests;
