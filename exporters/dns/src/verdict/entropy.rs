//! How much answers differ. No I/O, no clock.

use std::collections::HashMap;

use crate::answer::Content;

/// Shannon entropy of the answers, in bits: 0 if all are the same. Nothing if there are none.
pub(super) fn entropy_bits<'a>(contents: impl Iterator<Item = &'a Content>) -> Option<f64> {
    let mut counts = HashMap::new();
    for content in contents {
        *counts.entry(content).or_insert(0_u32) += 1;
    }
    (!counts.is_empty()).then(|| entropy(counts.values().copied()))
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
