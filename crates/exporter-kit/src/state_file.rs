//! A file of what outlives the process, written whole or not at all.
//!
//! Only regular files are touched, no symlink is followed, and their owner alone may read them.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, ensure};
use nix::sys::statfs::{PROC_SUPER_MAGIC, SYSFS_MAGIC, statfs};
use nix::unistd::{AccessFlags, access};

use crate::Exporter;
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

/// Makes the state directory of a config that is to be in force, if it has one.
pub(crate) fn admit<E: Exporter>(config: &E::Config) -> anyhow::Result<()> {
    E::state_directory(config).map_or(Ok(()), |it| StateFile::prepare(it, E::NAME))
}

/// Whether [`StateFile::prepare`] could do what it does. Nothing is made or changed.
pub(crate) fn could_prepare(directory: &Path) -> anyhow::Result<()> {
    let refused = |why: &str| anyhow!("state_directory: preparing {}: {why}", directory.display());
    ensure!(!directory.as_os_str().as_bytes().contains(&0), refused("a path has no NUL in it"));
    // A relative path of one part has an empty parent: the folder that the process is in.
    let parts = directory.ancestors().map(|it| if it == "" { Path::new(".") } else { it });
    for part in parts {
        let is_folder = match part.metadata() {
            Ok(meta) => meta.is_dir(),
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(refused(&error.to_string())),
        };
        ensure!(is_folder, refused(&format!("{} is no folder", part.display())));
        let kind = statfs(part).map(|it| it.filesystem_type());
        let takes_files = kind.is_ok_and(|kind| kind != PROC_SUPER_MAGIC && kind != SYSFS_MAGIC);
        let may_write = access(part, AccessFlags::W_OK | AccessFlags::X_OK).is_ok();
        let why = || refused(&format!("nothing can be written in {}", part.display()));
        ensure!(takes_files && may_write, why());
        return Ok(());
    }
    Err(refused("there is no such folder"))
}

/// An empty file that its owner alone may read.
fn create(path: &Path) -> io::Result<File> {
    let file = open_itself(path, OpenOptions::new().write(true).create(true).mode(0o600))?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.set_len(0)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_checked_is_what_is_prepared() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        for (directory, is_good) in [
            (folder.path().to_owned(), true),
            (folder.path().join("a/b/c"), true),
            (file.clone(), false),
            (file.join("below"), false),
            (PathBuf::from("/proc/nope"), false),
            (PathBuf::from("/sys/nope"), false),
            (folder.path().join("a\0b"), false),
            (folder.path().join("x".repeat(300)), false),
        ] {
            let checked = could_prepare(&directory);
            assert!(!folder.path().join("a").exists(), "it was made by looking");
            let prepared = StateFile::prepare(&directory, "test");
            let both = (checked.is_ok(), prepared.is_ok());
            assert_eq!(
                both,
                (is_good, is_good),
                "{}: {checked:?} {prepared:?}",
                directory.display()
            );
            let _ = fs::remove_dir_all(folder.path().join("a"));
            if let Err(error) = checked {
                assert!(error.to_string().starts_with("state_directory: preparing "), "{error}");
            }
        }
    }
}
