//! Google Cloud's list of incidents, by its published schema. No I/O, no clock.

use serde::Deserialize;
use serde_json::Value;
use serde_json::error::Category;

use super::{Said, SaidComponent, seconds, state_of, worse};
use crate::outcome::{ClaimState, Fetch, Impact};

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

/// Reads the list.
pub(super) fn read(page: Value) -> Option<Said> {
    serde_json::from_value(page).ok().map(said)
}

/// Reads it as it came: it is the whole history.
pub(super) fn parse(body: &[u8]) -> Result<Said, Fetch> {
    let incidents = serde_json::from_slice(body);
    let why = |error: serde_json::Error| match error.classify() {
        Category::Data => Fetch::Schema,
        Category::Io | Category::Syntax | Category::Eof => Fetch::NotJson,
    };
    incidents.map(said).map_err(why)
}

/// What the list says: an incident without an end is open. Of products the history knows the names.
fn said(incidents: Vec<Incident>) -> Said {
    let products = incidents.iter().flat_map(|it| &it.affected_products);
    let well = products.flat_map(|it| [it.id.clone(), it.title.clone()]).collect();
    let mut said = Said {
        whole: Some(ClaimState::Operational),
        well,
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
    said
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
