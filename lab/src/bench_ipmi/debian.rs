//! Debian's newest prometheus-ipmi-exporter, unpacked beside the build: nothing of the machine is changed.
//!
//! `apt-get` reads the lists of sid into folders of its own, from the mirror that the machine is set up
//! with and through its proxies, and holds them against Debian's keys: what is unpacked is what Debian
//! signed.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use crate::process;

const PACKAGE: &str = "prometheus-ipmi-exporter";
/// Where the package has its program.
const PROGRAM: &str = "usr/bin/prometheus-ipmi-exporter";
/// Debian's keys, of the package `debian-archive-keyring`.
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

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
    let folder = folder()?;
    let unpacked = folder.join("root").join(PROGRAM);
    match newest(&folder).and_then(|()| Peer::at(unpacked.clone(), "Debian sid")) {
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

/// `target/debian-sid`, found from the lab's own file in `target/PROFILE/`.
fn folder() -> anyhow::Result<PathBuf> {
    let lab = std::env::current_exe().context("finding the lab's own file")?;
    let target = lab.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    let target = target.with_context(|| format!("{} is not in a target folder", lab.display()))?;
    Ok(target.join("debian-sid"))
}

/// Reads sid's lists, downloads the package and unpacks it below `folder`/root.
fn newest(folder: &Path) -> anyhow::Result<()> {
    ensure!(Path::new(KEYS).is_file(), "{KEYS} is not there (package debian-archive-keyring)");
    let mirror = mirror()?;
    for needed in ["sources.list.d", "lists/partial", "cache/archives/partial", "state"] {
        fs::create_dir_all(folder.join(needed)).with_context(|| format!("making {needed}"))?;
    }
    let sources =
        format!("Types: deb\nURIs: {mirror}\nSuites: sid\nComponents: main\nSigned-By: {KEYS}\n");
    fs::write(folder.join("sources.list.d/sid.sources"), sources)?;
    fs::write(folder.join("apt.conf"), settings(folder))?;
    // What is installed is of no concern.
    fs::write(folder.join("status"), "")?;
    run(apt("apt-get", folder).args(["-q", "update"]))?;
    let [policy, _] = run(apt("apt-cache", folder).args(["policy", PACKAGE]))?;
    let version = candidate(&policy).with_context(|| format!("sid has no {PACKAGE}"))?;
    let done = folder.join("unpacked");
    if fs::read_to_string(&done).is_ok_and(|unpacked| unpacked == version) {
        return Ok(());
    }
    for old in packages(folder)? {
        fs::remove_file(old)?;
    }
    run(apt("apt-get", folder).args(["-q", "download", PACKAGE]).current_dir(folder))?;
    let package = packages(folder)?.pop().context("apt-get left no package")?;
    let root = folder.join("root");
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    run(Command::new("dpkg-deb").arg("-x").arg(package).arg(&root))?;
    Ok(fs::write(done, version)?)
}

/// The mirror of Debian's archive that this machine gets its own packages from.
fn mirror() -> anyhow::Result<String> {
    let main = ["Created-By: Packages", "Component: main", "Origin: Debian", "Label: Debian"];
    let mut command = Command::new("apt-get");
    command.args(["indextargets", "--format", "$(SITE)"]).args(main);
    let [output, _] = run(&mut command)?;
    let found = output.lines().find(|line| !line.is_empty() && !line.starts_with("cdrom:"));
    let found = found.context(
        "this machine's apt has no mirror of Debian, or has not read its lists (apt-get update)",
    )?;
    Ok(found.to_owned())
}

/// The packages that lie in a folder.
fn packages(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.filter_map(Result::ok).map(|entry| entry.path());
    let is_package = |path: &PathBuf| path.extension().is_some_and(|it| it == "deb");
    Ok(entries.filter(is_package).collect())
}

/// Sees sid alone and keeps to `folder`. Signatures are asked for and nothing is run whatever the
/// machine's own configuration says.
fn settings(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        r#"#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear Acquire::IndexTargets::deb::DEP-11;
#clear Acquire::IndexTargets::deb::Contents-deb;
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "{folder}/sources.list.d";
Dir::State "{folder}/state";
Dir::State::lists "{folder}/lists";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
Acquire::Languages "none";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
APT::Get::AllowUnauthenticated "false";
APT::Get::List-Cleanup "true";
APT::Update::Error-Mode "any";
"#
    )
}

fn apt(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg("-c").arg(folder.join("apt.conf")).env("LC_ALL", "C");
    command
}

/// Runs a command to its end; gives its output and what it said on standard error, or an error with
/// the last of that when it failed.
fn run(command: &mut Command) -> anyhow::Result<[String; 2]> {
    let program = command.get_program().display().to_string();
    let output = command.output().with_context(|| format!("starting {program}"))?;
    let [wrote, said] =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    if !output.status.success() {
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        bail!("{program} ended with {}: {last}", output.status);
    }
    Ok([wrote, said])
}

/// The candidate of `apt-cache policy`.
fn candidate(policy: &str) -> Option<&str> {
    let found = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate: "))?;
    (found != "(none)").then_some(found)
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

    #[test]
    fn a_package_without_candidate_is_not_there() {
        let policy = "prometheus-ipmi-exporter:\n  Installed: (none)\n  Candidate: 1.10.1-1\n";
        assert_eq!(candidate(policy), Some("1.10.1-1"));
        assert_eq!(candidate("x:\n  Installed: (none)\n  Candidate: (none)\n"), None);
    }
}
