//! What many BMCs have in common, and is held once for all of them. No I/O, no clock.
//!
//! The BMCs of one model list the same sensors with the same thresholds. Ten thousand such lists are
//! more than everything else that is remembered of their machines.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

/// So many that differ are held by one key: a BMC that makes up lists must not make others slow.
const MOST_ALIKE: usize = 8;
/// Below so many, none that is gone is looked for.
const FEW: usize = 64;

/// Values that are equal, each once for as long as anybody uses it.
#[derive(Debug)]
pub(super) struct Shared<T> {
    held: BTreeMap<u64, Vec<Weak<T>>>,
    /// From so many keys on, those that nobody uses any more are dropped.
    full: usize,
}

impl<T: PartialEq> Shared<T> {
    pub(super) const fn new() -> Self {
        Self { held: BTreeMap::new(), full: FEW }
    }

    /// The value, or one that is equal to it. Equal ones must have the same key.
    pub(super) fn of(&mut self, key: u64, value: T) -> Arc<T> {
        self.sweep();
        let alike = self.held.entry(key).or_default();
        alike.retain(|it| it.strong_count() > 0);
        if let Some(same) = alike.iter().filter_map(Weak::upgrade).find(|it| **it == value) {
            return same;
        }
        let value = Arc::new(value);
        if alike.len() < MOST_ALIKE {
            alike.push(Arc::downgrade(&value));
        }
        value
    }

    fn sweep(&mut self) {
        if self.held.len() >= self.full {
            self.held.retain(|_, alike| alike.iter().any(|it| it.strong_count() > 0));
            self.full = (2 * self.held.len()).max(FEW);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_one_and_others_are_not() {
        let mut shared = Shared::new();
        let one = shared.of(1, "a");
        assert!(Arc::ptr_eq(&one, &shared.of(1, "a")));
        assert!(!Arc::ptr_eq(&one, &shared.of(1, "b")));
        assert_eq!(*shared.of(1, "b"), "b");
    }

    #[test]
    fn what_nobody_uses_is_dropped_and_what_is_made_up_has_little_room() {
        let mut shared = Shared::new();
        let used = shared.of(0, 0);
        for key in 1..10_000 {
            shared.of(key, key);
        }
        assert!(shared.held.len() <= 2 * FEW, "{}", shared.held.len());
        let made_up: Vec<_> = (0..100).map(|value| shared.of(0, value)).collect();
        assert!(made_up.iter().zip(0..).all(|(it, value)| **it == value));
        assert_eq!(shared.held[&0].len(), MOST_ALIKE);
        assert!(Arc::ptr_eq(&used, &shared.of(0, 0)));
    }
}
