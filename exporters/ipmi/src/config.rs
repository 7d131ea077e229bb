//! The config file: which BMCs are polled, and how. Words of `ipmi_exporter`'s modules are kept.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use exporter_kit::config::{Identity, Located, Problems, refuse_duplicates, shared_addresses};
use exporter_kit::{Secret, Wanted};
use serde::Deserialize;
use tracing::warn;

use crate::baseline::{self, Kept};

mod address;
mod login;
mod module;
mod span;
mod target;

pub(crate) use address::Address;
pub(crate) use login::{Privilege, Suite, Workaround};
pub(crate) use module::Module;
use target::Target;
pub(crate) use target::{Bmc, Labels};

/// The whole file, each module and each target valid by itself and together.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "RawConfig")]
pub struct Config {
    modules: BTreeMap<String, Module>,
    targets: Vec<Target>,
    /// Where the baselines of sensors are kept over a restart; nowhere when not set.
    pub(crate) state_directory: Option<PathBuf>,
    /// The baselines that were found there, by target.
    pub(crate) kept: BTreeMap<String, Kept>,
    /// What is allowed and hardly meant.
    pub(crate) warnings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    modules: BTreeMap<String, Module>,
    targets: Vec<Located<Target>>,
    state_directory: Option<PathBuf>,
}

impl Config {
    /// Reads the files of passwords and keys, and the baselines, relative paths being taken from
    /// `folder`. Changes nothing on disk.
    pub(crate) fn with_files(mut self, folder: &Path) -> anyhow::Result<Self> {
        for (name, module) in &mut self.modules {
            if let Some(file) = &module.password_file {
                let field = || format!("modules.{name}.password_file");
                let file = folder.join(file);
                module.password = Secret::read(&file).with_context(field)?;
                warn_if_public(&file);
                ensure!(
                    module.password.expose().len() <= module::PASSWORD_BYTES,
                    "{}: the password is longer than the 20 bytes that IPMI 2.0 allows",
                    field()
                );
            }
            if let Some(file) = &module.k_g_file {
                let field = || format!("modules.{name}.k_g_file");
                let file = folder.join(file);
                let k_g = Secret::read(&file).with_context(field)?;
                warn_if_public(&file);
                ensure!(module::key(k_g.expose()).is_some(), "{}: {}", field(), module::KEY_RULE);
                module.k_g = Some(k_g);
            }
        }
        if let Some(directory) = &self.state_directory {
            let directory = folder.join(directory);
            let kept =
                |target: &Target| (target.name.clone(), Kept::find(&directory, &target.name));
            self.kept = self.targets.iter().map(kept).collect();
            self.state_directory = Some(directory);
        }
        Ok(self)
    }

    /// Makes the folder of the baselines, and makes sure that files can be written in it.
    pub(crate) fn prepare_state_directory(&self) -> anyhow::Result<()> {
        self.state_directory.as_deref().map_or(Ok(()), baseline::prepare)
    }

    /// What there is to do for each BMC, and what is only said of it. Those of one module share it.
    pub(crate) fn wanted(&self) -> BTreeMap<String, Wanted<Arc<Bmc>, Labels>> {
        let shared: BTreeMap<_, _> =
            self.modules.iter().map(|(name, module)| (name, Arc::new(module.clone()))).collect();
        let wanted = |target: &Target| {
            let work = Arc::new(target.work(Arc::clone(&shared[&target.module])));
            (target.name.clone(), Wanted { work, labels: target.labels() })
        };
        self.targets.iter().map(wanted).collect()
    }
}

/// Not an error, since secrets are mounted like this where only one user is.
fn warn_if_public(file: &Path) {
    let mode = std::fs::metadata(file).map_or(0, |it| it.permissions().mode());
    if mode & 0o007 != 0 {
        warn!(file = %file.display(), "every user of this machine can read the password file");
    }
}

impl TryFrom<RawConfig> for Config {
    type Error = Problems;

    fn try_from(raw: RawConfig) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        for (number, Located { place, value }) in raw.targets.iter().enumerate() {
            if let Err(error) = value.fits(&raw.modules) {
                problems.add(*place, format!("targets[{number}].{error}"));
            }
        }
        refuse_duplicates(None, identities(&raw.targets, &[]), &mut problems);
        problems.into_result()?;
        let addresses: Vec<_> =
            raw.targets.iter().map(|target| target.value.address.to_string()).collect();
        let mut warnings = shared_addresses(identities(&raw.targets, &addresses));
        if raw.targets.is_empty() {
            warnings.push("targets: there is none, so nothing is polled".to_owned());
        }
        Ok(Self {
            modules: raw.modules,
            targets: raw.targets.into_iter().map(|target| target.value).collect(),
            state_directory: raw.state_directory,
            kept: BTreeMap::new(),
            warnings,
        })
    }
}

/// The targets by their names, which are labels and files of the state directory; `addresses` are in
/// the order of the targets, or none where they do not matter.
fn identities<'a>(
    targets: &'a [Located<Target>],
    addresses: &'a [String],
) -> impl Iterator<Item = Identity<'a>> {
    targets.iter().enumerate().map(|(number, Located { place, value })| Identity {
        place: *place,
        group: "",
        name: &value.name,
        address: addresses.get(number).map_or("", String::as_str),
    })
}

#[cfg(test)]
mod tests;
