//! One file that is a table: what was last good of it, and why what is there now is not (I/O).

use std::fs::{self, Metadata};
use std::io::{BufRead, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use networks::Fault;
use tracing::{info, warn};

use super::TableFigures;
use super::parsed::Parsed;

/// Who has no more entries than this may have few.
const FEW: u64 = 100;

/// A file, and the table that was last read of it.
#[derive(Debug)]
pub(super) struct Kept<T> {
    path: PathBuf,
    /// As it was when it was last read.
    seen: Option<Seen>,
    /// As it was when it was last looked at, where it is not read yet.
    waiting: Option<Seen>,
    table: Option<Arc<T>>,
    entries: u64,
    rejected: u64,
    modified: Option<f64>,
    fault: Option<String>,
}

/// By what a file is known to be another one: its number, its length, and when its content and itself changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    number: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Seen {
    fn of(file: &Metadata) -> Self {
        Self {
            number: file.ino(),
            length: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        }
    }

    /// In seconds since the epoch.
    fn modified(self) -> f64 {
        let (seconds, nanos) = self.modified;
        seconds as f64 + nanos as f64 / 1e9
    }
}

impl<T> Kept<T> {
    /// A file that has not been read.
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            seen: None,
            waiting: None,
            table: None,
            entries: 0,
            rejected: 0,
            modified: None,
            fault: None,
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The table that is in force.
    pub(super) fn table(&self) -> Option<Arc<T>> {
        self.table.clone()
    }

    /// Reads the file if it has changed; whether that changed anything.
    pub(super) fn refresh(
        &mut self,
        parse: impl FnOnce(Box<dyn BufRead>) -> Result<Parsed<T>, Fault>,
    ) -> bool {
        self.refresh_by(|path| parse(networks::open(path)?))
    }

    /// The same where the whole content is looked at.
    pub(super) fn refresh_whole(
        &mut self,
        parse: impl FnOnce(&[u8]) -> Result<Parsed<T>, String>,
    ) -> bool {
        self.refresh(|mut file| {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            parse(&bytes).map_err(Fault::NoTable)
        })
    }

    fn refresh_by(&mut self, read: impl FnOnce(&Path) -> Result<Parsed<T>, Fault>) -> bool {
        let found = fs::metadata(&self.path).map_err(|error| error.to_string());
        let metadata = match found.and_then(regular) {
            Ok(metadata) => metadata,
            Err(fault) => return self.refuse(&fault, None, 0),
        };
        let seen = Seen::of(&metadata);
        if self.seen == Some(seen) {
            return false;
        }
        // Somebody may be writing it: what is in force stays until it is the same at two looks.
        if self.table.is_some() && self.waiting.replace(seen) != Some(seen) {
            return false;
        }
        let parsed = match read(&self.path) {
            Ok(parsed) => parsed.accept(),
            Err(Fault::NoTable(fault)) => Err((fault, 0)),
            // It is tried again at the next look, though the file stays the same.
            Err(fault @ Fault::Unread(_)) => return self.refuse(&fault.to_string(), None, 0),
        };
        if fs::metadata(&self.path).ok().map(|now| Seen::of(&now)) != Some(seen) {
            return self.refuse("it changed while it was read", None, 0);
        }
        match parsed.and_then(|parsed| self.has_not_halved(parsed)) {
            Ok(Parsed { table, entries, rejected }) => {
                info!(file = %self.path.display(), entries, rejected, "a table was read");
                (self.table, self.entries, self.rejected) =
                    (Some(Arc::new(table)), entries, rejected);
                self.modified = Some(seen.modified());
                (self.seen, self.fault) = (Some(seen), None);
                true
            }
            Err((fault, rejected)) => self.refuse(&fault, Some(seen), rejected),
        }
    }

    /// A table that has lost more than half of its entries is one that was cut.
    fn has_not_halved(&self, parsed: Parsed<T>) -> Result<Parsed<T>, (String, u64)> {
        let (before, now) = (self.entries, parsed.entries);
        if self.table.is_some() && before > FEW && now < before / 2 {
            let fault = format!(
                "it has {now} entries, and the one in force {before}: a file that was cut; where it is meant, restart"
            );
            return Err((fault, parsed.rejected));
        }
        Ok(parsed)
    }

    /// What is there is not taken, for this reason; what was there before stays in force.
    fn refuse(&mut self, fault: &str, seen: Option<Seen>, rejected: u64) -> bool {
        self.seen = seen;
        self.rejected = rejected;
        let fault = format!("{}: {fault}", self.path.display());
        if self.fault.as_ref() == Some(&fault) {
            return false;
        }
        let stays = if self.table.is_some() { "; the old one stays in force" } else { "" };
        warn!("a table is not read: {fault}{stays}");
        self.fault = Some(fault);
        true
    }
}

