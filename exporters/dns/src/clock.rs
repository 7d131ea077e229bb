//! The clock of the wall, which this machine may set (I/O).

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since the epoch; 0 before it.
pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
