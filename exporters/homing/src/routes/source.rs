//! The tables that one router writes: the newest file of a pattern, read when it is another one.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use exporter_kit::{CountsBy, open_file};
use flate2::read::MultiGzDecoder;
use ipnet::IpNet;

use super::figures::{Figures, Table};
use super::mrt;
use crate::outcome::{Record, TableState};

/// A file, by what tells whether it is another one: its name, its length, and when it was written.
#[derive(Clone, Debug, PartialEq)]
struct Stamp {
    file: PathBuf,
    length: u64,
    written: Option<SystemTime>,
}

/// The tables of one pattern.
#[derive(Debug)]
pub(super) struct Source {
    pattern: String,
    /// What was looked at last, for which prefixes, and how that went.
    looked: Option<(Stamp, Vec<IpNet>, TableState)>,
    /// The last good table, and of the one before what it said.
    good: Option<Good>,
    before: Option<BTreeMap<IpNet, Figures>>,
}

/// A table that was read as a whole.
#[derive(Debug)]
struct Good {
    figures: BTreeMap<IpNet, Figures>,
    /// By its own word, in seconds since the epoch.
    time: u32,
    /// By that, or by its file where it claims to be of the future.
    unix: u64,
}

impl Source {
    pub(super) fn new(pattern: &str) -> Self {
        Self { pattern: pattern.to_owned(), looked: None, good: None, before: None }
    }

    /// The newest file, read if it is another one, or if other prefixes are watched.
    pub(super) fn look(
        &mut self,
        folder: &Path,
        watch: &[IpNet],
        records: &CountsBy<Record>,
        unix: u64,
    ) -> TableState {
        let Some((file, of_it)) = newest(folder, &self.pattern) else {
            self.looked = None;
            return TableState::NoFile;
        };
        let written = of_it.modified().ok();
        let stamp = Stamp { file, length: of_it.len(), written };
        if let Some((before, watched, state)) = &self.looked
            && *before == stamp
            && watched == watch
        {
            return *state;
        }
        let state = match read(&stamp.file, watch, records) {
            Ok((figures, time)) => {
                self.take(figures, time, written, unix);
                TableState::Read
            }
            Err(state) => state,
        };
        self.looked = Some((stamp, watch.to_vec(), state));
        state
    }

    /// A table of the same time is the same one, whatever was done to its file.
    fn take(
        &mut self,
        figures: BTreeMap<IpNet, Figures>,
        time: u32,
        written: Option<SystemTime>,
        now: u64,
    ) {
        if let Some(last) = self.good.take().filter(|last| last.time != time) {
            self.before = Some(last.figures);
        }
        let of_file = written.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let of_file = of_file.map_or(now, |at| at.as_secs()).min(now);
        let unix = if u64::from(time) > now { of_file } else { u64::from(time) };
        self.good = Some(Good { figures, time, unix });
    }

    /// When the last good table was written, in seconds since the epoch.
    pub(super) fn unix(&self) -> Option<u64> {
        self.good.as_ref().map(|it| it.unix)
    }

    /// Whether the last good table still says something.
    pub(super) fn stands(&self, max_age: Duration, unix: u64) -> bool {
        self.unix().is_some_and(|at| at + max_age.as_secs() >= unix)
    }

    /// What the last good table says of a prefix, and the one before it.
    pub(super) fn of(&self, prefix: IpNet) -> Option<(&Figures, Option<&Figures>)> {
        let now = self.good.as_ref()?.figures.get(&prefix)?;
        Some((now, self.before.as_ref().and_then(|it| it.get(&prefix))))
    }

    /// The file that was looked at.
    pub(super) fn file(&self) -> Option<&Path> {
        self.looked.as_ref().map(|(stamp, ..)| stamp.file.as_path())
    }
}

/// A whole table, and its time. What is in it is counted, whether it is whole or not.
fn read(
    file: &Path,
    watch: &[IpNet],
    records: &CountsBy<Record>,
) -> Result<(BTreeMap<IpNet, Figures>, u32), TableState> {
    let mut reader = open(file)?;
    let mut table = Table::new(watch);
    let tally = mrt::read(&mut *reader, &mut table);
    for (record, count) in [
        (Record::Read, tally.read),
        (Record::Skipped, tally.skipped),
        (Record::Failed, tally.failed),
    ] {
        records.inc_by(record, count);
    }
    if tally.failed > 0 {
        return Err(TableState::Damaged);
    }
    table.finish().map(|figures| (figures, tally.newest)).ok_or(TableState::NoRoute)
}

/// A file as it is, or unpacked.
fn open(file: &Path) -> Result<Box<dyn Read>, TableState> {
    let unreadable = |_: io::Error| TableState::Unreadable;
    let mut start = [0; 3];
    let mut opened = open_file(file).map_err(unreadable)?;
    let read = opened.read(&mut start).map_err(unreadable)?;
    let again = BufReader::with_capacity(1 << 16, open_file(file).map_err(unreadable)?);
    match &start[..read] {
        [0x1f, 0x8b, ..] => Ok(Box::new(BufReader::new(MultiGzDecoder::new(again)))),
        b"BZh" => Err(TableState::Bzip2),
        _ => Ok(Box::new(again)),
    }
}

/// The regular file that was written last.
fn newest(folder: &Path, pattern: &str) -> Option<(PathBuf, Metadata)> {
    let path = folder.join(pattern);
    let (above, last) = (path.parent()?, path.file_name()?.to_str()?);
    let is_file = |it: &(PathBuf, Metadata)| it.1.is_file();
    let Some((start, end)) = last.split_once('*') else {
        let of_it = fs::metadata(&path).ok()?;
        return Some((path, of_it)).filter(is_file);
    };
    let fits = |name: &str| {
        name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
    };
    let files = fs::read_dir(above).ok()?.filter_map(Result::ok);
    let files = files.filter(|file| file.file_name().to_str().is_some_and(fits));
    let files = files.filter_map(|file| Some((file.path(), fs::metadata(file.path()).ok()?)));
    let dated =
        files.filter(is_file).filter_map(|(path, it)| Some((it.modified().ok()?, path, it)));
    let newest = dated.max_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)))?;
    Some((newest.1, newest.2))
}
