//! The TTLs that resolvers give with the answers to one question. No I/O, no clock.

use std::collections::BTreeMap;

use crate::answer::Flag;

/// More than this means nothing, and stands for 0 (RFC 2181 §8).
const MOST: u32 = (1 << 31) - 1;

/// That of a resolver that gives no records: no TTL is so large.
pub(crate) const NONE: u32 = u32::MAX;

/// So many answers of a place say what its caches give at most,
const ENOUGH: usize = 3;
/// and so many places what the caches of the world do.
const PLACES: usize = 4;

/// A TTL as a resolver may mean it, seconds.
pub(crate) fn meant(ttl: u32) -> u32 {
    if ttl > MOST { 0 } else { ttl }
}

/// What is told of them, seconds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Ttls {
    /// The smallest, the one in the middle, and the largest. In caches they run from 0 to what the zone says.
    pub(crate) least: u32,
    pub(crate) median: u32,
    pub(crate) most: u32,
    /// The longest that an answer may be kept, of what resolvers say: the twentieth part of them that says most
    /// may make it up, or one of twenty would keep a former answer from ever being wrong.
    pub(crate) longest: u32,
}

impl Ttls {
    /// Of what each resolver gave; nothing where none gave any.
    pub(crate) fn of(given: &[u32]) -> Option<Self> {
        let mut given: Vec<u32> = given.iter().copied().filter(|ttl| *ttl != NONE).collect();
        given.sort_unstable();
        let last = given.len().checked_sub(1)?;
        Some(Self {
            least: given[0],
            median: given[last / 2],
            most: given[last],
            longest: given[last - given.len() / 20],
        })
    }

    /// Of answers that all have this one.
    pub(crate) fn all(ttl: u32) -> Self {
        Self { least: ttl, median: ttl, most: ttl, longest: ttl }
    }
}

/// The most that a cache gives that only counts down what it was told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Limit {
    /// What the zone's own servers give.
    Own(u32),
    /// What the caches of the place in the middle give at most: a little less than the zone does, as they count down.
    Seen(u32),
}

impl Limit {
    /// By what the zone's own servers give, where that is known, else by what resolvers do.
    pub(crate) fn of(
        own: Option<u32>,
        given: &[u32],
        place: impl Fn(usize) -> Option<u16>,
    ) -> Option<Self> {
        if let Some(own) = own {
            return Some(Self::Own(own));
        }
        let mut of_places: BTreeMap<u16, (usize, u32)> = BTreeMap::new();
        for (at, ttl) in given.iter().enumerate().filter(|(_, ttl)| **ttl != NONE) {
            let Some(place) = place(at) else { continue };
            let (count, most) = of_places.entry(place).or_default();
            (*count, *most) = (*count + 1, (*most).max(*ttl));
        }
        let of_places = of_places.into_values().filter(|(count, _)| *count >= ENOUGH);
        let mut of_places: Vec<u32> = of_places.map(|(_, most)| most).collect();
        of_places.sort_unstable();
        let is_enough = of_places.len() >= PLACES;
        let middle = of_places.get(of_places.len() / 2).copied().filter(|_| is_enough);
        Some(Self::Seen(middle.or_else(|| Some(Ttls::of(given)?.longest))?))
    }

    /// Whether no cache gives that.
    fn is_below(self, ttl: u32) -> bool {
        match self {
            Self::Own(own) => own < ttl,
            Self::Seen(seen) => seen < ttl / 2,
        }
    }

    /// Whether a cache gives that only once it has counted down.
    fn is_above(self, ttl: u32) -> bool {
        let (Self::Own(limit) | Self::Seen(limit)) = self;
        ttl < limit
    }
}

/// What is odd about a TTL. `before` is what the same resolver gave no more seconds ago than that: what a cache keeps for
/// longer has counted down since, unless it was fetched anew, and then it has what the zone gives.
pub(crate) fn oddities(ttl: u32, before: Option<(u32, u64)>, limit: Limit) -> [Option<Flag>; 2] {
    let is_over = ttl != NONE && limit.is_below(ttl);
    let is_frozen = before.is_some_and(|(before, seconds)| {
        ttl != NONE && ttl == before && u64::from(ttl) > seconds && (is_over || limit.is_above(ttl))
    });
    [is_over.then_some(Flag::TtlOverAuth), is_frozen.then_some(Flag::TtlFrozen)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_that_make_up_a_ttl_do_not_decide_how_long_an_answer_lasts() {
        let (longest, week) = (|given: Vec<u32>| Ttls::of(&given).map(|it| it.longest), 604_800);
        assert_eq!(longest(vec![]), None);
        assert_eq!(longest(vec![NONE, NONE]), None);
        assert_eq!(longest(vec![12, 300, NONE, 250]), Some(300));
        let many = (0..1_000).map(|number| if number == 7 { week } else { number % 301 });
        let told = longest(many.collect()).unwrap();
        assert!((280..=300).contains(&told), "{told}");
        assert_eq!(longest([vec![300; 28], vec![week]].concat()), Some(300));
    }

    #[test]
    fn the_least_the_middle_and_the_most_are_told_and_what_means_nothing_is_none() {
        let told = Ttls::of(&[300, 60, NONE, 5, 60]).unwrap();
        assert_eq!((told.least, told.median, told.most), (5, 60, 300));
        assert_eq!(Ttls::of(&[7]), Some(Ttls::all(7)));
        assert_eq!([0, 300, MOST, MOST + 1, u32::MAX].map(meant), [0, 300, MOST, 0, 0]);
    }
    #[test]
    fn what_no_cache_gives_is_told_of_the_zone_or_of_the_place_in_the_middle() {
        // Caches of five places, and of one that makes up a day.
        let given: Vec<u32> = (0..60).map(|n| if n % 6 == 5 { 86_400 } else { n * 5 }).collect();
        let place = |at: usize| u16::try_from(at % 6).ok();
        let limit = Limit::of(None, &given, place).unwrap();
        assert!(matches!(limit, Limit::Seen(270..=300)), "{limit:?}");
        let over = given.iter().filter(|ttl| oddities(**ttl, None, limit)[0].is_some());
        assert_eq!(over.count(), 10);
        // Where the zone is asked, a second more is too much; what it gives is not.
        let own = Limit::of(Some(300), &given, place).unwrap();
        assert_eq!(oddities(301, None, own), [Some(Flag::TtlOverAuth), None]);
        assert_eq!(oddities(300, None, own), [None, None]);
        // Nobody's place is known, and nobody gives any.
        assert_eq!(Limit::of(None, &[60; 40], |_| None), Some(Limit::Seen(60)));
        assert_eq!(Limit::of(None, &[NONE; 40], |_| None), None);
        assert_eq!(oddities(NONE, Some((NONE, 5)), own), [None, None]);
    }

    #[test]
    fn a_ttl_that_does_not_count_down_is_made_up() {
        let own = Limit::Own(3_600);
        let is_frozen = |ttl, before| oddities(ttl, before, own)[1].is_some();
        assert!(is_frozen(1_800, Some((1_800, 600))));
        for (ttl, before) in [
            (1_800, None),
            (1_200, Some((1_800, 600))),
            // It may be another record of the same kind: that one is over.
            (600, Some((600, 600))),
            // A farm of caches, each of which fetches it anew.
            (3_600, Some((3_600, 600))),
        ] {
            assert!(!is_frozen(ttl, before), "{ttl} {before:?}");
        }
        // More than the zone gives is not fetched anew.
        assert_eq!(
            oddities(9_000, Some((9_000, 600)), own),
            [Some(Flag::TtlOverAuth), Some(Flag::TtlFrozen)]
        );
    }
}
