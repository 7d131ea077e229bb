//! The tables of routes on this machine's disk, looked at for ever.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use exporter_kit::{CountsBy, Rounds};
use flate2::read::MultiGzDecoder;
use tokio::task::spawn_blocking;

use super::figures::{Figures, Table};
use super::mrt::{self, Tally};
use super::standing::Memory;
use super::state::{Latest, Routes};
use super::{RouteWork, Rules};
use crate::outcome::{Record, RouteChange};

/// Files of all patterns.
const MOST_FILES: usize = 64;

/// A file, by what tells whether it is another one: its length, and when it was written.
type Stamp = Vec<(PathBuf, u64, Option<SystemTime>)>;

/// What is remembered of each prefix, and what was counted.
#[derive(Debug, Default)]
struct Known {
    memories: BTreeMap<String, (Memory, CountsBy<RouteChange>)>,
    stamp: Stamp,
}

/// Looks at the interval of the config.
pub(crate) async fn run(routes: Arc<Routes>, work: RouteWork, rounds: Rounds) {
    let mut rounds = rounds.every(work.interval, "homing/routes");
    let mut known = Known::default();
    loop {
        rounds.next().await;
        let (here, work) = (Arc::clone(&routes), work.clone());
        let looked = spawn_blocking(move || {
            let result = look(&here, &work, &mut known);
            (result, known)
        });
        let result;
        (result, known) =
            looked.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        match result {
            Ok(()) => routes.health.up(),
            Err(reason) => routes.health.down(reason),
        }
    }
}

/// Reads the tables if they are others than before. One that is damaged, or holds no route, judges nothing.
fn look(routes: &Routes, work: &RouteWork, known: &mut Known) -> Result<(), &'static str> {
    let files = newest_files(&work.folder, &work.files);
    if files.is_empty() {
        return Err("no_file");
    }
    let stamp: Stamp = files
        .iter()
        .map(|file| {
            let of_it = fs::metadata(file).ok();
            let length = of_it.as_ref().map_or(0, fs::Metadata::len);
            (file.clone(), length, of_it.and_then(|it| it.modified().ok()))
        })
        .collect();
    let rules = routes.rules();
    if stamp == known.stamp {
        return Ok(());
    }
    let (tally, figures) = read(&files, &rules)?;
    for (record, count) in [
        (Record::Read, tally.read),
        (Record::Skipped, tally.skipped),
        (Record::Failed, tally.failed),
    ] {
        routes.records.inc_by(record, count);
    }
    if tally.failed > 0 {
        return Err("damaged");
    }
    if figures.iter().all(|it| it.peers == 0) {
        return Err("no_route");
    }
    known.stamp = stamp;
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut latest = Latest { files: files.len(), newest: tally.newest, prefixes: Vec::new() };
    let mut memories = std::mem::take(&mut known.memories);
    for (watched, figures) in rules.watch.iter().zip(figures) {
        let name = watched.prefix.to_string();
        let (mut memory, counts) =
            memories.remove(&name).unwrap_or_else(|| (Memory::new(), CountsBy::default()));
        let verdict = memory.judge(watched, &rules, figures, unix);
        verdict.changes.iter().for_each(|kind| counts.inc(*kind));
        latest.prefixes.push((name.clone(), verdict, counts.clone()));
        known.memories.insert(name, (memory, counts));
    }
    routes.publish(latest);
    Ok(())
}

fn read(files: &[PathBuf], rules: &Rules) -> Result<(Tally, Vec<Figures>), &'static str> {
    let (mut table, mut all) = (Table::new(&rules.watch), Tally::default());
    for file in files {
        let mut reader = open(file)?;
        let tally = mrt::read(&mut *reader, &mut table).map_err(|_| "damaged")?;
        all.read += tally.read;
        all.skipped += tally.skipped;
        all.failed += tally.failed;
        all.newest = all.newest.max(tally.newest);
        table.next_file();
    }
    Ok((all, table.finish()))
}

/// A file as it is, or unpacked.
fn open(file: &Path) -> Result<Box<dyn Read>, &'static str> {
    let unreadable = |_: io::Error| "unreadable";
    let mut start = [0; 3];
    let mut opened = File::open(file).map_err(unreadable)?;
    if !opened.metadata().map_err(unreadable)?.is_file() {
        return Err("unreadable");
    }
    let read = opened.read(&mut start).map_err(unreadable)?;
    let again = BufReader::with_capacity(1 << 16, File::open(file).map_err(unreadable)?);
    match &start[..read] {
        [0x1f, 0x8b, ..] => Ok(Box::new(BufReader::new(MultiGzDecoder::new(again)))),
        b"BZh" => Err("bzip2"),
        _ => Ok(Box::new(again)),
    }
}

/// Of each pattern the file that was written last.
fn newest_files(folder: &Path, patterns: &[String]) -> Vec<PathBuf> {
    let newest = |pattern: &String| {
        let path = folder.join(pattern);
        let (above, last) = (path.parent()?, path.file_name()?.to_str()?);
        let Some((start, end)) = last.split_once('*') else {
            return path.exists().then_some(path);
        };
        let fits = |name: &str| {
            name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
        };
        let files = fs::read_dir(above).ok()?.filter_map(Result::ok);
        let files = files.filter(|file| file.file_name().to_str().is_some_and(fits));
        let dated =
            files.filter_map(|file| Some((file.metadata().ok()?.modified().ok()?, file.path())));
        dated.max().map(|(_, file)| file)
    };
    let mut files: Vec<PathBuf> = patterns.iter().filter_map(newest).take(MOST_FILES).collect();
    files.sort();
    files.dedup();
    files
}
