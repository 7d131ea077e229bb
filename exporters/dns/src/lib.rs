//! Asks the world's resolvers the same questions, and says who answers otherwise.
//!
//! * [`config`]: the file, its defaults and its validation; [`resolvers`]: the list of whom to ask;
//! * [`poll`]: one set of resolvers, swept for ever; [`sweep`]: one sweep, the part that does I/O;
//! * [`question`], [`answer`]: messages to and from the wire; [`pending`]: the queries on their way;
//! * [`consensus`]: what is agreed upon and who does not agree; [`expected`]: what the owner of the
//!   name says; [`change`]: whether it became another; [`special`]: special-purpose addresses;
//! * [`metrics`]: every metric, the only part that knows Prometheus; [`mod@answers`]: the page of answers.
//!
//! Only a sweep sends packets. `/metrics` and `/answers` show the snapshot of the last one.

pub mod answer;
pub mod answers;
pub mod change;
pub mod config;
pub mod consensus;
pub mod expected;
pub mod metrics;
pub mod pending;
pub mod poll;
pub mod question;
pub mod resolvers;
pub mod special;
pub mod sweep;

use std::path::Path;
use std::sync::Arc;

use axum::extract::{Query, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use exporter_kit::{Exporter, Health, Kit, Rounds, Target, Targets};

use crate::answers::{Filter, Page};
use crate::config::{Config, Plan};
use crate::metrics::Metrics;
use crate::poll::SetState;

/// Sweeps sets of resolvers, each in its own task.
#[derive(Debug)]
pub struct DnsExporter {
    sets: Arc<Targets<Plan, SetState>>,
    rounds: Rounds,
}

impl Exporter for DnsExporter {
    const NAME: &'static str = "turbulence-dns";
    const ABOUT: &'static str =
        "Asks many DNS resolvers the same questions and shows where their answers differ.";
    const PORT: u16 = 9771;
    const LINKS: &'static [(&'static str, &'static str)] = &[
        ("/answers", "each answer of the last sweep, how many gave it, and in which countries"),
        ("/answers?format=json", "the same as JSON; ?name=, ?type= and ?set= select"),
    ];
    type Config = Config;

    fn prepare(config: Config, folder: &Path) -> anyhow::Result<Config> {
        config.complete(folder)
    }

    fn start(config: Config, kit: &mut Kit) -> anyhow::Result<Self> {
        let sets = Arc::new(Targets::default());
        kit.registry.register_collector(Box::new(Metrics(Arc::clone(&sets))));
        let exporter = Self { sets, rounds: kit.rounds.clone() };
        exporter.reload(config)?;
        Ok(exporter)
    }

    fn reload(&self, config: Config) -> anyhow::Result<()> {
        self.sets.apply(config.plans(), |_, plan| {
            let state = Arc::new(SetState::new(plan.clone()));
            let task = tokio::spawn(poll::run(Arc::clone(&state), self.rounds.clone()));
            Target::new(plan, state, task)
        });
        Ok(())
    }

    fn health(&self) -> Vec<Arc<Health>> {
        self.sets.states().iter().map(|set| Arc::clone(&set.health)).collect()
    }

    fn routes(self: &Arc<Self>) -> Router {
        Router::new().route("/answers", get(answers)).with_state(Arc::clone(self))
    }
}

/// The answers of the last sweep. Sends nothing: whoever asks sees what is configured, and no more.
async fn answers(
    Shared(exporter): Shared<Arc<DnsExporter>>,
    Query(filter): Query<Filter>,
) -> Response {
    let sets: Vec<_> = exporter.sets.states().into_iter().map(|set| (set.latest(), set)).collect();
    let mut pages = Vec::new();
    for (latest, set) in &sets {
        for (number, asked) in set.plan.questions.iter().enumerate() {
            if filter.matches(&set.plan, asked) {
                let verdict = latest.snapshot.as_ref().map(|snapshot| &snapshot.verdicts[number]);
                pages.push(Page::new(&set.plan, asked, verdict, latest.completed));
            }
        }
    }
    if pages.is_empty() {
        let questions = sets.iter().flat_map(|(_, set)| {
            set.plan.questions.iter().map(|asked| {
                format!(
                    "?name={}&type={}&set={}\n",
                    asked.name,
                    asked.kind.as_str(),
                    set.plan.set.name
                )
            })
        });
        let known: String = questions.collect();
        return (
            StatusCode::NOT_FOUND,
            format!("No such question is configured. There are:\n{known}"),
        )
            .into_response();
    }
    if filter.wants_json() {
        return Json(pages).into_response();
    }
    let mut text = String::new();
    for page in &pages {
        page.write(&mut text);
    }
    text.into_response()
}
