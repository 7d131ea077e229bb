//! Asks the world's resolvers the same questions, and says who answers otherwise.
//!
//! * `config`: the file, its defaults and its validation; `resolvers`: the list of whom to ask;
//! * `names`: where the resolvers are of which the name is known;
//! * `courtesy`: what is owed to whom is asked, over all sets;
//! * `state`: what is known of one set; `kept`: its last sweep's outcomes; `poll`: one set, swept for ever;
//!   `progress`: how far its sweep has come; `sweep`: one sweep, the part that does I/O;
//! * [`exchange`]: one question to one server, and the messages of which sweeps are made as well;
//!   `kind`: the types that are asked for; `reply`: a message as an answer; `pending`: queries on
//!   their way;
//!   `answer`: what a resolver said; `record`: records that are no addresses; `outcome`: every reason that is a label;
//! * `authority`: a zone's own servers, and what only they can tell;
//! * `verdict`: what is told of the answers; `expected`: what the owner of the name says; `standing`: what
//!   is remembered from sweep to sweep, `store`: over a restart; `special`: special-purpose addresses; `known`: those that
//!   the user knows by name; `nat64`: addresses that resolvers make of others; `ttl`: how long their answers last;
//! * `ecs`: one server, asked on behalf of many subnets; `interception`: whether somebody on the way answers;
//! * `metrics`: every metric, the only part that knows Prometheus; `pages`: what the resolvers said, for people and for programs;
//! * [`simulation`]: the same in virtual time, for the judge of worlds; `fuzzing`: doors for a fuzzer.
//!
//! Only a sweep sends packets. `/metrics` and `/answers` show the snapshot of the last one.

mod answer;
mod authority;
mod clock;
mod config;
mod courtesy;
mod ecs;
pub mod exchange;
mod expected;
#[cfg(any(feature = "fuzzing", test))]
pub mod fuzzing;
mod interception;
mod kept;
mod kind;
mod known;
mod metrics;
mod names;
mod nat64;
mod outcome;
mod pages;
mod pending;
mod poll;
mod progress;
mod record;
mod reply;
mod resolvers;
pub mod simulation;
mod special;
mod standing;
mod state;
mod store;
mod sweep;
mod ttl;
mod verdict;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use exporter_kit::discovery::{Discovery, Found, Skipped};
use exporter_kit::{Exporter, Health, Kit, Rounds, Running, Target, Targets, Wanted};
use tokio::time::Instant;

use crate::authority::state::{RunningZone, Zones};
use crate::config::{Config, Plan, Work, ZonePlan, ZoneWork};
use crate::courtesy::Courtesy;
use crate::ecs::state::{EcsSets, RunningEcs};
use crate::interception::{Interceptions, RunningInterception};
use crate::metrics::authority::ZoneMetrics;
use crate::metrics::ecs::EcsMetrics;
use crate::metrics::page::Metrics;
use crate::names::{Names, Told};
use crate::state::{Moment, RunningSet, Sets};
use crate::store::Store;

/// Sweeps sets of resolvers and asks the servers of zones, each set and zone in its own task.
#[derive(Debug)]
pub struct DnsExporter {
    running: RunningSets,
    names: Arc<Names>,
    zones: Arc<Zones>,
    ecs: Arc<EcsSets>,
    interceptions: Arc<Interceptions>,
    rounds: Rounds,
    courtesy: Courtesy,
}

/// The sets, and what their tasks need.
#[derive(Clone, Debug)]
struct RunningSets {
    sets: Arc<Sets>,
    zones: Arc<Zones>,
    rounds: Rounds,
    courtesy: Courtesy,
    /// What was told of names.
    told: Arc<Mutex<Told>>,
}

