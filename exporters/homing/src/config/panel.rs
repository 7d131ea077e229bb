//! `panel`: measurements of strangers' probes that exist, and whom they measure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use exporter_kit::Wanted;
use exporter_kit::config::{self as kit, Labels, Located, Name, Place, Problems};
use exporter_kit::discovery::HttpSd;
use serde::Deserialize;

use super::{EVALUATION, ROUTES};
use crate::panel::judge::REGIONS;
use crate::panel::list;
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

/// Labels of the metrics, which the user's own may not be.
const TAKEN: [&str; 7] = ["address", "class", "outcome", "panel", "reason", "result", "type"];

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
    /// The user's own labels, on each series of the measurement.
    pub(crate) own: Labels,
    /// What parts of the world are called that the user calls otherwise.
    pub(crate) regions: BTreeMap<String, String>,
}

impl PanelLabels {
    /// A part of the world as the user's vantages call it.
    pub(crate) fn region<'a>(&'a self, ours: &'a str) -> &'a str {
        self.regions.get(ours).map_or(ours, String::as_str)
    }
}

/// The measurements, by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Panel {
    all: BTreeMap<String, Wanted<PanelWork, PanelLabels>>,
    /// Where the section is.
    place: Place,
}

/// The section, as the file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPanel {
    probes_file: Located<String>,
    url: Option<String>,
    /// Of each of our names the user's.
    #[serde(default)]
    regions: BTreeMap<String, Name>,
    atlas: Vec<Located<RawAtlas>>,
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
    #[serde(default)]
    labels: Labels,
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
        self.all.iter().map(of_folder).collect()
    }

    /// Whether a measurement has that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.all.contains_key(name)
    }

    /// What is wrong with the list of probes as it is now: another one may come.
    pub(super) fn warning(&self, folder: &Path) -> Option<String> {
        let (_, first) = self.all.first_key_value()?;
        let error = list::read(&folder.join(&first.work.probes_file)).err()?;
        Some(format!("line {}: panel.probes_file: {error:#}", self.place.line))
    }
}

/// The measurements, each with a name of its own.
pub(super) fn checked(raw: Located<RawPanel>, problems: &mut Problems) -> Panel {
    let Located { place, value: raw } = raw;
    if raw.atlas.is_empty() || raw.atlas.len() > MOST {
        problems.add(place, format!("panel.atlas: must have from 1 to {MOST} entries"));
    }
    let base = raw.url.unwrap_or_else(|| ATLAS.to_owned());
    if settings(&base).is_none() {
        problems.add(place, "panel.url: must be a URL, as https://HOST");
    }
    for ours in raw.regions.keys().filter(|it| !REGIONS.contains(&it.as_str())) {
        let known = REGIONS.join(", ");
        problems.add(place, format!("panel.regions: {ours}: must be one of {known}"));
    }
    let regions: BTreeMap<String, String> =
        raw.regions.into_iter().map(|(ours, theirs)| (ours, theirs.into_string())).collect();
    let called = REGIONS.map(|ours| regions.get(ours).map_or(ours, String::as_str));
    if called.iter().collect::<BTreeSet<_>>().len() < called.len() {
        problems.add(place, "panel.regions: two must not have one name");
    }
    let is_here = base.starts_with("http://127.0.0.1:") || base.starts_with("http://[::1]:");
    let shortest = if is_here { LOOPBACK_INTERVAL } else { INTERVAL.0 };
    let mut panel = Panel { all: BTreeMap::new(), place: raw.probes_file.place };
    for (at, Located { place, value: it }) in raw.atlas.into_iter().enumerate() {
        let mut refuse = |what: String| problems.add(place, format!("panel.atlas[{at}].{what}"));
        let mut within = |field: &str, given: Option<kit::Duration>, default, bounds: (_, _)| {
            let given = given.unwrap_or_else(|| kit::Duration::new(default));
            given.within(bounds.0, bounds.1).unwrap_or_else(|error| {
                refuse(format!("{field}: {error}"));
                default
            })
        };
        let interval = within("interval", it.interval, INTERVAL.0, (shortest, INTERVAL.1));
        let max_age = within("max_age", it.max_age, MAX_AGE, MAX_AGE_WITHIN);
        let name = it.name.into_string();
        if [EVALUATION, ROUTES].contains(&name.as_str()) || panel.has(&name) {
            refuse("name: must not be that of anything else".to_owned());
        }
        if let Err(error) = it.labels.refuse(&TAKEN) {
            refuse(format!("labels: {error}"));
        }
        if it.targets.is_empty() {
            refuse("targets: must have one entry at least".to_owned());
        }
        let url = format!(
            "{}/api/v2/measurements/{}/latest/",
            base.trim_end_matches('/'),
            it.measurement
        );
        let Some(settings) = settings(&url) else { continue };
        let team = it.team.map(Name::into_string).unwrap_or_default();
        let endpoint = |it: Name| Endpoint { team: team.clone(), target: it.into_string() };
        let endpoints = it.targets.into_iter().map(endpoint).collect();
        let labels = PanelLabels { endpoints, own: it.labels, regions: regions.clone() };
        let (probes_file, folder) = (raw.probes_file.value.clone(), Arc::from(Path::new(".")));
        let work = PanelWork { settings, interval, max_age, probes_file, folder };
        panel.all.insert(name, Wanted { work, labels });
    }
    panel
}

fn settings(url: &str) -> Option<HttpSd> {
    let settings = serde_json::json!({ "url": url, "follow_redirects": false }).to_string();
    exporter_kit::parse(&settings, "").ok()
}
