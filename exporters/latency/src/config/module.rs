//! A module: how targets are probed, in the words of `blackbox_exporter`. No I/O, no clock.

use std::time::Duration;

use exporter_kit::config;
use serde::Deserialize;

use crate::probe::{Prober, RawModule};

/// The timeout where none is set.
const TIMEOUT: Duration = Duration::from_secs(3);
/// So many probes of a target may be under way at once: a timeout may be so many intervals long.
const MOST_IN_FLIGHT: u32 = 60;

/// How targets are probed.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "RawModule")]
pub(super) struct Module {
    pub(super) prober: Prober,
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
}

impl TryFrom<RawModule> for Module {
    type Error = String;

    fn try_from(raw: RawModule) -> Result<Self, String> {
        let (interval, timeout) = (raw.interval, raw.timeout);
        let prober = raw.prober()?;
        let interval = interval.map_or(prober.interval(), config::Duration::get);
        let timeout = timeout.map_or(TIMEOUT, config::Duration::get);
        if timeout > interval.saturating_mul(MOST_IN_FLIGHT) {
            return Err(format!(
                "timeout: {} must not be longer than {MOST_IN_FLIGHT} intervals of {}: so many \
                 probes of a target would be under way at once",
                config::Duration::new(timeout),
                config::Duration::new(interval),
            ));
        }
        Ok(Self { prober, interval, timeout })
    }
}
