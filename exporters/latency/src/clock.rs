//! The time, for the code that does I/O.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::standing::Moment;

/// Counts from the program's start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    /// Starts now.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// The present moment.
    pub(crate) fn now(self) -> Moment {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment { monotonic: self.0.elapsed(), unix_seconds: since_epoch.as_secs_f64() }
    }
}
