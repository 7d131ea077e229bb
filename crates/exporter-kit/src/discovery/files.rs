//! Lists in files: which there are, whether they changed, what they say.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context as _;

use super::settings::{FileSd, fits};
use super::{Found, groups};
use crate::regular_file::read_text;

/// Bytes of one list.
pub(super) const LARGEST: u64 = 16 << 20;

/// What tells whether a file changed without reading it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
}

/// The files that the patterns name now, with their stamps. A pattern without wildcards names its
/// file even when there is none, so that its absence is told.
pub(super) fn present(sources: &[FileSd], folder: &Path) -> BTreeMap<PathBuf, Option<Stamp>> {
    let mut files = BTreeMap::new();
    for pattern in sources.iter().flat_map(|source| &source.files) {
        let pattern = folder.join(pattern);
        let name = pattern.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !name.contains(['*', '?', '[']) {
            files.insert(pattern.clone(), stamp(&pattern));
            continue;
        }
        let folder = pattern.parent().unwrap_or_else(|| Path::new("."));
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            // As in Prometheus, a file that begins with a dot is as good as any.
            if fits(&name, &entry.file_name().to_string_lossy()) {
                files.insert(entry.path(), stamp(&entry.path()));
            }
        }
    }
    files
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(path).ok()?;
    Some(Stamp { modified: metadata.modified().ok(), length: metadata.len() })
}

/// The targets that a file lists.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<Found>> {
    let name = path.display().to_string();
    let text = read_text(path, LARGEST).with_context(|| format!("{name}: reading it"))?;
    groups::parse(&text, path.extension().is_some_and(|it| it == "json"), &name)
}