impl Exporter for DnsExporter {
    const NAME: &'static str = "turbulence-dns";
    const ABOUT: &'static str =
        "Asks many DNS resolvers the same questions and shows where their answers differ.";
    const PORT: u16 = 9771;
    const LINKS: &'static [(&'static str, &'static str)] = &[
        ("/answers", "each answer of the last sweep, how many gave it, and in which countries"),
        ("/zones", "the servers of each zone, and what they said in the last round; ?format=json"),
        (
            "/api/v1/answers",
            "the same as JSON; ?name=, ?type=, ?set=, ?country= and ?class= select",
        ),
        (
            "/api/v1/results",
            "what each resolver said; /api/v1/diff what it says otherwise than in the sweep before",
        ),
        (
            "/lists",
            "what each list of resolvers is worth: who is dead, refuses, lies, or is elsewhere",
        ),
        ("/api/v1/sweeps", "the last sweep of each set, and how far the one is that is going on"),
    ];
    const PAGES: &'static [&'static str] = &[
        "/answers",
        "/lists",
        "/zones",
        "/api/v1/answers",
        "/api/v1/lists",
        "/api/v1/results",
        "/api/v1/diff",
        "/api/v1/ecs",
        "/api/v1/resolvers/{ip}",
        "/api/v1/sweeps",
    ];
    type Config = Config;

    fn prepare(config: Config, folder: &Path) -> anyhow::Result<Config> {
        let mut config = config.complete(folder)?;
        if !RUNS.load(Ordering::Relaxed) {
            let faults = faults_of_files(&config);
            config.warnings.extend(faults);
        }
        Ok(config)
    }

    fn state_directory(config: &Config) -> Option<&Path> {
        config.state_directory.as_deref()
    }

    fn warnings(config: &Config) -> Vec<String> {
        config.warnings.clone()
    }

    fn start(_: &Config, kit: &mut Kit) -> anyhow::Result<Self> {
        let sets = Arc::new(Targets::default());
        kit.registry.register(Metrics(Arc::clone(&sets)));
        let zones = Arc::new(Targets::default());
        kit.registry.register(ZoneMetrics(Arc::clone(&zones)));
        let (ecs, interceptions) = (Arc::default(), Arc::default());
        kit.registry.register(EcsMetrics(Arc::clone(&ecs), Arc::clone(&interceptions)));
        let (rounds, courtesy, names) = (kit.rounds.clone(), Courtesy::default(), Arc::default());
        let running = RunningSets {
            sets,
            zones: Arc::clone(&zones),
            rounds: rounds.clone(),
            courtesy: courtesy.clone(),
            told: Arc::default(),
        };
        let of_names = running.clone();
        let keep = move |config: &Config, found: &[Found]| of_names.keep_in_step(config, found);
        tokio::spawn(names::run(Arc::clone(&names), keep, names::look_up));
        Ok(Self { running, names, zones, ecs, interceptions, rounds, courtesy })
    }

    fn discovery(config: &Config) -> Discovery {
        config.discovery.clone()
    }

    fn keep_in_step(&self, config: &mut Config, found: &[Found]) -> Vec<Skipped> {
        let keep = |config: &Config, found: &[Found]| self.running.keep_in_step(config, found);
        let skipped = self.names.keep_in_step(config, found, keep);
        self.keep_zones_in_step(config);
        self.keep_the_rest_in_step(config);
        RUNS.store(true, Ordering::Relaxed);
        skipped
    }

    fn health(&self) -> Vec<Arc<Health>> {
        let sets = self.running.sets.states();
        let sets = sets.iter().map(|set| Arc::clone(&set.state().health));
        let zones = self.zones.states();
        let zones = zones.iter().map(|zone| Arc::clone(&zone.health));
        let ecs = self.ecs.states();
        let ecs = ecs.iter().map(|ecs| Arc::clone(&ecs.health));
        let tests = self.interceptions.states();
        let tests = tests.iter().map(|test| Arc::clone(&test.health));
        sets.chain(zones).chain(ecs).chain(tests).collect()
    }

    fn has_target(&self, name: &str) -> bool {
        self.running.sets.has(name)
            || self.zones.has(name)
            || self.ecs.has(name)
            || self.interceptions.has(name)
    }

    fn routes(self: &Arc<Self>) -> Router {
        pages::routes(
            Arc::clone(&self.running.sets),
            Arc::clone(&self.zones),
            Arc::clone(&self.ecs),
        )
    }
}

/// Whether the first config is in force: a reload looks at the files of what it starts, and at no others, which the
/// program itself is about to replace.
static RUNS: AtomicBool = AtomicBool::new(false);

/// A warning for each file of a state directory that is of no use. Changes nothing.
fn faults_of_files(config: &Config) -> Vec<String> {
    let Some(directory) = &config.state_directory else { return Vec::new() };
    let sets = config.names_of_sets().map(|(line, set)| (line, Store::new(directory, set).fault()));
    let zones = config
        .names_of_zones()
        .map(|(line, zone)| (line, authority::store::Store::new(directory, zone).fault()));
    let fault = |(line, fault): (u32, Option<String>)| {
        Some(format!("line {line}: state_directory: {}", fault?))
    };
    sets.chain(zones).filter_map(fault).collect()
}

