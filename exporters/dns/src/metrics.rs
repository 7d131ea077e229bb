//! Every metric of this exporter: what is counted, and the page that shows it.

pub(crate) mod authority;
pub(crate) mod counts;
pub(crate) mod ecs;
mod labels;
pub(crate) mod page;
mod verdicts;

#[cfg(test)]
mod tests;
