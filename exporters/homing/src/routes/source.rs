//! The tables that one router writes: the newest file of a pattern, read when it is another one.

use std::fs::{self, Metadata};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use exporter_kit::{CountsBy, open_file};
use flate2::read::MultiGzDecoder;
use ipnet::IpNet;
use networks::Limited;

use super::figures::{Figures, Said};
use super::table::Table;
use super::{Rules, mrt};
use crate::outcome::{Record, TableState};

/// A file that was not written to for so many seconds is whole: routers write their tables without a pause.
const SETTLED: u64 = 60;
/// Seconds after the first look for which no older file is read while the newest is being written: what that says may be over,
/// or have begun since. A table of all the Internet's routes is written in minutes.
const PATIENCE: u64 = 600;
/// Files of a pattern, the newest, of which is known since the last look how they were.
const MOST_SEEN: usize = 8;
/// Bytes of a table when it is unpacked: several times what the largest collectors of the Internet's routes write.
const LARGEST: u64 = 16 << 30;

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
    /// The newest files at the last look, and since when, in seconds since the epoch, they are as they were then: by
    /// that, and not by a time of another machine's, it is known that nobody writes to one.
    seen: Vec<(Stamp, u64)>,
    /// When there was a file at first.
    begun: Option<u64>,
    /// What was looked at last, for which prefixes, and how that went.
    looked: Option<(Stamp, Vec<IpNet>, TableState)>,
    /// The last good table, and of the one before what it said.
    good: Option<Good>,
    before: Option<Said>,
}

/// A table that was read as a whole.
#[derive(Debug)]
struct Good {
    file: PathBuf,
    figures: Said,
    /// By its own word, in seconds since the epoch.
    time: u32,
    /// By that, or by its file where it claims to be of the future.
    unix: u64,
}

/// What a file holds.
#[derive(Debug)]
struct Found {
    said: Said,
    /// What the table before says, where it stands in the same file.
    before: Option<Said>,
    time: u32,
}

impl Source {
    pub(super) fn new(pattern: &str) -> Self {
        let pattern = pattern.to_owned();
        Self { pattern, seen: Vec::new(), begun: None, looked: None, good: None, before: None }
    }

    /// The newest file that nobody writes to, read if it is another one, or if other prefixes are watched; before anything was
    /// read, for some minutes the newest of all. What is older than what was read is not the table of now, whoever writes to the newer one meanwhile.
    pub(super) fn look(
        &mut self,
        folder: &Path,
        rules: &Rules,
        records: &CountsBy<Record>,
        unix: u64,
    ) -> TableState {
        let watch: Vec<IpNet> = rules.watch.iter().map(|it| it.prefix).collect();
        let files = newest(folder, &self.pattern);
        if files.is_empty() {
            (self.looked, self.seen) = (None, Vec::new());
            return TableState::NoFile;
        }
        let begun = *self.begun.get_or_insert(unix);
        let seen = files.iter().take(MOST_SEEN).map(|file| {
            let before = self.seen.iter().find(|(stamp, _)| stamp == file);
            (file.clone(), before.map_or(unix, |(_, since)| *since))
        });
        self.seen = seen.collect();
        let has_rested = |file: &Stamp| {
            self.seen.iter().any(|(stamp, since)| stamp == file && since + SETTLED <= unix)
        };
        let at = files.iter().position(|it| it.is_old(unix) || has_rested(it));
        let is_at_start = self.good.is_none() && begun + PATIENCE > unix;
        let Some(at) = at.filter(|at| *at == 0 || !is_at_start) else { return self.state() };
        let stamp = &files[at];
        if let Some((before, watched, state)) = &self.looked
            && (before == stamp && *watched == watch
                || files[..at].iter().any(|newer| newer.file == before.file))
        {
            return *state;
        }
        let found = read(&stamp.file, &watch, rules.max_age, records, unix);
        // A part of it may have been read as it was, and a part as it is.
        if Stamp::of(stamp.file.clone()).as_ref() != Some(stamp) {
            return self.state();
        }
        let state = match found {
            Ok(found) if self.is_older(&found, stamp, &files, unix) => TableState::Read,
            Ok(found) => {
                self.take(found, stamp, unix);
                self.look_before(files.get(at + 1), rules, &watch, records, unix);
                TableState::Read
            }
            Err(state) => state,
        };
        self.looked = Some((stamp.clone(), watch, state));
        state
    }

    /// How the last file is that was read.
    fn state(&self) -> TableState {
        self.looked.as_ref().map_or(TableState::BeingWritten, |(.., state)| *state)
    }

    /// Whether it is from before the last good table, of which the file is still there: one that was copied or touched.
    /// What claims to be of the future says nothing of what is older.
    fn is_older(&self, found: &Found, stamp: &Stamp, files: &[Stamp], now: u64) -> bool {
        self.good.as_ref().is_some_and(|good| {
            found.time < good.time
                && u64::from(good.time) <= now
                && good.file != stamp.file
                && files.iter().any(|it| it.file == good.file)
        })
    }

