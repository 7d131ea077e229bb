//! A histogram of durations: buckets for those who read text, native ones for those who read
//! protobuf, both of the same observations.

mod bounds;
mod native;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) use self::bounds::Bound;
pub use self::bounds::{BOUNDS, Buckets};
pub(crate) use self::native::Native;

/// How often durations came, by their length.
#[derive(Debug)]
pub struct Histogram(Mutex<Known>);

/// What is known of a histogram at one moment.
#[derive(Debug)]
pub(crate) struct Known {
    buckets: Buckets,
    /// Of each bucket by itself; after the last bound comes what was longer.
    counts: Box<[u64]>,
    sum: f64,
    /// Since the epoch.
    created: Duration,
    native: Native,
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new(Buckets::default())
    }
}

impl Histogram {
    /// Nothing was observed yet.
    pub fn new(buckets: Buckets) -> Self {
        Self(Mutex::new(Known::new(buckets)))
    }

    /// Counts by these bounds from now on. Where they are others than before, it begins at zero, as
    /// after a restart: what was counted cannot be divided anew, and a page that mixed both would lie.
    pub fn set_buckets(&self, buckets: &Buckets) {
        let mut known = self.known();
        if known.buckets != *buckets {
            *known = Known::new(buckets.clone());
        }
    }

    /// Takes in a duration.
    pub fn observe(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let mut known = self.known();
        let bucket = known.buckets.0.partition_point(|bound| bound.seconds < seconds);
        known.counts[bucket] += 1;
        known.sum += seconds;
        known.native.observe(seconds);
    }

    pub(crate) fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn new(buckets: Buckets) -> Self {
        let counts = vec![0; buckets.0.len() + 1].into();
        let created = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { buckets, counts, sum: 0.0, created, native: Native::default() }
    }

    pub(crate) fn sum(&self) -> f64 {
        self.sum
    }

    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Every bound, and how many durations were no longer than it.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (&Bound, u64)> {
        let cumulative = self.counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        self.buckets.0.iter().zip(cumulative)
    }

    pub(crate) fn native(&self) -> &Native {
        &self.native
    }

    pub(crate) fn created(&self) -> Duration {
        self.created
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_its_bound() {
        let histogram = Histogram::new(Buckets::new(&[0.001, 0.01]).unwrap());
        for micros in [0, 1_000, 1_001, 10_000, 10_001, 5_000_000] {
            histogram.observe(Duration::from_micros(micros));
        }
        let known = histogram.known();
        let buckets: Vec<_> =
            known.buckets().map(|(bound, count)| (bound.seconds, count)).collect();
        assert_eq!(buckets, [(0.001, 2), (0.01, 4)]);
        assert_eq!(known.count(), 6);
        assert!((known.sum() - 5.022_002).abs() < 1e-9);
    }

    #[test]
    fn other_bounds_begin_at_zero_and_the_same_ones_go_on() {
        let bounds = Buckets::new(&[0.001, 0.01]).unwrap();
        let histogram = Histogram::new(bounds);
        histogram.observe(Duration::from_millis(5));
        histogram.set_buckets(&Buckets::new(&[0.001, 0.01]).unwrap());
        assert_eq!(histogram.known().count(), 1);
        histogram.set_buckets(&Buckets::new(&[0.1]).unwrap());
        assert_eq!(histogram.known().count(), 0);
        assert_eq!(histogram.known().native().spans(), (vec![], vec![]));
        histogram.observe(Duration::from_millis(50));
        let known = histogram.known();
        let buckets: Vec<_> = known.buckets().map(|(bound, count)| (bound.text(), count)).collect();
        assert_eq!(buckets, [("0.1", 1)]);
        assert!((known.sum() - 0.05).abs() < 1e-9);
    }
}
