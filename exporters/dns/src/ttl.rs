//! The TTLs that resolvers give with the answers to one question. No I/O, no clock.

use crate::answer::Flag;

/// More than this means nothing, and stands for 0 (RFC 2181 §8).
const MOST: u32 = (1 << 31) - 1;

/// That of a resolver that gives no records: no TTL is so large.
pub(crate) const NONE: u32 = u32::MAX;

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
    /// may make it up, or one of twenty would keep a former answer from ever being wrong. One of fewer may, too: twice
    /// what any other says is not believed.
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
            longest: match (given.len(), last.checked_sub(1)) {
                (..20, Some(second)) => given[last].min(given[second].saturating_mul(2)),
                (count, _) => given[last - count / 20],
            },
        })
    }

    /// Of answers that all have this one.
    pub(crate) fn all(ttl: u32) -> Self {
        Self { least: ttl, median: ttl, most: ttl, longest: ttl }
    }
}

/// What is odd about a TTL, given those that the zone's own servers give; nothing where they are not asked, since caches
/// that our own sweeps filled count down in step, and who fetched anew is above all others. `before` is what the same
/// resolver gave no more seconds ago than that: what a cache keeps for longer has counted down since, unless it was
/// fetched anew, and then it has what the zone gives.
pub(crate) fn oddities(ttl: u32, before: Option<(u32, u64)>, own: &[u32]) -> [Option<Flag>; 2] {
    let Some(most) = own.iter().max().filter(|_| ttl != NONE) else { return [None; 2] };
    let is_over = ttl > *most;
    let is_frozen = before.is_some_and(|(before, seconds)| {
        ttl == before && u64::from(ttl) > seconds && !own.contains(&ttl)
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
        for few in [2, 3, 18] {
            assert_eq!(longest([vec![300; few], vec![week]].concat()), Some(600), "{few}");
        }
        assert_eq!(longest(vec![week]), Some(week));
    }

    #[test]
    fn the_least_the_middle_and_the_most_are_told_and_what_means_nothing_is_none() {
        let told = Ttls::of(&[300, 60, NONE, 5, 60]).unwrap();
        assert_eq!((told.least, told.median, told.most), (5, 60, 300));
        assert_eq!(Ttls::of(&[7]), Some(Ttls::all(7)));
        assert_eq!([0, 300, MOST, MOST + 1, u32::MAX].map(meant), [0, 300, MOST, 0, 0]);
    }

    #[test]
    fn what_no_cache_gives_is_told_by_the_zones_own_servers_alone() {
        // A second more is too much; what one of them gives is not.
        assert_eq!(oddities(301, None, &[300, 60]), [Some(Flag::TtlOverAuth), None]);
        for ttl in [0, 60, 299, 300, NONE] {
            assert_eq!(oddities(ttl, None, &[300, 60]), [None, None], "{ttl}");
        }
        assert_eq!(oddities(NONE, Some((NONE, 5)), &[300]), [None, None]);
        // Nobody asks them: all others may be caches that our sweeps filled, and at their end.
        assert_eq!(oddities(3_600, Some((3_600, 600)), &[]), [None, None]);
    }

    #[test]
    fn a_ttl_that_does_not_count_down_is_made_up() {
        // Of two servers, one has not heard yet that the TTL is an hour.
        let own = [3_600, 7_200];
        let is_frozen = |ttl, before| oddities(ttl, before, &own)[1].is_some();
        assert!(is_frozen(1_800, Some((1_800, 600))));
        for (ttl, before) in [
            (1_800, None),
            (1_200, Some((1_800, 600))),
            // It lasts no longer than since then.
            (600, Some((600, 600))),
            // A farm of caches, each of which fetches it anew.
            (3_600, Some((3_600, 600))),
            (7_200, Some((7_200, 600))),
        ] {
            assert!(!is_frozen(ttl, before), "{ttl} {before:?}");
        }
        // More than the zone gives is not fetched anew.
        assert_eq!(
            oddities(9_000, Some((9_000, 600)), &own),
            [Some(Flag::TtlOverAuth), Some(Flag::TtlFrozen)]
        );
    }
}
