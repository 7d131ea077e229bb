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
/// That nobody answers for a name, though it had its time, is believed for so long until it is answered: where a
/// thousand such names wait, each has its turn within a quarter of an hour.
const BELIEVED: Duration = Duration::from_secs(1800);
/// More than this are not remembered of a kind.
const MOST: usize = 1024;

/// The names that were looked up in vain lately; those that scrapers name leave no less room for the others.
#[derive(Debug, Default)]
pub(super) struct Troubled(Mutex<[HashMap<Lookup, Trouble>; 2]>);

/// Which family of which name, and who is asked.
type Lookup = (String, usize, Vec<SocketAddr>);

/// What a lookup came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum End {
    /// It was answered, or it failed by our own fault.
    Well,
    /// It was in vain when it had to make room for others: that says nothing of the name.
    Cut,
    /// It was in vain, and had its time.
    InVain,
}

#[derive(Debug)]
struct Trouble {
    /// When a lookup was in vain last.
    failed: Instant,
    /// When one was that had its time.
    in_vain: Option<Instant>,
}

impl Troubled {
    /// Among whom a lookup of this kind waits.
    pub(super) fn kind(
        &self,
        kind: Kind,
        lookup: (&str, usize, &[SocketAddr]),
        now: Instant,
    ) -> Kind {
        let Some(failed) = kind.once_failed() else { return kind };
        let is_troubled = self.of(kind, lookup, |trouble| now < trouble.failed + KEPT);
        if is_troubled { failed } else { kind }
    }

    /// Whether nobody answered for the name when it had its turn: one that has none now is in that trouble still.
    pub(super) fn is_in_vain(
        &self,
        kind: Kind,
        lookup: (&str, usize, &[SocketAddr]),
        now: Instant,
    ) -> bool {
        self.of(kind, lookup, |trouble| trouble.is_believed(now))
    }

    fn of(
        &self,
        kind: Kind,
        (name, family, servers): (&str, usize, &[SocketAddr]),
        is: impl FnOnce(&Trouble) -> bool,
    ) -> bool {
        let names = &self.names()[usize::from(kind == Kind::Scraper)];
        !names.is_empty() && names.get(&(name.to_owned(), family, servers.to_vec())).is_some_and(is)
    }

    /// What a lookup that was of this kind at first came to.
    pub(super) fn note(
        &self,
        kind: Kind,
        (name, family, servers): (&str, usize, &[SocketAddr]),
        end: End,
        now: Instant,
    ) {
        if kind.once_failed().is_none() {
            return;
        }
        let names = &mut self.names()[usize::from(kind == Kind::Scraper)];
        if end == End::Well && names.is_empty() {
            return;
        }
        let lookup = (name.to_owned(), family, servers.to_vec());
        if end == End::Well {
            names.remove(&lookup);
            return;
        }
        if names.len() >= MOST && !names.contains_key(&lookup) {
            names.retain(|_, trouble| now < trouble.failed + KEPT || trouble.is_believed(now));
            // Where that is not enough, it makes room whose trouble is the oldest.
            let oldest = names.iter().min_by_key(|(_, trouble)| trouble.failed);
            if let Some(oldest) = oldest.map(|(oldest, _)| oldest.clone())
                && names.len() >= MOST
            {
                names.remove(&oldest);
            }
        }
        let trouble = names.entry(lookup).or_insert(Trouble { failed: now, in_vain: None });
        trouble.failed = now;
        if end == End::InVain {
            trouble.in_vain = Some(now);
        }
    }

    fn names(&self) -> MutexGuard<'_, [HashMap<Lookup, Trouble>; 2]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trouble {
    fn is_believed(&self, now: Instant) -> bool {
        self.in_vain.is_some_and(|in_vain| now < in_vain + BELIEVED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A lookup of the system's resolvers, in one family.
    fn of(name: &str) -> (&str, usize, &'static [SocketAddr]) {
        (name, 0, &[])
    }

    #[test]
    fn a_name_waits_with_those_that_failed_until_it_is_answered_or_forgotten() {
        let (troubled, start) = (Troubled::default(), Instant::now());
        let (target, scraper) = (Kind::Target, Kind::Scraper);
        troubled.note(target, of("a"), End::InVain, start);
        assert_eq!(troubled.kind(target, of("a"), start), Kind::TargetFailed);
        assert_eq!(troubled.kind(scraper, of("a"), start), scraper, "scrapers name whom they like");
        assert_eq!(troubled.kind(target, ("a", 1, &[]), start), target, "of the other family");
        assert_eq!(troubled.kind(target, of("b"), start), target);
        assert_eq!(troubled.kind(target, of("a"), start + KEPT), target, "it has its turn again");
        troubled.note(target, of("a"), End::Well, start);
        assert_eq!(troubled.kind(target, of("a"), start), target, "it is answered");
        // However many there are.
        for number in 0..2 * MOST {
            let name = number.to_string();
            troubled.note(scraper, (&name, 0, &[]), End::InVain, start);
            assert!(troubled.names()[1].len() <= MOST);
        }
        let newest = (2 * MOST - 1).to_string();
        let is_in_vain = |name: &str| troubled.is_in_vain(scraper, of(name), start + KEPT);
        assert!(is_in_vain(&newest), "the last one has a place");
        // What is believed for half an hour is not forgotten after a minute because many are in trouble.
        troubled.note(scraper, of("c"), End::InVain, start + KEPT);
        assert_eq!(troubled.kind(scraper, of("c"), start + KEPT), Kind::ScraperFailed);
        assert!(troubled.names()[1].len() == MOST);
        let believed = (0..2 * MOST).filter(|number| is_in_vain(&number.to_string())).count();
        assert_eq!(believed, MOST - 1, "one made room");
    }

    #[test]
    fn only_who_had_his_time_is_believed_to_be_looked_up_in_vain() {
        let (troubled, start, target) = (Troubled::default(), Instant::now(), Kind::Target);
        let name = ("a", 0, &[][..]);
        troubled.note(target, name, End::Cut, start);
        assert!(!troubled.is_in_vain(target, name, start), "it made room for others");
        troubled.note(target, name, End::InVain, start);
        troubled.note(target, name, End::Cut, start + KEPT);
        assert!(troubled.is_in_vain(target, name, start + KEPT * 5), "nobody answered since");
        assert!(!troubled.is_in_vain(target, name, start + BELIEVED), "it has no end");
        troubled.note(target, name, End::Well, start + KEPT);
        assert!(!troubled.is_in_vain(target, name, start + KEPT), "it was answered");
    }
}
