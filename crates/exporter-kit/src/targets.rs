//! The set of running targets, kept in step with the config.
//!
//! What a config says of a target is of two kinds. Its *work* is what its task does: another work is
//! another task, with another state. Its *labels* are what is shown beside what it found: another
//! label, pin or contact is written into the state, and nothing restarts.

mod key;
mod running;

pub use key::{Key, TargetId};
pub use running::Running;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::task::{JoinHandle, JoinSet};

use crate::open_files::{BUDGET, Budget, Descriptors, EACH};
use crate::page::{Page, Selection};

/// So many targets are changed before those who read have a turn.
const CHUNK: usize = 256;

/// What the config wants of one target.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted<W, L> {
    /// What its task does.
    pub work: W,
    /// What is shown beside what it finds.
    pub labels: L,
}

/// All targets, each by its key: a name, or whatever else tells one from the others.
#[derive(Debug)]
pub struct Targets<W, S, L = (), K = String> {
    running: RwLock<Set<W, S, L, K>>,
    /// Held while the set is brought in step, so that two reloads cannot interleave.
    updating: Mutex<()>,
    /// Whose descriptors they hold.
    budget: &'static Budget,
}

/// Boxed: a tree that grows at one end is half empty.
type Set<W, S, L, K> = BTreeMap<K, Box<Target<W, S, L>>>;

/// A running target: its state lives as long as its task, and longer only while it is being read.
#[derive(Debug)]
pub struct Target<W, S, L = ()> {
    work: W,
    labels: L,
    running: Running<S>,
}

impl<W, S> Target<W, S> {
    /// A target without labels of its own, whose `task` writes `state`.
    pub fn new(work: W, state: Arc<S>, task: JoinHandle<()>) -> Self {
        Self { work, labels: (), running: Running::new(state, task) }
    }
}

impl<W, S, L, K> Default for Targets<W, S, L, K> {
    fn default() -> Self {
        Self::within(&BUDGET)
    }
}

impl<W, S, L, K> Targets<W, S, L, K> {
    fn within(budget: &'static Budget) -> Self {
        Self { running: RwLock::default(), updating: Mutex::default(), budget }
    }
}

impl<W: PartialEq, S, K: Key> Targets<W, S, (), K> {
    /// [`Targets::update`] for targets that have no labels of their own.
    pub fn apply(&self, wanted: BTreeMap<K, W>, start: impl Fn(&K, W) -> Target<W, S>) {
        let wanted = wanted.into_iter().map(|(name, work)| (name, Wanted { work, labels: () }));
        let start = |name: &K, wanted: Wanted<W, ()>| start(name, wanted.work);
        self.keep_in_step(wanted.collect(), |_| EACH, start, |_, ()| {});
    }
}

impl<W: PartialEq, S, L: PartialEq, K: Key> Targets<W, S, L, K> {
    /// Stops what is no longer wanted, starts what is new or has other work, calls `relabel` where
    /// only the labels are others, and leaves alone what did not change: a reload costs no target its
    /// history. The same work under the same name is the same target though the rest of its key is
    /// another: a machine that moves to another site goes on with new labels.
    ///
    /// Who reads meanwhile never waits for a start, and for `relabel` a few hundred times at most;
    /// `relabel` itself must not read the set. It is meant for a thread that may block, as that of
    /// [`Exporter::keep_in_step`](crate::Exporter::keep_in_step) is, inside the runtime.
    ///
    /// A target holds two files open at most; where others do, [`Targets::update_with`] is told.
    pub fn update(
        &self,
        wanted: BTreeMap<K, Wanted<W, L>>,
        start: impl Fn(&K, &Wanted<W, L>) -> Running<S>,
        relabel: impl Fn(&Arc<S>, &L),
    ) {
        self.update_with(wanted, |_| EACH, start, relabel);
    }

    /// [`Targets::update`] for targets of which `holds` says how many files they hold open at most. So
    /// many are theirs before the first of the new ones starts.
    pub fn update_with(
        &self,
        wanted: BTreeMap<K, Wanted<W, L>>,
        holds: impl Fn(&Wanted<W, L>) -> usize,
        start: impl Fn(&K, &Wanted<W, L>) -> Running<S>,
        relabel: impl Fn(&Arc<S>, &L),
    ) {
        let start = |key: &K, wanted: Wanted<W, L>| {
            let running = start(key, &wanted);
            Target { work: wanted.work, labels: wanted.labels, running }
        };
        self.keep_in_step(wanted, holds, start, relabel);
    }

    fn keep_in_step(
        &self,
        wanted: BTreeMap<K, Wanted<W, L>>,
        holds: impl Fn(&Wanted<W, L>) -> usize,
        start: impl Fn(&K, Wanted<W, L>) -> Target<W, S, L>,
        relabel: impl Fn(&Arc<S>, &L),
    ) {
        let _alone = self.updating.lock().unwrap_or_else(PoisonError::into_inner);
        self.rename(&wanted);
        self.remove(|key, target| wanted.get(key).is_some_and(|new| new.work == target.work));
        let room = self.make_room(&wanted, &holds);
        let mut wanted = wanted.into_iter();
        loop {
            let chunk: Vec<_> = wanted.by_ref().take(CHUNK).collect();
            if chunk.is_empty() {
                break;
            }
            let fresh = self.relabel(chunk, &relabel);
            // Nobody else adds targets meanwhile: `updating` is held.
            let started = fresh.into_iter().map(|(key, wanted)| {
                let held = holds(&wanted);
                let mut target = start(&key, wanted);
                // What was kept for all of them goes to the target itself, so that nothing is kept twice.
                target.running.hold(room.give(held));
                (key, Box::new(target))
            });
            let started: Vec<_> = started.collect();
            self.write().extend(started);
        }
    }

