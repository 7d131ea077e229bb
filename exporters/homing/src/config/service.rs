//! `services`: the sets of endpoints that one service may be reached by. No I/O, no clock.

use exporter_kit::config::{Located, Name, Problems};
use serde::Deserialize;

use crate::sets::{MOST_SETS, Service};
use crate::world::Endpoint;

/// One service, as the file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawService {
    name: Name,
    #[serde(default)]
    team: Option<Name>,
    expect_independent: Option<u32>,
    sets: Vec<RawSet>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSet {
    name: Name,
    targets: Vec<Name>,
}

/// The services, each with a name of its own and a number of sets that can be compared.
pub(super) fn checked(raw: Vec<Located<RawService>>, problems: &mut Problems) -> Vec<Service> {
    let mut services: Vec<Service> = Vec::new();
    for (number, service) in raw.into_iter().enumerate() {
        let Located { place, value } = service;
        let field = format!("services[{number}]");
        let name = value.name.into_string();
        if services.iter().any(|it| it.name == name) {
            problems.add(place, format!("{field}.name: another service has the same one"));
        }
        if value.sets.len() < 2 || value.sets.len() > MOST_SETS {
            problems.add(place, format!("{field}.sets: must have from 2 to {MOST_SETS} entries"));
        }
        let most = u32::try_from(value.sets.len()).unwrap_or(u32::MAX);
        if value.expect_independent.is_some_and(|it| it < 2 || it > most) {
            let what = "must be from 2 to the number of sets";
            problems.add(place, format!("{field}.expect_independent: {what}"));
        }
        let team = value.team.map(Name::into_string).unwrap_or_default();
        let mut sets: Vec<(String, Vec<Endpoint>)> = Vec::new();
        for (at, set) in value.sets.into_iter().enumerate() {
            let name = set.name.into_string();
            if sets.iter().any(|(other, _)| *other == name) {
                problems
                    .add(place, format!("{field}.sets[{at}].name: another set has the same one"));
            }
            if set.targets.is_empty() {
                problems.add(
                    place,
                    format!("{field}.sets[{at}].targets: must have one entry at least"),
                );
            }
            let endpoint =
                |target: Name| Endpoint { team: team.clone(), target: target.into_string() };
            sets.push((name, set.targets.into_iter().map(endpoint).collect()));
        }
        services.push(Service { name, team, expect_independent: value.expect_independent, sets });
    }
    services
}
