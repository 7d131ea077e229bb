//! The config file: who is asked, what, how often, and what the answer must be.

mod plan;

pub(crate) use plan::{Asked, Plan, Work};

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use exporter_kit::config::{self as kit, Vantage};
use serde::Deserialize;

use crate::exchange::HostName;
use crate::expected::{Expected, Mode};
use crate::kind::Kind;
use crate::resolvers::{Entry, ResolverList};

/// The whole file. Deserialised, it is checked as far as that goes without the lists of resolvers;
/// [`Config::complete`] does the rest.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "RawConfig")]
pub struct Config {
    /// Where the exporter asks from.
    pub(crate) vantage: Vantage,
    /// The sets of resolvers.
    pub(crate) sets: Vec<Set>,
    /// What they are asked.
    pub(crate) questions: Vec<Question>,
}

/// A set of resolvers, asked together.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "RawSet")]
pub(crate) struct Set {
    /// Its name: a label.
    pub(crate) name: String,
    /// Where the resolvers stand written.
    source: Source,
    /// The resolvers, once [`Config::complete`] has read them.
    pub(crate) list: Arc<ResolverList>,
    /// Port that all of them are asked at.
    pub(crate) port: u16,
    /// Whether special-purpose addresses may be asked.
    pub(crate) allow_private: bool,
    /// From the start of one sweep to the start of the next.
    pub(crate) interval: Duration,
    /// Queries per second, over all resolvers.
    pub(crate) rate: u32,
    /// How long an answer may take.
    pub(crate) timeout: Duration,
    /// How often a query is sent again after a timeout: 0 or 1.
    pub(crate) retries: u8,
    /// A name that every healthy resolver can resolve.
    pub(crate) control: Option<HostName>,
    /// Fewer conclusive answers make no consensus.
    pub(crate) min_resolvers: usize,
    /// Answers from fewer networks make no consensus.
    pub(crate) min_networks: usize,
    /// The operator knows that third parties are probed.
    acknowledge_third_party_probing: bool,
    /// Whom a third party can write to; shown on the landing page.
    pub(crate) contact: Option<String>,
}

/// One name, and what is asked about it.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "RawQuestion")]
pub(crate) struct Question {
    /// The name.
    pub(crate) name: HostName,
    /// The types.
    pub(crate) types: Vec<Kind>,
    /// The sets that are asked; all of them if not given.
    sets: Option<Vec<String>>,
    /// The pinned answer of each type, where there is one.
    pub(crate) expected: BTreeMap<Kind, Expected>,
}

#[derive(Clone, Debug, PartialEq)]
enum Source {
    Inline(Vec<Entry>),
    File(PathBuf),
}

/// Earliest retransmission (RFC 1035 §4.2.1: 2-5 seconds).
const MIN_RETRY: Duration = Duration::from_secs(2);

impl Config {
    /// Reads the lists of resolvers (relative paths from `folder`), and checks what depends on them.
    pub(crate) fn complete(mut self, folder: &Path) -> anyhow::Result<Self> {
        for set in &mut self.sets {
            let list = match &set.source {
                Source::Inline(entries) => ResolverList::inline(entries, set.allow_private),
                Source::File(path) => {
                    let path = folder.join(path);
                    std::fs::read_to_string(&path)
                        .context("reading it")
                        .and_then(|text| ResolverList::parse(&text, set.allow_private))
                        .with_context(|| format!("resolvers_file {}", path.display()))
                }
            };
            set.list = Arc::new(list.with_context(|| format!("set {}", set.name))?);
        }
        for plan in self.plans().values() {
            plan.check().with_context(|| format!("set {}", plan.set.name))?;
        }
        Ok(self)
    }

    /// What each set is asked, by its name.
    pub(crate) fn plans(&self) -> BTreeMap<String, Plan> {
        let plan = |set: &Set| {
            let asked = self.questions.iter().filter(|question| question.is_for(&set.name));
            let questions = asked.flat_map(Question::asked).collect();
            Plan { vantage: self.vantage.clone(), set: set.clone(), questions }
        };
        self.sets.iter().map(|set| (set.name.clone(), plan(set))).collect()
    }
}

impl Question {
    fn is_for(&self, set: &str) -> bool {
        self.sets.as_ref().is_none_or(|sets| sets.iter().any(|name| name == set))
    }

