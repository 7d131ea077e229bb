//! A moment, small enough to be kept by the dozen for each sensor. No I/O, no clock.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

/// Milliseconds since the epoch, counted from the wall clock's reading at the start of the process by
/// the monotonic clock: it never jumps while the process runs, and means the same in the next one.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub(crate) struct Moment(NonZeroU64);

impl Moment {
    /// The moment so many seconds after the epoch; fractions of a millisecond are dropped.
    pub(crate) fn from_seconds(seconds: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast of a float saturates"
        )]
        let milliseconds = (seconds * 1000.0).round() as u64;
        Self(NonZeroU64::new(milliseconds).unwrap_or(NonZeroU64::MIN))
    }

    /// Seconds since the epoch.
    pub(crate) fn seconds(self) -> f64 {
        self.0.get() as f64 / 1000.0
    }

    /// Seconds from `earlier` to here; negative if that is later.
    pub(crate) fn since(self, earlier: Self) -> f64 {
        self.seconds() - earlier.seconds()
    }

    /// So many seconds later.
    pub(crate) fn after(self, seconds: f64) -> Self {
        Self::from_seconds(self.seconds() + seconds)
    }
}
