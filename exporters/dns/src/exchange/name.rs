//! A host name, as text and as it goes over the wire. No I/O, no clock.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A host name: lower case, no full stop at the end, at most 253 characters, letters, digits,
/// hyphens and underscores only, so that it can stand in a label as it is.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String")]
pub struct HostName(String);

impl HostName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name above; of a name with one label the root, which has no name above.
    pub(crate) fn parent(&self) -> Option<Self> {
        match self.0.split_once('.') {
            Some((_, above)) => Some(Self(above.to_owned())),
            None if self.0.is_empty() => None,
            None => Some(Self(String::new())),
        }
    }

    /// Whether it is this name or one below.
    pub(crate) fn is_within(&self, zone: &Self) -> bool {
        let below = self.0.strip_suffix(zone.as_str());
        below.is_some_and(|below| below.is_empty() || zone.0.is_empty() || below.ends_with('.'))
    }

    /// The name as it goes over the wire: at most 255 bytes (RFC 1035 §3.1).
    pub(crate) fn wire(&self) -> impl Iterator<Item = u8> {
        let label = |label: &str| {
            let length = u8::try_from(label.len()).expect("a label has at most 63 characters");
            std::iter::once(length).chain(label.to_owned().into_bytes())
        };
        // The root is written as no label at all.
        self.0.split('.').filter(|label| !label.is_empty()).flat_map(label).chain([0])
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for HostName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for HostName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let good = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        if name.len() <= 253 && name.split('.').all(good) {
            Ok(Self(name))
        } else {
            Err("must be a host name: letters, digits, hyphens, underscores and full stops only (an \
                 internationalised name in its xn-- form)"
                .to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_knows_what_is_above_it() {
        let name: HostName = "a.b.example".parse().unwrap();
        let above: Vec<_> = std::iter::successors(Some(name.clone()), HostName::parent).collect();
        assert_eq!(
            above.iter().map(HostName::as_str).collect::<Vec<_>>(),
            ["a.b.example", "b.example", "example", ""]
        );
        assert!(above.iter().all(|it| name.is_within(it)));
        assert_eq!(above[3].wire().collect::<Vec<_>>(), [0]);
        for other in ["xa.b.example", "b.exampl", "c.a.b.example"] {
            assert!(!name.is_within(&other.parse().unwrap()), "{other}");
        }
    }

    #[test]
    fn host_names_are_normalised_and_checked() {
        assert_eq!("API.Example.".parse::<HostName>().unwrap().as_str(), "api.example");
        for bad in ["", ".", "a..b", "a b", "a\"b", "ä.example", &"x".repeat(64), "*.example"] {
            assert!(bad.parse::<HostName>().is_err(), "{bad:?}");
        }
    }
}