impl RunningSets {
    /// Sweeps the sets of a config with what was found, from now on and no others.
    fn keep_in_step(&self, config: &Config, found: &[Found]) -> Vec<Skipped> {
        let (plans, skipped) = config.plans(found);
        self.told.lock().unwrap_or_else(PoisonError::into_inner).tell(plans.values());
        let directory = config.state_directory.clone();
        let names: BTreeSet<String> = plans.values().map(|plan| plan.set.name.clone()).collect();
        let wanted =
            |(name, plan): (String, Plan)| (name, Wanted { work: plan.work(), labels: plan });
        let wanted = plans.into_iter().map(wanted).collect();
        let before = self.sets.states();
        self.courtesy.keep_sets(|set| names.contains(set));
        let start = |_: &String, wanted: &Wanted<Work, Plan>| {
            let plan = wanted.labels.clone();
            let known = before.iter().find(|set| set.state().plan.set.name == plan.set.name);
            let known = known.map(|set| set.state().known_of(&plan));
            let earliest = self.courtesy.earliest(&plan.set.list);
            let plan_name = plan.set.name.clone();
            let set = Arc::new(RunningSet::new(plan, clock::unix_seconds()));
            if let Some(known) = known {
                set.state().takes_over(known);
            }
            let (rounds, courtesy) = (self.rounds.clone(), self.courtesy.clone());
            let store = directory.as_ref().map(|directory| Store::new(directory, &plan_name));
            let store = store.map(|store| store.told(!RUNS.load(Ordering::Relaxed)));
            let zones = Arc::clone(&self.zones);
            let run = poll::run(Arc::clone(&set), rounds, courtesy, earliest, store, zones);
            Running::new(set, tokio::spawn(run))
        };
        let holds = |wanted: &Wanted<Work, Plan>| sweep::descriptors(&wanted.labels);
        let relabel = |set: &Arc<RunningSet>, plan: &Plan| set.relabel(plan, clock::unix_seconds());
        self.sets.update_with(wanted, holds, start, relabel);
        skipped
    }
}

impl DnsExporter {
    fn keep_the_rest_in_step(&self, config: &Config) {
        let before = self.ecs.states();
        self.ecs.apply(config.ecs_plans(), |_, plan| {
            let ecs = Arc::new(RunningEcs::new(plan.clone(), Moment::Real(Instant::now())));
            if let Some(before) = before.iter().find(|it| it.plan.asks_the_same(&plan)) {
                ecs.takes_over(before.latest());
            }
            let run = ecs::poll::run(Arc::clone(&ecs), self.rounds.clone(), self.courtesy.clone());
            Target::new(plan, ecs, tokio::spawn(run))
        });
        let before = self.interceptions.states();
        self.interceptions.apply(config.interception_plans(), |_, plan| {
            let test = Arc::new(RunningInterception::new(plan.clone()));
            for before in &before {
                test.takes_over(before);
            }
            let run =
                interception::run(Arc::clone(&test), self.rounds.clone(), self.courtesy.clone());
            Target::new(plan, test, tokio::spawn(run))
        });
    }

    fn keep_zones_in_step(&self, config: &Config) {
        let wanted =
            |(name, plan): (String, ZonePlan)| (name, Wanted { work: plan.work(), labels: plan });
        let wanted = config.zone_plans().into_iter().map(wanted).collect();
        let before = self.zones.states();
        let start = |_: &String, wanted: &Wanted<ZoneWork, ZonePlan>| {
            let plan = wanted.labels.clone();
            let store = config
                .state_directory
                .as_ref()
                .map(|directory| authority::store::Store::new(directory, &plan.zone))
                .map(|store| store.told(!RUNS.load(Ordering::Relaxed)));
            let zone = Arc::new(RunningZone::new(plan, Moment::Real(Instant::now())));
            if let Some(before) = before.iter().find(|it| it.plan().zone == zone.plan().zone) {
                zone.takes_over(before);
            }
            let run = authority::poll::run(
                Arc::clone(&zone),
                self.rounds.clone(),
                self.courtesy.clone(),
                store,
            );
            Running::new(zone, tokio::spawn(run))
        };
        self.zones.update(wanted, start, |zone, plan| zone.relabel(plan));
    }
}
