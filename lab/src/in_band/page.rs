//! turbulence-ipmi's page as the proof reads it: samples by the sensor they are of. No I/O, no clock.

use std::collections::BTreeMap;

use peers::exposition;

/// A page's samples.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page(Vec<Sample>);

/// One sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The metric's name.
    pub metric: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

impl Page {
    /// Reads a page in the text format. Lines that are no samples are left out.
    pub fn parse(text: &str) -> Self {
        Self(exposition::samples(text).map(Sample::from).collect())
    }

    /// Every sample.
    pub fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.0.iter()
    }

    /// The value of the one sample of a metric that has all of these labels.
    pub fn value(&self, metric: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let mut found = self.0.iter().filter(|sample| {
            sample.metric == metric
                && labels.iter().all(|(name, value)| sample.label(name) == *value)
        });
        found.next().filter(|_| found.next().is_none()).map(|sample| sample.value)
    }

    /// The sum of a metric's samples.
    pub fn sum(&self, metric: &str) -> f64 {
        self.0.iter().filter(|sample| sample.metric == metric).map(|sample| sample.value).sum()
    }
}

impl Sample {
    /// A label's value, empty when it is not there.
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

impl From<exposition::Sample<'_>> for Sample {
    fn from(sample: exposition::Sample<'_>) -> Self {
        let labels = sample.labels().map(|(name, value)| (name.to_owned(), value.into_owned()));
        Self { metric: sample.name.to_owned(), labels: labels.collect(), value: sample.value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "# TYPE a gauge\na{id=\"1\",name=\"12V \\\"rail\\\", {x}\"} 1.5\na{id=\"2\"} 2\nb 3\n";

    #[test]
    fn labels_are_read_with_their_escapes() {
        let page = Page::parse(TEXT);
        let first = page.samples().next().unwrap();
        assert_eq!((first.metric.as_str(), first.label("id")), ("a", "1"));
        assert_eq!(first.label("name"), "12V \"rail\", {x}");
        assert_eq!(page.samples().count(), 3);
    }

    #[test]
    fn a_value_is_that_of_one_sample_alone() {
        let page = Page::parse(TEXT);
        assert_eq!(page.value("a", &[("id", "2")]), Some(2.0));
        assert_eq!(page.value("a", &[]), None, "there are two");
        assert_eq!(page.value("b", &[]), Some(3.0));
        assert!((page.sum("a") - 3.5).abs() < 1e-9);
    }
}
