//! The lookups of probes that are under way: whoever looks up the same waits for the same.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::queues::Kind;
use crate::host::Families;

/// So many that are over are let lie at least before they are looked for.
const FEW: usize = 64;

/// Whose lookup of which name and families it is, and who is asked.
pub(super) type Lookup = (Kind, String, Families, Vec<SocketAddr>);

/// The lookups, each as long as anybody waits for it.
#[derive(Debug)]
pub(super) struct Joined<T>(Mutex<All<T>>);

#[derive(Debug)]
struct All<T> {
    lookups: HashMap<Lookup, Weak<T>>,
    /// Those that are over are looked for when there are so many.
    many: usize,
}

impl<T> Default for Joined<T> {
    fn default() -> Self {
        Self(Mutex::new(All { lookups: HashMap::new(), many: FEW }))
    }
}

impl<T> Joined<T> {
    /// The one that is under way, or else a new one.
    pub(super) fn join(
        &self,
        lookup: Lookup,
        is_under_way: impl FnOnce(&T) -> bool,
        new: impl FnOnce() -> T,
    ) -> Arc<T> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.lookups.get(&lookup).and_then(Weak::upgrade);
        if let Some(known) = known.filter(|known| is_under_way(known)) {
            return known;
        }
        if all.lookups.len() >= all.many {
            all.lookups.retain(|_, lookup| lookup.strong_count() > 0);
            all.many = FEW.max(2 * all.lookups.len());
        }
        let new = Arc::new(new());
        all.lookups.insert(lookup, Arc::downgrade(&new));
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_is_joined_by_nobody_and_kept_for_nobody() {
        let joined = Joined::default();
        let join = |name: &str, is_under_way| {
            let lookup = (Kind::Target, name.to_owned(), Families::Both, Vec::new());
            joined.join(lookup, |()| is_under_way, || ())
        };
        let first = join("a", true);
        assert!(Arc::ptr_eq(&first, &join("a", true)), "it is under way");
        assert!(!Arc::ptr_eq(&first, &join("b", true)), "of another name");
        assert!(!Arc::ptr_eq(&first, &join("a", false)), "it is over");
        for number in 0..1_000 {
            drop(join(&number.to_string(), true));
        }
        assert!(joined.0.lock().unwrap().lookups.len() <= FEW);
    }
}
