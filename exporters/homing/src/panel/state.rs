//! What is known of one measurement: written by its task, read by the pages of the exporter.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use exporter_kit::{CountsBy, Health, Targets};
use tokio::time::Instant;

use super::judge::Told;
use crate::config::{PanelLabels, PanelWork, Way};
use crate::outcome::{Fetch, Unused};

/// So many intervals what was told stands, though nothing new can be had.
const STANDS: u32 = 3;

/// All measurements, by name.
pub(crate) type Panels = Targets<PanelWork, Panel, PanelLabels>;

/// One measurement.
#[derive(Debug)]
pub(crate) struct Panel {
    /// Its name.
    pub(crate) name: String,
    /// Whether its results could be read.
    pub(crate) health: Arc<Health>,
    /// Requests by what came of them.
    pub(crate) fetches: CountsBy<Fetch>,
    /// Whether it costs something.
    pub(crate) spends: bool,
    interval: Duration,
    labels: Mutex<Arc<PanelLabels>>,
    latest: Mutex<Option<(Arc<Latest>, Instant)>>,
}

/// What the last results tell.
#[derive(Debug, Default)]
pub(crate) struct Latest {
    pub(crate) told: Told,
    /// Results that were left out, by the reason.
    pub(crate) unused: CountsBy<Unused>,
}

impl Panel {
    /// Nothing is known yet.
    pub(crate) fn new(name: &str, work: &PanelWork, labels: &PanelLabels) -> Self {
        Self {
            name: name.to_owned(),
            health: Arc::new(Health::new(name, "measurement of strangers' probes")),
            fetches: CountsBy::default(),
            spends: matches!(work.way, Way::Globalping(_)),
            interval: work.interval,
            labels: Mutex::new(Arc::new(labels.clone())),
            latest: Mutex::new(None),
        }
    }

    /// Whom it measures.
    pub(crate) fn labels(&self) -> Arc<PanelLabels> {
        Arc::clone(&self.labels.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on, it is of other endpoints.
    pub(crate) fn relabel(&self, labels: &PanelLabels) {
        *self.labels.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(labels.clone());
    }

    /// Puts what new results tell in the place of what was told.
    pub(crate) fn publish(&self, latest: Latest, now: Instant) {
        let latest = Some((Arc::new(latest), now));
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = latest;
    }

    /// Judges anew what was told, which stands no longer by that.
    pub(crate) fn amend(&self, latest: Latest) {
        if let Some((told, _)) = &mut *self.latest.lock().unwrap_or_else(PoisonError::into_inner) {
            *told = Arc::new(latest);
        }
    }

    /// What is told, as long as it stands.
    pub(crate) fn standing(&self, now: Instant) -> Option<Arc<Latest>> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let stands = self.interval * STANDS + self.interval / 2;
        let latest = latest.filter(|(_, at)| now.saturating_duration_since(*at) <= stands);
        latest.map(|(latest, _)| latest)
    }
}
