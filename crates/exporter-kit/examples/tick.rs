//! The smallest exporter: every target is a clock that ticks. It shows what an exporter has to say,
//! and is the program that the kit's own tests run.

#[path = "tick/listen.rs"]
mod listen;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use exporter_kit::config::{self, Labels, Name};
use exporter_kit::discovery::{Discovery, FileSd, Found, HttpSd, Skipped};
use exporter_kit::on_demand;
use exporter_kit::{
    Buckets, Collector, Counter, Exporter, Health, Histogram, Kit, Page, Rounds, Running, Targets,
    Wanted,
};
use serde::Deserialize;
use tokio::time::Instant;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    clocks: BTreeMap<Name, Clock>,
    /// What clocks that are discovered look like; `__param_module` names one.
    #[serde(default)]
    modules: BTreeMap<Name, Clock>,
    #[serde(default)]
    file_sd_configs: Vec<FileSd>,
    #[serde(default)]
    http_sd_configs: Vec<HttpSd>,
    /// Those of all histograms.
    #[serde(default)]
    buckets: Buckets,
    /// Whose clocks may be listened to on demand.
    #[serde(default)]
    on_demand: on_demand::Settings,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "RawClock")]
struct Clock {
    work: Work,
    labels: Labels,
}

/// What the task of a clock does: with another one, it is another clock.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Work {
    period: Duration,
    mood: Mood,
}

