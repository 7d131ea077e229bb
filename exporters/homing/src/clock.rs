//! The clock of the wall, which this machine may set (I/O).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time since the epoch; nothing before it.
pub(crate) fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
