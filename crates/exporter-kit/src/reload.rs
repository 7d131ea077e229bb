//! Reloading the config: the signal that asks for it, the reload itself on a thread that measures
//! nothing, and the gauges that say how the last one went.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use tokio::runtime::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tracing::{info, warn};

use crate::discovery::{self, Discovery, Status};
use crate::page::{Collector, Page};
use crate::registry::Registry;
use crate::{Exporter, in_force};

/// SIGHUPs, caught from here on.
pub(crate) fn hangups() -> anyhow::Result<Signal> {
    signal(SignalKind::hangup()).context("catching SIGHUP")
}

/// What may change the set of targets while the program runs: a reload, and discovery.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reloads {
    last: Arc<Mutex<Last>>,
    settings: watch::Sender<Discovery>,
    /// The outcome to come of the reload that waits for its turn.
    waiting: Arc<Mutex<Option<watch::Receiver<Outcome>>>>,
    /// How discovery goes.
    pub(crate) discovery: Status,
}

/// How a reload went; none until it has ended.
type Outcome = Option<Result<(), String>>;

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
        registry.register_process(reloads.clone());
        registry.register_process(reloads.discovery.clone());
        reloads.record(true);
        reloads
    }

    /// Reloads, or joins the reload that waits: one that has not begun will read the file as it is now,
    /// so no two wait, whoever asks and however often. It ends as it should even if nobody waits for it.
    pub(crate) async fn ask<E: Exporter>(
        &self,
        in_force: in_force::Shared<E>,
        file: &Path,
        measuring: Handle,
    ) -> Result<(), String> {
        let mut outcome = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(outcome) = &*waiting {
                outcome.clone()
            } else {
                let (tell, outcome) = watch::channel(None);
                *waiting = Some(outcome.clone());
                let (reloads, file) = (self.clone(), file.to_owned());
                tokio::spawn(async move {
                    let result = reloads.run(in_force, &file, measuring).await;
                    tell.send_replace(Some(result.map_err(|error| format!("{error:#}"))));
                });
                outcome
            }
        };
        let outcome = outcome.wait_for(Option::is_some).await.map(|outcome| outcome.clone());
        // Without an outcome its task is gone: the program ends, or the reload panicked.
        outcome.ok().flatten().unwrap_or_else(|| Err("the reload broke off".to_owned()))
    }

    /// Reads the config file and puts it in force, all of it beside the worker that measures: a file
    /// on a slow disk, or ten thousand targets to start, delay no measurement. A config that is not
    /// good changes nothing. What it starts runs where everything that measures runs.
    async fn run<E: Exporter>(
        &self,
        in_force: in_force::Shared<E>,
        file: &Path,
        measuring: Handle,
    ) -> anyhow::Result<()> {
        let mut in_force = in_force.lock_owned().await;
        // From here on another one is needed for what is written from here on.
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let file = file.to_owned();
        let reload = spawn_blocking(move || {
            let _there = measuring.enter();
            in_force.reload(&file)
        });
        let result = reload.await.context("reloading").flatten();
        self.record(result.is_ok());
        match result {
            Ok(discovery) => {
                info!("config reloaded");
                self.settings.send_replace(discovery);
                Ok(())
            }
            Err(error) => {
                warn!("config not reloaded, the old one stays in force");
                format!("{error:#}").lines().for_each(|line| warn!("{line}"));
                Err(error)
            }
        }
    }

    /// Begins to discover what the config names, and goes on with what later ones name.
    pub(crate) fn discover<E: Exporter>(
        &self,
        in_force: &in_force::Shared<E>,
        file: &Path,
        first: Discovery,
        measuring: Handle,
    ) {
        self.discovery.await_first(first.files.len() + first.http.len());
        self.settings.send_replace(first);
        tokio::spawn(discovery::watch(
            Arc::clone(in_force),
            measuring,
            file.to_owned(),
            self.settings.subscribe(),
            self.discovery.clone(),
        ));
    }

    fn record(&self, ok: bool) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.succeeded = ok;
        if ok {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            last.success = now.as_secs_f64();
        }
    }
}

impl Collector for Reloads {
    fn collect(&self, page: &mut Page<'_>) {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
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
