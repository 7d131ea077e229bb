//! The networks that a path crosses, by the numbers of their autonomous systems. No I/O, no clock.

use sha2::{Digest as _, Sha256};

use super::known::first_48_bits;

/// Their numbers in order, each once in a row; who is unknown is left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct AsPath {
    asns: Vec<u32>,
    /// Whether there are routers of which nothing is known: a network may be missing.
    has_gaps: bool,
}

impl AsPath {
    /// Of the number of each router's network, in order.
    pub(crate) fn new(mut asns: Vec<u32>, has_gaps: bool) -> Self {
        asns.dedup();
        Self { asns, has_gaps }
    }

    /// Whether nothing is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.asns.is_empty()
    }

    /// The numbers.
    pub(crate) fn asns(&self) -> &[u32] {
        &self.asns
    }

    /// Whether both may be one way: the same networks, or fewer of them where some may be missing.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.asns == other.asns
            || (self.has_gaps && is_within(&self.asns, &other.asns))
            || (other.has_gaps && is_within(&other.asns, &self.asns))
    }

    /// Whether it says nothing that the other does not say, since routers are missing that may be any.
    pub(crate) fn is_part_of(&self, other: &Self) -> bool {
        self.has_gaps && is_within(&self.asns, &other.asns)
    }

    /// A number for it, which a sample holds exactly.
    pub(crate) fn id(&self) -> u64 {
        let mut digest = Sha256::new();
        self.asns.iter().for_each(|asn| digest.update(asn.to_be_bytes()));
        first_48_bits(digest)
    }
}

/// Whether all of the `few` are among the `many`, in the same order.
fn is_within(few: &[u32], many: &[u32]) -> bool {
    let mut many = many.iter();
    few.iter().all(|asn| many.any(|other| other == asn))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_networks_are_alike_only_where_some_may_be_missing() {
        let path = |asns: &[u32], has_gaps| AsPath::new(asns.to_vec(), has_gaps);
        let whole = path(&[1, 1, 2, 2, 3], false);
        assert_eq!(whole.asns(), [1, 2, 3]);
        assert!(whole.is_like(&path(&[1, 3], true)) && path(&[1, 3], true).is_like(&whole));
        assert!(!whole.is_like(&path(&[1, 3], false)));
        assert!(!whole.is_like(&path(&[3, 1], true)));
        assert!(!whole.is_like(&path(&[1, 4], true)));
        assert_eq!(whole.id(), path(&[1, 2, 3], true).id());
        assert_ne!(whole.id(), path(&[1, 3], false).id());
    }
}
