//! The file with the list of probes, of which a configuration is told that it can be read.

use std::collections::BTreeMap;
use std::io::{BufReader, Read as _};
use std::path::Path;

use super::probes::{self, Probe};

/// Bytes of the list.
const LARGEST: u64 = 64 << 20;

/// Reads a list of probes.
pub(crate) fn read(path: &Path) -> anyhow::Result<BTreeMap<u64, Probe>> {
    let file = exporter_kit::open_file(path)?;
    Ok(probes::read(BufReader::new(file.take(LARGEST)))?)
}
