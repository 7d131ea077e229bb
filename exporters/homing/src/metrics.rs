//! Every metric of this exporter: what is counted, and the pages that show it.

pub(crate) mod claims;
pub(crate) mod counts;
pub(crate) mod origins;
pub(crate) mod page;
pub(crate) mod panel;
pub(crate) mod routes;
#[cfg(test)]
mod tests;
