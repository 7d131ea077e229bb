//! What is told of a page, by what the config asks of it: no word of a stranger gets into a label.
//! No I/O, no clock.

use std::collections::BTreeMap;

use exporter_kit::LabelEnum as _;

use super::{Said, SaidComponent, worse};
use crate::config::PageLabels;
use crate::outcome::{ClaimState, Impact};

/// What is told of a page.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    /// The page as a whole.
    pub(crate) whole: ClaimState,
    /// The components that the config names.
    pub(crate) components: BTreeMap<String, ClaimState>,
    /// Of a page that can be read, whether each of them cannot: the page lists all of its components and not this one, or
    /// says a word of it that is not known.
    pub(crate) unreadable: BTreeMap<String, bool>,
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
    let is_unreadable = |said: &Said, name: &String| {
        components[name] == ClaimState::Unknown
            && (said.has_all || said.components.iter().any(|it| is_named(it, name)))
    };
    let unreadable = said.into_iter().flat_map(|said| {
        let names = components.keys();
        names.map(move |name| (name.clone(), is_unreadable(said, name)))
    });
    Told {
        unreadable: unreadable.collect(),
        whole: said.and_then(|said| said.whole).unwrap_or(ClaimState::Unknown),
        components,
        regions: regions
            .into_iter()
            .filter_map(|(name, all)| Some((name, in_trouble(&all)?)))
            .collect(),
        incidents: said.map(counted),
    }
}

/// A component by its id or name; several of one name are as well as the worst of them. Who is not named is unknown where the page
/// lists all of its components. Where it names those alone that are not well, he is well if the page knows the name, or if it says
/// that all is well; when others are not, a name that it never had looks the same as one that is well, and is unknown.
fn of_component(said: &Said, name: &str) -> ClaimState {
    let named = said.components.iter().filter(|it| is_named(it, name));
    let is_all_well = !said.has_all && said.whole == Some(ClaimState::Operational);
    let absent = if is_all_well || said.well.contains(name) {
        ClaimState::Operational
    } else {
        ClaimState::Unknown
    };
    named.map(|it| it.state).reduce(worse).unwrap_or(absent)
}

fn is_named(component: &SaidComponent, name: &str) -> bool {
    component.id == name || component.name == name
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