/// How a clock is shown: with other labels or buckets it goes on.
#[derive(Clone, Debug, PartialEq)]
struct Shown {
    labels: Labels,
    buckets: Buckets,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawClock {
    period: config::Duration,
    #[serde(default)]
    mood: Mood,
    #[serde(default)]
    labels: Labels,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Mood {
    #[default]
    Good,
    Bad,
}

impl TryFrom<RawClock> for Clock {
    type Error = String;

    fn try_from(raw: RawClock) -> Result<Self, String> {
        let (shortest, longest) = (Duration::from_millis(1), Duration::from_secs(3_600));
        let period = raw.period.within(shortest, longest);
        let period = period.map_err(|error| format!("period: {error}"))?;
        raw.labels.refuse(&["clock"]).map_err(|error| format!("labels: {error}"))?;
        Ok(Self { work: Work { period, mood: raw.mood }, labels: raw.labels })
    }
}

#[derive(Debug)]
struct State {
    name: String,
    ticks: Counter,
    /// Between each tick and the one before.
    gaps: Histogram,
    health: Arc<Health>,
    labels: Mutex<Labels>,
}

#[derive(Clone, Debug, Default)]
struct Clocks(Arc<Targets<Work, State, Shown>>);

#[derive(Debug)]
struct Tick {
    clocks: Clocks,
    rounds: Rounds,
    /// What the page that listens on demand asks.
    config: Mutex<Config>,
}

impl Exporter for Tick {
    const NAME: &'static str = "tick";
    const ABOUT: &'static str = "Counts the ticks of clocks.";
    const PORT: u16 = 9799;
    const LINKS: &'static [(&'static str, &'static str)] =
        &[("/listen", "whether a clock elsewhere ticks: /listen?target=HOST:PORT&module=NAME")];
    const PAGES: &'static [&'static str] = &["/listen"];
    type Config = Config;

    fn start(_: &Config, kit: &mut Kit) -> anyhow::Result<Self> {
        let (clocks, rounds) = (Clocks::default(), kit.rounds.clone());
        kit.registry.register(clocks.clone());
        Ok(Self { clocks, rounds, config: Mutex::default() })
    }

    fn warnings(config: &Config) -> Vec<String> {
        let idle = config.clocks.is_empty() && Self::discovery(config) == Discovery::default();
        idle.then(|| "clocks: there is none, so nothing is measured".to_owned())
            .into_iter()
            .collect()
    }

    fn discovery(config: &Config) -> Discovery {
        Discovery { files: config.file_sd_configs.clone(), http: config.http_sd_configs.clone() }
    }

    fn keep_in_step(&self, config: &mut Config, found: &[Found]) -> Vec<Skipped> {
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = config.clone();
        let mut clocks = config.clocks.clone();
        let mut skipped = Vec::new();
        for found in found {
            match discovered(config, found) {
                Ok((name, _)) if clocks.contains_key(&name) => {
                    skipped.push(found.clone().skip("another clock has its name"));
                }
                Ok((name, clock)) => drop(clocks.insert(name, clock)),
                Err(reason) => skipped.push(found.clone().skip(reason)),
            }
        }
        let wanted = clocks.into_iter().map(|(name, clock)| {
            let labels = Shown { labels: clock.labels, buckets: config.buckets.clone() };
            (name.into_string(), Wanted { work: clock.work, labels })
        });
        let start = |name: &String, wanted: &Wanted<Work, Shown>| start(name, wanted, &self.rounds);
        self.clocks.0.update(wanted.collect(), start, State::relabel);
        skipped
    }

    fn health(&self) -> Vec<Arc<Health>> {
        self.clocks.0.states().iter().map(|state| Arc::clone(&state.health)).collect()
    }

    fn has_target(&self, name: &str) -> bool {
        self.clocks.0.has(name)
    }

    fn routes(self: &Arc<Self>) -> Router {
        on_demand::page("/listen", Arc::clone(self))
    }

    async fn stop(&self) {
        self.clocks.0.close().await;
    }
}

/// The clock that a discovered target is: as its module says.
fn discovered(config: &Config, found: &Found) -> Result<(Name, Clock), String> {
    let parts = found.parts(&[])?;
    let module = parts.module.ok_or("__param_module: must name a module")?;
    let clock = config.modules.get(&module).ok_or("__param_module: is none of the modules")?;
    parts.labels.refuse(&["clock"])?;
    Ok((parts.name, Clock { work: clock.work, labels: parts.labels }))
}

fn start(name: &str, wanted: &Wanted<Work, Shown>, rounds: &Rounds) -> Running<State> {
    let detail = format!("every {}", config::Duration::new(wanted.work.period));
    let state = Arc::new(State {
        name: name.to_owned(),
        ticks: Counter::default(),
        gaps: Histogram::default(),
        health: Arc::new(Health::new(name, detail)),
        labels: Mutex::default(),
    });
    state.relabel(&wanted.labels);
    let task = tokio::spawn(run(wanted.work, Arc::clone(&state), rounds.clone()));
    let name = name.to_owned();
    Running::new(state, task).with_farewell(move || async move {
        tracing::debug!(name, "clock stopped");
    })
}

async fn run(work: Work, state: Arc<State>, rounds: Rounds) {
    let mut every = rounds.every(work.period, &state.name);
    let mut last = Instant::now();
    loop {
        every.next().await;
        state.ticks.inc();
        state.gaps.observe(last.elapsed());
        last = Instant::now();
        match work.mood {
            Mood::Good => state.health.up(),
            Mood::Bad => state.health.down("bad_mood"),
        }
    }
}

impl State {
    fn relabel(self: &Arc<Self>, shown: &Shown) {
        *self.labels.lock().unwrap_or_else(PoisonError::into_inner) = shown.labels.clone();
        self.gaps.set_buckets(&shown.buckets);
    }

    fn labels(&self) -> Labels {
        self.labels.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Collector for Clocks {
    fn collect(&self, page: &mut Page<'_>) {
        let clocks = self.0.wanted_on(page);
        let clocks = clocks.iter().map(|state| (state, state.labels())).collect::<Vec<_>>();
        let clocks = || {
            clocks.iter().map(|(state, labels)| (([("clock", state.name.as_str())], labels), state))
        };
        page.counter(
            "tick_ticks_total",
            "Ticks so far.",
            clocks().map(|(labels, state)| (labels, &state.ticks)),
        );
        page.histogram(
            "tick_gap_seconds",
            "Time between a tick and the one before.",
            clocks().map(|(labels, state)| (labels, &state.gaps)),
        );
    }
}

fn main() -> ExitCode {
    exporter_kit::main::<Tick>()
}
