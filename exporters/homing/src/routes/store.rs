//! What is remembered of the watched prefixes, on disk: who is known, what is usual, and what was told. Without it a restart
//! would take what it finds for usual, and end what was told.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::ensure;
use exporter_kit::{Content, CountsBy, StateFile};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::standing::Memory;
use crate::outcome::RouteChange;

const FORMAT: u32 = 1;
/// Far more than 500 prefixes with a thousand parts each have.
const MOST_BYTES: u64 = 256 << 20;

/// What is remembered of each prefix, and what was counted. One for all tasks that follow each other over reloads.
#[derive(Debug, Default)]
pub(crate) struct Store {
    remembered: Mutex<Remembered>,
    /// Where it is to be kept. By itself: whoever says so waits for no disk.
    directory: Mutex<Option<PathBuf>>,
}

/// The same, of whoever looks at the tables now.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    prefixes: BTreeMap<IpNet, (Memory, CountsBy<RouteChange>)>,
    /// Of the tasks that followed each other, the last one's.
    turn: u64,
    /// Where it is kept, and whether that is elsewhere than it was written last.
    directory: Option<PathBuf>,
    has_moved: bool,
    file: Option<StateFile>,
    /// What of the file was told already: the words of its fault.
    told: Option<String>,
    /// Whether the file was read.
    is_open: bool,
    /// Whether it could not be written last, which was told.
    has_failed: bool,
}

#[derive(Deserialize, Serialize)]
struct Document {
    format: u32,
    prefixes: Vec<OfPrefix>,
}

#[derive(Deserialize, Serialize)]
struct OfPrefix {
    prefix: IpNet,
    #[serde(flatten)]
    memory: Memory,
}

impl Store {
    /// Nothing is remembered yet; where there is a folder, it is kept there.
    pub(crate) fn new(directory: Option<&Path>) -> Self {
        let (directory, file) = (directory.map(Path::to_owned), directory.map(file));
        let remembered = Remembered { directory: directory.clone(), file, ..Remembered::default() };
        Self { remembered: Mutex::new(remembered), directory: Mutex::new(directory) }
    }

    /// From the next look on it is kept in that folder, or in none.
    pub(crate) fn keep_in(&self, directory: Option<&Path>) {
        *self.directory.lock().unwrap_or_else(PoisonError::into_inner) =
            directory.map(Path::to_owned);
    }

    /// The same, of whose file it was told already what is wrong with it.
    pub(crate) fn told(self, told: Option<String>) -> Self {
        self.lock().told = told;
        self
    }

    /// Who looks from now on, and nobody before.
    pub(super) fn turn(&self) -> u64 {
        let mut remembered = self.lock();
        remembered.turn += 1;
        remembered.turn
    }

    /// What is remembered, for whose turn it is, read from the file at the first time. Waits for the disk.
    pub(super) fn open(&self, turn: u64, unix: u64) -> Option<MutexGuard<'_, Remembered>> {
        let mut remembered = self.lock();
        (remembered.turn == turn).then(|| {
            let directory = self.directory.lock().unwrap_or_else(PoisonError::into_inner).clone();
            remembered.move_to(directory);
            remembered.read(unix);
            remembered
        })
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Remembered {
    /// What is remembered goes along; what another program kept there is read first.
    fn move_to(&mut self, directory: Option<PathBuf>) {
        if self.directory == directory {
            return;
        }
        self.file = directory.as_deref().map(file);
        self.directory = directory;
        (self.has_moved, self.is_open, self.has_failed, self.told) = (true, false, false, None);
    }

    /// What is remembered of a prefix, in its place: who fails while he judges it harms no other.
    pub(super) fn of(&mut self, prefix: IpNet) -> &mut (Memory, CountsBy<RouteChange>) {
        self.prefixes.entry(prefix).or_default()
    }

    /// What is not watched any more is forgotten.
    pub(super) fn keep_only(&mut self, watched: impl Iterator<Item = IpNet>) {
        let watched: BTreeSet<IpNet> = watched.collect();
        self.prefixes.retain(|prefix, _| watched.contains(prefix));
    }

    fn read(&mut self, unix: u64) {
        if std::mem::replace(&mut self.is_open, true) {
            return;
        }
        // It comes back if it can be used.
        let Some(file) = self.file.take() else { return };
        let content = file.look(MOST_BYTES, parse);
        if let Some(fault) = words(&file, &content).filter(|it| self.told.as_ref() != Some(it)) {
            warn!("{fault}");
        }
        let Some(prefixes) = file.open(content) else { return };
        for OfPrefix { prefix, memory } in prefixes {
            let kept = || (memory.kept(unix), CountsBy::default());
            // What the program itself knows is newer.
            self.prefixes.entry(prefix).or_insert_with(kept);
        }
        self.file = Some(file);
    }

    /// Replaces what the file holds; where that fails, it is tried again at the next look. Waits for the disk.
    pub(super) fn write(&mut self, is_new: bool) {
        let is_due = is_new || self.has_failed || self.has_moved;
        let Some(file) = self.file.as_ref().filter(|_| is_due) else { return };
        let prefixes = self
            .prefixes
            .iter()
            .map(|(prefix, (memory, _))| OfPrefix { prefix: *prefix, memory: memory.clone() });
        let document = Document { format: FORMAT, prefixes: prefixes.collect() };
        let text = serde_json::to_vec(&document).map_err(anyhow::Error::from);
        let failed = text.and_then(|text| file.replace(&text)).err();
        if let Some(error) = failed.as_ref().filter(|_| !self.has_failed) {
            warn!("what is known of routes cannot be kept: {error:#}");
        }
        (self.has_failed, self.has_moved) = (failed.is_some(), false);
    }
}

/// Why the file of that folder is of no use, if it is not. Changes nothing.
pub(crate) fn fault(directory: &Path) -> Option<String> {
    let file = file(directory);
    let content = file.look(MOST_BYTES, parse);
    words(&file, &content)
}

fn file(directory: &Path) -> StateFile {
    StateFile::new(directory, "routes")
}

fn words<T>(file: &StateFile, content: &Content<T>) -> Option<String> {
    content.fault().map(|fault| format!("{} {fault}", file.path().display()))
}

fn parse(text: &[u8]) -> anyhow::Result<Vec<OfPrefix>> {
    let document: Document = serde_json::from_slice(text)?;
    ensure!(document.format == FORMAT, "format {} is not known", document.format);
    Ok(document.prefixes)
}
