//! massdns, a bulk stub resolver: of the common ones the cheapest for a query.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::ensure;

use super::sweeps::{Seen, World};
use super::usage;
use crate::process::find;
use crate::resolvers::NAME;

/// As it stands in the results.
pub(super) const PEER: &str = "massdns";

const LIMIT: Duration = Duration::from_secs(60);

pub(super) async fn measure(world: &World, sweeps: u32) -> anyhow::Result<Seen> {
    let program = find(PEER, "massdns (not in every release; its source is on GitHub)")?;
    let folder = tempfile::Builder::new().prefix("turbulence-bench-").tempdir()?;
    write_lists(world, folder.path())?;
    let mut all = Seen::default();
    for _ in 0..sweeps {
        let before = world.resolvers.received_by_each();
        let mut child = world.namespace.spawn(command(&program, folder.path()))?;
        let ended = usage::until_end(&mut child, LIMIT).await?;
        ensure!(ended.status.success(), "{}", ended.status);
        let (datagrams, most) = world.received_since(&before);
        let answers = fs::read_to_string(folder.path().join("answers"))?;
        let answered = answers.lines().count() as f64 / world.resolvers.all().len() as f64;
        all = Seen {
            per_query: None,
            cpu_seconds: all.cpu_seconds + ended.usage.cpu_seconds,
            rss: all.rss.max(ended.usage.rss),
            peak_rss: all.peak_rss.max(ended.usage.peak_rss),
            datagrams: all.datagrams + datagrams,
            most: all.most.max(most),
            sweeps: all.sweeps + 1.0,
            wall_seconds: ended.seconds,
            answered: Some(answered),
            wrong: None,
        };
    }
    Ok(all)
}

/// A name of its own for each resolver, since equal ones are merged whoever is to be asked.
fn write_lists(world: &World, folder: &Path) -> anyhow::Result<()> {
    let (mut names, mut addresses) = (String::new(), String::new());
    for (number, resolver) in world.resolvers.all().iter().enumerate() {
        writeln!(names, "n{number}.{NAME} {}", resolver.address)?;
        writeln!(addresses, "{}", resolver.address)?;
    }
    fs::write(folder.join("names"), names)?;
    fs::write(folder.join("resolvers"), addresses)?;
    Ok(())
}

/// One try for each name, the timeout as ours, and a receive buffer with which few answers are lost.
fn command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["--root", "--quiet", "--extended-input", "--verify-ip", "-t", "A"]);
    command.args(["-c", "1", "-i", "2000", "--rcvbuf", "4194304", "-o", "J"]);
    command.arg("-r").arg(folder.join("resolvers")).arg("-w").arg(folder.join("answers"));
    command.arg("-l").arg(folder.join("log")).arg(folder.join("names"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}
