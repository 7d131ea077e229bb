//! Pages as their owners document them, and what others read wrongly.

use serde_json::{Value, json};

use super::told::tell;
use super::*;
use crate::config::PageLabels;

fn labels(components: &[(&str, Option<&str>)]) -> PageLabels {
    let mut labels = PageLabels::default();
    for (name, region) in components {
        let region = region.map(str::to_owned);
        let component = crate::config::Component { targets: Vec::new(), region };
        labels.components.insert((*name).to_owned(), component);
    }
    labels
}

fn summary(indicator: &str, component: &str, incidents: &Value) -> Value {
    json!({
        "page": {"id": "p", "name": "Acme", "updated_at": "2018-04-29T05:00:00.000Z"},
        "status": {"indicator": indicator, "description": "in words"},
        "components": [
            {"id": "c1", "name": "API", "status": component, "group_id": null},
            {"id": "c2", "name": "Web", "status": "operational"}
        ],
        "incidents": incidents,
        "scheduled_maintenances": []
    })
}

fn read(indicator: &str, component: &str, incidents: &Value) -> (ClaimState, ClaimState) {
    let said = Format::StatuspageV2.read(summary(indicator, component, incidents)).unwrap();
    let told = tell(Some(&said), &labels(&[("API", None)]));
    (told.whole, told.components["API"])
}

#[test]
fn every_word_of_statuspage_has_its_state() {
    use ClaimState::{Degraded, Maintenance, MajorOutage, Operational, PartialOutage, Unknown};
    let none = json!([]);
    for (word, wanted) in [
        ("none", Operational),
        ("minor", Degraded),
        ("major", PartialOutage),
        ("critical", MajorOutage),
        ("maintenance", Maintenance),
        ("splendid", Unknown),
    ] {
        assert_eq!(read(word, "operational", &none).0, wanted, "{word}");
    }
    for (word, wanted) in [
        ("operational", Operational),
        ("under_maintenance", Maintenance),
        ("degraded_performance", Degraded),
        ("partial_outage", PartialOutage),
        ("major_outage", MajorOutage),
        ("OPERATIONAL", Unknown),
    ] {
        assert_eq!(read("none", word, &none).1, wanted, "{word}");
    }
}

#[test]
fn an_open_incident_counts_for_the_page_and_not_for_a_component_that_is_well() {
    let open =
        json!([{"impact": "critical", "status": "monitoring", "components": [{"id": "c1"}]}]);
    assert_eq!(
        read("none", "operational", &open),
        (ClaimState::MajorOutage, ClaimState::Operational)
    );
    let over = json!([{"impact": "critical", "status": "resolved"}]);
    assert_eq!(read("none", "operational", &over).0, ClaimState::Operational);
    let odd = json!([{"impact": "catastrophic", "status": "identified"}]);
    assert_eq!(read("none", "operational", &odd).0, ClaimState::Unknown);
    assert_eq!(read("minor", "operational", &odd).0, ClaimState::Degraded);
}

#[test]
fn a_component_is_found_by_name_or_id_and_is_unknown_if_it_is_not_there() {
    let said = Format::StatuspageV2.read(summary("none", "major_outage", &json!([]))).unwrap();
    let told = tell(
        Some(&said),
        &labels(&[("c1", Some("EMEA")), ("Web", Some("AMER")), ("X", Some("APAC"))]),
    );
    assert_eq!(told.components["c1"], ClaimState::MajorOutage);
    assert_eq!(told.components["X"], ClaimState::Unknown);
    let regions: Vec<_> = told.regions.into_iter().collect();
    assert_eq!(regions, [("AMER".to_owned(), false), ("EMEA".to_owned(), true)]);
    assert_eq!(said.updated, Some(1_524_978_000.0));
    let nothing = tell(None, &labels(&[("API", Some("EMEA"))]));
    assert_eq!(
        (nothing.whole, nothing.components["API"]),
        (ClaimState::Unknown, ClaimState::Unknown)
    );
    assert!(nothing.regions.is_empty() && nothing.incidents.is_none());
}

#[test]
fn maintenance_counts_while_it_is_under_way() {
    let of = |status: &str| {
        let mut page = summary("none", "operational", &json!([]));
        page["scheduled_maintenances"] = json!([{"impact": "maintenance", "status": status}]);
        Format::StatuspageV2.read(page).unwrap().whole
    };
    assert_eq!(of("scheduled"), Some(ClaimState::Operational));
    assert_eq!(of("in_progress"), Some(ClaimState::Maintenance));
    let mut page = summary("none", "operational", &json!([]));
    page["scheduled_maintenances"] =
        json!([{"status": "verifying", "components": [{"id": "c1", "name": "API"}]}]);
    let said = Format::StatuspageV2.read(page).unwrap();
    let told = tell(Some(&said), &labels(&[("API", None), ("Web", None)]));
    let states: Vec<_> = told.components.into_values().collect();
    assert_eq!(states, [ClaimState::Maintenance, ClaimState::Operational]);
}

