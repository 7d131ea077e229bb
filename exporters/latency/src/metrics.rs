//! Every metric of this exporter: what is counted for a target, and the page that shows it.

pub(crate) mod counts;
mod labels;
pub(crate) mod page;
mod path;
pub(crate) mod probe;
mod sessions;
mod sockets;
mod strays;
#[cfg(test)]
mod tests;
mod vantage;
mod verdicts;
