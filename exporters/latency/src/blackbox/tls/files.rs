//! The files of a section `tls_config`: what is in them, and whether they have changed (I/O).

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, ensure};
use exporter_kit::{SecretSource, read_file};
use openssl::x509::X509;

/// So much of a CA file is read: ten times the bundle of a system.
const LARGEST_CA: u64 = 4 << 20;

/// By what a file is known to be the same: when it was written, how long it is, and which it is; none where it is not
/// there.
pub(super) type Stamp = Option<(SystemTime, u64, u64)>;

/// The stamps of those that are files, relative paths being taken from `folder`.
pub(super) fn stamps(folder: &Path, sources: &[&Option<SecretSource>]) -> Vec<Stamp> {
    let files = sources.iter().filter_map(|source| match source {
        Some(SecretSource::File(file)) => Some(folder.join(file)),
        _ => None,
    });
    let stamp = |file: PathBuf| {
        let about = std::fs::metadata(file).ok()?;
        Some((about.modified().ok()?, about.len(), about.ino()))
    };
    files.map(stamp).collect()
}

/// What a CA file holds: no secret, and often the bundle of a whole system.
pub(super) fn authorities(ca: &SecretSource, folder: &Path) -> anyhow::Result<Vec<u8>> {
    let file = match ca {
        SecretSource::Inline(pem) => return Ok(pem.expose().as_bytes().to_owned()),
        SecretSource::File(file) => folder.join(file),
    };
    let pem = read_file(&file, LARGEST_CA);
    pem.map(|pem| pem.to_vec()).with_context(|| format!("reading {}", file.display()))
}

/// The certificates of a file, one at least.
pub(super) fn certificates(pem: &[u8]) -> anyhow::Result<Vec<X509>> {
    let certificates = X509::stack_from_pem(pem).context("reading PEM")?;
    ensure!(!certificates.is_empty(), "there is no certificate in it");
    Ok(certificates)
}