    /// Keeps descriptors for those that do not run yet, before the first of them opens one.
    fn make_room(
        &self,
        wanted: &BTreeMap<K, Wanted<W, L>>,
        holds: impl Fn(&Wanted<W, L>) -> usize,
    ) -> Descriptors {
        let new = {
            let running = self.read();
            let new = wanted.iter().filter(|(key, _)| !running.contains_key(key));
            new.map(|(_, wanted)| holds(wanted)).fold(0, usize::saturating_add)
        };
        self.budget.make_room(new)
    }

    /// Gives new keys to the targets that are the same but for what stands beside their names.
    fn rename(&self, wanted: &BTreeMap<K, Wanted<W, L>>) {
        let renamed: Vec<(K, K)> = {
            let running = self.read();
            let mut gone: BTreeMap<&str, Vec<(&K, &W)>> = BTreeMap::new();
            for (key, target) in running.iter().filter(|(key, _)| !wanted.contains_key(key)) {
                gone.entry(key.name()).or_default().push((key, &target.work));
            }
            let come = wanted.iter().filter(|(key, _)| !running.contains_key(key));
            let renamed = come.filter_map(|(key, new)| {
                let alike = gone.get_mut(key.name())?;
                let place = alike.iter().position(|(_, work)| **work == new.work)?;
                Some((alike.remove(place).0.clone(), key.clone()))
            });
            renamed.collect()
        };
        let mut running = self.write();
        for (old, new) in renamed {
            if let Some(target) = running.remove(&old) {
                running.insert(new, target);
            }
        }
    }

    /// Writes labels that are others into the targets that run, and returns what does not run yet.
    fn relabel(
        &self,
        wanted: Vec<(K, Wanted<W, L>)>,
        relabel: impl Fn(&Arc<S>, &L),
    ) -> Vec<(K, Wanted<W, L>)> {
        let mut running = self.write();
        let mut fresh = Vec::new();
        for (key, wanted) in wanted {
            match running.get_mut(&key) {
                None => fresh.push((key, wanted)),
                Some(target) if target.labels == wanted.labels => {}
                Some(target) => {
                    relabel(target.running.state(), &wanted.labels);
                    target.labels = wanted.labels;
                }
            }
        }
        fresh
    }
}

impl<W, S, L, K: Key> Targets<W, S, L, K> {
    /// Stops all but those to `keep`. They say farewell in the background.
    fn remove(&self, keep: impl Fn(&K, &Target<W, S, L>) -> bool) {
        let removed: Vec<K> = {
            let running = self.read();
            let removed = running.iter().filter(|(key, target)| !keep(key, target));
            removed.map(|(key, _)| key.clone()).collect()
        };
        for keys in removed.chunks(CHUNK) {
            let removed: Vec<_> = {
                let mut running = self.write();
                keys.iter().filter_map(|key| running.remove(key)).collect()
            };
            for target in removed {
                drop(tokio::spawn(target.running.stop()));
            }
        }
    }

    /// The state of one target.
    pub fn state(&self, key: &K) -> Option<Arc<S>> {
        self.read().get(key).map(|target| Arc::clone(target.running.state()))
    }

    /// Whether any target has that name.
    pub fn has(&self, name: &str) -> bool {
        let first = K::first(name);
        self.read().range(first..).next().is_some_and(|(key, _)| key.name() == name)
    }

    /// The states of all targets, in the order of their keys.
    pub fn states(&self) -> Vec<Arc<S>> {
        self.read().values().map(|target| Arc::clone(target.running.state())).collect()
    }

    /// The states of those targets that are wanted on a page, in the order of their names.
    pub fn wanted_on(&self, page: &Page<'_>) -> Vec<Arc<S>> {
        let running = self.read();
        let state = |target: &Target<W, S, L>| Arc::clone(target.running.state());
        match page.selection() {
            // One of ten thousand is not looked for.
            selection @ Selection::Targets(_) => {
                let named = |name| {
                    running.range(K::first(name)..).take_while(move |(key, _)| key.name() == name)
                };
                selection.names().flat_map(named).map(|(_, target)| state(target)).collect()
            }
            selection => {
                let wanted = running.iter().filter(|(key, _)| selection.takes(key.name()));
                wanted.map(|(_, target)| state(target)).collect()
            }
        }
    }

    /// Stops every target and returns the states they leave, without a farewell.
    pub fn stop(&self) -> Vec<Arc<S>> {
        let stopped = std::mem::take(&mut *self.write());
        stopped.into_values().map(|target| Arc::clone(target.running.state())).collect()
    }

    /// Stops every target and waits until each has said farewell, or has had its time for it.
    pub async fn close(&self) {
        let stopped = std::mem::take(&mut *self.write());
        let farewells: JoinSet<()> = stopped.into_values().map(|it| it.running.stop()).collect();
        farewells.join_all().await;
    }

    fn read(&self) -> RwLockReadGuard<'_, Set<W, S, L, K>> {
        self.running.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Set<W, S, L, K>> {
        self.running.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
