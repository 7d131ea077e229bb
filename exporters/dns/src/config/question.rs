//! A name and what is asked about it, as a config writes it. No I/O, no clock.

use std::collections::BTreeMap;
use std::net::IpAddr;

use exporter_kit::config::{Located, Place, Problems, all};
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
            let mut expected = Expected { mode: written.mode, ..Expected::default() };
            for (at, text) in written.answers.iter().enumerate() {
                match pin(kind, &text.value) {
                    Ok(Pin::Net(net)) => expected.answers.push(net),
                    Ok(Pin::System(system)) => expected.systems.push(system),
                    Err(error) => {
                        let kind = kind.as_str();
                        problems.add(
                            text.place,
                            format!("questions[{number}].expected.{kind}.answers[{at}]: {error}"),
                        );
                    }
                }
            }
            self.expected.insert(kind, expected);
        }
    }

    /// How many of its types are addresses without a pin.
    pub(super) fn unpinned_addresses(&self) -> usize {
        let is_unpinned = |kind: &&Kind| kind.is_address() && !self.written.contains_key(*kind);
        self.types.iter().filter(is_unpinned).count()
    }

    /// The entries that pin a system, of question `number`.
    pub(super) fn pinned_systems(&self, number: usize) -> impl Iterator<Item = PinnedSystem> {
        let addresses = self.written.iter().filter(|(kind, _)| kind.is_address());
        addresses.flat_map(move |(&kind, written)| {
            let entries = written.answers.iter().enumerate();
            entries.filter_map(move |(at, text)| {
                let system = system(&text.value)?.parse().ok()?;
                let field = format!("questions[{number}].expected.{}.answers[{at}]", kind.as_str());
                Some(PinnedSystem { place: text.place, field, kind, system })
            })
        })
    }
}

/// An entry of a pinned answer that is a system.
#[derive(Debug)]
pub(super) struct PinnedSystem {
    /// Where it stands,
    pub(super) place: Place,
    /// and in which field.
    pub(super) field: String,
    /// Of addresses of which type.
    pub(super) kind: Kind,
    /// Its number.
    pub(super) system: u32,
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

/// One entry of a pinned answer.
enum Pin {
    /// An address or a prefix of them, or the number of another record.
    Net(IpNet),
    /// All addresses of an autonomous system.
    System(u32),
}

fn pin(kind: Kind, text: &str) -> Result<Pin, String> {
    if !kind.is_address() {
        let record = record::parse(kind.record_type(), text)?;
        return Ok(Pin::Net(record::id(kind.record_type(), &record).into()));
    }
    if let Some(number) = system(text) {
        let number = number.parse().ok().filter(|number| *number > 0);
        let number = number.ok_or("must be the number of an autonomous system, as in asn:64500")?;
        return Ok(Pin::System(number));
    }
    let net = text.parse::<IpAddr>().map(IpNet::from).or_else(|_| text.parse());
    let net = net.map_err(
        |_| "must be an IP address or a prefix, as in 192.0.2.0/24, or a system, as in asn:64500",
    )?;
    match (net, kind) {
        _ if net.prefix_len() == 0 => Err("must not be everything".to_owned()),
        (IpNet::V4(_), Kind::A) | (IpNet::V6(_), Kind::Aaaa) => Ok(Pin::Net(net)),
        (IpNet::V4(_), _) => Err("must be an IPv6 address or prefix".to_owned()),
        (IpNet::V6(_), _) => Err("must be an IPv4 address or prefix".to_owned()),
    }
}

/// The number of a pinned system as it is written; nothing of another entry.
fn system(text: &str) -> Option<&str> {
    let (word, number) = text.split_once(':')?;
    word.eq_ignore_ascii_case("asn").then_some(number.trim())
}
