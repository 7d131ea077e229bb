//! `routes`: where tables of routes are, and what of them is watched. No I/O, no clock.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use exporter_kit::Wanted;
use exporter_kit::config::{self as kit, Located, Problems};
use ipnet::IpNet;
use serde::Deserialize;

use crate::routes::followed::MOST;
use crate::routes::{RouteWork, Rules, Watched};

/// Prefixes that are watched, and patterns of files.
const MOST_WATCHED: usize = MOST;
const MOST_PATTERNS: usize = 64;
const INTERVAL: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(86_400));
const EACH: Duration = Duration::from_secs(60);
/// A table that is older says nothing: routers write one each hour, collectors of the Internet's routes each two to eight.
const MAX_AGE: Duration = Duration::from_secs(6 * 3_600);
/// Less than what makes a neighbour known, a day, so that no single table does.
const MAX_AGE_WITHIN: (Duration, Duration) =
    (Duration::from_secs(60), Duration::from_secs(20 * 3_600));

/// The section, as the file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRoutes {
    files: Vec<String>,
    interval: Option<kit::Duration>,
    min_peers: Option<usize>,
    max_age: Option<kit::Duration>,
    #[serde(default)]
    watch: Vec<Located<RawWatched>>,
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

/// What is looked at, and how it is judged.
pub(super) fn checked(
    raw: Located<RawRoutes>,
    problems: &mut Problems,
) -> Wanted<RouteWork, Rules> {
    let Located { place, value: raw } = raw;
    let mut refuse = |what: String| problems.add(place, format!("routes.{what}"));
    if raw.files.is_empty() || raw.files.len() > MOST_PATTERNS {
        refuse(format!("files: must have from 1 to {MOST_PATTERNS} entries"));
    }
    let is_pattern = |file: &String| {
        let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
        !folder.contains('*') && name.matches('*').count() <= 1 && !name.is_empty()
    };
    for (at, _) in raw.files.iter().enumerate().filter(|(_, file)| !is_pattern(file)) {
        let what = "a path may have one * in its last part, and nowhere else";
        refuse(format!("files[{at}]: {what}"));
    }
    if raw.watch.len() > MOST_WATCHED {
        refuse(format!("watch: must have {MOST_WATCHED} entries at most"));
    }
    let mut within = |field: &str, given: Option<kit::Duration>, default, bounds: (_, _)| {
        let given = given.unwrap_or_else(|| kit::Duration::new(default));
        given.within(bounds.0, bounds.1).unwrap_or_else(|error| {
            refuse(format!("{field}: {error}"));
            default
        })
    };
    let interval = within("interval", raw.interval, EACH, INTERVAL);
    let max_age = within("max_age", raw.max_age, MAX_AGE, MAX_AGE_WITHIN);
    let mut watch: Vec<Watched> = Vec::new();
    for (at, Located { place, value: it }) in raw.watch.into_iter().enumerate() {
        let mut refuse = |what: String| problems.add(place, format!("routes.watch[{at}].{what}"));
        let prefix = it.prefix.trunc();
        if prefix != it.prefix {
            refuse(format!("prefix: must have no bit beyond its length, as {prefix}"));
        }
        if watch.iter().any(|other| other.prefix == prefix) {
            refuse("prefix: is there twice".to_owned());
        }
        let lengths = prefix.prefix_len()..=prefix.max_prefix_len();
        if it.max_length.is_some_and(|most| !lengths.contains(&most)) {
            refuse("max_length: must not be shorter than the prefix".to_owned());
        }
        let (origins, upstreams) =
            (it.origins.into_iter().collect(), it.upstreams.into_iter().collect());
        watch.push(Watched { prefix, origins, upstreams, max_length: it.max_length });
    }
    let work = RouteWork { files: raw.files, interval, folder: Arc::from(Path::new(".")) };
    let labels = Rules { watch, min_peers: raw.min_peers.unwrap_or(3).max(1), max_age };
    Wanted { work, labels }
}
