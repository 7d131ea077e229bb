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
/// More than this are not remembered of a kind: some three megabytes. Tests have fewer: each of those looks at all.
const MOST: usize = if cfg!(test) { 512 } else { 16 * 1024 };
/// Those that are over are looked for so often where there are as many.
const SWEPT: Duration = Duration::from_secs(1);

/// The names that were looked up in vain lately; those that scrapers name leave no less room for the others.
#[derive(Debug, Default)]
pub(super) struct Troubled(Mutex<[Names; 2]>);

/// Those of one kind. Where there are as many as may be, they stay and a new one is not remembered: names are asked for
/// in turn, and one that made room for the next would never be among them when it is asked for again.
#[derive(Debug, Default)]
struct Names {
    known: HashMap<Lookup, Trouble>,
    swept: Option<Instant>,
}

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
        let names = &self.names()[usize::from(kind == Kind::Scraper)].known;
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
        if end == End::Well && names.known.is_empty() {
            return;
        }
        let lookup = (name.to_owned(), family, servers.to_vec());
        if end == End::Well {
            names.known.remove(&lookup);
            return;
        }
        if !names.has_room_for(&lookup, end, now) {
            return;
        }
        let trouble = names.known.entry(lookup).or_insert(Trouble { failed: now, in_vain: None });
        trouble.failed = now;
        if end == End::InVain {
            trouble.in_vain = Some(now);
        }
    }

    fn names(&self) -> MutexGuard<'_, [Names; 2]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Names {
    fn has_room_for(&mut self, lookup: &Lookup, end: End, now: Instant) -> bool {
        if self.known.len() < MOST || self.known.contains_key(lookup) {
            return true;
        }
        if self.swept.is_none_or(|swept| now >= swept + SWEPT) {
            self.swept = Some(now);
            self.known.retain(|_, trouble| now < trouble.failed + KEPT || trouble.is_believed(now));
        }
        if self.known.len() >= MOST && end == End::InVain {
            // One that had its time says more than one that was cut.
            let cut = self.known.iter().find(|(_, trouble)| !trouble.is_believed(now));
            if let Some(cut) = cut.map(|(cut, _)| cut.clone()) {
                self.known.remove(&cut);
            }
        }
        self.known.len() < MOST
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
    }

    #[test]
    fn of_more_than_can_be_remembered_that_are_asked_for_in_turn_those_that_are_stay() {
        let (troubled, start, scraper) = (Troubled::default(), Instant::now(), Kind::Scraper);
        let names: Vec<String> = (0..3 * MOST).map(|number| number.to_string()).collect();
        let believed = |now| {
            let is_in_vain = |name: &&String| troubled.is_in_vain(scraper, of(name), now);
            names.iter().filter(is_in_vain).count()
        };
        for pass in 0..3 {
            let now = start + KEPT * pass;
            // Those that were cut take nobody's place.
            for (number, name) in names.iter().enumerate() {
                let end = if number % 3 == 2 { End::Cut } else { End::InVain };
                troubled.note(scraper, of(name), end, now);
            }
            assert_eq!(believed(now), MOST, "in pass {pass}");
            assert_eq!(troubled.names()[1].known.len(), MOST);
        }
        // Once they are forgotten there is room again.
        let now = start + KEPT * 3 + BELIEVED;
        troubled.note(scraper, of("new"), End::Cut, now);
        assert_eq!(troubled.kind(scraper, of("new"), now), Kind::ScraperFailed);
        assert_eq!(troubled.names()[1].known.len(), 1);
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
