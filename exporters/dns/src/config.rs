//! The config file: who is asked, what, how often, and what the answer must be.

mod discovered;
mod ecs;
mod encrypted;
mod interception;
mod lists;
mod plan;
mod question;
mod series;
mod set;
mod size;
mod systems;
mod together;
mod zone;

pub(crate) use discovered::Whereabouts;
pub(crate) use ecs::EcsPlan;
#[cfg(test)]
pub(crate) use ecs::Subnet;
pub(crate) use encrypted::Encrypted;
pub(crate) use interception::{InterceptionPlan, Known as KnownResolver};
pub(crate) use plan::{Asked, MAX_CONNECTIONS, Plan, TCP_LIMIT, WINDOW, Work, workers};
use question::Question;
pub(crate) use set::Set;
use set::Source;
use zone::Zone;
pub(crate) use zone::{ZonePlan, ZoneWork};

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use exporter_kit::Buckets;
use exporter_kit::config::{Identity, Located, Place, Problems, Vantage, refuse_duplicates};
use exporter_kit::discovery::{Discovery, FileSd, HttpSd};
use serde::Deserialize;

use crate::exchange::HostName;
use crate::kind::Kind;
use crate::known::Known;
use crate::resolvers::{Builder, Geo, OptOut, Systems};

/// Labels of the metrics, which the user's own may not be.
const TAKEN: [&str; 19] = [
    "address",
    "class",
    "code",
    "country",
    "flag",
    "kind",
    "known",
    "name",
    "outcome",
    "reason",
    "result",
    "server",
    "set",
    "state",
    "transport",
    "type",
    "verdict",
    "weight",
    "zone",
];

/// The whole file. Deserialised, it is checked as far as that goes without the lists of resolvers;
/// [`Config::complete`] does the rest.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "RawConfig")]
pub struct Config {
    /// Where the exporter asks from.
    vantage: Vantage,
    /// By which bounds times are counted.
    buckets: Buckets,
    /// The sets of resolvers.
    sets: Vec<Located<Set>>,
    /// What they are asked.
    questions: Vec<Located<Question>>,
    /// The zones whose own servers are asked.
    zones: BTreeMap<HostName, Located<Zone>>,
    /// The servers that are asked on behalf of subnets.
    ecs: Vec<Located<ecs::Ecs>>,
    /// The test whether somebody on the way answers.
    interception: Option<interception::Interception>,
    /// Where more resolvers are discovered.
    pub(crate) discovery: Discovery,
    /// Where it is kept what is remembered from sweep to sweep.
    pub(crate) state_directory: Option<PathBuf>,
    /// Who does not want to be asked: the file, and what stands in it.
    opt_out_file: Option<Located<PathBuf>>,
    opt_out: Arc<OptOut>,
    /// The user's own tables of countries and systems: the files, and what stands in them.
    geo_files: Vec<Located<PathBuf>>,
    geo: Option<Arc<Geo>>,
    /// The latter, where a system is pinned.
    systems: Systems,
    /// Addresses that the user knows by name.
    known: Arc<Known>,
    /// Series that the page of metrics may have at most.
    max_series: Located<usize>,
    /// Where they are: the list of each set in the making, for them to be added to.
    own: Vec<Option<Arc<Builder>>>,
    /// Where the resolvers are that are written by their names, as far as that was looked up.
    pub(crate) addresses: BTreeMap<HostName, Whereabouts>,
    /// What is allowed and hardly meant.
    pub(crate) warnings: Vec<String>,
}

impl Config {
    /// What the servers of each zone are asked, by the zone's name.
    pub(crate) fn zone_plans(&self) -> BTreeMap<String, ZonePlan> {
        let plan = |(name, zone): (&HostName, &Located<Zone>)| {
            (name.to_string(), zone.plan(name, &self.vantage, &self.buckets))
        };
        self.zones.iter().map(plan).collect()
    }

    /// What is asked on behalf of subnets, by name.
    pub(crate) fn ecs_plans(&self) -> BTreeMap<String, EcsPlan> {
        self.ecs.iter().map(|ecs| (ecs.name().to_owned(), ecs.plan(&self.vantage))).collect()
    }

