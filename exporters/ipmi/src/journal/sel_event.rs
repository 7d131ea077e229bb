//! A kind of entry of the event log that the user wants to have counted, by a name of his own. No I/O, no
//! clock.

use std::sync::Arc;

use exporter_kit::config::Name;
use regex::{Regex, RegexBuilder};
use serde::Deserialize;

/// Bytes that a regular expression may come to.
const LARGEST: usize = 64 << 10;

/// A kind of entry: those whose text matches.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Raw")]
pub(crate) struct SelEvent {
    /// The label `name`.
    pub(crate) name: Arc<str>,
    /// Which entries.
    pub(crate) regex: Regex,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    name: Name,
    regex: String,
}

impl SelEvent {
    /// A kind by its name and the text of its regular expression.
    pub(crate) fn new(name: &str, regex: &str) -> Result<Self, String> {
        let regex = RegexBuilder::new(regex).size_limit(LARGEST).build();
        // What the library says of it would repeat it.
        let regex = regex.map_err(|_| {
            "regex: must be a regular expression as in `Correctable memory error.*`, without looking \
             around and of moderate size"
                .to_owned()
        })?;
        Ok(Self { name: name.into(), regex })
    }
}

impl TryFrom<Raw> for SelEvent {
    type Error = String;

    fn try_from(raw: Raw) -> Result<Self, String> {
        Self::new(&raw.name.into_string(), &raw.regex)
    }
}

impl PartialEq for SelEvent {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.regex.as_str() == other.regex.as_str()
    }
}
