//! Programs of Debian's newest packages, unpacked beside the build: nothing of the machine is changed.
//!
//! `apt-get` reads the lists of sid into folders of its own, from the mirror that the machine is set up
//! with and through its proxies, and holds them against Debian's keys: what is unpacked is what Debian
//! signed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

/// Debian's keys, of the package `debian-archive-keyring`.
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The lists of sid, as they were read a moment ago.
#[derive(Debug)]
pub struct Sid {
    folder: PathBuf,
}

impl Sid {
    /// Reads the lists. Fails where the machine has no mirror of Debian, or it is not to be reached.
    pub fn read() -> anyhow::Result<Self> {
        ensure!(Path::new(KEYS).is_file(), "{KEYS} is not there (package debian-archive-keyring)");
        let folder = folder()?;
        let mirror = mirror()?;
        for needed in ["sources.list.d", "lists/partial", "cache/archives/partial", "state"] {
            fs::create_dir_all(folder.join(needed)).with_context(|| format!("making {needed}"))?;
        }
        let sources = format!(
            "Types: deb\nURIs: {mirror}\nSuites: sid\nComponents: main\nSigned-By: {KEYS}\n"
        );
        fs::write(folder.join("sources.list.d/sid.sources"), sources)?;
        fs::write(folder.join("apt.conf"), settings(&folder))?;
        // What is installed is of no concern.
        fs::write(folder.join("status"), "")?;
        run(apt("apt-get", &folder).args(["-q", "update"]))?;
        Ok(Self { folder })
    }

    /// Downloads the newest version of a package, unless it is there, and unpacks it; gives the folder
    /// that stands for `/` in it.
    pub fn unpack(&self, package: &str) -> anyhow::Result<PathBuf> {
        let [policy, _] = run(apt("apt-cache", &self.folder).args(["policy", package]))?;
        let version = candidate(&policy).with_context(|| format!("sid has no {package}"))?;
        let own = self.folder.join(package);
        let (done, root) = (own.join("unpacked"), own.join("root"));
        if fs::read_to_string(&done).is_ok_and(|unpacked| unpacked == version) {
            return Ok(root);
        }
        if own.exists() {
            fs::remove_dir_all(&own)?;
        }
        fs::create_dir_all(&own)?;
        run(apt("apt-get", &self.folder).args(["-q", "download", package]).current_dir(&own))?;
        let file = packages(&own)?.pop().context("apt-get left no package")?;
        run(Command::new("dpkg-deb").arg("-x").arg(file).arg(&root))?;
        fs::write(done, version)?;
        Ok(root)
    }
}

/// Where a package is when it was unpacked earlier.
pub fn root(package: &str) -> anyhow::Result<PathBuf> {
    Ok(folder()?.join(package).join("root"))
}

/// `target/debian-sid`, found from the lab's own file in `target/PROFILE/`.
fn folder() -> anyhow::Result<PathBuf> {
    let lab = std::env::current_exe().context("finding the lab's own file")?;
    let target = lab.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    let target = target.with_context(|| format!("{} is not in a target folder", lab.display()))?;
    Ok(target.join("debian-sid"))
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
pub(crate) fn run(command: &mut Command) -> anyhow::Result<[String; 2]> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_without_candidate_is_not_there() {
        let policy = "prometheus-ipmi-exporter:\n  Installed: (none)\n  Candidate: 1.10.1-1\n";
        assert_eq!(candidate(policy), Some("1.10.1-1"));
        assert_eq!(candidate("x:\n  Installed: (none)\n  Candidate: (none)\n"), None);
    }
}
