//! The evaluation, made for ever: all Prometheis are asked about one moment, and what they answer is
//! judged and published as one snapshot.

use std::sync::Arc;

use exporter_kit::{CountsBy, LabelEnum as _, Rounds, off_the_thread};
use tokio::time::Instant;
use tracing::debug;

use crate::clock::since_epoch;
use crate::config::{EVALUATION, Labels, ROUTES, Work};
use crate::expected::{Expected, have_one_time};
use crate::gather::{Gather, OfTargets, OfVantages};
use crate::outcome::{Evaluation as Outcome, LeftOut, QueryFailure};
use crate::query::Server;
use crate::routes::state::Routing;
use crate::shards;
use crate::standing::store::Store;
use crate::state::{Evaluation, Snapshot};
use crate::world::World;

/// Evaluates at the interval of the config, by what the store knows of before.
pub(crate) async fn run(
    evaluation: Arc<Evaluation>,
    work: Work,
    rounds: Rounds,
    store: Arc<Store>,
    turn: u64,
    routing: Arc<Routing>,
) {
    let mut expected = Expected::default();
    let mut rounds = rounds.every(work.interval, &format!("homing/{EVALUATION}"));
    loop {
        rounds.next().await;
        let (began, clock) = (Instant::now(), since_epoch());
        let unix = clock.as_secs_f64();
        let labels = evaluation.labels();
        match ask_all(&evaluation, &work, &labels, unix, &mut expected).await {
            Ok((mut world, left_out)) => {
                let routes = routing.state(&ROUTES.to_owned()).and_then(|it| it.latest());
                world.routes = routes.map(|it| it.routes()).unwrap_or_default();
                expected.end_of_evaluation(Some(world.vantages.len()));
                let (here, interval, seconds) =
                    (Arc::clone(&store), work.interval, clock.as_secs());
                let judging = off_the_thread(move || {
                    let verdict = here.judge(turn, &world, &labels.services, interval, seconds);
                    (world, verdict)
                });
                let (world, verdict) = judging.await;
                let Some(verdict) = verdict else { return };
                let took = began.elapsed();
                let at = Instant::now();
                evaluation.publish(Snapshot { world, verdict, left_out, unix, at, took });
                evaluation.counts.evaluations.inc(Outcome::Complete);
                evaluation.health.up();
                // Nobody waits for the disk to see it.
                let here = Arc::clone(&store);
                off_the_thread(move || here.keep(turn, seconds)).await;
            }
            Err(failure) => {
                expected.end_of_evaluation(None);
                evaluation.counts.evaluations.inc(Outcome::Incomplete);
                evaluation.health.down(failure.name());
            }
        }
    }
}

/// Asks every Prometheus; where each has everything, until one has told all.
async fn ask_all(
    evaluation: &Evaluation,
    work: &Work,
    labels: &Arc<Labels>,
    unix: f64,
    expected: &mut Expected,
) -> Result<(World, CountsBy<LeftOut>), QueryFailure> {
    let mut failure = None;
    let mut servers = Vec::new();
    for (number, settings) in work.servers.iter().enumerate() {
        let (settings, folder, timeout) =
            (settings.clone(), Arc::clone(&work.folder), work.timeout);
        // Files that the settings name may have changed.
        let server = off_the_thread(move || Server::new(settings, &folder, timeout, unix)).await;
        let told = match server {
            Ok(server) => vantages(server).await,
            Err(error) => {
                debug!(prometheus = number, "cannot be asked: {error:#}");
                Err(QueryFailure::Unreachable)
            }
        };
        let told = match told {
            Ok((server, vantages)) if work.are_replicas => {
                // One that fails half way is none, and one that has just begun is no better.
                let world = match expected.check(vantages.count()) {
                    Ok(()) => gather(&[server], &vantages, labels, work.origin_split).await,
                    Err(failure) => Err(failure),
                };
                match world {
                    Ok(world) => return Ok(world),
                    Err(failure) => Err(failure),
                }
            }
            told => told,
        };
        match told {
            Ok(told) => servers.push(told),
            Err(wrong) => {
                evaluation.counts.failures.inc(wrong);
                debug!(prometheus = number, reason = wrong.name(), "its answer is not whole");
                failure = Some(wrong);
            }
        }
    }
    if let Some(failure) = failure {
        return Err(failure);
    }
    let mut all = OfVantages::default();
    let mut asked = Vec::new();
    for (server, vantages) in servers {
        all.there.extend(vantages.there);
        all.latitudes.extend(vantages.latitudes);
        all.longitudes.extend(vantages.longitudes);
        all.trusted.extend(vantages.trusted);
        asked.push(server);
    }
    let world = match expected.check(all.count()) {
        Ok(()) => gather(&asked, &all, labels, work.origin_split).await,
        Err(failure) => Err(failure),
    };
    world.inspect_err(|failure| {
        evaluation.counts.failures.inc(*failure);
        debug!(reason = failure.name(), "an answer is not whole");
    })
}

/// Asks one Prometheus for the vantages: a part without any is not whole, and the moment that it is asked
/// about must be one that it knows.
async fn vantages(server: Server) -> Result<(Server, OfVantages), QueryFailure> {
    let before = since_epoch().as_secs_f64();
    let theirs = server.clock().await?;
    if theirs.is_some_and(|theirs| !have_one_time(before, theirs, since_epoch().as_secs_f64())) {
        return Err(QueryFailure::Clock);
    }
    let vantages = server.vantages().await?;
    if vantages.there.is_empty() {
        return Err(QueryFailure::Empty);
    }
    Ok((server, vantages))
}

/// Asks for all endpoints, part by part, so that never more than one part is held as it came.
async fn gather(
    servers: &[Server],
    vantages: &OfVantages,
    labels: &Arc<Labels>,
    with_requests: bool,
) -> Result<(World, CountsBy<LeftOut>), QueryFailure> {
    let mut counts = Vec::new();
    for server in servers {
        counts.extend(server.counts().await?);
    }
    let (parts, left_out) = shards::shards(&counts);
    let mut gather = Gather::new(vantages, &labels.vantages);
    for names in parts {
        let mut of = OfTargets::default();
        for server in servers {
            of.extend(server.targets(&names, with_requests).await?);
        }
        gather = off_the_thread(move || {
            gather.add(&of);
            gather
        })
        .await;
    }
    let (world, counts) = gather.finish();
    counts.inc_by(LeftOut::TooMany, left_out);
    Ok((world, counts))
}
