//! Autonomous systems that are pinned, or by which answers are counted, and the tables by which their addresses are known. No I/O, no clock.

use std::collections::{BTreeMap, HashSet};

use exporter_kit::config::Problems;

use super::Config;
use super::plan::MAX_WITHOUT_CONTROL;
use super::question::PinnedSystem;
use crate::kind::Kind;
use crate::resolvers::Systems;

impl Config {
    /// The tables, where they tell systems, and one is pinned or a question has no pin.
    pub(super) fn systems_of_answers(&self) -> Systems {
        let is_pinned = self.questions.iter().any(|it| it.pinned_systems(0).next().is_some());
        let is_needed = is_pinned || self.unpinned() > 0;
        let geo = self.geo.clone().filter(|geo| is_needed && geo.has_systems());
        geo.map(Systems::new).unwrap_or_default()
    }

    /// Questions for addresses that have no pin: they are judged by what most say.
    fn unpinned(&self) -> usize {
        self.questions.iter().map(|it| it.unpinned_addresses()).sum()
    }

    /// A warning where answers without a pin cannot be counted by their systems, and a list is a long one.
    pub(super) fn without_systems(&self) -> Option<String> {
        let count = self.unpinned();
        let has_many = self.sets.iter().any(|set| set.list.resolvers.len() > MAX_WITHOUT_CONTROL);
        let is_told = count > 0 && has_many && !self.systems.are_known();
        is_told.then(|| {
            format!(
                "questions: {count} of them for addresses have no pin, and no table in `geo_files` tells the systems of \
                 answers: of a name that has many in many networks, lies may be told as answers; pin it, or name a table"
            )
        })
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
