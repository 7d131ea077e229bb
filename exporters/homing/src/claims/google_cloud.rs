//! Google Cloud's list of incidents, by its published schema. No I/O, no clock.

use serde::Deserialize;
use serde_json::Value;

use super::{Said, SaidComponent, seconds, state_of, worse};
use crate::outcome::{ClaimState, Impact};

#[derive(Deserialize)]
struct Incident {
    #[serde(rename = "id")]
    _id: String,
    #[serde(rename = "begin")]
    _begin: String,
    #[serde(default)]
    end: Option<String>,
    #[serde(default)]
    modified: Option<String>,
    #[serde(default)]
    status_impact: Option<String>,
    #[serde(default)]
    most_recent_update: Option<Update>,
    #[serde(default)]
    affected_products: Vec<Product>,
}

#[derive(Deserialize)]
struct Update {
    status: Option<String>,
}

#[derive(Deserialize)]
struct Product {
    #[serde(default)]
    id: String,
    title: String,
}

/// Reads the list: an incident without an end is open.
pub(super) fn read(page: Value) -> Option<Said> {
    let incidents: Vec<Incident> = serde_json::from_value(page).ok()?;
    let mut said = Said {
        whole: Some(ClaimState::Operational),
        names_troubles_alone: true,
        updated: incidents
            .iter()
            .filter_map(|it| seconds(it.modified.as_deref()?))
            .reduce(f64::max),
        ..Said::default()
    };
    for incident in
        incidents.into_iter().filter(|it| it.end.as_deref().unwrap_or_default().is_empty())
    {
        let latest = incident.most_recent_update.and_then(|it| it.status);
        let impact = impact(latest.or(incident.status_impact).as_deref());
        said.incidents.push(impact);
        said.whole = said.whole.map(|whole| worse(whole, state_of(impact)));
        for product in incident.affected_products {
            let (id, name) = (product.id, product.title);
            said.components.push(SaidComponent { id, name, state: state_of(impact) });
        }
    }
    Some(said)
}

fn impact(word: Option<&str>) -> Impact {
    match word {
        Some("AVAILABLE") => Impact::None,
        Some("SERVICE_INFORMATION") => Impact::Minor,
        Some("SERVICE_DISRUPTION") => Impact::Major,
        Some("SERVICE_OUTAGE") => Impact::Critical,
        _ => Impact::Unknown,
    }
}
