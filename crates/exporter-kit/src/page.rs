//! A page of metrics: family by family, and within each, series by series.
//!
//! A collector names every metric as it is scraped, with its series as an iterator. What is not known
//! is absent: a value that is `None` or not finite is left out, and so is a family without a series.
//! Nothing is kept of a page but the part that is being written (of protobuf, whose families begin
//! with their length, the family), so that it never exists whole.

mod escape;
mod field;
mod labels;
mod protobuf;
mod selection;
#[cfg(test)]
mod tests;
mod text;
mod value;

use std::fmt;
use std::io::{self, Write};

pub use self::labels::{LabelSet, LabelWriter};
pub(crate) use self::selection::{MOST_SHARDS, Selection, Shard};
pub use self::value::{Count, Number, Value};
use crate::histogram::Histogram;

/// What has metrics to show.
pub trait Collector: fmt::Debug + Send + Sync + 'static {
    /// Puts them on a page. Asks nobody and waits for nobody: the page is written while it is read.
    fn collect(&self, page: &mut Page<'_>);
}

/// How a page is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// OpenMetrics, versions 1.0.0 and 0.0.1 of the text.
    OpenMetrics,
    /// The text format 0.0.4, which everything understands.
    Classic,
    /// `io.prometheus.client.MetricFamily`, each with its length before it.
    Protobuf,
}

/// A page that is being written.
pub struct Page<'a> {
    format: Format,
    selection: &'a Selection,
    reader: &'a mut dyn Write,
    /// What was not passed on yet: whole lines.
    waiting: Vec<u8>,
    /// The metrics of a family in protobuf.
    metrics: Vec<u8>,
    /// Why the reader is lost. From then on, nothing is written and nothing is asked for.
    lost: Option<io::Error>,
}

/// What comes before the series of a family.
#[derive(Clone, Copy, Debug)]
struct Family<'a> {
    name: &'a str,
    help: &'a str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Gauge,
    Counter,
    Histogram,
    Info,
}

/// What is known of one series.
#[derive(Clone, Copy, Debug)]
enum Sample<'a> {
    Number(Number),
    Histogram(&'a Histogram),
}

/// As much is passed on at once: some thousand calls for the longest pages.
const PART_BYTES: usize = 64 * 1024;

impl<'a> Page<'a> {
    pub(crate) fn new(format: Format, reader: &'a mut dyn Write) -> Self {
        let selection = &selection::EVERYTHING;
        Self { format, selection, reader, waiting: Vec::new(), metrics: Vec::new(), lost: None }
    }

    /// The same page, of which that part is wanted.
    pub(crate) fn of(self, selection: &'a Selection) -> Self {
        Self { selection, ..self }
    }

    /// Which part of it is wanted.
    pub(crate) fn selection(&self) -> &'a Selection {
        self.selection
    }

    /// Whether what the exporter says of itself is wanted: all that belongs to no target. Which targets
    /// are wanted, [`Targets::wanted_on`](crate::Targets::wanted_on) says.
    pub fn shows_exporter(&self) -> bool {
        self.selection.shows_exporter()
    }

    /// A gauge with all its series. A bool is 0 or 1, a duration its seconds.
    pub fn gauge<L: LabelSet, V: Value>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (L, V)>,
    ) {
        let samples = series.into_iter().map(|(labels, value)| {
            let known = value.value().filter(|it| it.is_finite());
            (labels, known.map(|it| Sample::Number(Number::Real(it))))
        });
        self.family(Family { name, help, kind: Kind::Gauge }, samples);
    }

    /// A counter with all its series. Its name ends in `_total`.
    pub fn counter<L: LabelSet, C: Count>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (L, C)>,
    ) {
        debug_assert!(name.ends_with("_total"), "{name}");
        let samples = series.into_iter().map(|(labels, count)| {
            let known = count.count().filter(|it| it.is_finite());
            (labels, known.map(Sample::Number))
        });
        self.family(Family { name, help, kind: Kind::Counter }, samples);
    }

    /// A histogram with all its series: in text by its buckets, in protobuf natively, too.
    pub fn histogram<'h, L: LabelSet>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (L, &'h Histogram)>,
    ) {
        let series = series.into_iter();
        let samples = series.map(|(labels, it)| (labels, Some(Sample::Histogram(it))));
        self.family(Family { name, help, kind: Kind::Histogram }, samples);
    }

    /// Facts that are told by labels alone. The name ends in `_info`.
    pub fn info<L: LabelSet>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = L>,
    ) {
        debug_assert!(name.ends_with("_info"), "{name}");
        let one = Sample::Number(Number::Whole(1));
        let samples = series.into_iter().map(|labels| (labels, Some(one)));
        self.family(Family { name, help, kind: Kind::Info }, samples);
    }

    fn family<'s, L: LabelSet>(
        &mut self,
        family: Family<'_>,
        series: impl Iterator<Item = (L, Option<Sample<'s>>)>,
    ) {
        let mut begun = false;
        let known = series.filter_map(|(labels, sample)| Some((labels, sample?)));
        // The reader is asked for first: it may be lost long before the last series.
        let mut known = known.fuse();
        while self.lost.is_none()
            && let Some((labels, sample)) = known.next()
        {
            if self.format == Format::Protobuf {
                protobuf::metric(&mut self.metrics, family.kind, &labels, sample);
            } else {
                let classic = self.format == Format::Classic;
                if !begun {
                    text::head(&mut self.waiting, family, classic);
                }
                text::series(&mut self.waiting, family.name, &labels, sample);
                self.pass_if(PART_BYTES);
            }
            begun = true;
        }
        if begun && self.format == Format::Protobuf {
            self.pass_family(family);
        }
    }

    /// Passes on what is waiting, if that is at least so much.
    fn pass_if(&mut self, least: usize) {
        if self.waiting.len() >= least && self.lost.is_none() {
            self.lost = self.reader.write_all(&self.waiting).err();
            self.waiting.clear();
        }
    }

    /// In parts, so that no copy of a long family is made on its way.
    fn pass_family(&mut self, family: Family<'_>) {
        protobuf::head(&mut self.waiting, family, self.metrics.len());
        self.pass_if(0);
        for part in self.metrics.chunks(PART_BYTES) {
            if self.lost.is_none() {
                self.lost = self.reader.write_all(part).err();
            }
        }
        self.metrics.clear();
    }

    /// Ends the page; fails if the reader was lost on the way.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        if self.format == Format::OpenMetrics {
            self.waiting.extend_from_slice(b"# EOF\n");
        }
        self.pass_if(1);
        self.lost.map_or(Ok(()), Err)
    }
}

impl fmt::Debug for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page").field("format", &self.format).finish_non_exhaustive()
    }
}

/// What `write` puts on a page, as OpenMetrics text: for golden files.
pub fn openmetrics(write: impl FnOnce(&mut Page<'_>)) -> String {
    let text = written(Format::OpenMetrics, write);
    String::from_utf8(text).expect("a page of text is UTF-8: it is made of strings")
}

pub(crate) fn written(format: Format, write: impl FnOnce(&mut Page<'_>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut page = Page::new(format, &mut bytes);
    write(&mut page);
    page.finish().expect("memory takes everything");
    bytes
}
