//! The time between two of the same. No I/O, no clock.

use exporter_kit::config as kit;
use serde::Deserialize;

/// In whole seconds, of which worlds are made.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "kit::Duration")]
pub(crate) struct Period(pub(crate) u64);

impl TryFrom<kit::Duration> for Period {
    type Error = &'static str;

    fn try_from(duration: kit::Duration) -> Result<Self, &'static str> {
        let duration = duration.get();
        if duration.subsec_nanos() == 0 {
            Ok(Self(duration.as_secs()))
        } else {
            Err("must be in whole seconds, as in 5s or 1m")
        }
    }
}
