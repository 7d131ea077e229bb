//! What is known: the last evaluation, written by its task and read by the pages.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use exporter_kit::{CountsBy, Health, Targets};
use tokio::time::Instant;

use crate::config::{Labels, Work};
use crate::judge::Verdict;
use crate::metrics::counts::Counts;
use crate::outcome::LeftOut;
use crate::world::World;

/// So many intervals a verdict stands though nothing new can be judged.
const STANDS: u32 = 3;

/// The evaluation, by its one name.
pub(crate) type Evaluations = Targets<Work, Evaluation, Labels>;

/// All that is known of the world.
#[derive(Debug)]
pub(crate) struct Evaluation {
    /// Whether the last evaluation was complete.
    pub(crate) health: Arc<Health>,
    /// What is counted.
    pub(crate) counts: Counts,
    interval: Duration,
    labels: Mutex<Arc<Labels>>,
    latest: Mutex<Option<Arc<Snapshot>>>,
}

/// One complete evaluation. Never changed once it is published.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// What was measured.
    pub(crate) world: World,
    /// What is told of it.
    pub(crate) verdict: Verdict,
    /// What was left out.
    pub(crate) left_out: CountsBy<LeftOut>,
    /// The moment that was asked about, in seconds since the epoch.
    pub(crate) unix: f64,
    /// The same by a clock that nobody sets.
    pub(crate) at: Instant,
    /// How long asking and judging took.
    pub(crate) took: Duration,
}

impl Evaluation {
    /// Nothing is known yet.
    pub(crate) fn new(name: &str, work: &Work, labels: &Labels) -> Self {
        let servers = work.servers.len();
        let detail =
            if servers == 1 { "1 Prometheus".to_owned() } else { format!("{servers} Prometheis") };
        Self {
            health: Arc::new(Health::new(name, detail)),
            counts: Counts::default(),
            interval: work.interval,
            labels: Mutex::new(Arc::new(labels.clone())),
            latest: Mutex::new(None),
        }
    }

    /// What is made of the answers.
    pub(crate) fn labels(&self) -> Arc<Labels> {
        Arc::clone(&self.labels.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// From the next evaluation on, other things are made of the answers.
    pub(crate) fn relabel(&self, labels: &Labels) {
        *self.labels.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(labels.clone());
    }

    /// Puts an evaluation in the place of the one before, as a whole.
    pub(crate) fn publish(&self, snapshot: Snapshot) {
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(snapshot));
    }

    /// The last complete evaluation, whatever its age.
    pub(crate) fn last(&self) -> Option<Arc<Snapshot>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same, as long as it stands.
    pub(crate) fn standing(&self, now: Instant) -> Option<Arc<Snapshot>> {
        // Half an interval more, for the round that is under way.
        let stands = self.interval * STANDS + self.interval / 2;
        self.last().filter(|it| now.saturating_duration_since(it.at) <= stands)
    }
}
