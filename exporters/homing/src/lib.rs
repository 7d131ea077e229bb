//! Says where services live, who carries them, and whether their owners say the same.
//!
//! * `config`: the file, its defaults and its validation;
//! * `query`: what a Prometheus is asked; `shards`: in which parts; `samples`: an answer; `failure`: why there
//!   is none; `poll`: the evaluation, made for ever;
//! * `gather`: the answers joined to a `world`: vantages, and how far each address is from each;
//! * `judge`: one evaluation; `class`: one site or several; `graph`: who contradicts whom; `suspects`: vantages that
//!   are not where they say; `standing`: what was told before, also by a process before; `verdict`: what is told of an endpoint;
//! * `geodesy`: distances; `place`: where a site can be; `cities`: what a place is called;
//! * `edge`: whether the edge of what is at several sites answers by itself;
//! * `handover`: who carries it; `sets`: whether the sets of a service stand alone; `evidence`: the sentences;
//! * `kept`: a file of what outlives the process; `clock`: the clock of the wall; `etag`: a document of somebody else's, asked for; `panel`: what strangers' probes say; `claims`: what providers say of themselves; `routes`: who announces what, by an operator's own routers;
//! * `outcome`: every reason that is a label; `state`: the last evaluation; `metrics`: every metric; `pages`: the
//!   evidence, for people and for programs.
//!
//! It probes nothing itself: it asks Prometheis for what others measured, the pages that the config names, and where the config
//! wants that Globalping, whose probes ask one's own addresses.

mod cities;
mod claims;
mod class;
mod clock;
mod config;
mod edge;
mod etag;
mod evidence;
mod expected;
mod failure;
mod gather;
mod geodesy;
mod graph;
mod handover;
mod judge;
mod kept;
mod metrics;
mod outcome;
mod pages;
mod panel;
mod place;
mod poll;
mod query;
mod routes;
mod samples;
mod sets;
mod shards;
mod standing;
mod state;
mod suspects;
#[cfg(test)]
mod tests;
mod verdict;
mod world;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use exporter_kit::discovery::{Found, Skipped};
use exporter_kit::{Exporter, Health, Kit, Rounds, Running, Targets, Wanted};

use crate::claims::state::{Page, Pages};
use crate::config::{Config, Labels, PageLabels, PageWork, PanelLabels, PanelWork, Way, Work};
use crate::metrics::claims::ClaimMetrics;
use crate::metrics::page::Metrics;
use crate::metrics::panel::PanelMetrics;
use crate::metrics::routes::RouteMetrics;
use crate::panel::budget::Budget;
use crate::panel::state::{Panel, Panels};
use crate::routes::state::{Routes, Routing};
use crate::routes::{RouteWork, Rules};
use crate::state::{Evaluation, Evaluations};

/// Evaluates what all vantages measured, and asks status pages, each in its own task.
#[derive(Debug)]
pub struct HomingExporter {
    evaluations: Arc<Evaluations>,
    pages: Arc<Pages>,
    routing: Arc<Routing>,
    panels: Arc<Panels>,
    /// How many tests Globalping allows still: one account's, whatever measures.
    budget: Arc<Budget>,
    /// What is remembered of where addresses live, and of routes: of one task after the other.
    places: Arc<standing::store::Store>,
    store: Arc<routes::store::Store>,
    rounds: Rounds,
}

/// Whether the first config is in force: what is kept is looked at before it, and then by the program itself.
static RUNS: AtomicBool = AtomicBool::new(false);

