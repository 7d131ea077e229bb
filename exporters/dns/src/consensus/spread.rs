//! How much answers differ, and how much of that depends on the country. No I/O, no clock.

use std::collections::HashMap;
use std::hash::Hash;

use crate::answer::Content;
use crate::resolvers::{ANYCAST, ResolverList, UNKNOWN};

/// Shuffles to average over. Few resolvers need many, many need few; this is enough for both.
const SHUFFLES: usize = 8;

/// Shannon entropy of the answers, in bits: 0 if all are the same. Nothing if there are none.
pub(crate) fn entropy_bits<'a>(contents: impl Iterator<Item = &'a Content>) -> Option<f64> {
    let mut counts = HashMap::new();
    for content in contents {
        *counts.entry(content).or_insert(0_u32) += 1;
    }
    (!counts.is_empty()).then(|| entropy(counts.values().copied()))
}

/// How much the country tells about the answer: 0 nothing, 1 everything. It is 1 - H(answer |
/// country) / H(answer | shuffled country); the shuffle takes away what small samples feign. Only
/// the voters for which `agrees`, and which have a country, count.
pub(crate) fn geo_dependence(
    list: &ResolverList,
    contents: &[Option<&Content>],
    agrees: impl Fn(usize) -> bool,
) -> f64 {
    let placed = |code: &str| code != ANYCAST && code != UNKNOWN;
    let mut voters = Vec::new();
    for (at, resolver) in list.resolvers.iter().enumerate() {
        let (country, content) = (list.country(resolver), contents[at].filter(|_| agrees(at)));
        voters.extend(content.filter(|_| placed(country)).map(|content| (country, content)));
    }
    // Sorted, since the shuffle below depends on the order, and that of the list says nothing.
    voters.sort_unstable();
    let (mut countries, mut answers) = (HashMap::new(), HashMap::new());
    let mut pairs: Vec<(u32, u32)> = voters
        .into_iter()
        .map(|(country, content)| (number(&mut countries, country), number(&mut answers, content)))
        .collect();
    let by_country = conditional_entropy(&pairs);
    // Fixed, so that the same answers always give the same state.
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut by_chance = 0.0;
    for _ in 0..SHUFFLES {
        for last in (1..pairs.len()).rev() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let other = usize::try_from((random >> 33) % (last as u64 + 1)).unwrap_or(0);
            (pairs[last].0, pairs[other].0) = (pairs[other].0, pairs[last].0);
        }
        by_chance += conditional_entropy(&pairs) / SHUFFLES as f64;
    }
    if by_chance > 1e-9 { 1.0 - by_country / by_chance } else { 0.0 }
}

/// The number of an item: 0 for the first that is asked for, 1 for the next that is another.
fn number<T: Eq + Hash>(numbers: &mut HashMap<T, u32>, item: T) -> u32 {
    let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
    *numbers.entry(item).or_insert(next)
}

/// H(answer | country) of (country, answer) pairs, in bits.
fn conditional_entropy(pairs: &[(u32, u32)]) -> f64 {
    let joint = entropy(count(pairs.iter()).into_values());
    let country = entropy(count(pairs.iter().map(|(country, _)| country)).into_values());
    joint - country
}

fn count<T: Eq + Hash>(items: impl Iterator<Item = T>) -> HashMap<T, u32> {
    let mut counts = HashMap::new();
    for item in items {
        *counts.entry(item).or_insert(0) += 1;
    }
    counts
}

fn entropy(counts: impl Iterator<Item = u32>) -> f64 {
    let mut counts: Vec<u32> = counts.collect();
    // Sorted, since a sum of floats depends on the order, and that of a hash map on the run.
    counts.sort_unstable();
    let total: f64 = counts.iter().map(|count| f64::from(*count)).sum();
    let bits =
        counts.iter().map(|count| f64::from(*count) / total).map(|p| -p * p.log2()).sum::<f64>();
    // Adding 0 turns a negative zero into a positive one, which is what a page shows.
    bits.max(0.0) + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_is_in_bits() {
        let (a, b) = (Content::Nxdomain, Content::Nodata);
        assert_eq!(entropy_bits([&a, &a].into_iter()), Some(0.0));
        assert_eq!(entropy_bits([&a, &b].into_iter()), Some(1.0));
        assert_eq!(entropy_bits(std::iter::empty()), None);
    }
}
