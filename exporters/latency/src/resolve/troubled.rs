//! Names that probes have looked up once, and in vain: their lookups are of no past of their own, and must not hold up
//! those of names that are well again and again.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::queues::Kind;

/// A name has its turn among those that are well again so long after its last lookup has failed.
const KEPT: Duration = Duration::from_secs(60);
/// More than this are not remembered of a kind.
const MOST: usize = 1024;

/// The names that were looked up in vain lately; those that scrapers name leave no less room for the others.
#[derive(Debug, Default)]
pub(super) struct Troubled(Mutex<[HashMap<Lookup, Instant>; 2]>);

/// Which family of which name, and who is asked.
type Lookup = (String, usize, Vec<SocketAddr>);

impl Troubled {
    /// Among whom a lookup of this kind waits.
    pub(super) fn kind(
        &self,
        kind: Kind,
        (name, family, servers): (&str, usize, &[SocketAddr]),
        now: Instant,
    ) -> Kind {
        let Some(failed) = kind.once_failed() else { return kind };
        let names = &self.names()[usize::from(kind == Kind::Scraper)];
        let is_troubled = !names.is_empty()
            && names
                .get(&(name.to_owned(), family, servers.to_vec()))
                .is_some_and(|since| now < *since + KEPT);
        if is_troubled { failed } else { kind }
    }

    /// What a lookup that was of this kind at first came to.
    pub(super) fn note(
        &self,
        kind: Kind,
        (name, family, servers): (&str, usize, &[SocketAddr]),
        failed: bool,
        now: Instant,
    ) {
        if kind.once_failed().is_none() {
            return;
        }
        let names = &mut self.names()[usize::from(kind == Kind::Scraper)];
        if !failed && names.is_empty() {
            return;
        }
        let lookup = (name.to_owned(), family, servers.to_vec());
        if !failed {
            names.remove(&lookup);
            return;
        }
        if names.len() >= MOST && !names.contains_key(&lookup) {
            names.retain(|_, since| now < *since + KEPT);
        }
        if names.len() < MOST || names.contains_key(&lookup) {
            names.insert(lookup, now);
        }
    }

    fn names(&self) -> MutexGuard<'_, [HashMap<Lookup, Instant>; 2]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_waits_with_those_that_failed_until_it_is_answered_or_forgotten() {
        let (troubled, start) = (Troubled::default(), Instant::now());
        let of = |name| (name, 0, &[][..]);
        let (target, scraper) = (Kind::Target, Kind::Scraper);
        troubled.note(target, of("a"), true, start);
        assert_eq!(troubled.kind(target, of("a"), start), Kind::TargetFailed);
        assert_eq!(troubled.kind(scraper, of("a"), start), scraper, "scrapers name whom they like");
        assert_eq!(troubled.kind(target, ("a", 1, &[]), start), target, "of the other family");
        assert_eq!(troubled.kind(target, of("b"), start), target);
        assert_eq!(troubled.kind(target, of("a"), start + KEPT), target, "it has its turn again");
        troubled.note(target, of("a"), false, start);
        assert_eq!(troubled.kind(target, of("a"), start), target, "it is answered");
        // However many there are.
        for number in 0..2 * MOST {
            let name = number.to_string();
            troubled.note(scraper, (&name, 0, &[]), true, start);
            assert!(troubled.names()[1].len() <= MOST);
        }
        troubled.note(scraper, of("c"), true, start + KEPT);
        assert_eq!(troubled.kind(scraper, of("c"), start + KEPT), Kind::ScraperFailed);
    }
}
