//! `panel`: measurements of strangers' probes that exist, and whom they measure. No I/O, no clock.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use exporter_kit::Wanted;
use exporter_kit::config::{self as kit, Name};
use exporter_kit::discovery::HttpSd;
use serde::Deserialize;

use super::{EVALUATION, ROUTES};
use crate::world::Endpoint;

/// Measurements that are read.
const MOST: usize = 50;
/// A measurement is asked for once in five minutes at most: a guest's manners.
const INTERVAL: (Duration, Duration) = (Duration::from_secs(300), Duration::from_secs(3_600));
/// One on this machine may be asked for oftener.
const LOOPBACK_INTERVAL: Duration = Duration::from_secs(1);
/// Twice the quarter of an hour in which most measurements ask each probe once.
const MAX_AGE: Duration = Duration::from_secs(1_800);
const MAX_AGE_WITHIN: (Duration, Duration) =
    (Duration::from_secs(60), Duration::from_secs(172_800));
/// Whose measurements they are.
const ATLAS: &str = "https://atlas.ripe.net";

/// What is done with a measurement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PanelWork {
    /// Where its results are.
    pub(crate) settings: HttpSd,
    /// The time from one request to the next.
    pub(crate) interval: Duration,
    /// A result that is older says nothing.
    pub(crate) max_age: Duration,
    /// Where the list of probes is.
    pub(crate) probes_file: String,
    /// From where files are taken.
    pub(crate) folder: Arc<Path>,
}

/// Whom a measurement is about.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PanelLabels {
    /// The endpoints.
    pub(crate) endpoints: Vec<Endpoint>,
}

/// The section.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(try_from = "RawPanel")]
pub(super) struct Panel(BTreeMap<String, Wanted<PanelWork, PanelLabels>>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPanel {
    probes_file: String,
    url: Option<String>,
    atlas: Vec<RawAtlas>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAtlas {
    name: Name,
    measurement: u64,
    interval: Option<kit::Duration>,
    max_age: Option<kit::Duration>,
    team: Option<Name>,
    targets: Vec<Name>,
}

impl Panel {
    /// The measurements by name, with files of that folder.
    pub(super) fn wanted(
        &self,
        folder: &Arc<Path>,
    ) -> BTreeMap<String, Wanted<PanelWork, PanelLabels>> {
        let of_folder = |(name, wanted): (&String, &Wanted<PanelWork, PanelLabels>)| {
            let work = PanelWork { folder: Arc::clone(folder), ..wanted.work.clone() };
            (name.clone(), Wanted { work, labels: wanted.labels.clone() })
        };
        self.0.iter().map(of_folder).collect()
    }

    /// Whether a measurement has that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

impl TryFrom<RawPanel> for Panel {
    type Error = String;

    fn try_from(raw: RawPanel) -> Result<Self, String> {
        if raw.atlas.is_empty() || raw.atlas.len() > MOST {
            return Err(format!("atlas: must have from 1 to {MOST} entries"));
        }
        let base = raw.url.unwrap_or_else(|| ATLAS.to_owned());
        let is_here = base.starts_with("http://127.0.0.1:") || base.starts_with("http://[::1]:");
        let shortest = if is_here { LOOPBACK_INTERVAL } else { INTERVAL.0 };
        let mut panels = BTreeMap::new();
        for (at, it) in raw.atlas.into_iter().enumerate() {
            let field = |name: &str, error: String| format!("atlas[{at}].{name}: {error}");
            let url = format!(
                "{}/api/v2/measurements/{}/latest/",
                base.trim_end_matches('/'),
                it.measurement
            );
            let settings = serde_json::json!({ "url": url, "follow_redirects": false }).to_string();
            let settings: Result<HttpSd, _> = exporter_kit::parse(&settings, "");
            let settings = settings.map_err(|_| "url: must be a URL, as https://HOST")?;
            let interval = it.interval.unwrap_or_else(|| kit::Duration::new(INTERVAL.0));
            let interval = interval.within(shortest, INTERVAL.1);
            let interval = interval.map_err(|error| field("interval", error))?;
            let max_age = it.max_age.unwrap_or_else(|| kit::Duration::new(MAX_AGE));
            let max_age = max_age.within(MAX_AGE_WITHIN.0, MAX_AGE_WITHIN.1);
            let max_age = max_age.map_err(|error| field("max_age", error))?;
            let name = it.name.into_string();
            if [EVALUATION, ROUTES].contains(&name.as_str()) || panels.contains_key(&name) {
                return Err(field("name", "must not be that of anything else".to_owned()));
            }
            if it.targets.is_empty() {
                return Err(field("targets", "must have one entry at least".to_owned()));
            }
            let team = it.team.map(Name::into_string).unwrap_or_default();
            let endpoint = |it: Name| Endpoint { team: team.clone(), target: it.into_string() };
            let labels = PanelLabels { endpoints: it.targets.into_iter().map(endpoint).collect() };
            let (probes_file, folder) = (raw.probes_file.clone(), Arc::from(Path::new(".")));
            let work = PanelWork { settings, interval, max_age, probes_file, folder };
            panels.insert(name, Wanted { work, labels });
        }
        Ok(Self(panels))
    }
}
