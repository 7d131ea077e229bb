//! The last good list of each source, and whether it is time to read it again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use super::files::{self, Stamp};
use super::groups::MOST_TARGETS;
use super::pull::Answer;
use super::{Discovery, Found, Status};

/// Every source and what it listed last.
#[derive(Debug, Default)]
pub(super) struct Sources {
    all: BTreeMap<Key, Source>,
    /// Whether it was looked at those that there were at the start.
    has_begun: bool,
}

/// Which source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    File(PathBuf),
    /// By its number.
    Http(u64),
}

#[derive(Debug)]
struct Source {
    /// What it is called on a page.
    name: String,
    stamp: Option<Stamp>,
    read: Instant,
    targets: Vec<Found>,
    /// Whether it gave a list that could be read.
    answered: bool,
    /// Whether it came after the start: a list that a reload names makes nobody unready.
    is_later: bool,
    /// Why the list is not the newest.
    error: Option<String>,
}

impl Sources {
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Reads what changed or is due. Returns whether there are other targets now.
    pub(super) fn refresh(
        &mut self,
        discovery: &Discovery,
        folder: &Path,
        status: &Status,
    ) -> bool {
        let present = files::present(&discovery.files, folder);
        let mut changed = self.keep(|key| match key {
            Key::File(path) => present.contains_key(path),
            Key::Http(_) => true,
        });
        let every =
            discovery.files.iter().map(|it| it.refresh_interval).min().unwrap_or(Duration::MAX);
        for (path, stamp) in present {
            let key = Key::File(path.clone());
            let known = self.all.get(&key);
            let is_due = known.is_none_or(|it| it.stamp != stamp || it.read.elapsed() >= every);
            if is_due {
                let result = files::read(&path);
                let source = self.source(key, &path.display().to_string());
                (source.stamp, source.read) = (stamp, Instant::now());
                changed |= source.take(result, "file", status);
            }
        }
        changed
    }

    /// Takes answers of the URLs that are asked, by their numbers. Returns whether there are other
    /// targets now.
    pub(super) fn answered(
        &mut self,
        asked: &[(u64, String)],
        answers: Vec<Answer>,
        status: &Status,
    ) -> bool {
        let mut changed = self.keep(|key| match key {
            Key::File(_) => true,
            Key::Http(id) => asked.iter().any(|(other, _)| other == id),
        });
        for (id, name) in asked {
            self.source(Key::Http(*id), name);
        }
        for (id, answer) in answers {
            // One that is no longer asked may have answered before.
            if let Some(source) = self.all.get_mut(&Key::Http(id)) {
                changed |= source.take(answer, "http", status);
            }
        }
        changed
    }

    /// Forgets all but those to keep. Returns whether there were others.
    fn keep(&mut self, keep: impl Fn(&Key) -> bool) -> bool {
        let before = self.all.len();
        self.all.retain(|key, _| keep(key));
        self.all.len() != before
    }

    fn source(&mut self, key: Key, name: &str) -> &mut Source {
        let is_later = self.has_begun;
        self.all.entry(key).or_insert_with(|| Source {
            name: name.to_owned(),
            stamp: None,
            read: Instant::now(),
            targets: Vec::new(),
            answered: false,
            is_later,
            error: None,
        })
    }

    /// All targets that are discovered now, each once, and how many are too many.
    pub(super) fn targets(&self) -> (Vec<Found>, usize) {
        let all = self.all.values().map(|source| source.targets.len()).sum::<usize>();
        let found = self.all.values().flat_map(|source| source.targets.iter().cloned());
        let found: Vec<_> = found.take(MOST_TARGETS).collect();
        let too_many = all - found.len();
        (found, too_many)
    }

    /// How many of the sources that there were when this was first asked gave no list yet.
    pub(super) fn awaited(&mut self) -> usize {
        self.has_begun = true;
        self.all.values().filter(|source| !source.answered && !source.is_later).count()
    }

    /// Of each source: its name, how many targets it lists, and why that is not the newest.
    pub(super) fn lines(&self) -> Vec<(String, usize, Option<String>)> {
        let line =
            |source: &Source| (source.name.clone(), source.targets.len(), source.error.clone());
        self.all.values().map(line).collect()
    }
}

impl Source {
    /// Takes a list; one that is broken leaves the last good one. Returns whether it is another.
    fn take(
        &mut self,
        result: anyhow::Result<Vec<Found>>,
        mechanism: &'static str,
        status: &Status,
    ) -> bool {
        match result {
            Ok(targets) => {
                status.succeeded(mechanism);
                if self.error.take().is_some() {
                    info!(targets = targets.len(), "a list of targets can be read again");
                }
                self.answered = true;
                let changed = self.targets != targets;
                self.targets = targets;
                changed
            }
            Err(error) => {
                status.failed(mechanism);
                let error = format!("{error:#}");
                if self.error.as_ref() != Some(&error) {
                    warn!("a list of targets is broken, the last good one stays in force");
                    error.lines().for_each(|line| warn!("{line}"));
                }
                self.error = Some(error);
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_a_reload_names_is_awaited_by_nobody() {
        let (mut sources, status) = (Sources::default(), Status::default());
        let url = |id: u64| (id, format!("http://192.0.2.{id}/"));
        sources.answered(&[url(1), url(2)], Vec::new(), &status);
        assert_eq!(sources.awaited(), 2);
        // A reload names a third one before the first two have answered.
        let asked = [url(1), url(2), url(3)];
        sources.answered(&asked, Vec::new(), &status);
        assert_eq!(sources.awaited(), 2);
        sources.answered(&asked, vec![(1, Ok(Vec::new())), (2, Ok(Vec::new()))], &status);
        assert_eq!(sources.awaited(), 0);
    }
}