    /// A table of the same time is the same one, whatever was done to its file.
    fn take(&mut self, found: Found, stamp: &Stamp, now: u64) {
        let Found { said: figures, before, time } = found;
        let last = self.good.take().filter(|last| last.time != time);
        if let Some(before) = before.or(last.map(|it| it.figures)) {
            self.before = Some(before);
        }
        let of_file = stamp.written.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let of_file = of_file.map_or(now, |at| at.as_secs()).min(now);
        let unix = if u64::from(time) > now { of_file } else { u64::from(time) };
        self.good = Some(Good { file: stamp.file.clone(), figures, time, unix });
    }

    /// After a start, and of a prefix that is watched from now on, the file before says what the table before said.
    fn look_before(
        &mut self,
        file: Option<&Stamp>,
        rules: &Rules,
        watch: &[IpNet],
        records: &CountsBy<Record>,
        unix: u64,
    ) {
        let before = self.before.get_or_insert_default();
        let is_known = watch.iter().all(|it| before.contains_key(it));
        let Some((file, good)) = file.zip(self.good.as_ref()).filter(|_| !is_known) else { return };
        let Ok(found) = read(&file.file, watch, rules.max_age, records, unix) else { return };
        if found.time < good.time {
            for (prefix, figures) in found.said {
                before.entry(prefix).or_insert(figures);
            }
        }
    }

    /// Where its files are.
    pub(super) fn pattern(&self) -> &str {
        &self.pattern
    }

    /// When the last good table was written, by its own word.
    pub(super) fn time(&self) -> Option<u32> {
        self.good.as_ref().map(|it| it.time)
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

impl Stamp {
    /// None where that is no regular file.
    fn of(file: PathBuf) -> Option<Self> {
        let of_it = fs::metadata(&file).ok().filter(Metadata::is_file)?;
        Some(Self { file, length: of_it.len(), written: of_it.modified().ok() })
    }

    fn is_old(&self, unix: u64) -> bool {
        let written = self.written.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        written.is_some_and(|at| at.as_secs() + SETTLED <= unix)
    }
}

/// A whole table, and its time. What is in it is counted, whether it is whole or not.
fn read(
    file: &Path,
    watch: &[IpNet],
    max_age: Duration,
    records: &CountsBy<Record>,
    unix: u64,
) -> Result<Found, TableState> {
    let mut reader = open(file, LARGEST)?;
    let mut table = Table::new(watch, max_age);
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
    let (said, before) = table.finish(unix).ok_or(TableState::NoRoute)?;
    Ok(Found { said, before, time: tally.newest })
}

/// A file as it is, or unpacked; of more bytes than that it is not read to its end, which is a fault.
fn open(file: &Path, largest: u64) -> Result<Box<dyn Read>, TableState> {
    let unreadable = |_: io::Error| TableState::Unreadable;
    let mut start = [0; 3];
    let mut opened = open_file(file).map_err(unreadable)?;
    let read = opened.read(&mut start).map_err(unreadable)?;
    let again = BufReader::with_capacity(1 << 16, open_file(file).map_err(unreadable)?);
    match &start[..read] {
        [0x1f, 0x8b, ..] => {
            Ok(Box::new(BufReader::new(Limited::new(MultiGzDecoder::new(again), largest))))
        }
        b"BZh" => Err(TableState::Bzip2),
        _ => Ok(Box::new(Limited::new(again, largest))),
    }
}

/// The regular files of a pattern, the one that was written last first.
fn newest(folder: &Path, pattern: &str) -> Vec<Stamp> {
    let path = folder.join(pattern);
    let Some((above, last)) = path.parent().zip(path.file_name().and_then(|it| it.to_str())) else {
        return Vec::new();
    };
    let Some((start, end)) = last.split_once('*') else {
        return Stamp::of(path.clone()).into_iter().collect();
    };
    let fits = |name: &str| {
        name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
    };
    let files = fs::read_dir(above).into_iter().flatten().filter_map(Result::ok);
    let files = files.filter(|file| file.file_name().to_str().is_some_and(fits));
    let mut stamps: Vec<Stamp> = files.filter_map(|file| Stamp::of(file.path())).collect();
    stamps.sort_by(|a, b| (b.written, &b.file).cmp(&(a.written, &a.file)));
    stamps
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn what_has_more_octets_than_a_table_is_not_read_to_its_end_packed_or_not() {
        let plain = vec![0; 1 << 20];
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(&plain).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        for bytes in [packed.finish().unwrap(), plain] {
            fs::write(&file, bytes).unwrap();
            let read = |largest| open(&file, largest).unwrap().read_to_end(&mut Vec::new());
            assert_eq!(read(1 << 20).unwrap(), 1 << 20);
            assert!(read((1 << 20) - 1).is_err());
        }
    }
}
