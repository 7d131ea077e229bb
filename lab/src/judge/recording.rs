//! What Prometheus has scraped of a world: series with a sample or none for each scrape. No I/O, no clock.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;

/// Series by name and labels, a place for each scrape.
#[derive(Clone, Debug)]
pub(crate) struct Recording {
    /// Seconds from one scrape to the next.
    step: u64,
    scrapes: usize,
    /// The words of the rules: a metric that is not among them is read by none.
    read: BTreeSet<String>,
    places: BTreeMap<String, usize>,
    samples: Vec<Vec<Option<f64>>>,
}

/// An exporter that is scraped: the labels that its scrape job adds, and its series.
#[derive(Clone, Debug)]
pub(crate) struct Scraped {
    /// As in `job="x",instance="y"`.
    labels: String,
    known: HashMap<String, Option<usize>>,
}

impl Scraped {
    /// An exporter whose series get these labels.
    pub(crate) fn new(job: &str, instance: &str) -> Self {
        Self { labels: format!("job={job:?},instance={instance:?}"), known: HashMap::new() }
    }

    /// Its series of the metric, with more labels.
    pub(crate) fn series(&self, metric: &str, labels: &[(&str, &str)]) -> String {
        let mut series = format!("{metric}{{{}", self.labels);
        for (name, value) in labels {
            let _ = write!(series, ",{name}={value:?}");
        }
        series.push('}');
        series
    }
}

impl Recording {
    /// Nothing is scraped yet, in a world of so many seconds.
    pub(crate) fn new(step: u64, seconds: u64, read: BTreeSet<String>) -> Self {
        let scrapes = usize::try_from(seconds / step).unwrap_or(usize::MAX).saturating_add(1);
        Self { step, scrapes, read, places: BTreeMap::new(), samples: Vec::new() }
    }

    /// The number of each scrape, and its second.
    pub(crate) fn scrapes(&self) -> impl Iterator<Item = (usize, u64)> + use<> {
        (0..self.scrapes).zip((0..).step_by(usize::try_from(self.step).unwrap_or(usize::MAX)))
    }

    /// How many scrapes later a page arrives that is so many seconds old.
    pub(crate) fn late_by(&self, seconds: u64) -> usize {
        usize::try_from(seconds / self.step).unwrap_or(usize::MAX)
    }

    /// Whether a rule reads the metric.
    fn is_read(&self, series: &str) -> bool {
        self.read.contains(name_of(series))
    }

    /// A sample of a series.
    pub(crate) fn put(&mut self, scrape: usize, series: &str, value: Option<f64>) {
        if !self.is_read(series) {
            return;
        }
        let place = self.place(series);
        if let Some(sample) = self.samples[place].get_mut(scrape) {
            *sample = value;
        }
    }

    fn place(&mut self, series: &str) -> usize {
        if let Some(place) = self.places.get(series) {
            return *place;
        }
        self.places.insert(series.to_owned(), self.samples.len());
        self.samples.push(vec![None; self.scrapes]);
        self.samples.len() - 1
    }

    /// All samples of a page. A scrape beyond the last is nobody's.
    pub(crate) fn page(&mut self, from: &mut Scraped, scrape: usize, page: &str) {
        for line in page.lines().filter(|line| !line.starts_with('#')) {
            let Some((series, value)) = line.rsplit_once(' ') else { continue };
            let known = from.known.get(series).copied();
            let place = known.unwrap_or_else(|| {
                let read = self.is_read(series);
                let place = read.then(|| self.place(&labelled(series, &from.labels)));
                from.known.insert(series.to_owned(), place);
                place
            });
            let Some(place) = place else { continue };
            if let (Some(sample), Ok(value)) = (self.samples[place].get_mut(scrape), value.parse())
            {
                *sample = Some(value);
            }
        }
    }

    /// The names of all that was scraped.
    pub(crate) fn metrics(&self) -> BTreeSet<&str> {
        self.places.keys().map(|series| name_of(series)).collect()
    }

    /// Each series in promtool's words: name and labels, and the values.
    pub(crate) fn series(&self) -> impl Iterator<Item = (&str, String)> {
        self.places.iter().map(|(series, place)| (series.as_str(), written(&self.samples[*place])))
    }
}

fn name_of(series: &str) -> &str {
    series.split('{').next().unwrap_or(series)
}

fn labelled(series: &str, labels: &str) -> String {
    match series.split_once('{') {
        Some((name, own)) => format!("{name}{{{labels},{own}"),
        None => format!("{series}{{{labels}}}"),
    }
}

/// Samples as promtool reads them: `4x2` is 4 three times, `_` is nothing, `stale` the end of a series.
fn written(samples: &[Option<f64>]) -> String {
    let mut out = String::new();
    let mut ended = true;
    for run in samples.chunk_by(|a, b| a == b) {
        let mut length = run.len();
        let Some(value) = run[0] else {
            if !ended {
                out.push_str("stale ");
                length -= 1;
            }
            ended = true;
            match length {
                0 => {}
                1 => out.push_str("_ "),
                _ => {
                    let _ = write!(out, "_x{length} ");
                }
            }
            continue;
        };
        ended = false;
        // Of a negative number, `-1x3` would be the steps of a row.
        let _ = match length {
            1 => write!(out, "{value} "),
            _ => write!(out, "{value}+0x{} ", length - 1),
        };
    }
    out.truncate(out.trim_end().len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn samples_are_written_in_runs_and_an_end_is_stale() {
        let values = |text: &str| {
            let sample = |word: &str| (word != "-").then(|| word.parse().unwrap());
            written(&text.split(' ').map(sample).collect::<Vec<_>>())
        };
        assert_eq!(values("1 1 1 2"), "1+0x2 2");
        assert_eq!(values("- - 1 - - - -1.5 -1.5 -"), "_x2 1 stale _x2 -1.5+0x1 stale");
    }

    #[test]
    fn a_page_is_recorded_as_far_as_rules_read_it() {
        let mut recording = Recording::new(5, 10, read(&["a", "b"]));
        let mut exporter = Scraped::new("j", "i:1");
        recording.page(&mut exporter, 0, "# TYPE a gauge\na{x=\"1 }\"} 2\nb 3.5\nc 4\n# EOF\n");
        recording.page(&mut exporter, 2, "b 3.5\n");
        recording.put(1, "a", Some(1.0));
        let series: Vec<_> =
            recording.series().map(|(series, values)| format!("{series} {values}")).collect();
        assert_eq!(
            series,
            [
                "a _ 1 stale",
                "a{job=\"j\",instance=\"i:1\",x=\"1 }\"} 2 stale _",
                "b{job=\"j\",instance=\"i:1\"} 3.5 stale 3.5",
            ]
        );
        assert_eq!(recording.scrapes().collect::<Vec<_>>(), [(0, 0), (1, 5), (2, 10)]);
    }
}
