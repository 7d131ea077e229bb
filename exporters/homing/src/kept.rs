//! A file of what outlives the process, over reloads that name another folder for it. Waits for the disk.

use std::path::{Path, PathBuf};

use exporter_kit::{Content, StateFile};
use tracing::warn;

/// The file, and what was told of it.
#[derive(Debug)]
pub(crate) struct Kept {
    kind: &'static Kind,
    /// Where it is kept, and whether that is elsewhere than it was written last.
    directory: Option<PathBuf>,
    has_moved: bool,
    file: Option<StateFile>,
    /// What of the file was told already: the words of its fault.
    told: Option<String>,
    /// Whether the file was read.
    is_open: bool,
    /// Whether it could not be written last, which was told.
    has_failed: bool,
}

/// What is kept in it.
#[derive(Debug)]
pub(crate) struct Kind {
    /// Its name, less its ending.
    pub(crate) name: &'static str,
    /// What it holds, for people.
    pub(crate) of: &'static str,
    /// A file that is larger is none of ours.
    pub(crate) most_bytes: u64,
}

impl Kept {
    /// Nothing is read yet; what is wrong with it may have been told before.
    pub(crate) fn new(kind: &'static Kind, directory: Option<&Path>, told: Option<String>) -> Self {
        Self {
            kind,
            directory: directory.map(Path::to_owned),
            has_moved: false,
            file: directory.map(|it| kind.file(it)),
            told,
            is_open: false,
            has_failed: false,
        }
    }

    /// From now on it is kept in that folder, or in none; what another program kept there is read first.
    pub(crate) fn move_to(&mut self, directory: Option<PathBuf>) {
        if self.directory == directory {
            return;
        }
        self.file = directory.as_deref().map(|it| self.kind.file(it));
        self.directory = directory;
        (self.has_moved, self.is_open, self.has_failed, self.told) = (true, false, false, None);
    }

    /// What it holds, at the first time that this is asked.
    pub(crate) fn read<T: Default>(
        &mut self,
        parse: impl FnOnce(&[u8]) -> anyhow::Result<T>,
    ) -> Option<T> {
        if std::mem::replace(&mut self.is_open, true) {
            return None;
        }
        // It comes back if it can be used.
        let file = self.file.take()?;
        let content = file.look(self.kind.most_bytes, parse);
        if let Some(fault) = words(&file, &content).filter(|it| self.told.as_ref() != Some(it)) {
            warn!("{fault}");
        }
        let held = file.open(content)?;
        self.file = Some(file);
        Some(held)
    }

    /// Replaces what it holds; where that fails, it is tried again at the next time.
    pub(crate) fn write(
        &mut self,
        is_new: bool,
        text: impl FnOnce() -> serde_json::Result<Vec<u8>>,
    ) {
        let is_due = is_new || self.has_failed || self.has_moved;
        let Some(file) = self.file.as_ref().filter(|_| is_due) else { return };
        let text = text().map_err(anyhow::Error::from);
        let failed = text.and_then(|text| file.replace(&text)).err();
        if let Some(error) = failed.as_ref().filter(|_| !self.has_failed) {
            warn!("what is known of {} cannot be kept: {error:#}", self.kind.of);
        }
        (self.has_failed, self.has_moved) = (failed.is_some(), false);
    }
}

impl Kind {
    /// Why the file of that folder is of no use, if it is not. Changes nothing.
    pub(crate) fn fault<T>(
        &self,
        directory: &Path,
        parse: impl FnOnce(&[u8]) -> anyhow::Result<T>,
    ) -> Option<String> {
        let file = self.file(directory);
        let content = file.look(self.most_bytes, parse);
        words(&file, &content)
    }

    fn file(&self, directory: &Path) -> StateFile {
        StateFile::new(directory, self.name)
    }
}

fn words<T>(file: &StateFile, content: &Content<T>) -> Option<String> {
    content.fault().map(|fault| format!("{} {fault}", file.path().display()))
}
