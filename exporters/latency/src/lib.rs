//! Latency of endpoints, seen from one place: ICMP, TCP and HTTP, continuously.
//!
//! | file | noun |
//! |---|---|
//! | `config` | the file: from where, to what and how is probed |
//! | `poll` | one target, probed for ever |
//! | `resolve` | the addresses of a target (I/O) |
//! | `icmp`, `tcp`, `http` | one probe of one address (I/O) |
//! | `tls` | whom to trust, and the handshake (I/O) |
//! | `stopwatch`, `clock` | the times of a probe's phases; the time |
//! | `outcome` | what one probe found, or why it failed (pure) |
//! | `standing` | how a target stands after all its probes (pure) |
//! | `window` | the minimum of the last minute (pure) |
//! | `state` | what is known of one target, for its task and the pages |
//! | `metrics` | every metric: the counts and the page; nothing else knows Prometheus |

mod clock;
mod config;
mod http;
mod icmp;
mod metrics;
mod outcome;
mod poll;
mod resolve;
mod standing;
mod state;
mod stopwatch;
mod tcp;
mod tls;
mod window;

use std::path::Path;
use std::sync::Arc;

use exporter_kit::{Exporter, Health, Kit, Rounds, Targets};

use clock::Clock;
use config::{Config, Target};
use icmp::Icmp;
use metrics::counts::ReceiveQueue;
use metrics::page::Metrics;
use state::{CurrentVantage, TargetState};

/// Probes targets, each in its own task.
#[derive(Debug)]
pub struct LatencyExporter {
    targets: Arc<Targets<Target, TargetState>>,
    vantage: Arc<CurrentVantage>,
    icmp: Icmp,
    rounds: Rounds,
    clock: Clock,
}

impl Exporter for LatencyExporter {
    const NAME: &'static str = "turbulence-latency";
    const ABOUT: &'static str = "Latency of endpoints from this vantage: ICMP, TCP and HTTP.";
    const PORT: u16 = 9770;
    type Config = Config;

    fn prepare(config: Config, folder: &Path) -> anyhow::Result<Config> {
        config.with_trust(folder)
    }

    fn start(config: Config, kit: &mut Kit) -> anyhow::Result<Self> {
        let clock = Clock::start();
        let queue = ReceiveQueue::default();
        let icmp = Icmp::open(clock, &queue);
        let targets = Arc::new(Targets::default());
        let vantage = Arc::new(CurrentVantage::new(config.vantage.clone()));
        kit.registry.register_collector(Box::new(Metrics {
            vantage: Arc::clone(&vantage),
            targets: Arc::clone(&targets),
            icmp: icmp.clone(),
            queue,
            clock,
        }));
        let exporter = Self { targets, vantage, icmp, rounds: kit.rounds.clone(), clock };
        exporter.reload(config)?;
        Ok(exporter)
    }

    fn reload(&self, config: Config) -> anyhow::Result<()> {
        self.targets.apply(config.targets(), |_, target| {
            let state = Arc::new(TargetState::new(&target));
            let task = poll::Task {
                target: target.clone(),
                state: Arc::clone(&state),
                icmp: self.icmp.clone(),
                clock: self.clock,
            };
            let task = tokio::spawn(task.run(self.rounds.clone()));
            exporter_kit::Target::new(target, state, task)
        });
        self.vantage.set(config.vantage);
        Ok(())
    }

    fn health(&self) -> Vec<Arc<Health>> {
        self.targets.states().iter().map(|state| state.health()).collect()
    }
}
