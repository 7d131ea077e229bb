//! The baselines of sensors on disk: one JSON file a BMC, written whole or not at all.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use tracing::error;

use crate::inventory::Known;

const FORMAT: u32 = 1;

/// Where one BMC's baseline is kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Store {
    file: PathBuf,
}

#[derive(Deserialize, Serialize)]
struct Document {
    format: u32,
    sensors: Vec<Known>,
}

impl Store {
    /// The store of the BMC called `target`, whose name was checked when the config was read.
    pub(crate) fn new(directory: &Path, target: &str) -> Self {
        Self { file: directory.join(format!("{target}.json")) }
    }

    /// The baseline that was kept; empty when none was. A file that cannot be understood is put
    /// aside, since overwriting it would forget in silence what it knew.
    pub(crate) fn load(&self) -> anyhow::Result<Vec<Known>> {
        let text = match fs::read_to_string(&self.file) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            read => read.with_context(|| format!("reading baseline {}", self.file.display()))?,
        };
        parse(&text).or_else(|error| {
            let aside = self.file.with_extension("json.unreadable");
            error!(file = %self.file.display(), moved_to = %aside.display(), "baseline cannot be read: {error:#}");
            fs::rename(&self.file, &aside)
                .with_context(|| format!("moving {} aside", self.file.display()))?;
            Ok(Vec::new())
        })
    }

    /// Replaces the baseline.
    pub(crate) fn save(&self, sensors: Vec<Known>) -> anyhow::Result<()> {
        let text = serde_json::to_vec_pretty(&Document { format: FORMAT, sensors })?;
        let fresh = self.file.with_extension("json.new");
        File::create(&fresh)
            .and_then(|mut file| {
                file.write_all(&text)?;
                file.sync_all()
            })
            .and_then(|()| fs::rename(&fresh, &self.file))
            .with_context(|| format!("writing baseline {}", self.file.display()))
    }
}

/// Makes the directory if it is not there yet, and makes sure that files can be written in it.
pub(crate) fn prepare(directory: &Path) -> anyhow::Result<()> {
    let probe = directory.join(".turbulence-ipmi");
    fs::create_dir_all(directory)
        .and_then(|()| File::create(&probe))
        .and_then(|_| fs::remove_file(&probe))
        .with_context(|| format!("state_directory: preparing {}", directory.display()))
}

fn parse(text: &str) -> anyhow::Result<Vec<Known>> {
    let document: Document = serde_json::from_str(text)?;
    ensure!(document.format == FORMAT, "format {} is not known", document.format);
    Ok(document.sensors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::Entity;

    #[test]
    fn a_baseline_survives_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path(), "srv-1");
        assert_eq!(store.load().unwrap(), []);
        let known = Known { id: "32.0.5".into(), name: "05-HD Max".into(), entity: Entity::Disk };
        store.save(vec![known.clone()]).unwrap();
        assert_eq!(Store::new(folder.path(), "srv-1").load().unwrap(), [known]);
        assert_eq!(Store::new(folder.path(), "srv-2").load().unwrap(), []);
    }

    #[test]
    fn a_file_that_cannot_be_understood_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("srv-1.json"), "{\"format\": 9, \"sensors\": []}").unwrap();
        let store = Store::new(folder.path(), "srv-1");
        assert_eq!(store.load().unwrap(), []);
        assert!(folder.path().join("srv-1.json.unreadable").exists());
        store.save(Vec::new()).unwrap();
        assert!(folder.path().join("srv-1.json").exists());
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_an_error_that_names_the_field() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = prepare(&file.path().join("state")).unwrap_err();
        assert!(error.to_string().starts_with("state_directory: "), "{error:#}");
    }
}
