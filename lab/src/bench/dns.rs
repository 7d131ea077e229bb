//! One name, asked of each resolver of the simulated world: turbulence-dns, a bare loop of `sendmmsg` and
//! `recvmmsg` (the floor), hickory-resolver, dnsperf and, where it is installed, massdns.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::report::{Bound, Goal, Row};
use super::scrape::{fetch, scrape, wait_for};
use super::sweeps::{Seen, World};
use super::usage::Watch;
use super::{Options, dnsperf, floor, hickory, massdns, page, say};
use crate::process::{Program, find_own};
use crate::resolvers::{CONTROL, NAME};

/// Our program, as it stands in the results.
pub const OURS: &str = "ours";
const PROGRAM: &str = "turbulence-dns";

const PAGE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9291);
/// From the start of one sweep of ours to the next, for `PER_INTERVAL` queries. A sweep of 25,000 resolvers takes a quarter
/// of a second and the timeout; were none of them there, it would take 13 s, and the configuration is checked for that.
const INTERVAL: Duration = Duration::from_secs(15);
const PER_INTERVAL: usize = 50_000;
/// Queries per second: the most that our program accepts. The peer sends as fast as it can.
const RATE: u32 = 100_000;
const START_LIMIT: Duration = Duration::from_secs(60);
/// What a query of ours may take of the floor's CPU time.
const OF_FLOOR: f64 = 1.3;
/// More resolvers than this are not asked by the peers.
const MOST_OF_PEERS: usize = 50_000;

