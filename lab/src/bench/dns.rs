//! One name, asked of each resolver of the simulated world: turbulence-dns and massdns.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::time::sleep;

use super::report::{Bound, Goal, Row};
use super::scrape::{scrape, wait_for};
use super::sweeps::{Seen, World};
use super::usage::Watch;
use super::{Options, massdns, page, say};
use crate::process::{Program, find_own};
use crate::resolvers::{CONTROL, NAME};

/// Our program, as it stands in the results.
pub const OURS: &str = "turbulence-dns";

const PAGE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9291);
/// From the start of one sweep of ours to the next: it takes a quarter of a second and the timeout.
const INTERVAL: Duration = Duration::from_secs(5);
/// Queries per second: the most that our program accepts. The peer sends as fast as it can.
const RATE: u32 = 100_000;
const START_LIMIT: Duration = Duration::from_secs(60);

/// Measures both, each in a world of its own.
pub async fn measure(options: &Options) -> anyhow::Result<Vec<Row>> {
    let sweeps = u32::try_from(options.seconds.div_ceil(INTERVAL.as_secs()))?;
    let world = World::start(options.resolvers)?;
    let count = world.resolvers.all().len();
    let mut rows = vec![row(OURS, count, &ours(&world, sweeps).await?)];
    drop(world);
    if options.no_peers {
        return Ok(rows);
    }
    let world = World::start(options.resolvers)?;
    match massdns::measure(&world, sweeps).await {
        Ok(seen) => {
            say("  massdns merges equal names: it is given a name of its own for each resolver,");
            say("  which does not exist; ours asks for one that does.");
            rows.push(row(massdns::PEER, count, &seen));
        }
        Err(error) => say(&format!("  {}: not measured: {error:#}", massdns::PEER)),
    }
    Ok(rows)
}

/// What ours must reach.
pub fn goals(resolvers: usize) -> Vec<Goal> {
    let goal = |figure, bound| Goal { figure, bound };
    let mut goals = vec![
        // The control question, and of who passes it the question itself.
        goal("datagrams_per_resolver", Bound::AtMost(2.0)),
        goal("datagrams_per_resolver", Bound::AtLeast(1.0)),
        goal("most_datagrams", Bound::AtMost(2.0)),
    ];
    if resolvers == 25_000 {
        goals.push(goal("cpu_us_per_query", Bound::AtMost(4.0)));
        goals.push(goal("rss_mb", Bound::AtMost(12.0)));
    }
    goals
}

async fn ours(world: &World, sweeps: u32) -> anyhow::Result<Seen> {
    let folder = tempfile::Builder::new().prefix("turbulence-bench-").tempdir()?;
    let (list, config) = (folder.path().join("resolvers.csv"), folder.path().join("config.yml"));
    fs::write(&list, world.resolvers.csv())?;
    fs::write(
        &config,
        format!(
            "vantage: {{name: bench, region: LAB}}\n\
             sets:\n\
             \x20 - {{name: world, resolvers_file: {}, allow_private: true, interval: {}s,\n\
             \x20    timeout: 2s, rate: {RATE}, acknowledge_third_party_probing: true,\n\
             \x20    contact: the lab itself, control: {CONTROL}}}\n\
             questions:\n\
             \x20 - {{name: {NAME}, types: [A], sets: [world]}}\n",
            list.display(),
            INTERVAL.as_secs()
        ),
    )?;
    let mut command = Command::new(find_own(OURS)?);
    command.arg("--config.file").arg(&config).arg(format!("--web.listen-address={PAGE}"));
    let mut pid = 0;
    let mut program = Program::start(OURS, folder.path(), command, |command| {
        let child = world.namespace.spawn(command)?;
        pid = child.id();
        Ok(child)
    })?;

    let completed = |text: &str| page::sum(text, "dns_consistency_sweeps_total");
    let started = wait_for(&world.namespace, PAGE, START_LIMIT, |text| completed(text) >= 1.0);
    let before = started
        .await
        .with_context(|| format!("{OURS}; its last words:\n{}", program.last_words()))?;
    // Half a second into the pause after a sweep, and so is the end: whole sweeps are counted.
    sleep(Duration::from_millis(500)).await;
    let (watch, received) = (Watch::start(pid)?, world.resolvers.received_by_each());
    sleep(INTERVAL * sweeps).await;
    let used = watch.end()?;
    let (datagrams, most) = world.received_since(&received);
    let after = scrape(&world.namespace, PAGE)?;
    program.must_run()?;

    let done = completed(&after.page) - completed(&before.page);
    ensure!(done > 0.0, "no sweep was completed");
    let degraded = page::sum(&after.page, "dns_consistency_sweep_degraded");
    if degraded > 0.0 {
        say("  turbulence-dns: the last sweep lost more than 1 % on this machine");
    }
    let responses = |outcome: &str| {
        let label = format!("outcome=\"{outcome}\"");
        page::sum_where(&after.page, "dns_consistency_responses", &label)
    };
    let all = page::sum(&after.page, "dns_consistency_responses");
    Ok(Seen {
        cpu_seconds: used.cpu_seconds,
        rss: used.rss,
        peak_rss: watch.end()?.peak_rss,
        datagrams,
        most: (most / done).ceil(),
        sweeps: done,
        wall_seconds: page::sum(&after.page, "dns_consistency_sweep_duration_seconds"),
        answered: (all > 0.0)
            .then(|| 1.0 - (responses("timeout") + responses("local_error")) / all),
    })
}

fn row(peer: &str, resolvers: usize, seen: &Seen) -> Row {
    let per_resolver = seen.datagrams / seen.sweeps / resolvers as f64;
    Row::new("dns", peer, ("resolvers", resolvers))
        .with("cpu_us_per_query", Some(seen.cpu_seconds * 1e6 / seen.datagrams), 2)
        .with("rss_mb", Some(seen.rss), 1)
        .with("peak_mb", Some(seen.peak_rss), 1)
        .with("datagrams_per_resolver", Some(per_resolver), 4)
        .with("most_datagrams", Some(seen.most), 0)
        .with("answered", seen.answered, 4)
        .with("wall_seconds", Some(seen.wall_seconds), 2)
        .with("sweeps", Some(seen.sweeps), 0)
}
