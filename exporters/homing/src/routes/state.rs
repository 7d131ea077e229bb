//! What is known of the routes: written by their task, read by the page.

use std::sync::{Arc, Mutex, PoisonError};

use exporter_kit::{CountsBy, Health, Targets};

use super::standing::RouteVerdict;
use super::{RouteWork, Rules};
use crate::outcome::{Record, RouteChange};

/// The routes, by their one name.
pub(crate) type Routing = Targets<RouteWork, Routes, Rules>;

/// All that is known of the routes.
#[derive(Debug)]
pub(crate) struct Routes {
    /// Whether the last tables could be read.
    pub(crate) health: Arc<Health>,
    /// Records of all tables that were read.
    pub(crate) records: CountsBy<Record>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    rules: Arc<Rules>,
    latest: Option<Arc<Latest>>,
}

/// What the last tables tell.
#[derive(Debug, Default)]
pub(crate) struct Latest {
    /// How many files there were.
    pub(crate) files: usize,
    /// The newest time in them, in seconds since the epoch.
    pub(crate) newest: u32,
    /// Of each prefix, as it is written, what is told, and how often each thing changed.
    pub(crate) prefixes: Vec<(String, RouteVerdict, CountsBy<RouteChange>)>,
}

impl Routes {
    /// Nothing is known yet.
    pub(crate) fn new(name: &str, rules: &Rules) -> Self {
        let inner = Inner { rules: Arc::new(rules.clone()), latest: None };
        Self {
            health: Arc::new(Health::new(name, "tables of routes")),
            records: CountsBy::default(),
            inner: Mutex::new(inner),
        }
    }

    /// How tables are judged.
    pub(crate) fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.inner.lock().unwrap_or_else(PoisonError::into_inner).rules)
    }

    /// From the next table on, it is judged otherwise.
    pub(crate) fn relabel(&self, rules: &Rules) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).rules = Arc::new(rules.clone());
    }

    /// What the last tables tell.
    pub(crate) fn latest(&self) -> Option<Arc<Latest>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).latest.clone()
    }

    /// Puts what new tables tell in the place of what was told.
    pub(crate) fn publish(&self, latest: Latest) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).latest = Some(Arc::new(latest));
    }
}
