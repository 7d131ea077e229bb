//! Reloading the config: the signal that asks for it, the reload itself on a thread that measures
//! nothing, and the gauges that say how the last one went.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::spawn_blocking;

use crate::{Exporter, config};

/// SIGHUPs, caught from here on.
pub(crate) fn hangups() -> anyhow::Result<Signal> {
    signal(SignalKind::hangup()).context("catching SIGHUP")
}

/// Reads the config file and puts it in force, all of it beside the worker that measures: a file on
/// a slow disk, or ten thousand targets to start, delay no measurement.
pub(crate) async fn run<E: Exporter>(exporter: Arc<E>, file: &Path) -> anyhow::Result<()> {
    let file = file.to_owned();
    let reload = spawn_blocking(move || {
        let config = config::load::<E>(&file)?;
        exporter.reload(config)
    });
    reload.await.context("reloading")?
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Reloads {
    successful: Gauge,
    at: Gauge<f64, AtomicU64>,
}

impl Reloads {
    /// The first load has succeeded, or nobody would be here to register.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let reloads = Self::default();
        registry.register(
            "turbulence_config_last_reload_successful",
            "Whether the last load of the config file succeeded",
            reloads.successful.clone(),
        );
        registry.register_with_unit(
            "turbulence_config_last_reload_success_timestamp",
            "When the config file was last loaded with success, as seconds since the epoch",
            Unit::Seconds,
            reloads.at.clone(),
        );
        reloads.record(true);
        reloads
    }

    pub(crate) fn record(&self, ok: bool) {
        self.successful.set(i64::from(ok));
        if ok {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            self.at.set(now.as_secs_f64());
        }
    }
}
