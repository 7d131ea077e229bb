//! The TTLs that resolvers give with the answers to one question. No I/O, no clock.

use std::collections::BTreeMap;

/// More than this means nothing, and stands for 0 (RFC 2181 §8).
const MOST: u32 = (1 << 31) - 1;

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
    /// Of so many answers with each TTL; nothing of none.
    pub(crate) fn of(counts: &BTreeMap<u32, usize>) -> Option<Self> {
        let all: usize = counts.values().sum();
        let (least, most) = (*counts.keys().next()?, *counts.keys().next_back()?);
        Some(Self {
            least,
            median: nth(counts.iter(), all.saturating_sub(1) / 2)?,
            most,
            longest: nth(counts.iter().rev(), all / 20)?,
        })
    }

    /// Of answers that all have this one.
    pub(crate) fn all(ttl: u32) -> Self {
        Self { least: ttl, median: ttl, most: ttl, longest: ttl }
    }
}

/// The TTL before which so many are in this order.
fn nth<'a>(
    mut counts: impl Iterator<Item = (&'a u32, &'a usize)>,
    mut before: usize,
) -> Option<u32> {
    let found = counts.find(|(_, count)| {
        let is_it = before < **count;
        before = before.saturating_sub(**count);
        is_it
    });
    found.map(|(ttl, _)| *ttl)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ttls: impl IntoIterator<Item = u32>) -> Option<Ttls> {
        let mut counts = BTreeMap::new();
        for ttl in ttls {
            *counts.entry(ttl).or_default() += 1;
        }
        Ttls::of(&counts)
    }

    #[test]
    fn few_that_make_up_a_ttl_do_not_decide_how_long_an_answer_lasts() {
        let (longest, week) = (|ttls| of(ttls).map(|it| it.longest), 604_800);
        assert_eq!(longest(vec![]), None);
        assert_eq!(longest(vec![12, 300, 250]), Some(300));
        let many = (0..1_000).map(|number| if number == 7 { week } else { number % 301 });
        let told = longest(many.collect()).unwrap();
        assert!((280..=300).contains(&told), "{told}");
        assert_eq!(longest([vec![300; 28], vec![week]].concat()), Some(300));
    }

    #[test]
    fn the_least_the_middle_and_the_most_are_told_and_what_means_nothing_is_none() {
        let told = of([5, 60, 60, 300]).unwrap();
        assert_eq!((told.least, told.median, told.most), (5, 60, 300));
        assert_eq!(of([7]), Some(Ttls::all(7)));
        assert_eq!([0, 300, MOST, MOST + 1, u32::MAX].map(meant), [0, 300, MOST, 0, 0]);
    }
}
