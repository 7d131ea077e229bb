//! The tables of routes on this machine's disk, looked at for ever.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use exporter_kit::{CountsBy, LabelEnum as _, Rounds, off_the_thread};
use ipnet::IpNet;

use super::source::Source;
use super::standing::Tables;
use super::state::{Latest, Prefix, Routes};
use super::{RouteWork, Rules};
use crate::outcome::TableState;

/// What is remembered of the files.
#[derive(Debug)]
pub(super) struct Known {
    sources: Vec<Source>,
}

impl Known {
    pub(super) fn new(work: &RouteWork) -> Self {
        Self { sources: work.files.iter().map(|pattern| Source::new(pattern)).collect() }
    }
}

/// Looks at the interval of the config.
pub(crate) async fn run(routes: Arc<Routes>, work: RouteWork, rounds: Rounds) {
    let mut rounds = rounds.every(work.interval, "homing/routes");
    let mut known = Known::new(&work);
    loop {
        rounds.next().await;
        let (here, work) = (Arc::clone(&routes), work.clone());
        let looked = off_the_thread(move || {
            let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let worst = look(&here, &work, &mut known, unix.as_secs());
            (worst, known)
        });
        let worst;
        (worst, known) = looked.await;
        match worst {
            TableState::Read | TableState::BeingWritten => routes.health.up(),
            state => routes.health.down(state.name()),
        }
    }
}

/// Reads the tables that are others than before, and judges by all that stand. One that is damaged, or holds no route,
/// says nothing; the last good one stands until it is too old, and then nothing does.
pub(super) fn look(routes: &Routes, work: &RouteWork, known: &mut Known, unix: u64) -> TableState {
    let rules = routes.rules();
    let watch: Vec<IpNet> = rules.watch.iter().map(|it| it.prefix).collect();
    let Known { sources } = known;
    let mut is_new = false;
    let states = CountsBy::default();
    let mut worst = TableState::Read;
    for source in &mut *sources {
        let before = source.time();
        let looked = source.look(&work.folder, &watch, &routes.records, unix);
        is_new |= before != source.time();
        let is_old = looked == TableState::Read && !source.stands(rules.max_age, unix);
        let state = if is_old { TableState::Old } else { looked };
        states.inc(state);
        worst = worst.max(state);
    }
    let standing = standing(sources, &rules, unix);
    let oldest = sources.iter().filter_map(Source::unix).min();
    let mut latest = Latest { states, files: standing.len(), oldest, prefixes: Vec::new() };
    let mut store = routes.store.open(unix);
    let mut remembered = std::mem::take(&mut store.prefixes);
    for watched in &rules.watch {
        let (mut memory, counts) = remembered.remove(&watched.prefix).unwrap_or_default();
        let tables: Vec<Tables<'_>> = standing
            .iter()
            .filter_map(|source| {
                let (now, before) = source.of(watched.prefix)?;
                Some(Tables { router: source.pattern(), now, before })
            })
            .collect();
        if !tables.is_empty() {
            let told = memory.told().clone();
            let verdict = memory.judge(watched, &rules, &tables, unix);
            is_new |= told != *memory.told();
            verdict.changes.iter().for_each(|kind| counts.inc(*kind));
            latest.prefixes.push(Prefix { of: watched.prefix, verdict, counts: counts.clone() });
        }
        store.prefixes.insert(watched.prefix, (memory, counts));
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
