//! What the file says of paths: how often they are traced, and the tables that tell whose a router is. No I/O,
//! no clock.

use std::path::{Path, PathBuf};
use std::time::Duration;

use exporter_kit::config;
use serde::Deserialize;

/// The keys of a module's `path`, whose presence switches the measurement on.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(try_from = "RawPath")]
pub(crate) struct PathSettings {
    /// The time from one trace to the next.
    pub(crate) interval: Duration,
    /// So many routers are looked for at most.
    pub(crate) max_hops: u8,
}

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPath {
    interval: Option<config::Duration>,
    max_hops: Option<u64>,
}

impl TryFrom<RawPath> for PathSettings {
    type Error = String;

    fn try_from(raw: RawPath) -> Result<Self, String> {
        let interval = raw.interval.unwrap_or(config::Duration::new(5 * MINUTE));
        let interval = interval.within(MINUTE, DAY).map_err(|must| format!("interval: {must}"))?;
        let max_hops = u8::try_from(raw.max_hops.unwrap_or(30)).ok();
        let max_hops = max_hops.filter(|hops| (1..=64).contains(hops));
        Ok(Self { interval, max_hops: max_hops.ok_or("max_hops: must be from 1 to 64")? })
    }
}

/// How many datagrams a second all traces may send together.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(try_from = "u64")]
pub(crate) struct PathRate(pub(crate) u32);

impl Default for PathRate {
    fn default() -> Self {
        Self(100)
    }
}

impl TryFrom<u64> for PathRate {
    type Error = &'static str;

    fn try_from(rate: u64) -> Result<Self, &'static str> {
        let rate = u32::try_from(rate).ok().filter(|rate| (1..=10_000).contains(rate));
        rate.map(Self).ok_or("must be from 1 to 10000 datagrams a second")
    }
}

/// The tables of the user's own: nothing is shipped but a list of cities, nothing is fetched.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "RawTables")]
pub(crate) struct TableFiles {
    /// Who has which addresses; the first that knows wins.
    pub(crate) asn: Vec<PathBuf>,
    /// Whose peering LANs there are.
    pub(crate) ix: Option<PathBuf>,
    /// Cities beside those that are shipped.
    pub(crate) places: Option<PathBuf>,
    /// What a token means in the names of one domain.
    pub(crate) hints: Option<PathBuf>,
    /// How often it is looked whether a file has changed.
    pub(crate) reload: Duration,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawTables {
    asn: Vec<PathBuf>,
    ix_prefixes_file: Option<PathBuf>,
    places_file: Option<PathBuf>,
    hints_file: Option<PathBuf>,
    reload: Option<config::Duration>,
}

/// So many tables of addresses may be named.
const MOST_TABLES: usize = 8;

impl TryFrom<RawTables> for TableFiles {
    type Error = String;

    fn try_from(raw: RawTables) -> Result<Self, String> {
        let reload = raw.reload.unwrap_or(config::Duration::new(15 * MINUTE));
        if raw.asn.len() > MOST_TABLES {
            return Err(format!("asn: names more than {MOST_TABLES} files"));
        }
        Ok(Self {
            asn: raw.asn,
            ix: raw.ix_prefixes_file,
            places: raw.places_file,
            hints: raw.hints_file,
            reload: reload.within(MINUTE / 6, DAY).map_err(|must| format!("reload: {must}"))?,
        })
    }
}

impl Default for TableFiles {
    fn default() -> Self {
        Self { asn: Vec::new(), ix: None, places: None, hints: None, reload: 15 * MINUTE }
    }
}

impl TableFiles {
    /// The same, relative paths being taken from `folder`.
    pub(crate) fn in_folder(mut self, folder: &Path) -> Self {
        let files = [&mut self.ix, &mut self.places, &mut self.hints].into_iter().flatten();
        for file in files.chain(&mut self.asn) {
            *file = folder.join(&*file);
        }
        self
    }
}
