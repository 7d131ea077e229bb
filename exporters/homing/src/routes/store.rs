//! What is remembered of the watched prefixes, on disk: who is known, what is usual, and what was told. Without it a restart
//! would take what it finds for usual, and end what was told.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::ensure;
use exporter_kit::CountsBy;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::standing::Memory;
use crate::kept::{Kept, Kind};
use crate::outcome::RouteChange;

const FORMAT: u32 = 1;
/// Far more bytes than 500 prefixes with a thousand parts each have.
const KIND: Kind = Kind { name: "routes", of: "routes", most_bytes: 256 << 20 };

/// What is remembered of each prefix, and what was counted. One for all tasks that follow each other over reloads.
#[derive(Debug)]
pub(crate) struct Store {
    remembered: Mutex<Remembered>,
    /// Where it is to be kept. By itself: whoever says so waits for no disk.
    directory: Mutex<Option<PathBuf>>,
}

/// The same, of whoever looks at the tables now.
#[derive(Debug)]
pub(crate) struct Remembered {
    prefixes: BTreeMap<IpNet, (Memory, CountsBy<RouteChange>)>,
    /// Of the tasks that followed each other, the last one's.
    turn: u64,
    kept: Kept,
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
    /// Nothing is remembered yet; where there is a folder, it is kept there, and what is wrong with it may have been told.
    pub(crate) fn new(directory: Option<&Path>, told: Option<String>) -> Self {
        let kept = Kept::new(&KIND, directory, told);
        let remembered = Remembered { prefixes: BTreeMap::new(), turn: 0, kept };
        let directory = directory.map(Path::to_owned);
        Self { remembered: Mutex::new(remembered), directory: Mutex::new(directory) }
    }

    /// From the next look on it is kept in that folder, or in none.
    pub(crate) fn keep_in(&self, directory: Option<&Path>) {
        *self.directory.lock().unwrap_or_else(PoisonError::into_inner) =
            directory.map(Path::to_owned);
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
            // What is remembered goes along.
            remembered.kept.move_to(directory);
            remembered.read(unix);
            remembered
        })
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Remembered {
    /// What is remembered of a prefix, in its place: who fails while he judges it harms no other.
    pub(super) fn of(&mut self, prefix: IpNet) -> &mut (Memory, CountsBy<RouteChange>) {
        self.prefixes.entry(prefix).or_default()
    }

    /// Of which prefixes something is remembered.
    pub(super) fn prefixes(&self) -> impl Iterator<Item = IpNet> {
        self.prefixes.keys().copied()
    }

    /// What is not watched any more is forgotten.
    pub(super) fn keep_only(&mut self, watched: impl Iterator<Item = IpNet>) {
        let watched: BTreeSet<IpNet> = watched.collect();
        self.prefixes.retain(|prefix, _| watched.contains(prefix));
    }

    fn read(&mut self, unix: u64) {
        for OfPrefix { prefix, memory } in self.kept.read(parse).unwrap_or_default() {
            let kept = || (memory.kept(unix), CountsBy::default());
            // What the program itself knows is newer.
            self.prefixes.entry(prefix).or_insert_with(kept);
        }
    }

    /// Replaces what the file holds; where that fails, it is tried again at the next look. Waits for the disk.
    pub(super) fn write(&mut self, is_new: bool) {
        let Self { prefixes, kept, .. } = self;
        kept.write(is_new, || {
            let prefixes = prefixes
                .iter()
                .map(|(prefix, (memory, _))| OfPrefix { prefix: *prefix, memory: memory.clone() });
            serde_json::to_vec(&Document { format: FORMAT, prefixes: prefixes.collect() })
        });
    }
}

/// Why the file of that folder is of no use, if it is not. Changes nothing.
pub(crate) fn fault(directory: &Path) -> Option<String> {
    KIND.fault(directory, parse)
}

fn parse(text: &[u8]) -> anyhow::Result<Vec<OfPrefix>> {
    let document: Document = serde_json::from_slice(text)?;
    ensure!(document.format == FORMAT, "format {} is not known", document.format);
    Ok(document.prefixes)
}