    /// The test whether somebody on the way answers, by its name.
    pub(crate) fn interception_plans(&self) -> BTreeMap<String, InterceptionPlan> {
        let plan = self.interception.iter().map(|test| test.plan(&self.vantage));
        plan.map(|plan| (plan.name.clone(), plan)).collect()
    }

    /// The names of the sets, each with its line.
    pub(crate) fn names_of_sets(&self) -> impl Iterator<Item = (u32, &str)> {
        self.sets.iter().map(|set| (set.place.line, set.name.as_str()))
    }

    /// The names of the zones, each with its line.
    pub(crate) fn names_of_zones(&self) -> impl Iterator<Item = (u32, &HostName)> {
        self.zones.iter().map(|(name, zone)| (zone.place.line, name))
    }

    /// A warning if a restart would take whatever delegation it finds for the accepted one.
    fn forgetful_zones(&self) -> Option<String> {
        if self.state_directory.is_some() {
            return None;
        }
        let (_, zone) = self.zones.iter().find(|(_, zone)| !zone.is_pinned())?;
        Some(format!(
            "line {}: zones: without `state_directory`, or `ns` of a zone, a restart takes the delegation that \
             it finds for the accepted one",
            zone.place.line
        ))
    }

    /// Adds a problem for each zone that has the name of a set, or whose parts do not fit its own.
    fn check_zones(&self, problems: &mut Problems) {
        for (name, zone) in &self.zones {
            if self.sets.iter().any(|set| set.name == name.as_str()) {
                problems
                    .add(zone.place, format!("zones.{name}: a set has this name; give it another"));
            }
            for fault in zone.faults(name) {
                problems.add(zone.place, format!("zones.{name}.{fault}"));
            }
        }
    }

    /// Leaves out who does not want to be asked and is in no set, with a warning.
    fn leave_out(&mut self) {
        self.leave_out_known();
        let Self { ecs, opt_out, warnings, .. } = self;
        ecs.retain(|ecs| {
            let address = ecs.server().ip();
            let is_left_out = opt_out.has(address);
            if is_left_out {
                let line = ecs.place.line;
                warnings.push(format!(
                    "line {line}: ecs: {address} is in `opt_out_file`, and is not asked"
                ));
            }
            !is_left_out
        });
    }

    /// Adds a problem for each server whose name another has, or that sets ask too much besides.
    fn check_ecs(&self, problems: &mut Problems) {
        for (number, ecs) in self.ecs.iter().enumerate() {
            let is_taken = self.sets.iter().any(|set| set.name == ecs.name())
                || self.zones.keys().any(|zone| zone.as_str() == ecs.name())
                || self.ecs[..number].iter().any(|other| other.name() == ecs.name());
            if is_taken || ecs.name() == "interception" {
                problems.add(
                    ecs.place,
                    format!("ecs[{number}].name: another has this name; give it one of its own"),
                );
            }
        }
    }

    fn plan(&self, set: &Set) -> Plan {
        let asked = self.questions.iter().filter(|question| question.is_for(&set.name));
        let questions = asked.flat_map(|question| question.asked()).collect();
        let (vantage, buckets) = (self.vantage.clone(), self.buckets.clone());
        let (known, systems) = (Arc::clone(&self.known), self.systems.clone());
        Plan { vantage, buckets, set: set.clone(), questions, spare_tcp: 0, known, systems }
    }

