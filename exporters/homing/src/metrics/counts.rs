//! What is counted: written by the tasks, read by the page.

use exporter_kit::CountsBy;

use crate::outcome::{Evaluation, Fetch, QueryFailure};

/// What is counted of evaluations.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Evaluations by what came of them.
    pub(crate) evaluations: CountsBy<Evaluation>,
    /// Queries that brought nothing, by the reason.
    pub(crate) failures: CountsBy<QueryFailure>,
}

/// What is counted of one page of claims. Dropped with it.
#[derive(Debug, Default)]
pub(crate) struct PageCounts {
    /// Requests by what came of them.
    pub(crate) fetches: CountsBy<Fetch>,
}
