//! The tables of routes on this machine's disk, looked at for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use exporter_kit::{CountsBy, LabelEnum as _, Rounds, off_the_thread};
use ipnet::IpNet;
use tokio::time::Instant;
use tracing::warn;

use super::followed::MOST;
use super::source::Source;
use super::standing::{Tables, Thing};
use super::state::{Latest, Prefix, Routes};
use super::{RouteWork, Rules};
use crate::config::EVALUATION;
use crate::outcome::TableState;
use crate::state::{Evaluations, Snapshot};

/// What is remembered of the files.
#[derive(Debug)]
pub(super) struct Known {
    sources: Vec<Source>,
    /// None before the first look.
    held: Option<ToldBefore>,
}

/// What was told before the first look, and until when that stands: a source that has no table yet may be the one that says
/// it. Empty once every source had one.
type ToldBefore = BTreeMap<IpNet, (BTreeSet<Thing>, u64)>;

impl Known {
    pub(super) fn new(work: &RouteWork) -> Self {
        let sources = work.files.iter().map(|pattern| Source::new(pattern)).collect();
        Self { sources, held: None }
    }
}

/// Looks at the interval of the config; where that names no prefix, for those of the addresses that are judged.
pub(crate) async fn run(
    routes: Arc<Routes>,
    work: RouteWork,
    rounds: Rounds,
    evaluations: Arc<Evaluations>,
) {
    let mut rounds = rounds.every(work.interval, "homing/routes");
    let mut known = Known::new(&work);
    loop {
        rounds.next().await;
        let (here, work) = (Arc::clone(&routes), work.clone());
        let evaluation = evaluations.state(&EVALUATION.to_owned());
        let snapshot = evaluation.and_then(|it| it.standing(Instant::now()));
        let looked = off_the_thread(move || {
            let now = SystemTime::now();
            follow(now, &here, snapshot.as_deref());
            let worst = look_by(now, &here, &work, &mut known);
            (worst, known)
        });
        let worst;
        (worst, known) = looked.await;
        match worst {
            Some(TableState::Read | TableState::BeingWritten) => routes.health.up(),
            Some(state) => routes.health.down(state.name()),
            None if routes.rules().watch.is_empty() => routes.health.down("no_address"),
            None => routes.health.down("clock"),
        }
    }
}

/// Follows the addresses of an evaluation.
fn follow(clock: SystemTime, routes: &Routes, snapshot: Option<&Snapshot>) {
    let unix = clock.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let targets = snapshot.into_iter().flat_map(|it| it.verdict.targets.values());
    let addresses: Vec<IpAddr> = targets.flat_map(|it| &it.addresses).map(|it| it.ip).collect();
    if unix < exporter_kit::WRITTEN {
        return;
    }
    if let Some(left_out) = routes.follow(&addresses, unix) {
        warn!(
            left_out,
            "the addresses that are judged are in more than {MOST} networks; routes to others are not watched"
        );
    }
}

/// Looks by a clock; none where nothing is watched yet, or where the clock cannot be: by the time of 1970 all that is kept would be of the future, and then,
/// once the clock is set, too old.
pub(super) fn look_by(
    clock: SystemTime,
    routes: &Routes,
    work: &RouteWork,
    known: &mut Known,
) -> Option<TableState> {
    let unix = clock.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    if unix < exporter_kit::WRITTEN {
        routes.say_nothing();
        return None;
    }
    if routes.rules().watch.is_empty() {
        return None;
    }
    if routes.latest().is_none() {
        tell_what_was_told(routes, unix);
    }
    Some(look(routes, work, known, unix))
}

/// Large tables are read for minutes: meanwhile what was told stands, as it was kept or is known of the task before.
pub(super) fn tell_what_was_told(routes: &Routes, unix: u64) {
    let rules = routes.rules();
    let Some(mut store) = routes.open(unix) else { return };
    let mut latest = Latest::default();
    for watched in &rules.watch {
        let (memory, counts) = store.of(watched.prefix);
        if let Some(verdict) = memory.last(watched, &rules, unix) {
            latest.prefixes.push(Prefix { of: watched.prefix, verdict, counts: counts.clone() });
        }
    }
    if !latest.prefixes.is_empty() {
        routes.publish(latest);
    }
}

/// Reads the tables that are others than before, and judges by all that stand. One that is damaged, or holds no route,
/// says nothing; the last good one stands until it is too old, and then nothing does.
pub(super) fn look(routes: &Routes, work: &RouteWork, known: &mut Known, unix: u64) -> TableState {
    let rules = routes.rules();
    let Known { sources, held } = known;
    let mut is_new = false;
    let states = CountsBy::default();
    let mut worst = TableState::Read;
    for source in &mut *sources {
        let before = source.time();
        let looked = source.look(&work.folder, &rules, &routes.records, unix);
        is_new |= before != source.time();
        let is_old = looked == TableState::Read && !source.stands(rules.max_age, unix);
        let state = if is_old { TableState::Old } else { looked };
        states.inc(state);
        worst = worst.max(state);
    }
    let standing = standing(sources, &rules, unix);
    let oldest = sources.iter().filter_map(Source::unix).min();
    let mut latest = Latest { states, files: standing.len(), oldest, prefixes: Vec::new() };
    // It was read for minutes, and others look now, by other rules.
    let Some(mut store) = routes.open(unix) else { return worst };
    store.keep_only(rules.watch.iter().map(|it| it.prefix));
    let held = held.get_or_insert_with(|| {
        let told = rules.watch.iter().map(|it| (it.prefix, store.of(it.prefix).0.left(&rules)));
        told.collect()
    });
    if sources.iter().all(|it| it.stands(rules.max_age, unix)) {
        held.clear();
    }
    held.retain(|_, (_, until)| *until >= unix);
    for watched in &rules.watch {
        let (memory, counts) = store.of(watched.prefix);
        let tables: Vec<Tables<'_>> = standing
            .iter()
            .filter_map(|source| {
                let (now, before) = source.of(watched.prefix)?;
                Some(Tables { router: source.pattern(), now, before })
            })
            .collect();
        let held = held.get(&watched.prefix).map(|(told, _)| told);
        let verdict = if tables.is_empty() {
            held.and_then(|_| memory.last(watched, &rules, unix))
        } else {
            let told = memory.told().clone();
            let mut verdict = memory.judge(watched, &rules, &tables, unix);
            if let Some(held) = held {
                memory.hold(held, watched, &mut verdict);
            }
            is_new |= told != *memory.told();
            verdict.changes.iter().for_each(|kind| counts.inc(*kind));
            Some(verdict)
        };
        latest.prefixes.extend(verdict.map(|verdict| Prefix {
            of: watched.prefix,
            verdict,
            counts: counts.clone(),
        }));
    }
    routes.publish(latest);
    store.write(is_new);
    worst
}

/// Of the routers whose last good table still says something; where two patterns lead to one file, of the first.
fn standing<'a>(sources: &'a [Source], rules: &Rules, unix: u64) -> Vec<&'a Source> {
    let mut seen: Vec<PathBuf> = Vec::new();
    let mut is_first = |source: &Source| {
        let Some(file) = source.file() else { return true };
        let is_first = !seen.iter().any(|it| it == file);
        seen.push(file.to_owned());
        is_first
    };
    sources.iter().filter(|it| it.stands(rules.max_age, unix) && is_first(it)).collect()
}
