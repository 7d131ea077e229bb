//! A recording: what Prometheus kept of the world while incidents were played in it, for pictures of the dashboards.

mod zone;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail, ensure};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use self::zone::Zone;
use crate::demo::{println, say};
use crate::prometheus::ScrapeTarget;
use crate::replay::{self, Replay};
use crate::world::{Options, World};

/// How long nothing breaks first: what the widest of the rules and graphs look back on.
const CALM: Duration = Duration::from_secs(480);
/// How long an incident goes on after everything due was told, so that a graph has a plateau of it.
const PLATEAU: Duration = Duration::from_secs(120);
/// Between two acts.
const PAUSE: Duration = Duration::from_secs(240);
/// How long the alerts that are due are waited for.
const LIMIT: Duration = Duration::from_secs(600);
const LOOK: Duration = Duration::from_secs(1);

/// What is played at once: of one act no part hides another.
const ACTS: [Act; 2] = [
    Act {
        name: "outages",
        replays: &["amsterdam", "phantom", "country-diverges", "origin-change"],
        silent: None,
    },
    Act { name: "blindness", replays: &["vantage-broken"], silent: Some("ExporterDown") },
];

struct Act {
    name: &'static str,
    replays: &'static [&'static str],
    /// The alert that says that turbulence-ipmi, which is stopped, says nothing.
    silent: Option<&'static str>,
}

/// A moment that is worth a picture.
#[derive(Debug, Serialize)]
struct Moment {
    name: &'static str,
    /// Seconds since 1970.
    at: u64,
    /// When what is seen began.
    since: u64,
}

/// Plays the acts, and leaves in `into` the database of Prometheus (`data`) and `moments.json`.
pub async fn record(suite: &Path, into: &Path) -> anyhow::Result<()> {
    println(
        "Starting the world. Nothing breaks for eight minutes, then two acts of incidents follow; half an hour in all.",
    );
    let zone = Zone::start()?;
    let more =
        vec![ScrapeTarget { job: "turbulence-dns", address: zone.address(), labels: vec![] }];
    let options = Options { suite: suite.to_owned(), usual_ports: false };
    let mut world = World::start_with(&options, more).await?;
    let mut since = now()?;
    pass(&mut world, CALM).await?;
    let mut moments = vec![Moment { name: "calm", at: now()?, since }];
    for (number, act) in ACTS.into_iter().enumerate() {
        if number > 0 {
            pass(&mut world, PAUSE).await?;
        }
        since = now()?;
        play(&mut world, &act, &zone).await?;
        moments.push(Moment { name: act.name, at: now()?, since });
        end(&world, &act, &zone).await?;
    }
    let folder = world.into_folder();
    keep(&folder.path().join("prometheus/data"), into)?;
    let moments = serde_json::to_string_pretty(&moments)?;
    std::fs::write(into.join("moments.json"), moments + "\n")?;
    println(&format!("Recorded: {}", into.display()));
    Ok(())
}

async fn play(world: &mut World, act: &Act, zone: &Zone) -> anyhow::Result<()> {
    let mut due: Vec<&str> = act.silent.into_iter().collect();
    for replay in replays(act)? {
        if let Some(query) = replay.ready {
            until(world, query).await?;
        }
        say(replay.name, replay.story);
        replay.fault.begin(&world.simulation, Some(world.homing())).await?;
        due.extend(replay.expectation.must);
    }
    if act.silent.is_some() {
        say(act.name, "turbulence-ipmi is stopped: it answers nobody.");
        world.simulation.hardware.halt()?;
    } else {
        zone.set_broken(true);
    }
    for name in due {
        until(world, &format!("ALERTS{{alertname=\"{name}\", alertstate=\"firing\"}}")).await?;
        say(act.name, &format!("{name} fires"));
    }
    pass(world, PLATEAU).await
}

async fn end(world: &World, act: &Act, zone: &Zone) -> anyhow::Result<()> {
    for replay in replays(act)? {
        replay.fault.end(&world.simulation, Some(world.homing())).await?;
    }
    if act.silent.is_some() {
        world.simulation.hardware.go_on()?;
    }
    zone.set_broken(false);
    say(act.name, "mended");
    Ok(())
}

fn replays(act: &Act) -> anyhow::Result<Vec<Replay>> {
    let all = replay::all();
    let named = |name: &&str| {
        let found = all.iter().find(|replay| replay.name == *name);
        found.cloned().with_context(|| format!("there is no replay {name}"))
    };
    act.replays.iter().map(named).collect()
}

async fn until(world: &mut World, query: &str) -> anyhow::Result<()> {
    let deadline = Instant::now() + LIMIT;
    while world.prometheus().query(query).await?.is_empty() {
        if Instant::now() > deadline {
            bail!("no answer within {} s to {query}", LIMIT.as_secs());
        }
        pass(world, LOOK).await?;
    }
    Ok(())
}

/// Lets time pass, and fails when something that must run has ended.
async fn pass(world: &mut World, time: Duration) -> anyhow::Result<()> {
    let until = Instant::now() + time;
    while Instant::now() < until {
        world.must_run()?;
        sleep(LOOK).await;
    }
    Ok(())
}

/// Copies the database to where it stays; one of an earlier recording goes.
fn keep(data: &Path, into: &Path) -> anyhow::Result<()> {
    let kept: PathBuf = into.join("data");
    if kept.exists() {
        std::fs::remove_dir_all(&kept).with_context(|| format!("removing {}", kept.display()))?;
    }
    std::fs::create_dir_all(into).with_context(|| format!("making {}", into.display()))?;
    let copied =
        Command::new("cp").arg("-r").arg(data).arg(&kept).status().context("running cp")?;
    ensure!(copied.success(), "copying {} to {}", data.display(), kept.display());
    Ok(())
}

fn now() -> anyhow::Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_replay_of_an_act_exists() {
        for act in ACTS {
            assert_eq!(replays(&act).unwrap().len(), act.replays.len());
        }
    }
}