    /// Adds a problem for each set that is asked nothing, and for each question that asks a set what
    /// another asks it, or a set that there is not.
    fn check_questions(&self, problems: &mut Problems) {
        let names: Vec<_> = self.sets.iter().map(|set| set.name.as_str()).collect();
        let mut all_are_sets = true;
        for (number, question) in self.questions.iter().enumerate() {
            for (at, set) in question.sets.iter().flatten().enumerate() {
                if !names.contains(&set.value.as_str()) {
                    all_are_sets = false;
                    let known = names.join(", ");
                    problems.add(
                        set.place,
                        format!(
                            "questions[{number}].sets[{at}]: is not among the sets; must be one of {known}"
                        ),
                    );
                }
            }
        }
        for (number, set) in self.sets.iter().enumerate() {
            let mut asked: HashMap<(&HostName, Kind), Place> = HashMap::new();
            for (at, question) in self.questions.iter().enumerate() {
                if !question.is_for(&set.name) {
                    continue;
                }
                for kind in question.asked().map(|it| it.kind) {
                    let first = asked.entry((&question.name, kind)).or_insert(question.place);
                    if *first != question.place {
                        let (kind, line) = (kind.as_str(), first.line);
                        problems.add(
                            question.place,
                            format!(
                                "questions[{at}]: line {line} asks the same set for the same name and \
                                 {kind}; leave one out"
                            ),
                        );
                    }
                }
            }
            if asked.is_empty() && all_are_sets {
                problems.add(
                    set.place,
                    format!(
                        "sets[{number}]: is asked nothing; add a question for it, or leave it out"
                    ),
                );
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    vantage: Vantage,
    #[serde(default)]
    buckets: Buckets,
    sets: Option<Located<Vec<Located<Set>>>>,
    #[serde(default)]
    questions: Vec<Located<Question>>,
    #[serde(default)]
    zones: BTreeMap<HostName, Located<Zone>>,
    #[serde(default)]
    file_sd_configs: Vec<FileSd>,
    #[serde(default)]
    http_sd_configs: Vec<HttpSd>,
    state_directory: Option<PathBuf>,
    opt_out_file: Option<Located<PathBuf>>,
    #[serde(default)]
    ecs: Vec<Located<ecs::Ecs>>,
    interception: Option<interception::Interception>,
    #[serde(default)]
    geo_files: Vec<Located<PathBuf>>,
    #[serde(default)]
    known_addresses: Known,
    #[serde(default = "default_max_series")]
    max_series: Located<usize>,
}

/// What a Prometheus takes without being asked: a page of sixty megabytes.
fn default_max_series() -> Located<usize> {
    Located { place: Place::default(), value: 200_000 }
}

impl TryFrom<RawConfig> for Config {
    type Error = Problems;

    fn try_from(raw: RawConfig) -> Result<Self, Problems> {
        let RawConfig { vantage, buckets, sets, mut questions, zones, state_directory, .. } = raw;
        let (file_sd_configs, http_sd_configs) = (raw.file_sd_configs, raw.http_sd_configs);
        let discovery = Discovery { files: file_sd_configs, http: http_sd_configs };
        let mut problems = Problems::default();
        for (number, question) in questions.iter_mut().enumerate() {
            question.value.read_pins(number, &mut problems);
        }
        let sets = match sets {
            Some(sets) => {
                if sets.is_empty() && zones.is_empty() && raw.ecs.is_empty() {
                    problems.add(sets.place, "sets: there must be one at least, or `zones`");
                }
                sets.value
            }
            None => Vec::new(),
        };
        if sets.is_empty() && zones.is_empty() && raw.ecs.is_empty() && problems.is_empty() {
            problems.add(Place::default(), "sets: there must be one at least, or `zones`");
        }
        let identities = sets.iter().map(|Located { place, value }| Identity {
            place: *place,
            group: "",
            name: &value.name,
            address: "",
        });
        refuse_duplicates(None, identities, &mut problems);
        let own = sets.iter().map(|_| None).collect();
        let warnings = Vec::new();
        let mut config = Self {
            vantage,
            buckets,
            sets,
            questions,
            zones,
            ecs: raw.ecs,
            interception: raw.interception,
            discovery,
            state_directory,
            opt_out_file: raw.opt_out_file,
            opt_out: Arc::default(),
            geo_files: raw.geo_files,
            geo: None,
            systems: Systems::default(),
            known: Arc::new(raw.known_addresses),
            max_series: raw.max_series,
            own,
            addresses: BTreeMap::new(),
            warnings,
        };
        config.check_questions(&mut problems);
        config.check_zones(&mut problems);
        config.check_ecs(&mut problems);
        for number in 0..config.sets.len() {
            let set = &config.sets[number];
            let place = set.place;
            let entries = match set.source.clone() {
                Source::Inline(entries) => entries,
                Source::File(_) => continue,
                Source::Discovered => {
                    config.check_discovered(number, &mut problems);
                    continue;
                }
            };
            let (builder, warning) =
                set.inline(&entries, number, config.builder(set), &mut problems);
            config.warnings.extend(warning);
            // One that excludes all has been told of each.
            let has_names = config.sets[number].names().next().is_some();
            if entries.is_empty() || !builder.is_empty() || has_names {
                config.fill(number, builder, place, &mut problems);
            }
        }
        problems.into_result()?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests;
