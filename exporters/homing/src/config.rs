//! The config file: which Prometheis are asked, where the vantages are, which services have sets, and
//! which pages say how they are.

mod claim;
mod globalping;
mod measurement;
mod panel;
mod public;
mod route;
mod service;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use claim::Component;
pub(crate) use claim::{PageLabels, PageWork};
pub(crate) use measurement::{Own, PanelLabels, PanelWork, Way, plain};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use earth::Point;
use exporter_kit::Wanted;
use exporter_kit::config::{self as kit, Located, Name, Problems};
use exporter_kit::discovery::HttpSd;
use serde::Deserialize;

use crate::gather::KnownVantage;
use crate::routes::{self, RouteWork, Rules};
use crate::sets::Service;
use crate::standing;
use claim::Claim;
use panel::{Panel, RawPanel};
use route::RawRoutes;
use service::RawService;

/// How often all vantages are compared: their windows are ten minutes long, and alerts take a verdict of five
/// minutes ago for none.
const INTERVAL: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(120));
const TIMEOUT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(120));
/// Prometheis that are asked.
const MOST_SERVERS: usize = 16;

/// The names of the evaluation and of the routes among what is polled; no page of claims may have one.
pub(crate) const EVALUATION: &str = "prometheus";
pub(crate) const ROUTES: &str = "routes";

/// The whole file, each part valid by itself and together.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "RawConfig")]
pub struct Config {
    evaluation: Wanted<Work, Labels>,
    claims: Vec<Located<Claim>>,
    routes: Option<Located<Wanted<RouteWork, Rules>>>,
    panel: Panel,
    state_directory: Option<Located<PathBuf>>,
    /// What is wrong with what is kept there, as it was found when the config was read.
    faults_of_state: Faults,
    folder: Arc<Path>,
    warnings: Vec<String>,
}

/// What is wrong with the files of what outlives the process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) places: Option<String>,
    pub(crate) routes: Option<String>,
}

/// What an evaluation does. Over a reload, equal work goes on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Work {
    /// Who is asked.
    pub(crate) servers: Vec<HttpSd>,
    /// Whether each of them has everything, so that one answer is enough.
    pub(crate) are_replicas: bool,
    /// The time from one evaluation to the next.
    pub(crate) interval: Duration,
    /// How long one query may take.
    pub(crate) timeout: Duration,
    /// Whether it is asked what is behind edges: experimental.
    pub(crate) origin_split: bool,
    /// From where the files that they name are taken.
    pub(crate) folder: Arc<Path>,
}

/// What is made of the answers. Over a reload, another one restarts nothing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Labels {
    /// What is known of vantages beside what they say themselves.
    pub(crate) vantages: Vec<KnownVantage>,
    /// The services that have sets.
    pub(crate) services: Vec<Service>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    prometheus: Vec<Located<HttpSd>>,
    #[serde(default)]
    replicas: bool,
    #[serde(default)]
    origin_split: bool,
    interval: Option<kit::Duration>,
    timeout: Option<kit::Duration>,
    #[serde(default)]
    vantages: Vec<Located<RawVantage>>,
    #[serde(default)]
    services: Vec<Located<RawService>>,
    #[serde(default)]
    claims: Vec<Located<Claim>>,
    routes: Option<Located<RawRoutes>>,
    panel: Option<Located<RawPanel>>,
    state_directory: Option<Located<PathBuf>>,
}

/// A vantage of which the config says more than its exporter.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "RawVantageFields")]
struct RawVantage(KnownVantage);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVantageFields {
    region: Name,
    vantage: Name,
    latitude: Option<f64>,
    longitude: Option<f64>,
    #[serde(default)]
    medium: Medium,
}

/// What the lines of a vantage are made of.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Medium {
    #[default]
    Fibre,
    Radio,
}

impl Config {
    /// Takes files from that folder, and reads those that are needed to ask anybody, so that a mistake is
    /// told with the config's; at the start also what outlived the process, which the program keeps itself later.
    pub(crate) fn complete(mut self, folder: &Path, is_start: bool) -> anyhow::Result<Self> {
        self.folder = Arc::from(folder);
        self.evaluation.work.folder = Arc::clone(&self.folder);
        let mut problems = Problems::default();
        for (number, server) in self.evaluation.work.servers.iter().enumerate() {
            for fault in server.faults(folder) {
                problems.add(server.place(), format!("prometheus[{number}].{fault}"));
            }
        }
        self.panel.faults(folder, &mut problems);
        problems.into_result()?;
        self.warnings.extend(self.panel.warning(folder));
        if let (Some(routes), None) = (&self.routes, &self.state_directory) {
            self.warnings.push(format!(
                "line {}: routes: without `state_directory`, a restart forgets who is known, what is usual and what was told",
                routes.place.line
            ));
        }
        if let Some(directory) = &mut self.state_directory {
            directory.value = folder.join(&directory.value);
        }
        if let Some(directory) = self.state_directory.as_ref().filter(|_| is_start) {
            let routes = self.routes.as_ref().and_then(|_| routes::store::fault(directory));
            self.faults_of_state = Faults { places: standing::store::fault(directory), routes };
            let line = directory.place.line;
            let faults = self.faults_of_state.places.iter().chain(&self.faults_of_state.routes);
            self.warnings.extend(faults.map(|it| format!("line {line}: state_directory: {it}")));
        }
        Ok(self)
    }

