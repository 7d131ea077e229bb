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
use tracing::{info, warn};

use crate::Exporter;
use crate::regular_file::open_itself;

/// A JSON file in the state directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateFile {
    path: PathBuf,
}

/// What was found in a file's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content<T> {
    /// There is no such file.
    Nothing,
    /// What the file says.
    Good(T),
    /// Why it cannot be understood.
    Unreadable(String),
    /// Why it must not be touched, or cannot be read at all.
    Unusable(String),
}

impl<T> Content<T> {
    /// What is wrong with the file, for people; nothing where it is good or not there.
    pub fn fault(&self) -> Option<String> {
        match self {
            Self::Nothing | Self::Good(_) => None,
            Self::Unreadable(why) => Some(format!("is moved aside, and begun anew: {why}")),
            Self::Unusable(why) => Some(format!("is not used, and nothing is kept there: {why}")),
        }
    }
}

/// The longest name of a file on Linux, less the longest ending that is used.
const LONGEST_NAME: usize = 255 - ".json.unreadable".len();

impl StateFile {
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

    /// What stands in its place, as `parse` understands it. Changes nothing.
    pub fn look<T>(&self, most: u64, parse: impl FnOnce(&[u8]) -> anyhow::Result<T>) -> Content<T> {
        let name = self.path.file_stem().unwrap_or_default().len();
        if name > LONGEST_NAME {
            return Content::Unusable(format!(
                "a name of {name} bytes is too long for a file; the most is {LONGEST_NAME}"
            ));
        }
        match self.read(most) {
            Ok(None) => Content::Nothing,
            Ok(Some(text)) if text.len() as u64 > most => {
                Content::Unreadable(format!("it is larger than {most} bytes"))
            }
            Ok(Some(text)) => match parse(&text) {
                Ok(good) => Content::Good(good),
                Err(error) => Content::Unreadable(format!("{error:#}")),
            },
            Err(error) => Content::Unusable(format!("{error:#}")),
        }
    }

    /// Makes use of what stood there: a file that cannot be understood is moved aside, since overwriting
    /// it would forget in silence what it knew. `None` where the file cannot be used, and is to be left
    /// alone.
    pub fn open<T: Default>(&self, held: Content<T>) -> Option<T> {
        match held {
            Content::Nothing => Some(T::default()),
            Content::Good(good) => Some(good),
            Content::Unusable(_) => None,
            Content::Unreadable(_) => match self.move_aside() {
                Ok(aside) => {
                    info!(moved_to = %aside.display(), "moved aside");
                    Some(T::default())
                }
                Err(error) => {
                    warn!("{error:#}");
                    None
                }
            },
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
    fn move_aside(&self) -> anyhow::Result<PathBuf> {
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

    #[test]
    fn what_is_written_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        // Also over what others may read: an older file, and one that a stop in the middle of writing left.
        for name in ["old.json", "old.json.new"] {
            fs::write(folder.path().join(name), "[1, 2]").unwrap();
            fs::set_permissions(folder.path().join(name), Permissions::from_mode(0o644)).unwrap();
        }
        for name in ["new", "old"] {
            let file = StateFile::new(folder.path(), name);
            file.replace(b"[1]").unwrap();
            let path = folder.path().join(format!("{name}.json"));
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(
                (fs::read_to_string(path).unwrap().as_str(), mode),
                ("[1]", 0o600),
                "{name}"
            );
        }
    }

    #[test]
    fn what_stands_in_a_files_place_is_looked_at_and_then_opened() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| StateFile::new(folder.path(), name);
        let parse = |text: &[u8]| Ok(serde_json::from_slice::<Vec<u32>>(text)?);
        let look = |name: &str| file(name).look(16, parse);
        fs::write(folder.path().join("good.json"), "[1]").unwrap();
        fs::write(folder.path().join("bad.json"), "[").unwrap();
        fs::write(folder.path().join("long.json"), "[1, 2, 3, 4, 5, 6, 7]").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link.json")).unwrap();
        assert_eq!((look("none"), look("good")), (Content::Nothing, Content::Good(vec![1])));
        assert!(matches!(look("bad"), Content::Unreadable(_)), "{:?}", look("bad"));
        assert_eq!(look("long"), Content::Unreadable("it is larger than 16 bytes".into()));
        assert!(matches!(look("link"), Content::Unusable(_)), "{:?}", look("link"));
        let (fits, too_long) = ("a".repeat(LONGEST_NAME), "a".repeat(LONGEST_NAME + 1));
        assert_eq!(look(&fits), Content::Nothing);
        file(&fits).replace(b"[").unwrap();
        assert_eq!(file(&fits).open(look(&fits)), Some(vec![]), "it can be moved aside");
        assert!(look(&too_long).fault().unwrap().contains("is too long for a file"));
        assert_eq!(file("bad").open(look("bad")), Some(vec![]));
        assert!(folder.path().join("bad.json.unreadable").exists());
        assert_eq!(file("link").open(look("link")), None);
        assert!(folder.path().join("link.json").symlink_metadata().is_ok(), "it is left alone");
    }
}
