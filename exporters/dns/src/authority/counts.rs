//! What is counted of one zone: written by its task, read by the page.

use std::time::Duration;

use exporter_kit::{Buckets, CountsBy, Histogram};

use crate::exchange::Transport;

exporter_kit::label_enum! {
    /// How a round ended. A closed set, since it is a label.
    pub(crate) enum RoundResult {
        /// It was judged.
        Complete = "complete",
        /// No server replied, or none is known: nothing follows from it.
        Failed = "failed",
    }
}

/// What is counted of one zone.
#[derive(Debug)]
pub(crate) struct Counts {
    /// Queries sent.
    pub(crate) queries: CountsBy<Transport>,
    /// Rounds that ended.
    pub(crate) rounds: CountsBy<RoundResult>,
    /// Time from a question to its answer.
    pub(crate) response_seconds: Histogram,
}

impl Counts {
    /// Counts a query.
    pub(crate) fn query(&self, transport: Transport) {
        self.queries.inc(transport);
    }

    /// Records the time that an answer took.
    pub(crate) fn answered(&self, took: Duration) {
        self.response_seconds.observe(took);
    }
}

impl Counts {
    pub(super) fn new(buckets: &Buckets) -> Self {
        Self {
            queries: CountsBy::default(),
            rounds: CountsBy::default(),
            response_seconds: Histogram::new(buckets.clone()),
        }
    }
}
