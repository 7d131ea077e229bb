//! `routes`: where tables of routes are, and what of them is watched. No I/O, no clock.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use exporter_kit::Wanted;
use exporter_kit::config as kit;
use ipnet::IpNet;
use serde::Deserialize;

use crate::routes::{RouteWork, Rules, Watched};

/// Prefixes that are watched, and patterns of files.
const MOST_WATCHED: usize = 500;
const MOST_PATTERNS: usize = 64;
const INTERVAL: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(86_400));
/// A table that is older says nothing: routers write one each hour, collectors of the Internet's routes each two to eight.
const MAX_AGE: Duration = Duration::from_secs(6 * 3_600);
/// Less than what makes a neighbour known, a day, so that no single table does.
const MAX_AGE_WITHIN: (Duration, Duration) =
    (Duration::from_secs(60), Duration::from_secs(20 * 3_600));

/// The section.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "RawRoutes")]
pub(super) struct Routes(pub(super) Wanted<RouteWork, Rules>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRoutes {
    files: Vec<String>,
    interval: Option<kit::Duration>,
    min_peers: Option<usize>,
    max_age: Option<kit::Duration>,
    watch: Vec<RawWatched>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWatched {
    prefix: IpNet,
    #[serde(default)]
    origins: Vec<u32>,
    #[serde(default)]
    upstreams: Vec<u32>,
    max_length: Option<u8>,
}

impl TryFrom<RawRoutes> for Routes {
    type Error = String;

    fn try_from(raw: RawRoutes) -> Result<Self, String> {
        if raw.files.is_empty() || raw.files.len() > MOST_PATTERNS {
            return Err(format!("files: must have from 1 to {MOST_PATTERNS} entries"));
        }
        let is_pattern = |file: &String| {
            let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
            !folder.contains('*') && name.matches('*').count() <= 1 && !name.is_empty()
        };
        if !raw.files.iter().all(is_pattern) {
            return Err(
                "files: a path may have one * in its last part, and nowhere else".to_owned()
            );
        }
        if raw.watch.is_empty() || raw.watch.len() > MOST_WATCHED {
            return Err(format!("watch: must have from 1 to {MOST_WATCHED} entries"));
        }
        let interval = raw.interval.unwrap_or_else(|| kit::Duration::new(Duration::from_secs(60)));
        let interval = interval.within(INTERVAL.0, INTERVAL.1);
        let max_age = raw.max_age.unwrap_or_else(|| kit::Duration::new(MAX_AGE));
        let max_age = max_age.within(MAX_AGE_WITHIN.0, MAX_AGE_WITHIN.1);
        let max_age = max_age.map_err(|error| format!("max_age: {error}"))?;
        let mut watch: Vec<Watched> = Vec::new();
        for (at, it) in raw.watch.into_iter().enumerate() {
            let prefix = it.prefix.trunc();
            if prefix != it.prefix {
                return Err(format!(
                    "watch[{at}].prefix: must have no bit beyond its length, as {prefix}"
                ));
            }
            if watch.iter().any(|other| other.prefix == prefix) {
                return Err(format!("watch[{at}].prefix: is there twice"));
            }
            if it
                .max_length
                .is_some_and(|most| most < prefix.prefix_len() || most > prefix.max_prefix_len())
            {
                return Err(format!("watch[{at}].max_length: must not be shorter than the prefix"));
            }
            let (origins, upstreams) =
                (it.origins.into_iter().collect(), it.upstreams.into_iter().collect());
            watch.push(Watched { prefix, origins, upstreams, max_length: it.max_length });
        }
        let work = RouteWork {
            files: raw.files,
            interval: interval.map_err(|error| format!("interval: {error}"))?,
            folder: Arc::from(Path::new(".")),
        };
        Ok(Self(Wanted {
            work,
            labels: Rules { watch, min_peers: raw.min_peers.unwrap_or(3).max(1), max_age },
        }))
    }
}
