//! One discovered target, and what an exporter makes of it. No I/O, no clock.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::{Labels, Name};

/// What was discovered: an address, and the labels of its group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The address, as it is written in the list.
    pub address: String,
    /// Labels, those that begin with two underscores too.
    pub labels: Arc<BTreeMap<String, String>>,
    /// Where it was discovered, as in `targets/a.yml`.
    pub source: Arc<str>,
}

/// A discovered target that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Which one.
    pub found: Found,
    /// Why; it does not repeat the address.
    pub reason: String,
}

/// What the labels of a discovered target say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Its name: the label `target`, else the address.
    pub name: Name,
    /// Its module, where the label `__param_module` or `module` names one.
    pub module: Option<Name>,
    /// The labels that the exporter has fields for, where they are not empty.
    pub fields: BTreeMap<String, Name>,
    /// What is left of the labels, but those that begin with two underscores.
    pub labels: Labels,
}

impl Found {
    /// Sorts the labels: `fields` are those that are fields of the exporter's targets, as `site`.
    /// The error says what is wrong, and repeats no value.
    pub fn parts(&self, fields: &[&str]) -> Result<Parts, String> {
        let name = self.labels.get("target").unwrap_or(&self.address);
        let name = Name::new(name.as_str()).map_err(|error| format!("target: {error}"))?;
        let (mut module, mut known, mut rest) = (None, BTreeMap::new(), Vec::new());
        for (label, value) in self.labels.iter().filter(|(_, value)| !value.is_empty()) {
            let checked = || Name::new(value.as_str()).map_err(|error| format!("{label}: {error}"));
            match label.as_str() {
                "target" => {}
                "__param_module" => module = Some(checked()?),
                "module" => {
                    let checked = checked()?;
                    module.get_or_insert(checked);
                }
                own if own.starts_with("__") => {}
                field if fields.contains(&field) => {
                    known.insert(field.to_owned(), checked()?);
                }
                _ => rest.push((label, value)),
            }
        }
        let labels = Labels::new(rest).map_err(|error| format!("labels: {error}"))?;
        Ok(Parts { name, module, fields: known, labels })
    }

    /// This target, left out for a reason.
    pub fn skip(self, reason: impl Into<String>) -> Skipped {
        Skipped { found: self, reason: reason.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(labels: &[(&str, &str)]) -> Found {
        let labels = labels.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned()));
        Found {
            address: "192.0.2.1".into(),
            labels: Arc::new(labels.collect()),
            source: "f".into(),
        }
    }

    #[test]
    fn labels_are_sorted() {
        let parts = found(&[
            ("target", "srv-1"),
            ("__param_module", "slow"),
            ("module", "fast"),
            ("__meta_x", "y"),
            ("site", "ams"),
            ("env", "prod"),
            ("none", ""),
        ]);
        let parts = parts.parts(&["site", "rack"]).unwrap();
        assert_eq!((parts.name.as_str(), parts.module.as_deref()), ("srv-1", Some("slow")));
        assert_eq!(
            parts.fields.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect::<Vec<_>>(),
            [("site", "ams")]
        );
        assert_eq!(parts.labels.iter().collect::<Vec<_>>(), [("env", "prod")]);
        assert_eq!(found(&[]).parts(&[]).unwrap().name.as_str(), "192.0.2.1");
    }

    #[test]
    fn a_bad_label_is_named_and_not_repeated() {
        for labels in [
            [("target", "hunter2\n")],
            [("site", "hunter2\u{202e}")],
            [("env", " hunter2")],
            [("a-b", "hunter2")],
            [("job", "hunter2")],
        ] {
            let error = found(&labels).parts(&["site"]).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
