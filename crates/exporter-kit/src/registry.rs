//! The collectors of a process, in the order of its page.

use crate::page::{self, Collector, Page};

/// What has metrics to show.
#[derive(Debug, Default)]
pub struct Registry {
    /// What the process says of itself.
    process: Vec<Box<dyn Collector>>,
    collectors: Vec<Box<dyn Collector>>,
}

impl Registry {
    /// Adds a collector. Names are taken as they are: no prefix.
    pub fn register(&mut self, collector: impl Collector) {
        self.collectors.push(Box::new(collector));
    }

    /// Adds what the process says of itself, beside its targets.
    pub(crate) fn register_process(&mut self, collector: impl Collector) {
        self.process.push(Box::new(collector));
    }

    /// The whole page as OpenMetrics text: for tests.
    pub fn openmetrics(&self) -> String {
        page::openmetrics(|page| self.collect(page))
    }

    /// Puts on a page what is wanted there.
    pub(crate) fn collect(&self, page: &mut Page<'_>) {
        if page.shows_exporter() {
            self.process.iter().for_each(|collector| collector.collect(page));
        }
        self.collectors.iter().for_each(|collector| collector.collect(page));
    }
}
