//! Polls BMCs over IPMI 2.0 and says when a sensor lies, is lost, or nears a limit in silence.
//!
//! * [`config`]: the file, its defaults and its validation;
//! * [`poll`]: one BMC, polled for ever over one session that is kept: the I/O;
//! * [`sensor`], [`entity`]: from SDR records and raw readings to values and classes of parts: pure;
//! * [`slew`]: how fast a temperature rose, and how fast its part can: pure;
//! * [`inventory`]: which sensors there once were, and which are lost: pure;
//! * [`backoff`]: when a sensor that fails is asked again: pure;
//! * [`outcome`], [`command`]: the closed sets of reasons and of commands: pure;
//! * [`slow`]: what is asked beside the sensors' values, and in which turn: pure;
//! * [`baseline`]: the inventories on disk;
//! * [`state`]: what is known of one BMC, between the poll and the pages;
//! * [`metrics`]: every metric, the only part that knows Prometheus;
//! * [`pages`]: `/ipmi` and `/-/accept-inventory`.
//!
//! A poll goes `poll` -> `sensor` -> `slew` -> `state`; a scrape goes `state` -> `metrics` and asks
//! no BMC anything.

pub mod backoff;
mod baseline;
pub mod command;
pub mod config;
pub mod entity;
pub mod inventory;
mod metrics;
pub mod outcome;
mod pages;
mod poll;
pub mod sensor;
pub mod slew;
pub mod slow;
pub mod state;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use exporter_kit::{Exporter, Health, Kit, Rounds, Target, Targets};

use crate::baseline::Store;
use crate::config::{Bmc, Config};
use crate::inventory::Known;
use crate::state::BmcState;

/// Polls BMCs, each in its own task.
#[derive(Debug)]
pub struct IpmiExporter {
    targets: Arc<Targets<Bmc, BmcState>>,
    rounds: Rounds,
}

impl Exporter for IpmiExporter {
    const NAME: &'static str = "turbulence-ipmi";
    const ABOUT: &'static str =
        "Exports BMC sensors, and says when one lies, is lost, or nears a limit in silence.";
    const PORT: u16 = 9290;
    const LINKS: &'static [(&'static str, &'static str)] =
        &[("/ipmi", "one target's metrics: /ipmi?target=NAME")];
    type Config = Config;

    fn prepare(config: Config, folder: &Path) -> anyhow::Result<Config> {
        config.with_passwords(folder)
    }

    fn start(config: Config, kit: &mut Kit) -> anyhow::Result<Self> {
        let targets = Arc::new(Targets::default());
        kit.registry.register_collector(Box::new(metrics::Metrics(Arc::clone(&targets))));
        let exporter = Self { targets, rounds: kit.rounds.clone() };
        exporter.reload(config)?;
        Ok(exporter)
    }

    fn reload(&self, config: Config) -> anyhow::Result<()> {
        let stores = stores(&config)?;
        self.targets.apply(config.bmcs(), |name, bmc| {
            let (store, baseline) = stores.get(name).cloned().unzip();
            let state = Arc::new(BmcState::new(bmc.clone(), store, baseline.unwrap_or_default()));
            let task = tokio::spawn(poll::run(Arc::clone(&state), self.rounds.clone()));
            Target::new(bmc, state, task)
        });
        Ok(())
    }

    fn health(&self) -> Vec<Arc<Health>> {
        self.targets.states().iter().map(|state| Arc::clone(&state.health)).collect()
    }

    fn routes(self: &Arc<Self>) -> Router {
        pages::routes(&self.targets)
    }

    /// Closes every session, so that no BMC has to time it out: some have room for four.
    async fn stop(&self) {
        let mut farewells = tokio::task::JoinSet::new();
        for state in self.targets.stop() {
            farewells.spawn(async move {
                if let Some(session) = state.session.lock().await.take() {
                    session.close().await;
                }
            });
        }
        farewells.join_all().await;
    }
}

/// The baselines that were kept. Read before anything changes, so that a reload which cannot have
/// them leaves the old config in force.
fn stores(config: &Config) -> anyhow::Result<BTreeMap<String, (Store, Vec<Known>)>> {
    let Some(directory) = &config.state_directory else { return Ok(BTreeMap::new()) };
    baseline::prepare(directory)?;
    let mut stores = BTreeMap::new();
    for name in config.bmcs().into_keys() {
        let store = Store::new(directory, &name);
        let baseline = store.load()?;
        stores.insert(name, (store, baseline));
    }
    Ok(stores)
}