fn regular(metadata: Metadata) -> Result<Metadata, String> {
    if metadata.is_file() { Ok(metadata) } else { Err("it is no regular file".to_owned()) }
}

/// Takes another file for a table, or none; the same one is not read again.
pub(super) fn rename<T>(kept: &mut Option<Kept<T>>, path: Option<&PathBuf>) {
    if kept.as_ref().map(|kept| &kept.path) != path {
        *kept = path.map(|path| Kept::new(path));
    }
}

/// What is to be shown of a table of several files; nothing where none is named.
pub(super) fn figures<T>(table: &'static str, files: &[Kept<T>]) -> Option<TableFigures> {
    (!files.is_empty()).then(|| TableFigures {
        table,
        entries: files.iter().map(|kept| kept.entries).sum(),
        rejected: files.iter().map(|kept| kept.rejected).sum(),
        modified: files.iter().filter_map(|kept| kept.modified).reduce(f64::min),
        faults: files.iter().filter_map(|kept| kept.fault.clone()).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(mut file: impl BufRead) -> Result<Parsed<Vec<u8>>, Fault> {
        let mut table = Vec::new();
        file.read_to_end(&mut table)?;
        let entries = table.split(|byte| *byte == b'\n').count() as u64 - 1;
        Ok(Parsed { table, entries, rejected: 0 })
    }

    fn table(kept: &Kept<Vec<u8>>) -> Option<Vec<u8>> {
        kept.table().map(|table| table.to_vec())
    }

    #[test]
    fn what_could_not_be_read_is_read_when_it_can_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "a\n").unwrap();
        let mut kept = Kept::new(&path);
        let denied =
            |_: &Path| Err(std::io::Error::from(std::io::ErrorKind::PermissionDenied).into());
        assert!(kept.refresh_by(denied) && kept.fault.is_some());
        assert!(!kept.refresh_by(denied), "that is said once");
        // The file is the same.
        assert!(kept.refresh(parse) && kept.fault.is_none());
        assert_eq!(table(&kept).unwrap(), b"a\n");
        assert!(!kept.refresh(parse));
    }

    #[test]
    fn another_file_of_the_same_age_and_length_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let (path, new) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&path, "a\n").unwrap();
        let mut kept = Kept::new(&path);
        assert!(kept.refresh(parse));
        fs::write(&new, "b\n").unwrap();
        let written = fs::metadata(&path).unwrap().modified().unwrap();
        fs::File::options().write(true).open(&new).unwrap().set_modified(written).unwrap();
        fs::rename(&new, &path).unwrap();
        assert!(!kept.refresh(parse) && kept.refresh(parse));
        assert_eq!(table(&kept).unwrap(), b"b\n");
    }

    #[test]
    fn a_file_that_is_being_written_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "a\n").unwrap();
        let mut kept = Kept::new(&path);
        assert!(kept.refresh(parse), "at once where there is none");
        for text in ["b\n", "b\nb\n", "b\nb\nb\n"] {
            fs::write(&path, text).unwrap();
            assert!(!kept.refresh(parse), "{text:?}");
            assert_eq!(table(&kept).unwrap(), b"a\n");
        }
        assert!(kept.refresh(parse));
        assert_eq!(table(&kept).unwrap(), b"b\nb\nb\n");
        // And one that changes while it is read is read once more.
        let write = |path: &Path| {
            fs::write(path, "c\n").unwrap();
            parse(&b"half\n"[..])
        };
        fs::write(&path, "d\nd\n").unwrap();
        kept.refresh(parse);
        assert!(kept.refresh_by(write) && kept.fault.is_some());
        assert!(!kept.refresh(parse) && kept.refresh(parse));
        assert_eq!(table(&kept).unwrap(), b"c\n");
    }

    #[test]
    fn a_table_that_was_cut_in_half_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "a\n".repeat(1000)).unwrap();
        let mut kept = Kept::new(&path);
        assert!(kept.refresh(parse));
        fs::write(&path, "b\n".repeat(499)).unwrap();
        assert!(!kept.refresh(parse) && kept.refresh(parse));
        assert!(kept.fault.as_ref().unwrap().contains("499 entries, and the one in force 1000"));
        assert_eq!(kept.entries, 1000);
        fs::write(&path, "c\n".repeat(501)).unwrap();
        assert!(!kept.refresh(parse) && kept.refresh(parse));
        assert_eq!((kept.entries, kept.fault.is_none()), (501, true));
    }
}
