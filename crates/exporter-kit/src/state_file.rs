//! A file of what outlives the process, written whole or not at all.
//!
//! Only regular files are touched, no symlink is followed, and their owner alone may read them.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::regular_file::open_itself;

/// A JSON file in the state directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateFile {
    path: PathBuf,
}

impl StateFile {
    /// What the longest name is followed by.
    pub const LONGEST_ENDING: &str = ".json.unreadable";

    /// The file of this name, less its ending.
    pub fn new(directory: &Path, name: &str) -> Self {
        Self { path: directory.join(format!("{name}.json")) }
    }

    /// Where it stands.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether anything stands there.
    pub fn is_there(&self) -> bool {
        self.path.symlink_metadata().is_ok()
    }

    /// What it holds, of more than `most` bytes the first and one more; `None` where there is none.
    ///
    /// Fails if it cannot be read, or is no regular file.
    pub fn read(&self, most: u64) -> anyhow::Result<Option<Vec<u8>>> {
        let read = || -> io::Result<Vec<u8>> {
            let file = open_itself(&self.path, OpenOptions::new().read(true))?;
            let mut text = Vec::new();
            file.take(most + 1).read_to_end(&mut text)?;
            Ok(text)
        };
        match read() {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            read => read.map(Some).with_context(|| format!("reading {}", self.path.display())),
        }
    }

    /// Replaces what it holds. Waits for the disk.
    ///
    /// Fails if it cannot be written; then it holds what it held.
    pub fn replace(&self, text: &[u8]) -> anyhow::Result<()> {
        let fresh = self.path.with_extension("json.new");
        create(&fresh)
            .and_then(|mut file| {
                file.write_all(text)?;
                file.sync_all()
            })
            .and_then(|()| fs::rename(&fresh, &self.path))
            .with_context(|| format!("writing {}", self.path.display()))
    }

    /// Gives it another name, so that nothing overwrites it; returns where it stands now.
    ///
    /// Fails if it cannot be renamed.
    pub fn move_aside(&self) -> anyhow::Result<PathBuf> {
        let aside = self.path.with_extension("json.unreadable");
        fs::rename(&self.path, &aside)
            .with_context(|| format!("moving {} aside", self.path.display()))?;
        Ok(aside)
    }

    /// Makes the state directory of a program if it is not there yet, and makes sure that files can be
    /// written in it.
    ///
    /// Fails if they cannot.
    pub fn prepare(directory: &Path, program: &str) -> anyhow::Result<()> {
        let trial = directory.join(format!(".{program}"));
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .and_then(|()| create(&trial))
            .and_then(|_| fs::remove_file(&trial))
            .with_context(|| format!("state_directory: preparing {}", directory.display()))
    }
}

/// An empty file that its owner alone may read.
fn create(path: &Path) -> io::Result<File> {
    let file = open_itself(path, OpenOptions::new().write(true).create(true).mode(0o600))?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.set_len(0)?;
    Ok(file)
}
