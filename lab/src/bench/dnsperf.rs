//! dnsperf, which is Debian's package of that name: it asks one server as fast as it answers.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::sweeps::{Seen, World};
use super::usage;
use crate::process::find;
use crate::resolvers::NAME;
use crate::resolvers::world::Behaviour;

/// As it stands in the results.
pub(super) const ENGINE: &str = "dnsperf";
const LIMIT: Duration = Duration::from_secs(120);

pub(super) async fn measure(world: &World, sweeps: u32) -> anyhow::Result<Seen> {
    let program = find(ENGINE, ENGINE)?;
    let folder = tempfile::Builder::new().prefix("turbulence-bench-").tempdir()?;
    let (names, said) = (folder.path().join("names"), folder.path().join("said"));
    let all = world.resolvers.all();
    fs::write(&names, format!("{NAME} A\n").repeat(all.len()))?;
    let answers = |it: &&crate::resolvers::world::Resolver| it.behaviour == Behaviour::Answers;
    let one = all.iter().find(answers).context("no resolver answers")?;
    let mut command = Command::new(program);
    command.args(["-s", &one.address.to_string(), "-n", &sweeps.to_string(), "-t", "2"]);
    command.arg("-d").arg(&names);
    command.stdin(Stdio::null()).stdout(fs::File::create(&said)?).stderr(Stdio::null());
    let before = world.resolvers.received_by_each();
    let mut child = world.namespace.spawn(command)?;
    let ended = usage::until_end(&mut child, LIMIT).await?;
    ensure!(ended.status.success(), "{}: {}", ended.status, fs::read_to_string(&said)?);
    let (datagrams, _) = world.received_since(&before);
    Ok(Seen {
        cpu_seconds: ended.usage.cpu_seconds,
        rss: ended.usage.rss,
        peak_rss: ended.usage.peak_rss,
        datagrams,
        most: 1.0,
        sweeps: sweeps.into(),
        wall_seconds: ended.seconds / f64::from(sweeps),
        ..Seen::default()
    })
}
