//! The summary that incident.io's widget reads. No I/O, no clock.

use serde::Deserialize;
use serde_json::Value;

use super::{Said, SaidComponent, state_of, worse};
use crate::outcome::{ClaimState, Impact};

#[derive(Deserialize)]
struct Summary {
    ongoing_incidents: Vec<Incident>,
    #[serde(default)]
    in_progress_maintenances: Vec<Incident>,
    #[serde(default)]
    scheduled_maintenances: Vec<Incident>,
}

#[derive(Deserialize)]
struct Incident {
    #[serde(default)]
    current_worst_impact: Option<String>,
    #[serde(default)]
    affected_components: Vec<Component>,
}

#[derive(Deserialize)]
struct Component {
    #[serde(default)]
    id: String,
    name: String,
}

/// Reads a summary, which names those alone that are not well, or will not be.
pub(super) fn read(page: Value) -> Option<Said> {
    let summary: Summary = serde_json::from_value(page).ok()?;
    let later = summary.scheduled_maintenances.iter().flat_map(|it| &it.affected_components);
    let well = later.flat_map(|it| [it.id.clone(), it.name.clone()]).collect();
    let ongoing = summary.ongoing_incidents.into_iter().map(|it| {
        let impact = impact(it.current_worst_impact.as_deref());
        (impact, it)
    });
    let announced =
        summary.in_progress_maintenances.into_iter().map(|it| (Impact::Maintenance, it));
    let mut said = Said { whole: Some(ClaimState::Operational), well, ..Said::default() };
    for (impact, incident) in ongoing.chain(announced) {
        said.incidents.push(impact);
        said.whole = said.whole.map(|whole| worse(whole, state_of(impact)));
        for component in incident.affected_components {
            let Component { id, name } = component;
            said.components.push(SaidComponent { id, name, state: state_of(impact) });
        }
    }
    Some(said)
}

fn impact(word: Option<&str>) -> Impact {
    match word {
        Some("degraded_performance") => Impact::Minor,
        Some("partial_outage") => Impact::Major,
        Some("full_outage") => Impact::Critical,
        Some("under_maintenance") => Impact::Maintenance,
        _ => Impact::Unknown,
    }
}