#[test]
fn an_incident_of_google_cloud_is_open_until_it_has_an_end() {
    let page = json!([
        {"id": "a", "begin": "2025-06-12T17:51:00+00:00", "modified": "2025-06-12T20:00:00+00:00",
         "status_impact": "SERVICE_OUTAGE", "most_recent_update": {"status": "SERVICE_DISRUPTION"},
         "affected_products": [{"title": "Cloud DNS", "id": "TUZUsWSJUVJGW97Jq2sH"}]},
        {"id": "b", "begin": "2025-01-01T00:00:00+00:00", "end": "2025-01-01T02:00:00+00:00",
         "status_impact": "SERVICE_OUTAGE", "affected_products": [{"title": "Vertex"}]}
    ]);
    let said = Format::GoogleCloud.read(page).unwrap();
    let told =
        tell(Some(&said), &labels(&[("Cloud DNS", None), ("Vertex", None), ("Vertx", None)]));
    assert_eq!(told.whole, ClaimState::PartialOutage);
    assert_eq!(told.components["Cloud DNS"], ClaimState::PartialOutage);
    assert_eq!(told.components["Vertex"], ClaimState::Operational);
    // A name that was never there is no name of what is well.
    assert_eq!(told.components["Vertx"], ClaimState::Unknown);
    assert_eq!(Format::GoogleCloud.read(json!([])).unwrap().whole, Some(ClaimState::Operational));
    assert_eq!(Format::GoogleCloud.read(json!({"error": "x"})), None);
}

#[test]
fn the_widget_of_incident_io_names_who_is_not_well() {
    let page = json!({
        "page_title": "Acme",
        "ongoing_incidents": [{"id": "i", "status": "identified", "current_worst_impact": "full_outage",
            "affected_components": [{"id": "c1", "name": "API"}]}],
        "in_progress_maintenances": [{"affected_components": [{"id": "c2", "name": "Web"}]}],
        "scheduled_maintenances": [{"affected_components": [{"id": "c3", "name": "Queue"}]}]
    });
    let said = Format::IncidentIo.read(page).unwrap();
    let told =
        tell(Some(&said), &labels(&[("API", None), ("Web", None), ("Mail", None), ("c3", None)]));
    let states: Vec<_> = told.components.into_values().collect();
    let wanted = [
        ClaimState::MajorOutage,
        ClaimState::Unknown,
        ClaimState::Maintenance,
        ClaimState::Operational,
    ];
    assert_eq!(states, wanted);
    assert_eq!(told.whole, ClaimState::MajorOutage);
    let odd = json!({"ongoing_incidents": [{"current_worst_impact": "bad"}]});
    assert_eq!(Format::IncidentIo.read(odd).unwrap().whole, Some(ClaimState::Unknown));
    assert_eq!(Format::IncidentIo.read(json!({"incidents": []})), None);
}

#[test]
fn a_component_of_a_page_that_names_those_alone_that_are_not_well_is_as_the_page_while_all_is_well()
{
    let wanted = labels(&[("API", None), ("Web", None)]);
    let all_well = json!({"ongoing_incidents": [], "scheduled_maintenances": []});
    let told = tell(Format::IncidentIo.read(all_well).as_ref(), &wanted);
    let states: Vec<_> = told.components.into_values().collect();
    assert_eq!(states, [ClaimState::Operational; 2]);
    assert_eq!(told.unreadable.into_values().collect::<Vec<_>>(), [false; 2]);
    let told = tell(Format::GoogleCloud.read(json!([])).as_ref(), &wanted);
    assert_eq!(told.components["API"], ClaimState::Operational);
    // While another is not, nobody knows whether the name is one of theirs; nor is it a ticket.
    let trouble = json!({"ongoing_incidents": [{"current_worst_impact": "full_outage",
        "affected_components": [{"id": "c1", "name": "API"}]}]});
    let told = tell(Format::IncidentIo.read(trouble).as_ref(), &wanted);
    let states: Vec<_> = told.components.into_values().collect();
    assert_eq!(states, [ClaimState::MajorOutage, ClaimState::Unknown]);
    assert_eq!(told.unreadable.into_values().collect::<Vec<_>>(), [false; 2]);
    // By a word that nobody knows; on a page that lists all, and not it; and on one that cannot be read.
    let odd = json!({"ongoing_incidents": [{"current_worst_impact": "bad",
        "affected_components": [{"id": "c1", "name": "API"}]}]});
    let told = tell(Format::IncidentIo.read(odd).as_ref(), &wanted);
    assert_eq!(told.unreadable.into_values().collect::<Vec<_>>(), [true, false]);
    let said = Format::StatuspageV2.read(summary("none", "operational", &json!([])));
    let told = tell(said.as_ref(), &labels(&[("API", None), ("Mail", None)]));
    assert_eq!(told.unreadable.into_values().collect::<Vec<_>>(), [false, true]);
    assert!(tell(None, &wanted).unreadable.is_empty());
}