    /// What is not wrong and may still not be meant.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }

    /// Where that is kept which outlives the process.
    pub(crate) fn state_directory(&self) -> Option<&Path> {
        self.state_directory.as_ref().map(|directory| directory.value.as_path())
    }

    /// What was told of what is kept there.
    pub(crate) fn faults_of_state(&self) -> &Faults {
        &self.faults_of_state
    }

    /// What is evaluated.
    pub(crate) fn evaluation(&self) -> BTreeMap<String, Wanted<Work, Labels>> {
        [(EVALUATION.to_owned(), self.evaluation.clone())].into()
    }

    /// What of routes is looked at.
    pub(crate) fn routes(&self) -> BTreeMap<String, Wanted<RouteWork, Rules>> {
        let wanted = self.routes.iter().map(|Located { value: wanted, .. }| {
            let work = RouteWork { folder: Arc::clone(&self.folder), ..wanted.work.clone() };
            (ROUTES.to_owned(), Wanted { work, labels: wanted.labels.clone() })
        });
        wanted.collect()
    }

    /// The measurements that are read, by name.
    pub(crate) fn panels(&self) -> BTreeMap<String, Wanted<PanelWork, PanelLabels>> {
        self.panel.wanted(&self.folder)
    }

    /// The pages that are asked, by name.
    pub(crate) fn pages(&self) -> BTreeMap<String, Wanted<PageWork, PageLabels>> {
        let page = |claim: &Located<Claim>| {
            let wanted = Wanted { work: claim.work(&self.folder), labels: claim.labels() };
            (claim.page.clone(), wanted)
        };
        self.claims.iter().map(page).collect()
    }
}

impl TryFrom<RawConfig> for Config {
    type Error = Problems;

    fn try_from(raw: RawConfig) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let first = raw.prometheus.first().map(|it| it.place).unwrap_or_default();
        if raw.prometheus.is_empty() || raw.prometheus.len() > MOST_SERVERS {
            problems.add(first, format!("prometheus: must have from 1 to {MOST_SERVERS} entries"));
        }
        let mut within =
            |field: &str, given: Option<kit::Duration>, default: u64, bounds: (_, _)| {
                let given =
                    given.unwrap_or_else(|| kit::Duration::new(Duration::from_secs(default)));
                given.within(bounds.0, bounds.1).unwrap_or_else(|error| {
                    problems.add(first, format!("{field}: {error}"));
                    bounds.0
                })
            };
        let interval = within("interval", raw.interval, 60, INTERVAL);
        let timeout = within("timeout", raw.timeout, 10, TIMEOUT);
        for (at, one) in raw.vantages.iter().enumerate() {
            let same = raw.vantages[..at]
                .iter()
                .find(|it| it.0.region == one.0.region && it.0.name == one.0.name);
            if let Some(before) = same {
                let line = before.place.line;
                problems.add(
                    one.place,
                    format!("vantages[{at}]: line {line} has the same region and vantage"),
                );
            }
        }
        let services = service::checked(raw.services, &mut problems);
        claim::check(&raw.claims, &mut problems);
        let routes = raw.routes.map(|it| {
            let place = it.place;
            Located { place, value: route::checked(it, &mut problems) }
        });
        if let Some(empty) = raw.state_directory.as_ref().filter(|it| it.as_os_str().is_empty()) {
            let what =
                "state_directory: must be the path of a folder; leave it out to keep nothing";
            problems.add(empty.place, what.to_owned());
        }
        let panel = raw.panel.map(|it| panel::checked(it, &mut problems)).unwrap_or_default();
        for (at, claim) in raw.claims.iter().enumerate() {
            if panel.has(&claim.page) {
                let what = format!("claims[{at}].page: a measurement of panel has the same name");
                problems.add(claim.place, what);
            }
        }
        problems.into_result()?;
        let folder: Arc<Path> = Arc::from(Path::new("."));
        let work = Work {
            servers: raw.prometheus.into_iter().map(|it| it.value).collect(),
            are_replicas: raw.replicas,
            interval,
            timeout,
            origin_split: raw.origin_split,
            folder: Arc::clone(&folder),
        };
        let vantages = raw.vantages.into_iter().map(|it| it.value.0).collect();
        let labels = Labels { vantages, services };
        Ok(Self {
            evaluation: Wanted { work, labels },
            claims: raw.claims,
            routes,
            panel,
            state_directory: raw.state_directory,
            faults_of_state: Faults::default(),
            folder,
            warnings: Vec::new(),
        })
    }
}

impl TryFrom<RawVantageFields> for RawVantage {
    type Error = String;

    fn try_from(raw: RawVantageFields) -> Result<Self, String> {
        let place =
            match (raw.latitude, raw.longitude) {
                (None, None) => None,
                (Some(north), Some(east)) => Some(Point::new(north, east).ok_or(
                    "latitude and longitude: must be degrees on the Earth, and not both 0",
                )?),
                _ => return Err("latitude and longitude go together; give both or none".to_owned()),
            };
        Ok(Self(KnownVantage {
            region: raw.region.into_string(),
            name: raw.vantage.into_string(),
            place,
            is_radio: raw.medium == Medium::Radio,
        }))
    }
}
