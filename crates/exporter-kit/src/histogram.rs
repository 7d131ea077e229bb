//! A histogram of durations: buckets for those who read text, native ones for those who read
//! protobuf, both of the same observations.

mod native;

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) use self::native::Native;

/// The bounds of all histograms, in seconds: from a neighbour in the rack to the longest timeout,
/// closest where the distances of a continent and of the world are. Few, since each costs every target
/// a line of text; who wants to know more reads the native buckets, which are 9 % apart.
pub const BOUNDS: [f64; 11] =
    [0.000_05, 0.000_25, 0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 2.0, 10.0];

/// Bounds that many histograms share.
#[derive(Clone, Debug)]
pub struct Buckets(Arc<[Bound]>);

/// The upper bound of a bucket.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    seconds: f64,
    text: Box<str>,
}

impl Bound {
    pub(crate) fn seconds(&self) -> f64 {
        self.seconds
    }

    /// As Prometheus itself writes it, so that it is the same label by text and by protobuf.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

impl Buckets {
    /// These bounds, in seconds, which are finite and rise. None where they do not.
    pub fn new(bounds: &[f64]) -> Option<Self> {
        let rising = bounds.iter().is_sorted_by(|one, next| one < next);
        let finite = bounds.iter().all(|it| it.is_finite() && *it > 0.0);
        let bound = |seconds: &f64| Bound { seconds: *seconds, text: text_of(*seconds).into() };
        (rising && finite).then(|| Self(bounds.iter().map(bound).collect()))
    }
}

impl Default for Buckets {
    fn default() -> Self {
        static DEFAULT: LazyLock<Buckets> =
            LazyLock::new(|| Buckets::new(&BOUNDS).expect("these are finite and rise"));
        DEFAULT.clone()
    }
}

/// A float as Go's shortest format has it, with `.0` after a whole number.
fn text_of(number: f64) -> String {
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e').expect("this format has an exponent");
    match exponent.parse() {
        Ok(-4..=5) => format!("{number:?}"),
        Ok(exponent @ 0i32..) => format!("{digits}e+{exponent:02}"),
        Ok(exponent) => format!("{digits}e-{:02}", -exponent),
        Err(_) => text,
    }
}

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
        let counts = vec![0; buckets.0.len() + 1].into();
        let created = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(Mutex::new(Known { buckets, counts, sum: 0.0, created, native: Native::default() }))
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

    /// What `strconv.FormatFloat(bound, 'g', -1, 64)` says, with the ending that OpenMetrics wants.
    #[test]
    fn bounds_are_written_as_prometheus_writes_them() {
        let texts = [
            (0.000_05, "5e-05"),
            (0.000_012_5, "1.25e-05"),
            (0.000_2, "0.0002"),
            (0.000_1, "0.0001"),
            (0.025, "0.025"),
            (1.0, "1.0"),
            (2.5, "2.5"),
            (100_000.0, "100000.0"),
            (1e6, "1e+06"),
            (1.5e10, "1.5e+10"),
        ];
        for (bound, text) in texts {
            assert_eq!(text_of(bound), text);
        }
    }

    #[test]
    fn bounds_that_do_not_rise_are_refused() {
        for bounds in [&[1.0, 1.0][..], &[2.0, 1.0], &[0.0], &[-1.0], &[f64::NAN], &[f64::INFINITY]]
        {
            assert!(Buckets::new(bounds).is_none(), "{bounds:?}");
        }
        assert!(Buckets::new(&[]).is_some());
    }
}
