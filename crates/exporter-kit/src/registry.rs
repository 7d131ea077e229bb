//! The collectors of a process, in the order of its page.

use crate::page::{self, Collector, Page};

/// What has metrics to show.
#[derive(Debug, Default)]
pub struct Registry {
    collectors: Vec<Box<dyn Collector>>,
}

impl Registry {
    /// Adds a collector. Names are taken as they are: no prefix.
    pub fn register(&mut self, collector: impl Collector) {
        self.collectors.push(Box::new(collector));
    }

    /// The whole page as OpenMetrics text: for tests.
    pub fn openmetrics(&self) -> String {
        page::openmetrics(|page| self.collect(page))
    }

    /// Puts all of it on a page.
    pub(crate) fn collect(&self, page: &mut Page<'_>) {
        self.collectors.iter().for_each(|collector| collector.collect(page));
    }
}
