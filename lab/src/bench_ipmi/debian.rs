//! The `ipmi_exporter` to measure: Debian's newest, unpacked beside the build.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::debian_sid::{self, Sid, run};
use crate::process;

const PACKAGE: &str = "prometheus-ipmi-exporter";
/// Where the package has its program.
const PROGRAM: &str = "usr/bin/prometheus-ipmi-exporter";

/// An `ipmi_exporter` that can be started.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) path: PathBuf,
    /// As in `1.10.1`.
    pub(super) version: String,
    /// Where it comes from.
    source: &'static str,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, version, source } = self;
        write!(f, "ipmi_exporter {version} ({source}: {})", path.display())
    }
}

impl Peer {
    fn at(path: PathBuf, source: &'static str) -> anyhow::Result<Self> {
        // Some versions say it on standard error.
        let output = run(Command::new(&path).arg("--version"))?.concat();
        let version = version(&output).with_context(|| format!("no version in {output:?}"))?;
        Ok(Self { version: version.to_owned(), path, source })
    }
}

/// The exporter to measure, and what has to be said about that choice: the one that was named, else
/// the newest of sid, else what was unpacked earlier, else the installed one.
pub(super) fn exporter(named: Option<&Path>) -> anyhow::Result<(Peer, Vec<String>)> {
    let mut remarks = Vec::new();
    if let Some(path) = named {
        return Ok((Peer::at(path.to_owned(), "as told")?, remarks));
    }
    let unpacked = debian_sid::root(PACKAGE)?.join(PROGRAM);
    let newest = Sid::read().and_then(|sid| sid.unpack(PACKAGE));
    match newest.and_then(|root| Peer::at(root.join(PROGRAM), "Debian sid")) {
        Ok(program) => return Ok((program, remarks)),
        Err(error) => {
            remarks.push(format!("Debian's newest {PACKAGE} is not to be had: {error:#}"));
        }
    }
    if let Ok(program) = Peer::at(unpacked, "Debian sid, unpacked earlier") {
        return Ok((program, remarks));
    }
    let installed = process::find(PACKAGE, PACKAGE).with_context(|| {
        format!(
            "nothing to compare with (--peer PROGRAM names one, --which goes without; {})",
            remarks.join("; ")
        )
    })?;
    Ok((Peer::at(installed, "installed")?, remarks))
}

/// The version of FreeIPMI, whose programs the exporter runs.
pub(super) fn freeipmi() -> anyhow::Result<String> {
    let path = process::find("ipmi-sensors", "freeipmi-tools")?;
    let output = run(Command::new(path).arg("--version"))?.concat();
    let words = output.lines().next().and_then(|line| line.split_ascii_whitespace().last());
    Ok(words.unwrap_or("unknown").to_owned())
}

/// The version in `ipmi_exporter, version 1.10.1 (branch: ..)`.
fn version(said: &str) -> Option<&str> {
    said.split_once(" version ")?.1.split_ascii_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_from_what_the_program_says() {
        let said = "ipmi_exporter, version 1.10.1 (branch: debian/sid, revision: 1.10.1-1)\n";
        assert_eq!(version(said), Some("1.10.1"));
        assert_eq!(version("ipmi_exporter"), None);
    }
}
