//! Polls BMCs over IPMI 2.0 and says when a sensor lies, is lost, or nears a limit in silence.
//!
//! * `config`: the file, its defaults and its validation;
//! * `source`: how a BMC is read, one file for each way; the only part that knows IPMI;
//! * `sensor`: a sensor, its list and its readings, in words that hold for every source: pure;
//! * `entity`: classes of parts: pure;
//! * `verdict`: what is said of a machine's heat, one state machine a BMC: pure;
//! * `inventory`: which sensors there once were, and which are lost: pure;
//! * `journal`: what the entries of an event log come to: pure;
//! * `backoff`: when a sensor that fails is asked again: pure;
//! * `slow`: what is asked beside the sensors' values, and in which turn: pure;
//! * `outcome`, `command`: the closed sets of reasons and of commands: pure;
//! * `baseline`: the inventories on disk;
//! * `state`: what is known of one BMC, between the poll and the pages;
//! * `poll`: one BMC, polled for ever;
//! * [`simulation`]: a machine that is polled in virtual time, for worlds and histories;
//! * [`backtest`]: the command of that name: what would have been said of a history;
//! * `metrics`: every metric, the only part that knows Prometheus;
//! * `on_demand`: BMCs that a scraper names, polled as long as it asks for them;
//! * `pages`: `/ipmi`, `/events` and `/-/accept-inventory`.
//!
//! A poll goes `source` -> `poll` -> `state` (with `verdict`); a scrape goes `state` -> `metrics` and asks
//! no BMC anything.

mod backoff;
pub mod backtest;
mod baseline;
mod command;
mod config;
mod entity;
mod fault;
mod inventory;
mod journal;
mod metrics;
mod on_demand;
mod outcome;
mod pages;
mod poll;
mod sensor;
pub mod simulation;
mod slow;
mod source;
mod state;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use exporter_kit::discovery::{Discovery, Found, Skipped};
use exporter_kit::{Exporter, Health, Kit, Rounds, Running, TargetId, Wanted};

use crate::baseline::{Kept, Names};
pub use crate::config::Config;
use crate::config::{Bmc, Labels, OnDemandModules};
use crate::on_demand::OnDemand;
use crate::source::Source;
use crate::state::{BmcState, Handover, Leaving, Targets};

/// Polls BMCs, each in its own task.
#[derive(Debug)]
pub struct IpmiExporter {
    targets: Arc<Targets>,
    on_demand: Arc<OnDemand>,
    on_demand_modules: Mutex<Arc<OnDemandModules>>,
    leaving: Leaving,
    rounds: Rounds,
}

/// Whether the process runs an exporter already, so that a config is read anew.
static RUNS: AtomicBool = AtomicBool::new(false);

impl Exporter for IpmiExporter {
    const NAME: &'static str = "turbulence-ipmi";
    const ABOUT: &'static str =
        "Exports BMC sensors, and says when one lies, is lost, or nears a limit in silence.";
    const PORT: u16 = 9290;
    const LINKS: &'static [(&'static str, &'static str)] = &[
        (
            "/ipmi",
            "one target's metrics: /ipmi?target=NAME, and &site= where two sites have it; &module=",
        ),
        ("/ipmi/recent", "the last of these pages that were asked for, and what happened in each"),
        ("/events", "the newest entries of one target's event log: /events?target=NAME"),
    ];
    const PAGES: &'static [&'static str] = &["/ipmi", "/ipmi/recent", "/events"];
    const TARGET_PAGE: Option<&'static str> = Some("/ipmi?target=");
    const GROUP: &'static str = "site";
    const NO_CONFIG: Option<(&'static str, &'static str)> =
        Some(("{}", "polls the BMC of this machine"));
    const COMMANDS: &'static str = "\
turbulence-ipmi backtest says which alerts it would have sent on a history of readings: backtest --help.";
    type Config = Config;

    fn prepare(config: Config, folder: &Path) -> anyhow::Result<Config> {
        // Once it runs, most files are about to be replaced by those who know better: then each that
        // starts looks for its own.
        let config = config.with_files(folder, !RUNS.load(Ordering::Relaxed))?;
        let problems: Vec<_> = config.modules().flat_map(Source::problems).collect();
        anyhow::ensure!(problems.is_empty(), problems.join("\n"));
        Ok(config)
    }

    fn state_directory(config: &Config) -> Option<&Path> {
        config.state_directory.as_deref()
    }

    fn start(_: &Config, kit: &mut Kit) -> anyhow::Result<Self> {
        RUNS.store(true, Ordering::Relaxed);
        let exporter = Self::new(kit.rounds.clone());
        let metrics = metrics::Metrics(Arc::clone(&exporter.targets));
        kit.registry.register(metrics);
        tokio::spawn(Arc::clone(&exporter.on_demand).sweep());
        Ok(exporter)
    }

    fn warnings(config: &Config) -> Vec<String> {
        config.warnings.clone()
    }

    fn discovery(config: &Config) -> Discovery {
        config.discovery.clone()
    }

    fn keep_in_step(&self, config: &mut Config, found: &[Found]) -> Vec<Skipped> {
        let modules = Arc::new(config.on_demand_modules());
        let mut in_force = self.on_demand_modules.lock().unwrap_or_else(PoisonError::into_inner);
        *in_force = Arc::clone(&modules);
        drop(in_force);
        let directory = config.state_directory.clone();
        self.on_demand.reload(directory, |id| modules.still(&id.name, &id.module));
        self.poll(config, found, Source::of)
    }

    fn health(&self) -> Vec<Arc<Health>> {
        self.targets.states().iter().map(|state| Arc::clone(&state.health)).collect()
    }

    fn has_target(&self, name: &str) -> bool {
        self.targets.has(name)
    }

    fn routes(self: &Arc<Self>) -> Router {
        pages::routes(self)
    }

    /// Closes every session, so that no BMC has to time it out: some have room for four.
    async fn stop(&self) {
        tokio::join!(self.targets.close(), self.on_demand.close());
    }
}

