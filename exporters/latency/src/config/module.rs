//! A module of the file: what a scraper may ask for by it, and how targets are probed by it all the time.
//! No I/O, no clock.

use std::path::Path;
use std::time::Duration;

use exporter_kit::config::{self, Twice};
use serde::Deserialize;

use crate::blackbox::module as asked;
use crate::probe::{Prober, RawModule};

/// The timeout where none is set.
const TIMEOUT: Duration = Duration::from_secs(3);
/// So many probes of a target may be under way at once: a timeout may be so many intervals long.
const MOST_IN_FLIGHT: u32 = 60;

/// One module: the same words with two meanings.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Twice<asked::Module, Continuous>")]
pub(super) struct Module {
    /// How it probes when a scraper asks: as `blackbox_exporter` does.
    pub(super) asked: asked::Module,
    /// Why a file that it names could not be read for that.
    pub(super) fault: Option<String>,
    /// How it probes targets all the time; else why it cannot.
    pub(super) continuous: Result<Continuous, String>,
}

/// How targets are probed all the time.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "RawModule")]
pub(super) struct Continuous {
    pub(super) prober: Prober,
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
}

impl Module {
    /// Reads the files that it names for a scraper. One that cannot be read is no reason to refuse the
    /// config: it fails the probes that need it.
    pub(super) fn load(&mut self, folder: &Path) {
        self.fault = self.asked.load(folder).err().map(|error| format!("{error:#}"));
    }
}

impl TryFrom<Twice<asked::Module, Continuous>> for Module {
    type Error = String;

    fn try_from(read: Twice<asked::Module, Continuous>) -> Result<Self, String> {
        match read.second {
            // With an interval it is meant for targets: what is wrong is told where it stands.
            Err(why) if read.first.has_interval => Err(why),
            continuous => Ok(Self { asked: read.first, fault: None, continuous }),
        }
    }
}

impl TryFrom<RawModule> for Continuous {
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