/// Measures each, in a world of its own.
pub async fn measure(options: &Options) -> anyhow::Result<Vec<Row>> {
    let interval = INTERVAL * u32::try_from((options.resolvers * 2).div_ceil(PER_INTERVAL))?;
    let sweeps = u32::try_from(options.seconds.div_ceil(interval.as_secs()))?;
    let world = World::start(options.resolvers)?;
    let count = world.resolvers.all().len();
    let mut rows = vec![row(OURS, count, &ours(&world, interval, sweeps).await?)];
    drop(world);
    if options.no_peers {
        return Ok(rows);
    }
    let world = World::start(options.resolvers)?;
    rows.push(row(floor::ENGINE, count, &floor::measure(&world, sweeps)?));
    if options.resolvers > MOST_OF_PEERS {
        return Ok(rows);
    }
    match hickory::measure(&world) {
        Ok(seen) => rows.push(row(hickory::ENGINE, count, &seen)),
        Err(error) => say(&format!("  {}: not measured: {error:#}", hickory::ENGINE)),
    }
    match dnsperf::measure(&world, sweeps).await {
        Ok(seen) => {
            say("  dnsperf knows one server: it asks one resolver as often as ours asks all");
            rows.push(row(dnsperf::ENGINE, count, &seen));
        }
        Err(error) => say(&format!("  {}: not measured: {error:#}", dnsperf::ENGINE)),
    }
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

/// What ours must reach, beside what the floor of the same run took.
pub fn goals(resolvers: usize, rows: &[Row]) -> Vec<Goal> {
    let goal = |figure, bound| Goal { figure, bound };
    let mut goals = vec![
        // The control question, and of who passes it the question itself.
        goal("datagrams_per_resolver", Bound::AtMost(2.0)),
        goal("datagrams_per_resolver", Bound::AtLeast(1.0)),
        goal("most_datagrams", Bound::AtMost(2.0)),
        // Of each of the two one, and none more. Fewer are no less of this: who is not asked is not answered.
        goal("datagrams_per_query", Bound::AtMost(1.0)),
        goal("wrong", Bound::AtMost(0.0)),
    ];
    match resolvers {
        25_000 => goals.push(goal("rss_mb", Bound::AtMost(12.0))),
        1_000_000 => goals.push(goal("rss_mb", Bound::AtMost(200.0))),
        _ => {}
    }
    let of_floor = rows.iter().find(|row| row.peer() == floor::ENGINE);
    if let Some(cpu) = of_floor.and_then(|row| row.figure("cpu_us_per_query")) {
        goals.push(goal(
            "cpu_us_per_query",
            Bound::AtMost((cpu * OF_FLOOR * 100.0).round() / 100.0),
        ));
    }
    goals
}

async fn ours(world: &World, interval: Duration, sweeps: u32) -> anyhow::Result<Seen> {
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
            interval.as_secs()
        ),
    )?;
    let mut command = Command::new(find_own(PROGRAM)?);
    command.arg("--config.file").arg(&config).arg(format!("--web.listen-address={PAGE}"));
    let mut pid = 0;
    let mut program = Program::start(PROGRAM, folder.path(), command, |command| {
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
    let controls = world.resolvers.controls_by_each();
    sleep(interval * sweeps).await;
    let used = watch.end()?;
    let (datagrams, most) = world.received_since(&received);
    let after = scrape(&world.namespace, PAGE)?;
    program.must_run()?;

    let done = completed(&after.page) - completed(&before.page);
    ensure!(done > 0.0, "no sweep was completed");
    let per_query = world.per_query_since(&received, &controls, done);
    let degraded = page::sum(&after.page, "dns_consistency_sweep_degraded");
    if degraded > 0.0 {
        say("  turbulence-dns: the last sweep lost more than 1 % on this machine");
    }
    let responses = |outcome: &str| {
        let label = format!("outcome=\"{outcome}\"");
        page::sum_where(&after.page, "dns_consistency_responses", &label)
    };
    let all = page::sum(&after.page, "dns_consistency_responses");
    let peak_rss = watch.end()?.peak_rss;
    let wrong = wrong(world, interval).await?;
    Ok(Seen {
        cpu_seconds: used.cpu_seconds,
        rss: used.rss,
        peak_rss,
        datagrams,
        per_query: Some(per_query),
        most: (most / done).ceil(),
        wrong: Some(wrong),
        sweeps: done,
        wall_seconds: page::sum(&after.page, "dns_consistency_sweep_duration_seconds"),
        answered: (all > 0.0)
            .then(|| 1.0 - (responses("timeout") + responses("local_error")) / all),
    })
}

/// A resolver as it stands in the results.
#[derive(Deserialize)]
struct Told {
    resolver: Ipv4Addr,
    #[serde(default)]
    addresses: Option<Vec<IpAddr>>,
}

/// How many answers are laid to a resolver that did not give them, once each answers its own address.
async fn wrong(world: &World, interval: Duration) -> anyhow::Result<f64> {
    world.resolvers.answer_own_addresses();
    let deadline = Instant::now() + interval * 4 + START_LIMIT;
    loop {
        let path = "/api/v1/results?format=ndjson";
        let answer = world.namespace.run(move || fetch(PAGE, path, ""))?;
        let text = String::from_utf8(answer.body).context("the results are not text")?;
        let told: Vec<Told> =
            text.lines().map(serde_json::from_str).collect::<Result<_, _>>().context(path)?;
        let answers = told.iter().filter_map(|it| Some((it.resolver, it.addresses.as_ref()?)));
        let (mut own, mut before, mut wrong) = (0_usize, 0_usize, 0_usize);
        for (resolver, addresses) in answers {
            match addresses.as_slice() {
                [IpAddr::V4(address)] if *address == resolver => own += 1,
                [IpAddr::V4(address)] if !address.is_loopback() => before += 1,
                _ => wrong += 1,
            }
        }
        // A sweep of which a part was answered before is not looked at.
        if before == 0 && own > 0 {
            return Ok(wrong as f64);
        }
        ensure!(
            Instant::now() < deadline,
            "no sweep was answered with the resolvers' own addresses"
        );
        sleep(interval / 2).await;
    }
}

fn row(engine: &str, resolvers: usize, seen: &Seen) -> Row {
    let per_resolver = seen.datagrams / seen.sweeps / resolvers as f64;
    let megabytes = |value: f64| (value > 0.0).then_some(value);
    Row::new("dns", engine, ("resolvers", resolvers))
        .told_by("engine")
        .with("cpu_us_per_query", Some(seen.cpu_seconds * 1e6 / seen.datagrams), 2)
        .with("rss_mb", megabytes(seen.rss), 1)
        .with("datagrams_per_resolver", Some(per_resolver), 4)
        .with("datagrams_per_query", seen.per_query, 4)
        .with("seconds", Some(seen.wall_seconds), 2)
        .with("wrong", seen.wrong, 0)
        .with("peak_mb", megabytes(seen.peak_rss), 1)
        .with("most_datagrams", Some(seen.most), 0)
        .with("answered", seen.answered, 4)
        .with("sweeps", Some(seen.sweeps), 0)
}
