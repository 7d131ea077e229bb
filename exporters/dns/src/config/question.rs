//! A name and what is asked about it, as a config writes it. No I/O, no clock.

use std::collections::BTreeMap;

use exporter_kit::config::{Located, all};
use serde::Deserialize;

use super::Asked;
use crate::exchange::HostName;
use crate::expected::{Expected, Mode};
use crate::kind::Kind;

/// One name, and what is asked about it.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "RawQuestion")]
pub(crate) struct Question {
    /// The name.
    pub(super) name: HostName,
    /// The types.
    types: Vec<Kind>,
    /// The sets that are asked; all of them if not given.
    pub(super) sets: Option<Vec<Located<String>>>,
    /// The pinned answer of each type, where there is one.
    expected: BTreeMap<Kind, Expected>,
}

impl Question {
    /// Whether the set is asked.
    pub(super) fn is_for(&self, set: &str) -> bool {
        self.sets.as_ref().is_none_or(|sets| sets.iter().any(|name| name.value == set))
    }

    /// One entry for each type.
    pub(super) fn asked(&self) -> impl Iterator<Item = Asked> {
        self.types.iter().map(|&kind| Asked {
            name: self.name.clone(),
            kind,
            expected: self.expected.get(&kind).cloned(),
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawQuestion {
    name: HostName,
    #[serde(default = "default_types")]
    types: Vec<Kind>,
    sets: Option<Vec<Located<String>>>,
    #[serde(default)]
    expected: BTreeMap<Kind, Expected>,
}

fn default_types() -> Vec<Kind> {
    vec![Kind::A, Kind::Aaaa]
}

impl TryFrom<RawQuestion> for Question {
    type Error = String;

    fn try_from(raw: RawQuestion) -> Result<Self, String> {
        let RawQuestion { name, types, sets, expected } = raw;
        let twice = types.iter().enumerate().find(|(at, kind)| types[..*at].contains(kind));
        let types_are_good = match twice {
            _ if types.is_empty() => Err("types: there must be one at least".to_owned()),
            Some((_, kind)) => Err(format!("types: {} is there twice", kind.as_str())),
            None => Ok(()),
        };
        let pins = expected.iter().map(|(kind, pinned)| check_pin(&types, *kind, pinned));
        all(std::iter::once(types_are_good).chain(pins))?;
        Ok(Self { name, types, sets, expected })
    }
}

fn check_pin(types: &[Kind], kind: Kind, pinned: &Expected) -> Result<(), String> {
    let name = kind.as_str();
    if !types.is_empty() && !types.contains(&kind) {
        return Err(format!("expected.{name}: is not among the types that are asked for"));
    }
    let fits = |net: &ipnet::IpNet| net.addr().is_ipv4() == (kind == Kind::A);
    if !pinned.answers.iter().all(fits) {
        let family = if kind == Kind::A { "IPv4" } else { "IPv6" };
        return Err(format!("expected.{name}.answers: must be {family} addresses or prefixes"));
    }
    if pinned.answers.is_empty() && pinned.mode != Mode::Exact {
        return Err(format!("expected.{name}.answers: must not be empty unless the mode is exact"));
    }
    Ok(())
}
