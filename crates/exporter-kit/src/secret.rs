//! A value that never shows itself: not in `Debug`, not in a log, not on a page.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::regular_file::read_text;

/// The most bytes that are read of a secret's file.
const MOST_BYTES: u64 = 64 * 1024;

/// A password or a key. Its memory is overwritten when it is dropped.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps a value.
    pub fn new(value: String) -> Self {
        Self(Zeroizing::new(value))
    }

    /// Reads a regular file of at most 64 KiB, less one line end at its end. An empty file is an error,
    /// so that an unfilled mount does not become an empty password.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = read_text(path, MOST_BYTES)
            .with_context(|| format!("reading secret file {}", path.display()))?;
        let value = text.strip_suffix('\n').unwrap_or(&text);
        let value = value.strip_suffix('\r').unwrap_or(value);
        ensure!(!value.is_empty(), "secret file {} is empty", path.display());
        Ok(Self::new(value.to_owned()))
    }

    /// The value, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Where a secret stands: in the config itself, or in a file of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// In the config.
    Inline(Secret),
    /// In this file; a relative path begins at the config file's folder.
    File(PathBuf),
}

impl SecretSource {
    /// What the fields `field` and `field_file` say: one of them, or neither.
    pub fn either(
        field: &str,
        inline: Option<Secret>,
        file: Option<PathBuf>,
    ) -> Result<Option<Self>, String> {
        match (inline, file) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => Err(format!("{field}: give it or {field}_file, not both")),
            (Some(inline), None) if inline.expose().is_empty() => {
                Err(format!("{field}: must not be empty"))
            }
            (Some(inline), None) => Ok(Some(Self::Inline(inline))),
            (None, Some(file)) => Ok(Some(Self::File(file))),
        }
    }

    /// The secret; a file is read.
    pub fn read(&self, folder: &Path) -> anyhow::Result<Secret> {
        match self {
            Self::Inline(secret) => Ok(secret.clone()),
            Self::File(file) => Secret::read(&folder.join(file)),
        }
    }
}

impl SecretSource {
    /// The same of a secret that is one line, as a password is: what is behind the first would be sent with
    /// it, and nobody could log in.
    pub fn read_line(&self, folder: &Path) -> anyhow::Result<Secret> {
        let secret = self.read(folder)?;
        if let Self::File(file) = self {
            ensure!(
                !secret.expose().contains(['\n', '\r', '\0']),
                "secret file {} has more than one line; must be the secret and nothing else",
                folder.join(file).display()
            );
        }
        Ok(secret)
    }
}

/// Reads secrets only to see whether they can be read: an error for each that cannot, with its field.
pub(crate) fn unreadable<'a>(
    sources: impl IntoIterator<Item = (String, Option<&'a SecretSource>)>,
    folder: &Path,
) -> Vec<String> {
    let sources = sources.into_iter().filter_map(|(field, source)| Some((field, source?)));
    let fault = |(field, source): (String, &SecretSource)| {
        let error = source.read(folder).err()?;
        Some(format!("{field}: {error:#}"))
    };
    sources.filter_map(fault).collect()
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show_itself() {
        let secret = Secret::new("hunter2".to_owned());
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "<secret> Some(<secret>)");
    }

    #[test]
    fn a_file_loses_its_last_line_end_only() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, " pass word \r\n").unwrap();
        assert_eq!(Secret::read(file.path()).unwrap().expose(), " pass word ");
        std::fs::write(&file, "\n").unwrap();
        assert!(Secret::read(file.path()).unwrap_err().to_string().ends_with("is empty"));
    }

    #[test]
    fn a_file_without_end_is_not_read() {
        let error = |path: &Path| format!("{:#}", Secret::read(path).unwrap_err());
        assert!(error(Path::new("/dev/zero")).ends_with("it is no regular file"));
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(error(&fifo).ends_with("it is no regular file"));
        let long = folder.path().join("long");
        std::fs::write(&long, "x".repeat(65_537)).unwrap();
        assert!(error(&long).ends_with("it has more than 64 KiB"));
        // As a secret of Kubernetes is mounted.
        let link = folder.path().join("link");
        std::fs::write(&long, "hunter2").unwrap();
        std::os::unix::fs::symlink(&long, &link).unwrap();
        assert_eq!(Secret::read(&link).unwrap().expose(), "hunter2");
    }
    #[test]
    fn a_secret_stands_in_one_place() {
        let either = |inline: Option<&str>, file: Option<&str>| {
            let inline = inline.map(|value| Secret::new(value.to_owned()));
            SecretSource::either("pass", inline, file.map(PathBuf::from))
        };
        assert_eq!(either(None, None), Ok(None));
        assert!(either(Some("a"), Some("b")).unwrap_err().contains("pass_file, not both"));
        assert_eq!(either(Some(""), None), Err("pass: must not be empty".to_owned()));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("b"), "hunter2\n").unwrap();
        let source = either(None, Some("b")).unwrap().unwrap();
        assert_eq!(source.read(folder.path()).unwrap().expose(), "hunter2");
        assert_eq!(format!("{:?}", either(Some("a"), None)), "Ok(Some(Inline(<secret>)))");
    }

    #[test]
    fn a_password_is_one_line_and_has_no_mark_of_an_editor() {
        let folder = tempfile::tempdir().unwrap();
        let source = SecretSource::File("a".into());
        let read = |text: &str| {
            std::fs::write(folder.path().join("a"), text).unwrap();
            source.read_line(folder.path()).map(|it| it.expose().to_owned())
        };
        assert_eq!(read("\u{feff}hunter2\r\n").unwrap(), "hunter2");
        for text in ["hunter2\nhunter3\n", "hunter2\n\n", "hunter2\r\n\r\n", "hunter2\0"] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains("more than one line") && !error.contains("hunter"), "{error}");
        }
    }
}
