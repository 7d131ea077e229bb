//! A name and what is asked about it, as a config writes it. No I/O, no clock.

use std::collections::BTreeMap;
use std::net::IpAddr;

use exporter_kit::config::{Located, Problems, all};
use ipnet::IpNet;
use serde::Deserialize;

use super::Asked;
use crate::exchange::HostName;
use crate::expected::{Expected, Mode};
use crate::kind::Kind;
use crate::record;

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
    /// The pinned answer of each type, where there is one: as it is written,
    written: BTreeMap<Kind, Written>,
    /// and as it is compared.
    expected: BTreeMap<Kind, Expected>,
}

/// A pinned answer as it is written.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    mode: Mode,
    answers: Vec<Located<String>>,
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

    /// Reads the pinned answers of question `number`, and adds a problem for each that cannot be one of its
    /// type.
    pub(super) fn read_pins(&mut self, number: usize, problems: &mut Problems) {
        for (&kind, written) in &self.written {
            let mut answers = Vec::new();
            for (at, text) in written.answers.iter().enumerate() {
                match pin(kind, &text.value) {
                    Ok(net) => answers.push(net),
                    Err(error) => {
                        let kind = kind.as_str();
                        problems.add(
                            text.place,
                            format!("questions[{number}].expected.{kind}.answers[{at}]: {error}"),
                        );
                    }
                }
            }
            self.expected.insert(kind, Expected { mode: written.mode, answers });
        }
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
    expected: BTreeMap<Kind, Written>,
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
        Ok(Self { name, types, sets, written: expected, expected: BTreeMap::new() })
    }
}

fn check_pin(types: &[Kind], kind: Kind, pinned: &Written) -> Result<(), String> {
    let name = kind.as_str();
    if !types.is_empty() && !types.contains(&kind) {
        return Err(format!("expected.{name}: is not among the types that are asked for"));
    }
    if pinned.answers.is_empty() && pinned.mode != Mode::Exact {
        return Err(format!("expected.{name}.answers: must not be empty unless the mode is exact"));
    }
    Ok(())
}

/// One entry of a pinned answer: an address or a prefix of them, or the number of another record.
fn pin(kind: Kind, text: &str) -> Result<IpNet, String> {
    if !kind.is_address() {
        let record = record::parse(kind.record_type(), text)?;
        return Ok(record::id(kind.record_type(), &record).into());
    }
    let net = text.parse::<IpAddr>().map(IpNet::from).or_else(|_| text.parse());
    let net = net.map_err(|_| "must be an IP address or a prefix, as in 192.0.2.0/24")?;
    match (net, kind) {
        _ if net.prefix_len() == 0 => Err("must not be everything".to_owned()),
        (IpNet::V4(_), Kind::A) | (IpNet::V6(_), Kind::Aaaa) => Ok(net),
        (IpNet::V4(_), _) => Err("must be an IPv6 address or prefix".to_owned()),
        (IpNet::V6(_), _) => Err("must be an IPv4 address or prefix".to_owned()),
    }
}
