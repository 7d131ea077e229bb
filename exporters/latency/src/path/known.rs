//! The path to an address as it is known from several traces. No I/O, no clock.
//!
//! Two of them are alike unless some distance has two different addresses: who is silent now says nothing. A
//! difference of length says something only where the target was reached both times.

use std::net::IpAddr;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::packet::MplsLabel;
use super::trace::{End, Trace};

/// A path, its silent places filled from every trace that was like it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Known {
    /// Where it goes.
    pub(crate) to: IpAddr,
    /// Who is at each distance.
    pub(crate) places: Vec<Option<Router>>,
    /// Whether it is known up to the target, which is the last place then.
    pub(crate) is_whole: bool,
}

/// Who is at one distance.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Router {
    /// Its address.
    pub(crate) address: IpAddr,
    /// The smallest round trip of all traces.
    pub(crate) rtt: Duration,
    /// The labels of the newest trace that it answered.
    pub(crate) mpls: Vec<MplsLabel>,
}

impl From<&Trace> for Known {
    fn from(trace: &Trace) -> Self {
        let router = |hop: &super::trace::Hop| Router {
            address: hop.address,
            rtt: hop.rtt,
            mpls: hop.mpls.clone(),
        };
        Self {
            to: trace.to,
            places: trace.hops.iter().map(|hop| hop.as_ref().map(router)).collect(),
            is_whole: trace.end == End::Reached,
        }
    }
}

impl Known {
    /// Whether both may be one path.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let pairs = self.places.iter().zip(&other.places);
        let is_another = |(one, other): (&Option<Router>, &Option<Router>)| match (one, other) {
            (Some(one), Some(other)) => one.address != other.address,
            _ => false,
        };
        let fits = match (self.is_whole, other.is_whole) {
            (true, true) => self.may_be_as_short_as(other) && other.may_be_as_short_as(self),
            // The target cannot be nearer than a router that is before it.
            (true, false) => other.places.len() <= self.places.len(),
            (false, true) => self.places.len() <= other.places.len(),
            (false, false) => true,
        };
        fits && !pairs.into_iter().any(is_another)
    }

    /// Where the target did not answer at its own distance, it did so one further on: who is silent before it may be
    /// itself, so that a length is the most that it can be.
    fn may_be_as_short_as(&self, other: &Self) -> bool {
        let (own, other) = (self.places.len(), other.places.len());
        let between = self.places.get(other.saturating_sub(1)..own.saturating_sub(1));
        between.is_none_or(|places| places.iter().all(Option::is_none))
    }

    /// Has the target be so far away at most.
    fn shorten(&mut self, length: usize) {
        if self.places.len() > length
            && let Some(target) = self.places.pop()
        {
            self.places.truncate(length.saturating_sub(1));
            self.places.push(target);
        }
    }

    /// Fills its silent places from one that is like it.
    pub(crate) fn take_in(&mut self, mut other: Self) {
        if self.is_whole && other.is_whole {
            self.shorten(other.places.len());
            other.shorten(self.places.len());
        }
        self.is_whole |= other.is_whole;
        if other.places.len() > self.places.len() {
            self.places.resize(other.places.len(), None);
        }
        for (place, router) in self.places.iter_mut().zip(other.places) {
            match (place, router) {
                (Some(known), Some(router)) => {
                    known.rtt = known.rtt.min(router.rtt);
                    known.mpls = router.mpls;
                }
                (place @ None, router) => *place = router,
                (Some(_), None) => {}
            }
        }
    }

    /// Whether nobody answered at all: nothing can be said of it.
    pub(crate) fn is_empty(&self) -> bool {
        self.places.iter().all(Option::is_none)
    }

    /// A number for it: the first 48 bits of a digest, which a sample holds exactly.
    pub(crate) fn id(&self) -> u64 {
        let mut digest = Sha256::new();
        digest.update([if self.to.is_ipv4() { 4 } else { 6 }]);
        for (hops, router) in (1_u8..).zip(&self.places) {
            if let Some(router) = router {
                digest.update([hops]);
                match router.address {
                    IpAddr::V4(ip) => digest.update(ip.octets()),
                    IpAddr::V6(ip) => digest.update(ip.octets()),
                }
            }
        }
        first_48_bits(digest)
    }
}

/// What a sample holds exactly of a digest.
pub(super) fn first_48_bits(digest: Sha256) -> u64 {
    let digest = digest.finalize();
    digest.iter().take(6).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// `1 2 - 9!` for routers 1 and 2, silence, and the target 9.
    pub(crate) fn path(text: &str) -> Known {
        let place = |word: &str| {
            let last: u8 = word.trim_end_matches('!').parse().ok()?;
            let address = IpAddr::from([192, 0, 2, last]);
            Some(Router { address, rtt: Duration::from_millis(last.into()), mpls: Vec::new() })
        };
        Known {
            to: [192, 0, 2, 9].into(),
            places: text.split_whitespace().map(place).collect(),
            is_whole: text.ends_with('!'),
        }
    }

    #[test]
    fn silence_and_an_unknown_end_make_no_difference() {
        for (one, other, alike) in [
            ("1 2 9!", "1 2 9!", true),
            ("1 2 9!", "1 - 9!", true),
            ("1 2 9!", "- 2", true),
            ("1 2 9!", "", true),
            ("1 2 9!", "1 3 9!", false),
            ("1 2 9!", "1 3", false),
            // The target did not answer at its own distance.
            ("1 2 9!", "1 2 - 9!", true),
            ("1 2 9!", "1 2 - - 9!", true),
            ("1 2 9!", "1 2 3 9!", false),
            ("1 2 9!", "1 2 - 3 9!", false),
            ("1 2 9!", "1 2 3 - 9!", false),
            ("1 - 9!", "1 2 9!", true),
            // Another router where the target was, and beyond it.
            ("1 2 9!", "1 2 3", false),
            ("1 - 9!", "1 - - 3", false),
        ] {
            assert_eq!(path(one).is_like(&path(other)), alike, "{one} / {other}");
            assert_eq!(path(other).is_like(&path(one)), alike, "{other} / {one}");
        }
    }

    #[test]
    fn silent_places_are_filled() {
        let mut known = path("- 2");
        known.take_in(path("1 - 3"));
        known.take_in(path("1 2 3 9!"));
        assert_eq!(known, path("1 2 3 9!"));
        // The shortest length is the one.
        let mut long = path("1 - 3 - 9!");
        long.take_in(path("1 2 3 9!"));
        assert_eq!(long, known);
        long.take_in(path("1 2 - - - 9!"));
        assert_eq!(long, known);
        let mut faster = path("1 2 3 9!");
        faster.places[1].as_mut().unwrap().rtt = Duration::from_millis(1);
        known.take_in(faster);
        known.take_in(path("1 2 3 9!"));
        assert_eq!(known.places[1].as_ref().unwrap().rtt, Duration::from_millis(1));
    }

    #[test]
    fn an_id_is_of_the_addresses_and_their_distances() {
        let ids = ["1 2 9!", "1 - 9!", "- 1 9!", "1 3 9!", "1 2"].map(|text| path(text).id());
        let distinct: std::collections::BTreeSet<u64> = ids.into_iter().collect();
        assert_eq!(distinct.len(), ids.len());
        assert!(ids.iter().all(|id| *id < 1 << 48));
        let mut slower = path("1 2 9!");
        slower.places[0].as_mut().unwrap().rtt = Duration::from_secs(1);
        assert_eq!(slower.id(), ids[0], "times are no part of it");
    }
}
