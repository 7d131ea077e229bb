//! Whether the consensus became another one: believed only when two sweeps in a row say so. No I/O, no clock.

/// The consensus that is established, and the one that may follow it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Change {
    established: Option<u64>,
    candidate: Option<u64>,
}

impl Change {
    /// Takes the fingerprint of a sweep's consensus, if it had one; true if this establishes
    /// another than before. The first one establishes, but changes nothing.
    pub(crate) fn observe(&mut self, fingerprint: Option<u64>) -> bool {
        let Some(seen) = fingerprint else { return false };
        if self.established.is_none_or(|established| established == seen) {
            self.established = Some(seen);
            self.candidate = None;
            return false;
        }
        if self.candidate.replace(seen) != Some(seen) {
            return false;
        }
        self.established = Some(seen);
        self.candidate = None;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(fingerprints: &[u64]) -> usize {
        let mut change = Change::default();
        // 0 stands for a sweep without a consensus.
        fingerprints.iter().filter(|f| change.observe((**f > 0).then_some(**f))).count()
    }

    #[test]
    fn a_change_counts_once_two_sweeps_have_seen_it() {
        assert_eq!(changes(&[1, 1, 1]), 0);
        assert_eq!(changes(&[1, 2, 1, 2, 1]), 0);
        assert_eq!(changes(&[1, 2, 2, 2]), 1);
        assert_eq!(changes(&[1, 2, 0, 2]), 1);
        assert_eq!(changes(&[1, 2, 3, 3, 1, 1]), 2);
    }
}
