//! Statuspage's summary, by Atlassian's published API (version 2). No I/O, no clock.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use super::{Said, SaidComponent, seconds, state_of, worse};
use crate::outcome::{ClaimState, Impact};

#[derive(Deserialize)]
struct Summary {
    page: Option<Page>,
    status: Status,
    components: Vec<Component>,
    #[serde(default)]
    incidents: Vec<Incident>,
    #[serde(default)]
    scheduled_maintenances: Vec<Incident>,
}

#[derive(Deserialize)]
struct Page {
    updated_at: Option<String>,
}

#[derive(Deserialize)]
struct Status {
    indicator: String,
}

#[derive(Deserialize)]
struct Component {
    #[serde(default)]
    id: String,
    name: String,
    status: String,
}

#[derive(Deserialize)]
struct Incident {
    #[serde(default)]
    impact: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    components: Vec<Named>,
}

/// A component that an incident names.
#[derive(Deserialize)]
struct Named {
    id: String,
}

/// Reads a summary.
pub(super) fn read(page: Value) -> Option<Said> {
    let summary: Summary = serde_json::from_value(page).ok()?;
    let mut whole = state_of(impact(&summary.status.indicator));
    let mut incidents = Vec::new();
    let is_open = |it: &&Incident| {
        !matches!(it.status.as_deref(), Some("resolved" | "postmortem" | "completed"))
    };
    for incident in summary.incidents.iter().filter(is_open) {
        let impact = incident.impact.as_deref().map_or(Impact::Unknown, impact);
        whole = worse(whole, state_of(impact));
        incidents.push(impact);
    }
    let is_under_way =
        |it: &&Incident| matches!(it.status.as_deref(), Some("in_progress" | "verifying"));
    let mut worked_on = BTreeSet::new();
    for work in summary.scheduled_maintenances.iter().filter(is_under_way) {
        worked_on.extend(work.components.iter().map(|it| it.id.as_str()));
        whole = worse(whole, ClaimState::Maintenance);
        incidents.push(Impact::Maintenance);
    }
    let component = |it: Component| {
        let state = state(&it.status);
        let is_worked_on = worked_on.contains(it.id.as_str());
        let state = if is_worked_on { worse(state, ClaimState::Maintenance) } else { state };
        SaidComponent { state, id: it.id, name: it.name }
    };
    Some(Said {
        whole: Some(whole),
        components: summary.components.into_iter().map(component).collect(),
        has_all: true,
        well: BTreeSet::new(),
        incidents,
        updated: summary.page.and_then(|page| seconds(&page.updated_at?)),
    })
}

fn impact(word: &str) -> Impact {
    match word {
        "none" => Impact::None,
        "minor" => Impact::Minor,
        "major" => Impact::Major,
        "critical" => Impact::Critical,
        "maintenance" => Impact::Maintenance,
        _ => Impact::Unknown,
    }
}

fn state(word: &str) -> ClaimState {
    match word {
        "operational" => ClaimState::Operational,
        "under_maintenance" => ClaimState::Maintenance,
        "degraded_performance" => ClaimState::Degraded,
        "partial_outage" => ClaimState::PartialOutage,
        "major_outage" => ClaimState::MajorOutage,
        _ => ClaimState::Unknown,
    }
}