    fn asked(&self) -> impl Iterator<Item = Asked> {
        self.types.iter().map(|&kind| Asked {
            name: self.name.clone(),
            kind,
            expected: self.expected.get(&kind).cloned(),
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    vantage: Vantage,
    sets: Vec<Set>,
    questions: Vec<Question>,
}

impl TryFrom<RawConfig> for Config {
    type Error = anyhow::Error;

    fn try_from(raw: RawConfig) -> anyhow::Result<Self> {
        let RawConfig { vantage, sets, questions } = raw;
        let mut names = BTreeSet::new();
        for set in &sets {
            ensure!(names.insert(set.name.as_str()), "sets: {:?} is there twice", set.name);
        }
        ensure!(!sets.is_empty(), "sets: there must be one at least");
        for question in &questions {
            for set in question.sets.iter().flatten() {
                let known = names.iter().copied().collect::<Vec<_>>().join(", ");
                ensure!(
                    names.contains(set.as_str()),
                    "questions: {}: set {set:?} is none of: {known}",
                    question.name
                );
            }
        }
        let config = Self { vantage, sets, questions };
        for plan in config.plans().values() {
            ensure!(!plan.questions.is_empty(), "set {} is asked nothing", plan.set.name);
            let mut asked = BTreeSet::new();
            for Asked { name, kind, .. } in &plan.questions {
                ensure!(
                    asked.insert((name, kind)),
                    "set {} is asked for {name} {} twice",
                    plan.set.name,
                    kind.as_str()
                );
            }
        }
        Ok(config)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSet {
    name: String,
    resolvers: Option<Vec<Entry>>,
    resolvers_file: Option<PathBuf>,
    #[serde(default = "default_port")]
    port: u16,
    #[serde(default)]
    allow_private: bool,
    #[serde(default = "default_interval")]
    interval: kit::Duration,
    #[serde(default = "default_rate")]
    rate: u32,
    #[serde(default = "default_timeout")]
    timeout: kit::Duration,
    #[serde(default)]
    retries: u8,
    control: Option<HostName>,
    #[serde(default = "default_min_resolvers")]
    min_resolvers: usize,
    #[serde(default = "default_min_networks")]
    min_networks: usize,
    #[serde(default)]
    acknowledge_third_party_probing: bool,
    contact: Option<String>,
}

fn default_port() -> u16 {
    53
}

fn default_interval() -> kit::Duration {
    kit::Duration::new(Duration::from_secs(3600))
}

fn default_rate() -> u32 {
    100
}

fn default_timeout() -> kit::Duration {
    kit::Duration::new(Duration::from_secs(2))
}

fn default_min_resolvers() -> usize {
    20
}

fn default_min_networks() -> usize {
    10
}

impl TryFrom<RawSet> for Set {
    type Error = anyhow::Error;

    fn try_from(raw: RawSet) -> anyhow::Result<Self> {
        ensure!(!raw.name.is_empty(), "name: a set's name must not be empty");
        let source = match (raw.resolvers, raw.resolvers_file) {
            (Some(entries), None) => Source::Inline(entries),
            (None, Some(path)) => Source::File(path),
            _ => bail!("set {}: give either `resolvers` or `resolvers_file`", raw.name),
        };
        let (shortest, longest) = (Duration::from_millis(50), Duration::from_secs(30));
        let timeout = raw.timeout.within(shortest, longest);
        let timeout =
            timeout.map_err(|must| anyhow::anyhow!("set {}: timeout: {must}", raw.name))?;
        ensure!(raw.port > 0, "set {}: port: must be above 0", raw.name);
        ensure!(raw.retries <= 1, "set {}: retries: 0 or 1", raw.name);
        ensure!(
            raw.retries == 0 || timeout >= MIN_RETRY,
            "set {}: retries: only with a timeout of at least {} (RFC 1035 §4.2.1)",
            raw.name,
            kit::Duration::new(MIN_RETRY)
        );
        Ok(Self {
            name: raw.name,
            source,
            list: Arc::default(),
            port: raw.port,
            allow_private: raw.allow_private,
            interval: raw.interval.get(),
            rate: raw.rate,
            timeout,
            retries: raw.retries,
            control: raw.control,
            min_resolvers: raw.min_resolvers,
            min_networks: raw.min_networks,
            acknowledge_third_party_probing: raw.acknowledge_third_party_probing,
            contact: raw.contact.filter(|contact| !contact.is_empty()),
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawQuestion {
    name: HostName,
    #[serde(default = "default_types")]
    types: Vec<Kind>,
    sets: Option<Vec<String>>,
    #[serde(default)]
    expected: BTreeMap<Kind, Expected>,
}

fn default_types() -> Vec<Kind> {
    vec![Kind::A, Kind::Aaaa]
}

impl TryFrom<RawQuestion> for Question {
    type Error = anyhow::Error;

    fn try_from(raw: RawQuestion) -> anyhow::Result<Self> {
        let RawQuestion { name, types, sets, expected } = raw;
        ensure!(!types.is_empty(), "{name}: types: there must be one at least");
        for (kind, pinned) in &expected {
            let kind_name = kind.as_str();
            ensure!(types.contains(kind), "{name}: expected: {kind_name} is not among its types");
            let fits = |net: &&ipnet::IpNet| net.addr().is_ipv4() == (*kind == Kind::A);
            if let Some(net) = pinned.answers.iter().find(|net| !fits(net)) {
                bail!("{name}: expected: {net} can not be the answer for {kind_name}");
            }
            ensure!(
                pinned.mode == Mode::Exact || !pinned.answers.is_empty(),
                "{name}: expected: {kind_name}: answers: none can be expected only with mode exact"
            );
        }
        Ok(Self { name, types, sets, expected })
    }
}

#[cfg(test)]
mod tests;
