//! What is remembered of a zone, on disk: the delegation that was accepted, the serials, and what was told. Without it
//! a restart would take another delegation for the first that it ever saw.

use std::path::Path;

use anyhow::ensure;
use exporter_kit::StateFile;
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::judge::Kept;
use crate::exchange::HostName;

const FORMAT: u32 = 1;
const MOST_BYTES: u64 = 1 << 20;

/// Where what is remembered of one zone is kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Store {
    file: StateFile,
    /// Whether it was told what is wrong with the file.
    is_told: bool,
}

#[derive(Deserialize, Serialize)]
struct Document {
    format: u32,
    #[serde(flatten)]
    kept: Kept,
}

impl Store {
    /// The file of a zone. No set has one of this name: in theirs a full stop is written otherwise.
    pub(crate) fn new(directory: &Path, zone: &HostName) -> Self {
        Self { file: StateFile::new(directory, &format!("zone.{zone}")), is_told: false }
    }

    /// The same, of whose file it was told already what is wrong with it.
    pub(crate) fn told(self, is_told: bool) -> Self {
        Self { is_told, ..self }
    }

    /// Why the file is of no use, if it is not. Changes nothing.
    pub(crate) fn fault(&self) -> Option<String> {
        let fault = self.file.look(MOST_BYTES, parse).fault()?;
        Some(format!("{} {fault}", self.file.path().display()))
    }

    /// What is remembered, and the store if it can be used.
    pub(super) fn open(self) -> (Option<Self>, Kept) {
        let held = self.file.look(MOST_BYTES, parse);
        if let Some(fault) = held.fault().filter(|_| !self.is_told) {
            warn!("{} {fault}", self.file.path().display());
        }
        match self.file.open(held) {
            Some(kept) => (Some(self), kept),
            None => (None, Kept::default()),
        }
    }

    /// Replaces what is remembered. Waits for the disk.
    pub(super) fn save(&self, kept: &Kept) -> anyhow::Result<()> {
        let document = Document { format: FORMAT, kept: kept.clone() };
        self.file.replace(&serde_json::to_vec(&document)?)
    }
}

fn parse(text: &[u8]) -> anyhow::Result<Kept> {
    let document: Document = serde_json::from_slice(text)?;
    ensure!(document.format == FORMAT, "format {} is not known", document.format);
    Ok(document.kept)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_accepted_delegation_outlives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path(), &"a.example".parse().unwrap());
        let open = || Store::new(folder.path(), &"a.example".parse().unwrap()).open().1;
        assert_eq!(open(), Kept::default());
        let names = |name: &str| [name.parse().unwrap()].into();
        let kept = Kept {
            accepted: names("ns.example"),
            other: Some((names("evil.example"), 7)),
            stood: 9,
            ..Kept::default()
        };
        store.save(&kept).unwrap();
        assert_eq!(open(), kept);
        fs::write(folder.path().join("zone.a.example.json"), "{}").unwrap();
        assert_eq!(open(), Kept::default());
        assert!(folder.path().join("zone.a.example.json.unreadable").exists());
    }
}
