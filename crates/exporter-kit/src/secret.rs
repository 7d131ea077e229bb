//! A value that never shows itself: not in `Debug`, not in a log, not on a page.

use std::fmt;
use std::path::Path;

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use zeroize::Zeroizing;

/// A password or a key. Its memory is overwritten when it is dropped.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps a value.
    pub fn new(value: String) -> Self {
        Self(Zeroizing::new(value))
    }

    /// Reads a file, less one line end at its end. An empty file is an error, so that an unfilled
    /// mount does not become an empty password.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("reading secret file {}", path.display()))?;
        let text = Zeroizing::new(text);
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
}
