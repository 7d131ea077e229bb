//! Reloading the config: the signal that asks for it, the reload itself on a thread that measures
//! nothing, and the gauges that say how the last one went.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use tokio::runtime::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::spawn_blocking;

use crate::page::{Collector, Page};
use crate::registry::Registry;
use crate::{Exporter, config};

/// SIGHUPs, caught from here on.
pub(crate) fn hangups() -> anyhow::Result<Signal> {
    signal(SignalKind::hangup()).context("catching SIGHUP")
}

/// Reads the config file and puts it in force, all of it beside the worker that measures: a file on
/// a slow disk, or ten thousand targets to start, delay no measurement. What it starts runs where
/// everything that measures runs.
pub(crate) async fn run<E: Exporter>(
    exporter: Arc<E>,
    file: &Path,
    measuring: Handle,
) -> anyhow::Result<()> {
    let file = file.to_owned();
    let reload = spawn_blocking(move || {
        let _there = measuring.enter();
        let config = config::load::<E>(&file)?;
        exporter.reload(config)
    });
    reload.await.context("reloading")?
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Reloads(Arc<Mutex<Last>>);

/// How the last load went, and when one last went well, as seconds since the epoch.
#[derive(Clone, Copy, Debug, Default)]
struct Last {
    succeeded: bool,
    success: f64,
}

impl Reloads {
    /// The first load has succeeded, or nobody would be here to register.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let reloads = Self::default();
        registry.register(reloads.clone());
        reloads.record(true);
        reloads
    }

    pub(crate) fn record(&self, ok: bool) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.succeeded = ok;
        if ok {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            last.success = now.as_secs_f64();
        }
    }
}

impl Collector for Reloads {
    fn collect(&self, page: &mut Page<'_>) {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        page.gauge(
            "turbulence_config_last_reload_successful",
            "Whether the last load of the config file succeeded.",
            [((), last.succeeded)],
        );
        page.gauge(
            "turbulence_config_last_reload_success_timestamp_seconds",
            "When the config file was last loaded with success, as seconds since the epoch.",
            [((), last.success)],
        );
    }
}
