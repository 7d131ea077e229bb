//! The collectors of a process, in the order of its page.

use crate::page::{self, Collector, Page};

/// What has metrics to show.
#[derive(Debug, Default)]
pub struct Registry {
    collectors: Vec<Box<dyn Collector>>,
    /// Those that know text alone.
    texts: prometheus_client::registry::Registry,
    has_texts: bool,
}

impl Registry {
    /// Adds a collector. Names are taken as they are: no prefix.
    pub fn register(&mut self, collector: impl Collector) {
        self.collectors.push(Box::new(collector));
    }

    /// Adds a collector that knows text alone. With one of these, no page is protobuf.
    pub fn register_collector(
        &mut self,
        collector: Box<dyn prometheus_client::collector::Collector>,
    ) {
        self.texts.register_collector(collector);
        self.has_texts = true;
    }

    pub(crate) fn texts(&self) -> Option<&prometheus_client::registry::Registry> {
        self.has_texts.then_some(&self.texts)
    }

    /// The whole page as OpenMetrics text: for tests.
    pub fn openmetrics(&self) -> String {
        page::openmetrics(|page| {
            self.collect(page);
            let mut texts = String::new();
            let written =
                prometheus_client::encoding::text::encode_registry(&mut texts, &self.texts);
            written.expect("memory takes everything");
            page.lines(&texts);
        })
    }

    /// Puts all of it on a page, but for what knows text alone.
    pub(crate) fn collect(&self, page: &mut Page<'_>) {
        self.collectors.iter().for_each(|collector| collector.collect(page));
    }
}
