//! The last changes of state of all targets, for the page at `/`.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use crate::state::State;

/// As many as a glance takes in.
const KEPT: usize = 50;

static CHANGES: Mutex<VecDeque<Change>> = Mutex::new(VecDeque::new());

/// A target that entered a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) name: String,
    /// Its site or team; empty for none.
    pub(crate) group: String,
    /// What is polled there.
    pub(crate) detail: String,
    pub(crate) state: State,
    pub(crate) at: SystemTime,
}

/// Records a change; the oldest gives way.
pub(crate) fn record(change: Change) {
    keep(&mut CHANGES.lock().unwrap_or_else(PoisonError::into_inner), change);
}

/// The last changes, the newest first.
pub(crate) fn last() -> Vec<Change> {
    let changes = CHANGES.lock().unwrap_or_else(PoisonError::into_inner);
    changes.iter().rev().cloned().collect()
}

fn keep(changes: &mut VecDeque<Change>, change: Change) {
    if changes.len() == KEPT {
        changes.pop_front();
    }
    changes.push_back(change);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept() {
        let mut changes = VecDeque::new();
        for number in 0..KEPT + 5 {
            let (state, at) = (State::Up, SystemTime::now());
            let (name, [group, detail]) = (number.to_string(), Default::default());
            keep(&mut changes, Change { name, group, detail, state, at });
        }
        assert_eq!(changes.len(), KEPT);
        assert_eq!((&*changes[0].name, &*changes[KEPT - 1].name), ("5", "54"));
    }
}
