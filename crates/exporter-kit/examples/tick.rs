//! The smallest exporter: every target is a clock that ticks. It shows what an exporter has to say,
//! and is the program that the kit's own tests run.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use exporter_kit::{Exporter, Health, Kit, Rounds, Target, Targets};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    clocks: BTreeMap<String, Clock>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, try_from = "RawClock")]
struct Clock {
    period: Duration,
    mood: Mood,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawClock {
    period_ms: u64,
    #[serde(default)]
    mood: Mood,
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
        match raw.period_ms {
            1..=60_000 => Ok(Self { period: Duration::from_millis(raw.period_ms), mood: raw.mood }),
            other => Err(format!("period_ms is {other}, must be from 1 to 60000")),
        }
    }
}

#[derive(Debug)]
struct State {
    name: String,
    ticks: Counter,
    health: Arc<Health>,
}

#[derive(Clone, Debug, Default)]
struct Clocks(Arc<Targets<Clock, State>>);

struct Tick {
    clocks: Clocks,
    rounds: Rounds,
}

impl Exporter for Tick {
    const NAME: &'static str = "tick";
    const ABOUT: &'static str = "Counts the ticks of clocks.";
    const PORT: u16 = 9799;
    type Config = Config;

    fn start(config: Config, kit: &mut Kit) -> anyhow::Result<Self> {
        let tick = Self { clocks: Clocks::default(), rounds: kit.rounds.clone() };
        kit.registry.register_collector(Box::new(tick.clocks.clone()));
        tick.reload(config)?;
        Ok(tick)
    }

    fn reload(&self, config: Config) -> anyhow::Result<()> {
        self.clocks.0.apply(config.clocks, |name, clock| start(name, clock, self.rounds.clone()));
        Ok(())
    }

    fn health(&self) -> Vec<Arc<Health>> {
        self.clocks.0.states().iter().map(|state| Arc::clone(&state.health)).collect()
    }
}

fn start(name: &str, clock: Clock, rounds: Rounds) -> Target<Clock, State> {
    let health = Arc::new(Health::new(name, format!("every {:?}", clock.period)));
    let state = Arc::new(State { name: name.to_owned(), ticks: Counter::default(), health });
    let task = tokio::spawn(run(clock.clone(), Arc::clone(&state), rounds));
    Target::new(clock, state, task)
}

async fn run(clock: Clock, state: Arc<State>, rounds: Rounds) {
    let mut every = rounds.every(clock.period, &state.name);
    loop {
        every.next().await;
        state.ticks.inc();
        match clock.mood {
            Mood::Good => state.health.up(),
            Mood::Bad => state.health.down("bad_mood"),
        }
    }
}

impl Collector for Clocks {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut ticks =
            encoder.encode_descriptor("tick_ticks", "Ticks so far.", None, MetricType::Counter)?;
        for state in self.0.states() {
            state.ticks.encode(ticks.encode_family(&[("clock", state.name.as_str())])?)?;
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    exporter_kit::main::<Tick>()
}
