//! The simulated world for a Prometheus and an Alertmanager that run elsewhere, as in containers.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::sleep;

use crate::demo::{println, say};
use crate::prometheus::write_targets;
use crate::replay::{self, Replay};
use crate::sink::{self, Sink};
use crate::world::{Ground, Simulation};

/// Before the first incident: who starts the demo sees a calm world, and the phantom within two minutes.
const CALM: Duration = Duration::from_secs(30);
/// Between two incidents, so that the notifications of one have ended before the next begins.
const PAUSE: Duration = Duration::from_secs(300);
/// How often the exporters are looked after.
const LOOK: Duration = Duration::from_secs(1);

/// Where the world is seen from.
#[derive(Clone, Debug)]
pub struct Options {
    /// The address of this machine that the exporters' pages are served on.
    pub listen: IpAddr,
    /// The host name that Prometheus knows this machine by.
    pub host: String,
    /// The folder into which the files of scrape targets go, one subfolder a job.
    pub targets: PathBuf,
    /// Where notifications are received.
    pub notify: SocketAddr,
    /// The folder of the runbooks.
    pub runbooks: PathBuf,
}

/// Starts the world and plays one incident after the other, for ever.
pub async fn run(options: &Options) -> anyhow::Result<()> {
    let folder = crate::folder::own()?;
    let listener = TcpListener::bind(options.notify)
        .with_context(|| format!("listening for notifications on {}", options.notify))?;
    let sink = Sink::start_with(
        listener,
        sink::Options {
            runbooks: options.runbooks.clone(),
            print: true,
            ..sink::Options::default()
        },
    )?;
    let mut world = Simulation::start(&Ground {
        folder: folder.path().to_owned(),
        listen: options.listen,
        host: options.host.clone(),
    })
    .await?;
    write_targets(&options.targets, world.scraped())?;
    tracing::info!(targets = %options.targets.display(), sink = %sink.address(), "the world is up");
    println(
        "The world is up, and calm. Its dashboards are Grafana's, what is notified stands here and on the page of the sink.",
    );
    let replays = repertoire();
    for (number, replay) in replays.iter().cycle().enumerate() {
        let pause = pause_before(number);
        println(&format!("Next, in {} s: {}", pause.as_secs(), replay.name));
        watch(&mut world, pause).await?;
        play(&mut world, replay).await?;
    }
    Ok(())
}

/// What is played, in turn. Where services live is asked of a Prometheus, and that runs elsewhere.
fn repertoire() -> Vec<Replay> {
    replay::all().into_iter().filter(|replay| !replay.looks_inside()).collect()
}

/// How long the world is left alone before the incident with this number, from 0.
fn pause_before(number: usize) -> Duration {
    if number == 0 { CALM } else { PAUSE }
}

async fn play(world: &mut Simulation, replay: &Replay) -> anyhow::Result<()> {
    say(replay.name, replay.story);
    match replay.expectation.must.as_slice() {
        [] => say(replay.name, "nothing may be notified"),
        due => say(replay.name, &format!("due: {}", due.join(", "))),
    }
    replay.fault.begin(world, None).await.with_context(|| format!("beginning {}", replay.name))?;
    watch(world, replay.lasts.unwrap_or(replay.watch)).await?;
    replay.fault.end(world, None).await.with_context(|| format!("ending {}", replay.name))?;
    say(replay.name, "is mended; what it raised ends now");
    Ok(())
}

/// Lets time pass, and fails when an exporter ends meanwhile.
async fn watch(world: &mut Simulation, time: Duration) -> anyhow::Result<()> {
    let until = tokio::time::Instant::now() + time;
    while tokio::time::Instant::now() < until {
        world.must_run()?;
        sleep(LOOK).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phantom_comes_first_and_soon() {
        assert_eq!(repertoire()[0].name, "phantom");
        // Half a minute until it is told, and as much to be looked at.
        assert!(pause_before(0) + Duration::from_secs(60) < Duration::from_secs(120));
        assert_eq!(pause_before(1), PAUSE);
    }
}
