//! The metrics of what looks to be behind edges.

use exporter_kit::{LabelEnum as _, Page};

use crate::outcome::Origin;
use crate::state::Snapshot;

pub(super) fn encode(snapshot: &Snapshot, page: &mut Page<'_>) {
    let told = snapshot.verdict.targets.iter();
    page.gauge(
        "homing_origin_class",
        "What looks to be behind the edge of an endpoint at several sites: exactly one class is 1. Experimental.",
        told.filter_map(|(endpoint, it)| Some((endpoint, it.origin?.class))).flat_map(
            |(endpoint, told)| {
                let team = (!endpoint.team.is_empty()).then_some(("team", endpoint.team.as_str()));
                let of = [("target", endpoint.target.as_str())];
                let of: Vec<_> = team.into_iter().chain(of).collect();
                Origin::VALUES
                    .iter()
                    .map(move |class| ((of.clone(), [("class", class.name())]), told == *class))
            },
        ),
    );
}
