//! The set of running targets, kept in step with the config.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::task::JoinHandle;

/// A running target: its state lives as long as its task, and longer only while it is being read.
#[derive(Debug)]
pub struct Target<C, S> {
    config: C,
    state: Arc<S>,
    task: JoinHandle<()>,
}

impl<C, S> Target<C, S> {
    /// A target whose `task` writes `state`.
    pub fn new(config: C, state: Arc<S>, task: JoinHandle<()>) -> Self {
        Self { config, state, task }
    }
}

impl<C, S> Drop for Target<C, S> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// All targets, by name.
#[derive(Debug)]
pub struct Targets<C, S>(RwLock<BTreeMap<String, Target<C, S>>>);

impl<C, S> Default for Targets<C, S> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<C: PartialEq, S> Targets<C, S> {
    /// Stops what is no longer wanted, starts what is new, and leaves alone what did not change, so
    /// that a reload costs no target its history.
    pub fn apply(&self, wanted: BTreeMap<String, C>, start: impl Fn(&str, C) -> Target<C, S>) {
        let mut running = self.0.write().unwrap_or_else(PoisonError::into_inner);
        running.retain(|name, target| wanted.get(name) == Some(&target.config));
        for (name, config) in wanted {
            if let Entry::Vacant(free) = running.entry(name) {
                let target = start(free.key(), config);
                free.insert(target);
            }
        }
    }

    /// The state of one target.
    pub fn state(&self, name: &str) -> Option<Arc<S>> {
        let running = self.0.read().unwrap_or_else(PoisonError::into_inner);
        running.get(name).map(|target| Arc::clone(&target.state))
    }

    /// Stops every target and returns the states they leave.
    pub fn stop(&self) -> Vec<Arc<S>> {
        let mut running = self.0.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *running)
            .into_values()
            .map(|target| Arc::clone(&target.state))
            .collect()
    }

    /// The states of all targets, in the order of their names.
    pub fn states(&self) -> Vec<Arc<S>> {
        let running = self.0.read().unwrap_or_else(PoisonError::into_inner);
        running.values().map(|target| Arc::clone(&target.state)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(_: &str, config: u32) -> Target<u32, u32> {
        Target::new(config, Arc::new(config), tokio::spawn(std::future::pending()))
    }

    #[tokio::test]
    async fn a_reload_keeps_what_did_not_change() {
        let targets = Targets::default();
        targets.apply([("a".into(), 1), ("b".into(), 2)].into(), start);
        let before = targets.states();
        targets.apply([("a".into(), 1), ("b".into(), 3), ("c".into(), 4)].into(), start);
        let after = targets.states();
        assert!(Arc::ptr_eq(&before[0], &after[0]));
        assert_eq!(after.iter().map(|s| **s).collect::<Vec<_>>(), [1, 3, 4]);
    }

    #[tokio::test]
    async fn a_removed_target_is_stopped() {
        let targets = Targets::default();
        let held = Arc::new(());
        targets.apply([("a".into(), 1)].into(), |_, config| {
            let held = Arc::clone(&held);
            let task = tokio::spawn(async move {
                std::future::pending::<()>().await;
                drop(held);
            });
            Target::new(config, Arc::new(()), task)
        });
        targets.apply(BTreeMap::new(), |_, _| unreachable!("nothing is wanted"));
        while Arc::strong_count(&held) > 1 {
            tokio::task::yield_now().await;
        }
    }
}
