//! What is known of one page: written by its task, read by the pages of the exporter.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use exporter_kit::{Health, Targets};
use tokio::time::Instant;

use super::Said;
use super::told::{self, Told};
use crate::config::{PageLabels, PageWork};
use crate::metrics::counts::PageCounts;

/// So many intervals the last word of a page stands that does not answer.
const STANDS: u32 = 3;

/// All pages, by name.
pub(crate) type Pages = Targets<PageWork, Page, PageLabels>;

/// One page.
#[derive(Debug)]
pub(crate) struct Page {
    /// Its name.
    pub(crate) name: String,
    /// Whether it could be read.
    pub(crate) health: Arc<Health>,
    /// What is counted.
    pub(crate) counts: PageCounts,
    interval: Duration,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    labels: Arc<PageLabels>,
    said: Option<(Said, Instant)>,
    /// When it was read last, in seconds since the epoch.
    last_ok: Option<f64>,
}

/// A page at one moment.
#[derive(Debug)]
pub(crate) struct Shown {
    /// What the config wants to know.
    pub(crate) labels: Arc<PageLabels>,
    /// What is told of it.
    pub(crate) told: Told,
    /// When it was written by its own word, in seconds since the epoch.
    pub(crate) updated: Option<f64>,
    /// When it was read last, in seconds since the epoch.
    pub(crate) last_ok: Option<f64>,
}

impl Page {
    /// Nothing is known yet.
    pub(crate) fn new(name: &str, work: &PageWork, labels: &PageLabels) -> Self {
        let inner = Inner { labels: Arc::new(labels.clone()), said: None, last_ok: None };
        Self {
            name: name.to_owned(),
            health: Arc::new(Health::new(name, "status page")),
            counts: PageCounts::default(),
            interval: work.interval,
            inner: Mutex::new(inner),
        }
    }

    /// From now on something else is made of it.
    pub(crate) fn relabel(&self, labels: &PageLabels) {
        self.lock().labels = Arc::new(labels.clone());
    }

    /// It was read.
    pub(crate) fn read(&self, said: Said, now: Instant, unix: f64) {
        let mut inner = self.lock();
        (inner.said, inner.last_ok) = (Some((said, now)), Some(unix));
    }

    /// It says the same as before; whether anything is known of that.
    pub(crate) fn is_the_same(&self, now: Instant, unix: f64) -> bool {
        let mut inner = self.lock();
        if let Some((_, at)) = &mut inner.said {
            *at = now;
            inner.last_ok = Some(unix);
        }
        inner.said.is_some()
    }

    /// Nobody can read what it says now.
    pub(crate) fn is_unreadable(&self) {
        self.lock().said = None;
    }

    /// The page at that moment.
    pub(crate) fn shown(&self, now: Instant) -> Shown {
        let inner = self.lock();
        let stands = self.interval * STANDS + self.interval / 2;
        let said = inner.said.as_ref();
        let said = said.filter(|(_, at)| now.saturating_duration_since(*at) <= stands);
        let said = said.map(|(said, _)| said);
        Shown {
            told: told::tell(said, &inner.labels),
            updated: said.and_then(|said| said.updated),
            last_ok: inner.last_ok,
            labels: Arc::clone(&inner.labels),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
