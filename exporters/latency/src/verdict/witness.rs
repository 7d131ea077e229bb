//! Who was heard lately: many targets in one network are one witness. No I/O, no clock.

use std::collections::HashMap;

use super::evidence::ALIVE;

/// How many witnesses are alive, and how many there are.
pub(crate) fn present(mut each: Vec<(u64, bool)>) -> (usize, usize) {
    // Of each witness the living come first.
    each.sort_unstable_by_key(|(witness, alive)| (*witness, !alive));
    each.dedup_by_key(|(witness, _)| *witness);
    (each.iter().filter(|(_, alive)| *alive).count(), each.len())
}

/// When each witness was heard last.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    /// When half of the canaries had been heard; none without canaries.
    half: Option<f64>,
    /// When each other witness was, the newest first.
    others: Vec<f64>,
    /// The same by witness, with the endpoint that was heard, and the newest of the others behind it.
    by_witness: HashMap<u64, (f64, u64, f64)>,
}

impl Heard {
    /// Canaries with when they were heard; services with their endpoint and when.
    pub(crate) fn new(
        canaries: impl Iterator<Item = (u64, Option<f64>)>,
        services: impl Iterator<Item = (u64, u64, f64)>,
    ) -> Self {
        let mut newest: HashMap<u64, f64> = HashMap::new();
        for (witness, heard) in canaries {
            let heard = heard.unwrap_or(f64::NEG_INFINITY);
            newest.entry(witness).and_modify(|known| *known = known.max(heard)).or_insert(heard);
        }
        let newest = descending(newest.into_values());
        let half = newest.len().div_ceil(2).checked_sub(1).map(|place| newest[place]);
        let mut by_witness: HashMap<u64, (f64, u64, f64)> = HashMap::new();
        for (witness, endpoint, heard) in services {
            let fresh = (heard, endpoint, f64::NEG_INFINITY);
            let (first, holder, second) = by_witness.entry(witness).or_insert(fresh);
            if *holder == endpoint {
                *first = first.max(heard);
            } else if heard > *first {
                (*second, *first, *holder) = (*first, heard, endpoint);
            } else {
                *second = second.max(heard);
            }
        }
        let others = descending(by_witness.values().map(|(first, ..)| *first));
        Self { half, others, by_witness }
    }

    /// Until when our network is proved to have worked, by half of the canaries or a third of the services.
    pub(crate) fn until(&self) -> f64 {
        let third = self.others.len().div_ceil(3).checked_sub(1).map(|place| self.others[place]);
        [self.half, third].into_iter().flatten().fold(f64::NEG_INFINITY, f64::max)
    }

    /// Whether our network is proved to have worked while an endpoint failed: half of the canaries, or a
    /// third of the other services, were heard when it had failed for a while.
    pub(crate) fn proves(&self, failed_since: f64, witness: u64, endpoint: u64) -> bool {
        let since = failed_since + ALIVE / 2.0;
        if self.half.is_some_and(|half| half > since) {
            return true;
        }
        let mut all = self.others.len();
        let mut heard = self.others.partition_point(|heard| *heard > since);
        // It is no witness of itself.
        if let Some((first, holder, second)) = self.by_witness.get(&witness)
            && *holder == endpoint
        {
            heard -= usize::from(*first > since);
            heard += usize::from(*second > since);
            all -= usize::from(*second == f64::NEG_INFINITY);
        }
        if all == 0 {
            return self.half.is_none();
        }
        3 * heard >= all
    }
}

fn descending(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(|a, b| b.total_cmp(a));
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILS: u64 = 1;

    fn proves(canaries: &[Option<f64>], services: &[(u64, u64, f64)]) -> bool {
        let canaries = canaries.iter().enumerate().map(|(n, heard)| (100 + n as u64, *heard));
        Heard::new(canaries, services.iter().copied()).proves(1000.0, FAILS, FAILS)
    }

    #[test]
    fn half_of_the_canaries_prove_it() {
        assert!(proves(&[Some(1016.0), None], &[]));
        assert!(!proves(&[Some(1015.0), None], &[]), "they were heard before");
        assert!(!proves(&[Some(1016.0), None, None], &[]));
        assert!(proves(&[], &[]), "nothing to compare with");
    }

    #[test]
    fn a_third_of_the_other_services_prove_it() {
        let old = |id| (id, id, 900.0);
        assert!(proves(&[None], &[(2, 2, 1020.0), old(3), old(4)]));
        assert!(!proves(&[None], &[(2, 2, 1020.0), old(3), old(4), old(5)]));
        assert!(!proves(&[None], &[(FAILS, FAILS, 1020.0)]), "not it itself");
        assert!(
            proves(&[None], &[(FAILS, FAILS, 1020.0), (FAILS, 2, 1020.0)]),
            "its neighbour does"
        );
        assert!(!proves(&[None], &[(FAILS, 2, 900.0), (FAILS, FAILS, 1020.0)]));
    }

    #[test]
    fn a_network_is_proved_until_half_of_the_canaries_or_a_third_of_the_services_fell_silent() {
        let until = |canaries: &[f64], services: &[f64]| {
            let canaries = canaries.iter().zip(100..).map(|(heard, n)| (n, Some(*heard)));
            let services = services.iter().zip(0..).map(|(heard, n)| (n, n, *heard));
            Heard::new(canaries, services).until()
        };
        assert_eq!(until(&[1.0, 2.0, 3.0], &[]).to_bits(), 2.0_f64.to_bits());
        assert_eq!(until(&[1.0, 1.0], &[9.0, 5.0, 4.0, 3.0]).to_bits(), 5.0_f64.to_bits());
        assert_eq!(until(&[], &[]).to_bits(), f64::NEG_INFINITY.to_bits());
    }

    #[test]
    fn targets_of_one_network_are_one_witness() {
        assert_eq!(present(vec![(1, false), (1, true), (2, false), (3, true)]), (2, 3));
        assert_eq!(present(Vec::new()), (0, 0));
        let one = [(2, 2, 1020.0), (2, 3, 1020.0), (4, 4, 900.0), (5, 5, 900.0), (6, 6, 900.0)];
        assert!(!proves(&[None], &one));
    }
}
