//! The file with the list of probes, of which a configuration is told that it can be read.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};
use std::path::Path;

use networks::Limited;

use super::probes::{self, Probe};

/// Bytes of the list.
const LARGEST: u64 = 64 << 20;

/// Reads a list of probes.
pub(crate) fn read(path: &Path) -> anyhow::Result<BTreeMap<u64, Probe>> {
    within(LARGEST, exporter_kit::open_file(path)?)
}

/// Reads one of at most so many bytes.
fn within(largest: u64, file: impl Read) -> anyhow::Result<BTreeMap<u64, Probe>> {
    Ok(probes::read(BufReader::new(Limited::new(file, largest)))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_is_too_large_is_told_as_that_and_not_as_broken() {
        let list = format!("{{\"objects\": [{}]}}", " ".repeat(2 << 20));
        assert!(within(3 << 20, list.as_bytes()).is_ok());
        let error = format!("{:#}", within(1 << 20, list.as_bytes()).unwrap_err());
        assert!(error.starts_with("it is larger than 1 MiB"), "{error}");
    }
}
