//! `panel`: measurements of strangers' probes that exist, and whom they measure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use exporter_kit::Wanted;
use exporter_kit::config::{self as kit, Labels, Located, Name, Place, Problems};
use serde::Deserialize;

use super::globalping::{self, RawGlobalping};
use super::measurement::{LOOPBACK_INTERVAL, PanelLabels, PanelWork, TAKEN, Way, is_here, plain};
use super::{EVALUATION, ROUTES};
use crate::panel::judge::REGIONS;
use crate::panel::list;
use crate::world::Endpoint;

/// Measurements that are read.
const MOST: usize = 50;
/// A measurement is asked for once in five minutes at most: a guest's manners.
const INTERVAL: (Duration, Duration) = (Duration::from_secs(300), Duration::from_secs(3_600));
/// Twice the quarter of an hour in which most measurements ask each probe once.
const MAX_AGE: Duration = Duration::from_secs(1_800);
const MAX_AGE_WITHIN: (Duration, Duration) =
    (Duration::from_secs(60), Duration::from_secs(172_800));
/// Whose measurements they are.
const ATLAS: &str = "https://atlas.ripe.net";

/// The measurements, by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Panel {
    all: BTreeMap<String, Wanted<PanelWork, PanelLabels>>,
    /// Where the list of probes is named, and where the token.
    place: Place,
    token: Place,
}

/// The section, as the file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPanel {
    probes_file: Option<Located<String>>,
    url: Option<String>,
    /// Of each of our names the user's.
    #[serde(default)]
    regions: BTreeMap<String, Name>,
    #[serde(default)]
    atlas: Vec<Located<RawAtlas>>,
    globalping: Option<Located<RawGlobalping>>,
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

    /// What is wrong with the token, without which nobody is asked.
    pub(super) fn faults(&self, folder: &Path, problems: &mut Problems) {
        let made = self.all.values().find(|it| matches!(it.work.way, Way::Globalping(_)));
        for _ in made.into_iter().flat_map(|it| it.work.settings.faults(folder)) {
            problems.add(
                self.token,
                "panel.globalping.token_file: must be a file that holds one token",
            );
        }
    }

    /// What is wrong with the list of probes as it is now: another one may come.
    pub(super) fn warning(&self, folder: &Path) -> Option<String> {
        let file = self.all.values().find_map(|it| match &it.work.way {
            Way::Atlas { probes_file } => Some(probes_file),
            Way::Globalping(_) => None,
        });
        let error = list::read(&folder.join(file?)).err()?;
        Some(format!("line {}: panel.probes_file: {error:#}", self.place.line))
    }
}

/// The measurements, each with a name of its own.
pub(super) fn checked(raw: Located<RawPanel>, problems: &mut Problems) -> Panel {
    let Located { place, value: raw } = raw;
    if (raw.atlas.is_empty() && raw.globalping.is_none()) || raw.atlas.len() > MOST {
        problems.add(place, format!("panel.atlas: must have from 1 to {MOST} entries"));
    }
    if !raw.atlas.is_empty() && raw.probes_file.is_none() {
        problems
            .add(place, "panel.probes_file: must be there: it says where RIPE Atlas' probes are");
    }
    let list = raw.probes_file.unwrap_or(Located { place, value: String::new() });
    let base = raw.url.unwrap_or_else(|| ATLAS.to_owned());
    if plain(&base).is_none() {
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
    let shortest = if is_here(&base) { LOOPBACK_INTERVAL } else { INTERVAL.0 };
    let mut panel = Panel { all: BTreeMap::new(), place: list.place, token: place };
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
        let Some(settings) = plain(&url) else { continue };
        let team = it.team.map(Name::into_string).unwrap_or_default();
        let endpoint = |it: Name| Endpoint { team: team.clone(), target: it.into_string() };
        let endpoints = it.targets.into_iter().map(endpoint).collect();
        let labels = PanelLabels { endpoints, own: it.labels, regions: regions.clone() };
        let way = Way::Atlas { probes_file: list.value.clone() };
        let work =
            PanelWork { settings, interval, max_age, folder: Arc::from(Path::new(".")), way };
        panel.all.insert(name, Wanted { work, labels });
    }
    if let Some(raw) = raw.globalping {
        panel.token = globalping::token(&raw);
        for (place, at, name, wanted) in globalping::checked(raw, &regions, problems) {
            if [EVALUATION, ROUTES].contains(&name.as_str()) || panel.has(&name) {
                let what = format!(
                    "panel.globalping.endpoints[{at}].name: must not be that of anything else"
                );
                problems.add(place, what);
            }
            panel.all.insert(name, wanted);
        }
    }
    panel
}
