//! What is told of a page, by what the config asks of it: no word of a stranger gets into a label.
//! No I/O, no clock.

use std::collections::BTreeMap;

use exporter_kit::LabelEnum as _;

use super::{Said, worse};
use crate::config::PageLabels;
use crate::outcome::{ClaimState, Impact};

/// What is told of a page.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    /// The page as a whole.
    pub(crate) whole: ClaimState,
    /// The components that the config names.
    pub(crate) components: BTreeMap<String, ClaimState>,
    /// The regions that have a component of their own, and whether one of these is in trouble; what is not
    /// known is absent.
    pub(crate) regions: BTreeMap<String, bool>,
    /// How many incidents are open, by their impact; none where the page cannot be read.
    pub(crate) incidents: Option<Vec<(Impact, usize)>>,
}

/// Tells what a page says; what nobody could read says nothing, which is not that all is well.
pub(crate) fn tell(said: Option<&Said>, labels: &PageLabels) -> Told {
    let state = |name: &String| said.map_or(ClaimState::Unknown, |said| of_component(said, name));
    let components: BTreeMap<String, ClaimState> =
        labels.components.keys().map(|name| (name.clone(), state(name))).collect();
    let mut regions: BTreeMap<String, Vec<ClaimState>> = BTreeMap::new();
    for (name, component) in &labels.components {
        if let Some(region) = &component.region {
            regions.entry(region.clone()).or_default().push(components[name]);
        }
    }
    let counted = |said: &Said| {
        let of = |impact: &Impact| said.incidents.iter().filter(|it| *it == impact).count();
        Impact::VALUES.iter().map(|impact| (*impact, of(impact))).collect()
    };
    Told {
        whole: said.and_then(|said| said.whole).unwrap_or(ClaimState::Unknown),
        components,
        regions: regions
            .into_iter()
            .filter_map(|(name, all)| Some((name, in_trouble(&all)?)))
            .collect(),
        incidents: said.map(counted),
    }
}

/// A component by its id or name, unknown where the page knows no such one; several of one name are as well as the worst of them.
fn of_component(said: &Said, name: &str) -> ClaimState {
    let named = said.components.iter().filter(|it| it.id == name || it.name == name);
    let absent =
        if said.well.contains(name) { ClaimState::Operational } else { ClaimState::Unknown };
    named.map(|it| it.state).reduce(worse).unwrap_or(absent)
}

/// Whether one of them is in trouble; none where one is unknown and no other is.
fn in_trouble(states: &[ClaimState]) -> Option<bool> {
    let worst = states.iter().copied().reduce(worse)?;
    match worst {
        ClaimState::Operational | ClaimState::Maintenance => Some(false),
        ClaimState::Unknown => None,
        ClaimState::Degraded | ClaimState::PartialOutage | ClaimState::MajorOutage => Some(true),
    }
}
