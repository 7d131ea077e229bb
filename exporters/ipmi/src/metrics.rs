//! The metrics of this exporter, the only part that knows Prometheus.
//!
//! * `counts`: what is counted of a target, and which of the counts its source can have;
//! * `page`: every metric, of all targets or of one; `machine` has those of the slow questions, `watchdog`
//!   those of the watchdog timer, `parts` those of the inventories, `verdicts` those of the verdicts, `faults` that of what is not well;
//! * `labels`: their label sets;
//! * `writer`: what is rendered of a target, and how a metric is written.

pub(crate) mod counts;
mod faults;
mod labels;
mod machine;
mod page;
mod parts;
mod verdicts;
mod watchdog;
mod writer;

pub(crate) use page::{Metrics, page};