impl IpmiExporter {
    fn new(rounds: Rounds) -> Self {
        Self {
            targets: Arc::default(),
            on_demand: Arc::new(OnDemand::new(rounds.clone())),
            on_demand_modules: Mutex::default(),
            leaving: Leaving::default(),
            rounds,
        }
    }

    /// What there is to know of those that a scraper names.
    fn on_demand_modules(&self) -> Arc<OnDemandModules> {
        Arc::clone(&self.on_demand_modules.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Polls the targets of the config and those that are discovered; returns those left out. Of a target
    /// whose work is unchanged nothing but its labels is touched.
    fn poll(
        &self,
        config: &mut Config,
        found: &[Found],
        source: impl Fn(&Arc<Bmc>) -> Source,
    ) -> Vec<Skipped> {
        let (polled, skipped) = config.wanted(found);
        // One that is polled in another way from now on goes on with what it knows: what it writes at its
        // end comes too late for that.
        let moved = self.moved(&polled);
        let other_work = |(id, wanted): (&TargetId, &Wanted<Arc<Bmc>, Labels>)| {
            let old = self.targets.state(id).or_else(|| moved.get(id).cloned())?;
            // At another address there may be another machine: its file alone says whether it is.
            let goes_on =
                config.state_directory.is_some() || old.bmc.address == wanted.work.address;
            (old.bmc != wanted.work && goes_on).then(|| (id.clone(), old))
        };
        let before: BTreeMap<_, _> = polled.iter().filter_map(other_work).collect();
        let before = Mutex::new(before);
        // At start those of the file were looked for when it was read.
        let kept = Mutex::new(std::mem::take(&mut config.kept));
        let directory = config.state_directory.as_deref();
        let running = self.targets.states();
        let names = Names::of(polled.keys().map(|id| &*id.name));
        self.targets.update(
            polled,
            |id, wanted| {
                let before = before.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
                let on_disk = || {
                    let kept = kept.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
                    let kept = kept.or_else(|| {
                        Some(Kept::find(directory?, &id.name, &id.group, names.alone(&id.name)))
                    });
                    Handover::of_disk(kept.map(Kept::open).unwrap_or_default())
                };
                let known = self.leaving.known(&wanted.work, &wanted.labels, before, on_disk);
                let (bmc, labels) = (Arc::clone(&wanted.work), wanted.labels.clone());
                let state = BmcState::going_on(bmc, labels, source(&wanted.work), known);
                let state = Arc::new(state);
                let task = tokio::spawn(poll::run(Arc::clone(&state), self.rounds.clone()));
                let farewell = Arc::clone(&state);
                Running::new(state, task)
                    .with_farewell(move || async move { farewell.close().await })
            },
            |state, labels| state.relabel(labels.clone()),
        );
        let still: BTreeSet<_> = self.targets.states().iter().map(Arc::as_ptr).collect();
        self.leaving.add(running.iter().filter(|it| !still.contains(&Arc::as_ptr(it))));
        skipped
    }

    /// The states of those that are at another site from now on: of each name the one that goes, where one
    /// comes at its address.
    fn moved(
        &self,
        polled: &BTreeMap<TargetId, Wanted<Arc<Bmc>, Labels>>,
    ) -> BTreeMap<TargetId, Arc<BmcState>> {
        let come = polled.iter().filter(|(id, _)| self.targets.state(id).is_none());
        let come: Vec<_> = come.collect();
        if come.is_empty() {
            return BTreeMap::new();
        }
        let mut gone: BTreeMap<String, Vec<Arc<BmcState>>> = BTreeMap::new();
        for state in self.targets.states() {
            let (name, group) = (&state.bmc.name, state.labels().site.clone().unwrap_or_default());
            let id = TargetId { name: name.clone(), group, ..TargetId::default() };
            if !polled.contains_key(&id) {
                gone.entry(id.name).or_default().push(state);
            }
        }
        let moved = come.into_iter().filter_map(|(id, wanted)| {
            let states = gone.get_mut(&id.name)?;
            let place = states.iter().position(|it| it.bmc.address == wanted.work.address)?;
            Some((id.clone(), states.remove(place)))
        });
        moved.collect()
    }
}

#[cfg(test)]
mod tests;