impl Exporter for HomingExporter {
    const NAME: &'static str = "turbulence-homing";
    const ABOUT: &'static str =
        "Says where services live, by the round trips of many vantages, and what their owners say.";
    const PORT: u16 = 9772;
    const PAGES: &'static [&'static str] = &["/homing", "/map.svg"];
    const LINKS: &'static [(&'static str, &'static str)] = &[(
        "/homing",
        "where each endpoint lives, with the evidence; ?format=json, ?target=; /map.svg?target= draws it",
    )];
    type Config = Config;

    fn prepare(config: Config, folder: &Path) -> anyhow::Result<Config> {
        config.complete(folder, !RUNS.load(Ordering::Relaxed))
    }

    fn warnings(config: &Config) -> Vec<String> {
        config.warnings()
    }

    fn state_directory(config: &Config) -> Option<&Path> {
        config.state_directory()
    }

    fn start(config: &Config, kit: &mut Kit) -> anyhow::Result<Self> {
        let evaluations = Arc::new(Targets::default());
        let panels = Arc::new(Targets::default());
        kit.registry.register(Metrics {
            evaluations: Arc::clone(&evaluations),
            panels: Arc::clone(&panels),
        });
        let pages = Arc::new(Targets::default());
        kit.registry.register(ClaimMetrics(Arc::clone(&pages)));
        let routing = Arc::new(Targets::default());
        kit.registry.register(RouteMetrics {
            routing: Arc::clone(&routing),
            evaluations: Arc::clone(&evaluations),
        });
        let budget = Arc::new(Budget::default());
        kit.registry.register(PanelMetrics {
            panels: Arc::clone(&panels),
            budget: Arc::clone(&budget),
            evaluations: Arc::clone(&evaluations),
        });
        let (directory, faults) = (config.state_directory(), config.faults_of_state());
        let places = Arc::new(standing::store::Store::new(directory, faults.places.clone()));
        let store = Arc::new(routes::store::Store::new(directory, faults.routes.clone()));
        RUNS.store(true, Ordering::Relaxed);
        let rounds = kit.rounds.clone();
        Ok(Self { evaluations, pages, routing, panels, budget, places, store, rounds })
    }

    fn keep_in_step(&self, config: &mut Config, _: &[Found]) -> Vec<Skipped> {
        self.places.keep_in(config.state_directory());
        self.store.keep_in(config.state_directory());
        let start = |name: &String, wanted: &Wanted<Work, Labels>| {
            let evaluation = Arc::new(Evaluation::new(name, &wanted.work, &wanted.labels));
            let (work, store) = (wanted.work.clone(), Arc::clone(&self.places));
            let (turn, routing) = (store.turn(), Arc::clone(&self.routing));
            let evaluated = Arc::clone(&evaluation);
            let run = poll::run(evaluated, work, self.rounds.clone(), store, turn, routing);
            Running::new(evaluation, tokio::spawn(run))
        };
        let relabel = |evaluation: &Arc<Evaluation>, labels: &Labels| evaluation.relabel(labels);
        self.evaluations.update(config.evaluation(), start, relabel);
        let start = |name: &String, wanted: &Wanted<PageWork, PageLabels>| {
            let page = Arc::new(Page::new(name, &wanted.work, &wanted.labels));
            let run =
                claims::fetch::run(Arc::clone(&page), wanted.work.clone(), self.rounds.clone());
            Running::new(page, tokio::spawn(run))
        };
        self.pages.update(config.pages(), start, |page, labels| page.relabel(labels));
        let start = |name: &String, wanted: &Wanted<RouteWork, Rules>| {
            let routes = Arc::new(Routes::new(name, &wanted.labels, Arc::clone(&self.store)));
            let work = wanted.work.clone();
            let (rounds, evaluations) = (self.rounds.clone(), Arc::clone(&self.evaluations));
            let run = routes::poll::run(Arc::clone(&routes), work, rounds, evaluations);
            Running::new(routes, tokio::spawn(run))
        };
        self.routing.update(config.routes(), start, |routes, rules| routes.relabel(rules));
        let start = |name: &String, wanted: &Wanted<PanelWork, PanelLabels>| {
            let panel = Arc::new(Panel::new(name, &wanted.work, &wanted.labels));
            let (work, rounds, of) = (wanted.work.clone(), self.rounds.clone(), Arc::clone(&panel));
            let run = match wanted.work.way.clone() {
                Way::Atlas { probes_file } => {
                    tokio::spawn(panel::fetch::run(of, work, probes_file, rounds))
                }
                Way::Globalping(own) => {
                    let (evaluations, budget) =
                        (Arc::clone(&self.evaluations), Arc::clone(&self.budget));
                    tokio::spawn(panel::create::run(of, work, own, rounds, evaluations, budget))
                }
            };
            Running::new(panel, run)
        };
        self.panels.update(config.panels(), start, |panel, labels| panel.relabel(labels));
        Vec::new()
    }

    fn health(&self) -> Vec<Arc<Health>> {
        let evaluations = self.evaluations.states();
        let evaluations = evaluations.iter().map(|it| Arc::clone(&it.health));
        let pages = self.pages.states();
        let pages = pages.iter().map(|it| Arc::clone(&it.health));
        let routing = self.routing.states();
        let routing = routing.iter().map(|it| Arc::clone(&it.health));
        let panels = self.panels.states();
        let panels = panels.iter().map(|it| Arc::clone(&it.health));
        evaluations.chain(pages).chain(routing).chain(panels).collect()
    }

    fn routes(self: &Arc<Self>) -> Router {
        pages::routes(
            Arc::clone(&self.evaluations),
            Arc::clone(&self.pages),
            Arc::clone(&self.routing),
            Arc::clone(&self.panels),
        )
    }
}
