//! Autonomous systems that are pinned, and the tables by which their addresses are known. No I/O, no clock.

use std::collections::{BTreeMap, HashSet};

use exporter_kit::config::Problems;

use super::Config;
use super::question::PinnedSystem;
use crate::kind::Kind;
use crate::resolvers::Systems;

impl Config {
    /// The tables, where a system is pinned.
    pub(super) fn systems_of_pins(&self) -> Systems {
        let is_needed = self.questions.iter().any(|it| it.pinned_systems(0).next().is_some());
        self.geo.clone().filter(|_| is_needed).map(Systems::new).unwrap_or_default()
    }

    /// Adds a problem for each pinned system where no table says which addresses of its type any system has, and a warning
    /// where none says so of this one.
    pub(super) fn check_systems(&mut self, problems: &mut Problems) {
        let mut named: BTreeMap<Kind, HashSet<u32>> = BTreeMap::new();
        let mut warnings = Vec::new();
        for (number, question) in self.questions.iter().enumerate() {
            for pinned in question.pinned_systems(number) {
                let PinnedSystem { place, field, kind, system } = pinned;
                let of_tables = || self.geo.as_ref().map(|geo| geo.systems(kind == Kind::A));
                let named = named.entry(kind).or_insert_with(|| of_tables().unwrap_or_default());
                let family = if kind == Kind::A { "IPv4" } else { "IPv6" };
                if named.is_empty() {
                    problems.add(
                        place,
                        format!("{field}: which addresses of {family} a system has is said by none of `geo_files`: name a table of systems"),
                    );
                } else if !named.contains(&system) {
                    warnings.push(format!(
                        "line {}: {field}: by none of `geo_files` asn:{system} has an address of {family}, so that no answer \
                         can be of it; see whether the number is right, and the table new",
                        place.line
                    ));
                }
            }
        }
        self.warnings.append(&mut warnings);
    }
}
