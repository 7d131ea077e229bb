//! What is in force: the config, and what is discovered beside it.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::Mutex;
use tracing::warn;

use crate::discovery::{Discovery, Found, Skipped};
use crate::open_files::BUDGET;
use crate::{Exporter, config, state_file};

/// Held while targets change, so that SIGHUP, POST and discovery cannot interleave.
pub(crate) type Shared<E> = Arc<Mutex<InForce<E>>>;

/// An exporter and what it measures: a reload changes the one half of it, discovery the other.
pub(crate) struct InForce<E: Exporter> {
    exporter: Arc<E>,
    config: E::Config,
    found: Vec<Found>,
}

impl<E: Exporter> InForce<E> {
    /// Puts the first config in force. Nothing is discovered yet.
    pub(crate) fn new(exporter: Arc<E>, mut config: E::Config) -> Self {
        exporter.keep_in_step(&mut config, &[]);
        BUDGET.tell();
        Self { exporter, config, found: Vec::new() }
    }

    /// Reads the config file and puts it in force; returns where it says that targets are discovered.
    /// A config that is not good changes nothing.
    pub(crate) fn reload(&mut self, file: &Path) -> anyhow::Result<Discovery> {
        let mut config = config::load::<E>(file)?;
        state_file::admit::<E>(&config)?;
        if E::state_directory(&config) != E::state_directory(&self.config) {
            warn!(
                "state_directory: is another; what runs already keeps its file in the old one until the next start"
            );
        }
        // What was discovered and fits no more is told when it is looked at next.
        self.exporter.keep_in_step(&mut config, &self.found);
        BUDGET.tell();
        let discovery = E::discovery(&config);
        self.config = config;
        Ok(discovery)
    }

    /// Puts discovered targets in force in place of those before; returns those that were left out.
    pub(crate) fn discovered(&mut self, found: Vec<Found>) -> Vec<Skipped> {
        self.found = found;
        let skipped = self.exporter.keep_in_step(&mut self.config, &self.found);
        BUDGET.tell();
        skipped
    }
}
