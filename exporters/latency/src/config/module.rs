//! A module of the file: what a scraper may ask for by it, and how targets are probed by it all the time.
//! No I/O, no clock.

use std::path::Path;
use std::time::Duration;

use exporter_kit::config::{self, Twice};
use serde::Deserialize;

use super::path::PathSettings;
use crate::blackbox::module as asked;
use crate::probe::asked::Settings;
use crate::probe::{Prober, RawModule};

/// The timeout where none is set.
const TIMEOUT: Duration = Duration::from_secs(3);
/// So many probes of a target may be under way at once: a timeout may be so many intervals long.
const MOST_IN_FLIGHT: u32 = 60;

/// More probes of one target are a flood.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);
/// Less than a timer can keep; nothing answers in it.
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(86_400);

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
    /// How paths are traced, where they are.
    pub(super) path: Option<PathSettings>,
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
        let asked = read.first;
        if let Some(timeout) = asked.timeout {
            within("timeout", timeout, SHORTEST_TIMEOUT)?;
        }
        let continuous = match (asked.lack(), read.second) {
            (Some(lack), _) => Err(lack),
            (None, Err(why)) => Continuous::asked(&asked).unwrap_or(Err(why)),
            (None, own) => own,
        };
        match continuous {
            // With an interval it is meant for targets: what is wrong is told where it stands.
            Err(why) if asked.interval.is_some() => Err(why),
            continuous => Ok(Self { asked, fault: None, continuous }),
        }
    }
}

fn within(field: &str, time: Duration, shortest: Duration) -> Result<(), String> {
    let within = config::Duration::new(time).within(shortest, LONGEST);
    within.map(drop).map_err(|error| format!("{field}: {error}"))
}

impl TryFrom<RawModule> for Continuous {
    type Error = String;

    fn try_from(raw: RawModule) -> Result<Self, String> {
        let interval = raw.interval.map(config::Duration::get);
        let timeout = raw.timeout.map(config::Duration::get);
        let path = raw.path;
        Self::of(raw.prober()?, interval, timeout, path)
    }
}

impl Continuous {
    /// By a prober that only a scraper could ask for; none where ours has a meaning of its own.
    fn asked(module: &asked::Module) -> Option<Result<Self, String>> {
        use asked::Prober as Of;
        match module.prober {
            Of::Http(_) | Of::Icmp(_) => None,
            Of::Tcp(_) | Of::Dns(_) | Of::Grpc(_) | Of::Unix(_) | Of::Websocket(_) => {
                let prober = Prober::Asked(Box::new(Settings(module.prober.clone())));
                Some(Self::of(prober, module.interval, module.timeout, module.path))
            }
        }
    }

    fn of(
        prober: Prober,
        interval: Option<Duration>,
        timeout: Option<Duration>,
        path: Option<PathSettings>,
    ) -> Result<Self, String> {
        let interval = interval.unwrap_or(prober.interval());
        let timeout = timeout.unwrap_or(TIMEOUT);
        within("interval", interval, SHORTEST_INTERVAL)?;
        within("timeout", timeout, SHORTEST_TIMEOUT)?;
        if timeout > interval.saturating_mul(MOST_IN_FLIGHT) {
            return Err(format!(
                "timeout: {} must not be longer than {MOST_IN_FLIGHT} intervals of {}: so many \
                 probes of a target would be under way at once",
                config::Duration::new(timeout),
                config::Duration::new(interval),
            ));
        }
        Ok(Self { prober, interval, timeout, path })
    }
}
