//! One page of metrics. No I/O, no clock.

use std::fmt;

use crate::exposition::{Sample, sample, samples};

/// A page of metrics, as it was at one moment.
#[derive(Debug, Clone)]
pub struct Scrape {
    /// The page.
    pub text: String,
}

impl Scrape {
    /// The page with this text.
    pub fn of(text: String) -> Self {
        Self { text }
    }

    /// The value of the series that has this name and at least these labels, written as on the page:
    /// `up{target="a"}`. Panics when there are several, since either could be meant.
    #[track_caller]
    pub fn get(&self, series: &str) -> Option<f64> {
        let line = format!("{series} 0");
        let wanted = sample(&line).unwrap_or_else(|| panic!("{series:?} is no series"));
        let mut found = samples(&self.text).filter(|one| has(one, &wanted));
        let first = found.next()?;
        if let Some(second) = found.next() {
            panic!("{series} is {first:?}, or {second:?}");
        }
        Some(first.value)
    }

    /// The value of a series that must be there, see [`Scrape::get`].
    #[track_caller]
    pub fn value(&self, series: &str) -> f64 {
        self.get(series).unwrap_or_else(|| panic!("no {series} in\n{}", self.text))
    }

    /// The sum of all series that have this name and at least these labels; 0 where there is none.
    pub fn sum(&self, series: &str) -> f64 {
        let line = format!("{series} 0");
        let wanted = sample(&line).unwrap_or_else(|| panic!("{series:?} is no series"));
        samples(&self.text).filter(|one| has(one, &wanted)).map(|one| one.value).sum()
    }
}

impl fmt::Display for Scrape {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.text)
    }
}

fn has(sample: &Sample<'_>, wanted: &Sample<'_>) -> bool {
    sample.name == wanted.name
        && wanted.labels().all(|(name, value)| sample.label(name) == Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Scrape {
        Scrape::of("up{a=\"1\",b=\"x\"} 1\nup{a=\"2\",b=\"x\"} 3\ntotal 7\n".to_owned())
    }

    #[test]
    fn a_series_is_found_by_some_of_its_labels() {
        assert_eq!(page().get("up{a=\"2\"}"), Some(3.0));
        assert_eq!(page().get("up{b=\"x\",a=\"1\"}"), Some(1.0));
        assert_eq!(page().get("total"), Some(7.0));
        assert_eq!(page().get("up{a=\"3\"}"), None);
        assert_eq!(page().get("u{a=\"1\"}"), None);
    }

    #[test]
    #[should_panic(expected = "or Sample")]
    fn a_series_that_is_not_the_only_one_is_not_chosen() {
        page().get("up{b=\"x\"}");
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "the values are small whole numbers")]
    fn sums_are_of_all() {
        assert_eq!(page().sum("up"), 4.0);
        assert_eq!(page().sum("down"), 0.0);
    }
}
