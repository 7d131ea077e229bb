//! The metrics of panels: what strangers' probes say. None of them has a name that a vantage's series have.

use std::sync::Arc;

use exporter_kit::config;
use exporter_kit::{Collector, LabelEnum as _, Page};
use tokio::time::Instant;

use crate::class::Class;
use crate::config::{EVALUATION, PanelLabels};
use crate::panel::budget::Budget;
use crate::panel::state::{Latest, Panel, Panels};
use crate::panel::{Asked, beside};
use crate::state::{Evaluations, Snapshot};
use crate::world::Endpoint;

/// Renders all measurements: metric by metric, and within each, one by one.
#[derive(Debug)]
pub(crate) struct PanelMetrics {
    pub(crate) panels: Arc<Panels>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) evaluations: Arc<Evaluations>,
}

impl Collector for PanelMetrics {
    fn collect(&self, page: &mut Page<'_>) {
        let now = Instant::now();
        let evaluation = self.evaluations.state(&EVALUATION.to_owned());
        let snapshot = evaluation.and_then(|it| it.standing(now));
        encode(&self.panels.wanted_on(page), &self.budget, snapshot.as_deref(), now, page);
    }
}

type Labels<'a> = Vec<(&'a str, &'a str)>;

pub(super) fn encode(
    panels: &[Arc<Panel>],
    budget: &Budget,
    snapshot: Option<&Snapshot>,
    now: Instant,
    page: &mut Page<'_>,
) {
    requests(panels, budget, now, page);
    let standing: Vec<_> = panels
        .iter()
        .filter_map(|it| Some((it.name.as_str(), it.labels(), it.standing(now)?)))
        .collect();
    page.gauge(
        "homing_panel_last_result_timestamp_seconds",
        "When the newest result was measured.",
        standing.iter().filter_map(|(name, of, it)| {
            Some(((&of.own, [("panel", *name)]), it.told.newest? as f64))
        }),
    );
    page.gauge(
        "homing_panel_oldest_result_timestamp_seconds",
        "When the oldest result that counts was measured: before it, nothing is said.",
        standing.iter().filter_map(|(name, of, it)| {
            Some(((&of.own, [("panel", *name)]), it.told.oldest? as f64))
        }),
    );
    page.gauge(
        "homing_panel_left_out",
        "Results of the last answer that say nothing, by the reason.",
        standing.iter().flat_map(|(name, of, it)| {
            it.unused.iter().map(|(why, count)| {
                ((&of.own, [("panel", *name), ("reason", why.name())]), count as f64)
            })
        }),
    );
    page.gauge(
        "homing_panel_disagrees",
        "Whether probes tell another class of an endpoint than own vantages do; absent where not both know. It has no vote.",
        standing.iter().flat_map(|(name, of, it)| {
            of.endpoints.iter().filter_map(move |endpoint| {
                let verdict = &snapshot?.verdict;
                let disagrees = beside::disagrees(&it.told, endpoint, verdict)?;
                Some((labels(name, &of.own, endpoint), disagrees))
            })
        }),
    );
    // Of each endpoint that a measurement is about.
    let of_endpoints: Vec<(Labels<'_>, &Latest, &PanelLabels)> = standing
        .iter()
        .flat_map(|(name, of, it)| {
            let each = of.endpoints.iter();
            each.map(move |endpoint| (labels(name, &of.own, endpoint), &**it, &**of))
        })
        .collect();
    page.gauge(
        "homing_panel_tests",
        "Probes of a region that get an answer, and that get none, by how they ask.",
        of_endpoints.iter().flat_map(|(labels, it, names)| {
            it.told.regions.iter().flat_map(move |(region, of)| {
                let region = names.region(region);
                [("answered", of.answered), ("failed", of.failed)].map(|(outcome, count)| {
                    let asked = it.told.asked.map_or("", Asked::name);
                    let more = [("type", asked), ("region", region), ("outcome", outcome)];
                    ((labels, more), count as f64)
                })
            })
        }),
    );
    page.gauge(
        "homing_panel_rtt_min_seconds",
        "The smallest round trip of the probes of a region.",
        of_endpoints.iter().flat_map(|(labels, it, names)| {
            it.told.regions.iter().filter_map(move |(region, of)| {
                Some(((labels, [("region", names.region(region))]), of.rtt_seconds?))
            })
        }),
    );
    let addresses: Vec<_> = of_endpoints
        .iter()
        .flat_map(|(labels, it, _)| {
            it.told.addresses.iter().map(move |(ip, judged)| (labels, ip.to_string(), judged))
        })
        .collect();
    page.gauge(
        "homing_panel_class",
        "What the round trips of a panel's probes allow: exactly one class of an address is 1. It has no vote.",
        addresses.iter().flat_map(|(labels, ip, judged)| {
            Class::VALUES.iter().map(move |class| {
                let more = [("address", ip.as_str()), ("class", class.name())];
                ((labels, more), judged.class == *class)
            })
        }),
    );
}

fn requests(panels: &[Arc<Panel>], budget: &Budget, now: Instant, page: &mut Page<'_>) {
    page.counter(
        "homing_panel_fetches_total",
        "Requests for the results of a measurement, by what came of them.",
        panels.iter().flat_map(|it| {
            let of = it.labels();
            it.fetches.iter().map(move |(result, count)| {
                let labels = [("panel", it.name.as_str()), ("result", result.name())];
                ((of.own.clone(), labels), count)
            })
        }),
    );
    page.gauge(
        "homing_panel_budget_remaining",
        "Tests that the account of a measurement may still make in this hour, by the last word; all of it share them.",
        panels.iter().filter(|it| it.spends).filter_map(|it| {
            let labels = [("panel", it.name.as_str())];
            Some(((it.labels().own.clone(), labels), budget.remaining(now)? as f64))
        }),
    );
}

fn labels<'a>(name: &'a str, own: &'a config::Labels, endpoint: &'a Endpoint) -> Labels<'a> {
    let team = (!endpoint.team.is_empty()).then_some(("team", endpoint.team.as_str()));
    let of = [("panel", name), ("target", endpoint.target.as_str())];
    own.iter().chain(of).chain(team).collect()
}
