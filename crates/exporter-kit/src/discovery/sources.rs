//! The last good list of each source, and whether it is time to read it again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use super::files::{self, Stamp};
use super::groups::MOST_TARGETS;
use super::{Discovery, Found, Status};

/// Every source and what it listed last.
#[derive(Debug, Default)]
pub(super) struct Sources(BTreeMap<PathBuf, Source>);

#[derive(Debug)]
struct Source {
    stamp: Option<Stamp>,
    read: Instant,
    targets: Vec<Found>,
    /// Why the list is not the newest.
    error: Option<String>,
}

impl Sources {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads what changed or is due. Returns whether there are other targets now.
    pub(super) fn refresh(
        &mut self,
        discovery: &Discovery,
        folder: &Path,
        status: &Status,
    ) -> bool {
        let present = files::present(&discovery.files, folder);
        let before = self.0.len();
        self.0.retain(|path, _| present.contains_key(path));
        let mut changed = self.0.len() != before;
        let every =
            discovery.files.iter().map(|it| it.refresh_interval).min().unwrap_or(Duration::MAX);
        for (path, stamp) in present {
            let known = self.0.get(&path);
            let is_due = known.is_none_or(|it| it.stamp != stamp || it.read.elapsed() >= every);
            if is_due {
                changed |= self.read(path, stamp, status);
            }
        }
        changed
    }

    /// Reads one list; one that is broken leaves the last good one.
    fn read(&mut self, path: PathBuf, stamp: Option<Stamp>, status: &Status) -> bool {
        let result = files::read(&path).map_err(|error| format!("{error:#}"));
        let read = Instant::now();
        let source = self.0.entry(path);
        let source =
            source.or_insert_with(|| Source { stamp, read, targets: Vec::new(), error: None });
        (source.stamp, source.read) = (stamp, read);
        match result {
            Ok(targets) => {
                status.succeeded();
                if source.error.take().is_some() {
                    info!(targets = targets.len(), "a list of targets can be read again");
                }
                let changed = source.targets != targets;
                source.targets = targets;
                changed
            }
            Err(error) => {
                status.failed();
                if source.error.as_ref() != Some(&error) {
                    warn!("a list of targets is broken, the last good one stays in force");
                    error.lines().for_each(|line| warn!("{line}"));
                }
                source.error = Some(error);
                false
            }
        }
    }

    /// All targets that are discovered now, each once, and how many are too many.
    pub(super) fn targets(&self) -> (Vec<Found>, usize) {
        let all = self.0.values().map(|source| source.targets.len()).sum::<usize>();
        let found = self.0.values().flat_map(|source| source.targets.iter().cloned());
        let found: Vec<_> = found.take(MOST_TARGETS).collect();
        let too_many = all - found.len();
        (found, too_many)
    }

    /// Of each source: its name, how many targets it lists, and why that is not the newest.
    pub(super) fn lines(&self) -> Vec<(String, usize, Option<String>)> {
        let line = |(path, source): (&PathBuf, &Source)| {
            (path.display().to_string(), source.targets.len(), source.error.clone())
        };
        self.0.iter().map(line).collect()
    }
}
