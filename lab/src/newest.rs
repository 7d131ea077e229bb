//! The program of a peer that is measured beside ours: Debian's newest, unpacked beside the build.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::debian_sid::{self, Sid, run};
use crate::process;

/// A program that can be started.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its file.
    pub path: PathBuf,
    /// As in `1.10.1`.
    pub version: String,
    /// Debian's package.
    package: &'static str,
    /// Where it comes from.
    source: &'static str,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, version, package, source } = self;
        write!(f, "{package} {version} ({source}: {})", path.display())
    }
}

impl Peer {
    fn at(path: PathBuf, package: &'static str, source: &'static str) -> anyhow::Result<Self> {
        // Some versions say it on standard error.
        let output = run(Command::new(&path).arg("--version"))?.concat();
        let version = version(&output).with_context(|| format!("no version in {output:?}"))?;
        Ok(Self { version: version.to_owned(), path, package, source })
    }
}

/// The program of a package of the same name, and what has to be said about that choice: the one that was
/// named, else the newest of sid, else what was unpacked earlier, else the installed one.
pub fn find(package: &'static str, named: Option<&Path>) -> anyhow::Result<(Peer, Vec<String>)> {
    let mut remarks = Vec::new();
    if let Some(path) = named {
        return Ok((Peer::at(path.to_owned(), package, "as told")?, remarks));
    }
    let program = Path::new("usr/bin").join(package);
    let unpacked = debian_sid::root(package)?.join(&program);
    let newest = Sid::read().and_then(|sid| sid.unpack(package));
    match newest.and_then(|root| Peer::at(root.join(&program), package, "Debian sid")) {
        Ok(found) => return Ok((found, remarks)),
        Err(error) => {
            remarks.push(format!("Debian's newest {package} is not to be had: {error:#}"));
        }
    }
    if let Ok(found) = Peer::at(unpacked, package, "Debian sid, unpacked earlier") {
        return Ok((found, remarks));
    }
    let installed = process::find(package, package)
        .with_context(|| format!("nothing to compare with ({})", remarks.join("; ")))?;
    Ok((Peer::at(installed, package, "installed")?, remarks))
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
