//! One file that is a table: what was last good of it, and why what is there now is not (I/O).

use std::fs::{self, Metadata};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use flate2::read::MultiGzDecoder;
use tracing::{info, warn};

use super::TableFigures;
use super::parsed::Parsed;

/// A table may be so large, also when it is unpacked. The world's routes are less than a tenth of it.
const LARGEST: u64 = 1 << 30;
/// How a file begins that gzip has packed.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A file, and the table that was last read of it.
#[derive(Debug)]
pub(super) struct Kept<T> {
    path: PathBuf,
    /// When it was written, and how long it is, as it was last looked at.
    seen: Option<(SystemTime, u64)>,
    table: Option<Arc<T>>,
    entries: u64,
    rejected: u64,
    modified: Option<f64>,
    fault: Option<String>,
}

impl<T> Kept<T> {
    /// A file that has not been read.
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            seen: None,
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
        parse: impl FnOnce(Vec<u8>) -> Result<Parsed<T>, String>,
    ) -> bool {
        let found = fs::metadata(&self.path).map_err(|error| error.to_string());
        let metadata = match found.and_then(regular) {
            Ok(metadata) => metadata,
            Err(fault) => return self.refuse(&fault, None, 0),
        };
        let written = metadata.modified().unwrap_or(UNIX_EPOCH);
        let seen = Some((written, metadata.len()));
        if self.seen == seen {
            return false;
        }
        let parsed = read(&self.path).and_then(parse).map_err(|fault| (fault, 0));
        match parsed.and_then(Parsed::accept) {
            Ok(Parsed { table, entries, rejected }) => {
                info!(file = %self.path.display(), entries, rejected, "a table was read");
                (self.table, self.entries, self.rejected) =
                    (Some(Arc::new(table)), entries, rejected);
                let since_epoch = written.duration_since(UNIX_EPOCH).unwrap_or_default();
                self.modified = Some(since_epoch.as_secs_f64());
                (self.seen, self.fault) = (seen, None);
                true
            }
            Err((fault, rejected)) => self.refuse(&fault, seen, rejected),
        }
    }

    /// What is there is not taken, for this reason; what was there before stays in force.
    fn refuse(&mut self, fault: &str, seen: Option<(SystemTime, u64)>, rejected: u64) -> bool {
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

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let read = || {
        let mut bytes = Vec::new();
        fs::File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
        if !bytes.starts_with(&GZIP) {
            return Ok(bytes);
        }
        let mut unpacked = Vec::new();
        MultiGzDecoder::new(&*bytes).take(LARGEST + 1).read_to_end(&mut unpacked)?;
        Ok(unpacked)
    };
    let bytes = read().map_err(|error: std::io::Error| error.to_string())?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("it is larger than {LARGEST} bytes"));
    }
    Ok(bytes)
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
