//! The labels that a user gives to a target, beside those that it has anyway. No I/O, no clock.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::name;

/// Labels of one target: more are a mistake, and each is on every series.
const MOST: usize = 16;

/// Bytes of a label's name.
const LONGEST: usize = 64;

/// Names that mean something to the scraper, to the alerts or to every exporter.
const RESERVED: [&str; 14] = [
    "alertname",
    "domain",
    "instance",
    "job",
    "le",
    "quantile",
    "rack",
    "region",
    "scope",
    "severity",
    "site",
    "target",
    "team",
    "vantage",
];

/// Labels of the user's own, as in `labels: {env: prod}`, in the order of their names.
///
/// A name follows Prometheus' grammar, `[a-zA-Z_][a-zA-Z0-9_]*`, does not begin with two underscores
/// and is none of those that the suite itself uses; an exporter refuses its own metrics' labels by
/// [`Labels::refuse`]. A value may be what a [`Name`](super::Name) may be. An empty one is no label.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(try_from = "BTreeMap<String, String>")]
pub struct Labels(Box<[(Box<str>, Box<str>)]>);

impl Labels {
    /// Checks names and values; the error says which name is wrong, and repeats no value.
    pub fn new<N, V>(labels: impl IntoIterator<Item = (N, V)>) -> Result<Self, String>
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        let mut checked = BTreeMap::new();
        for (label, value) in labels {
            let (label, value) = (label.as_ref(), value.as_ref());
            check(label)?;
            name::check(value).map_err(|error| format!("{label}: the value {error}"))?;
            if !value.is_empty() {
                checked.insert(Box::from(label), Box::from(value));
            }
        }
        if checked.len() > MOST {
            return Err(format!("there are {}, must be at most {MOST}", checked.len()));
        }
        Ok(Self(checked.into_iter().collect()))
    }

    /// An error if one of the names is `taken`, because the exporter's own metrics have it.
    pub fn refuse(&self, taken: &[&str]) -> Result<(), String> {
        match self.iter().find(|(label, _)| taken.contains(label)) {
            Some((label, _)) => Err(reserved(label)),
            None => Ok(()),
        }
    }

    /// Names and values, in the order of the names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(label, value)| (&**label, &**value))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn check(label: &str) -> Result<(), String> {
    let starts = |c: char| c.is_ascii_alphabetic() || c == '_';
    let goes_on = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !(label.starts_with(starts) && label.chars().all(goes_on) && label.len() <= LONGEST) {
        return Err(format!(
            "a label's name must be at most {LONGEST} letters, digits and underscores, and begin with no \
             digit"
        ));
    }
    if label.starts_with("__") {
        return Err(format!("{label}: names that begin with two underscores are Prometheus' own"));
    }
    if RESERVED.contains(&label) {
        return Err(reserved(label));
    }
    Ok(())
}

fn reserved(label: &str) -> String {
    format!("{label}: the suite itself uses this label; take another name")
}

impl TryFrom<BTreeMap<String, String>> for Labels {
    type Error = String;

    fn try_from(labels: BTreeMap<String, String>) -> Result<Self, String> {
        Self::new(labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Result<Labels, String> {
        Labels::new(pairs.iter().copied())
    }

    #[test]
    fn labels_are_sorted_and_empty_ones_are_none() {
        let labels = labels(&[("env", "prod"), ("a_1", "x y"), ("none", "")]).unwrap();
        assert_eq!(labels.iter().collect::<Vec<_>>(), [("a_1", "x y"), ("env", "prod")]);
    }

    #[test]
    fn a_bad_label_is_refused_and_its_value_not_repeated() {
        for (label, value) in [
            ("", "s3cret"),
            ("1a", "s3cret"),
            ("a-b", "s3cret"),
            ("ä", "s3cret"),
            ("__a", "s3cret"),
            ("target", "s3cret"),
            ("le", "s3cret"),
            ("a", "s3cret\n"),
            ("a", " s3cret"),
        ] {
            let error = labels(&[(label, value)]).unwrap_err();
            assert!(!error.contains("s3cret"), "{error}");
        }
        assert!(labels(&[(&"a".repeat(65), "")]).is_err());
        assert!(labels(&[("env", "prod")]).unwrap().refuse(&["address", "env"]).is_err());
    }

    #[test]
    fn there_are_not_too_many() {
        let many = |count: usize| Labels::new((0..count).map(|n| (format!("l{n}"), "x")));
        assert!(many(16).is_ok());
        assert_eq!(many(17), Err("there are 17, must be at most 16".to_owned()));
    }
}
