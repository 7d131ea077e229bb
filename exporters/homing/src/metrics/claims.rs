//! The metrics of claims: what providers say of themselves.

use std::sync::Arc;

use exporter_kit::{Collector, LabelEnum as _, Page};
use tokio::time::Instant;

use crate::claims::state::{Pages, Shown};
use crate::outcome::ClaimState;

/// Renders all pages: metric by metric, and within each, page by page.
#[derive(Debug)]
pub(crate) struct ClaimMetrics(pub(crate) Arc<Pages>);

impl Collector for ClaimMetrics {
    fn collect(&self, page: &mut Page<'_>) {
        encode(&self.0.wanted_on(page), Instant::now(), page);
    }
}

pub(super) fn encode(pages: &[Arc<crate::claims::state::Page>], now: Instant, page: &mut Page<'_>) {
    // First: what is counted was shown before that.
    let fetches: Vec<Vec<_>> = pages.iter().map(|it| it.counts.fetches.iter().collect()).collect();
    let shown: Vec<(&str, Shown)> =
        pages.iter().map(|it| (it.name.as_str(), it.shown(now))).collect();
    page.gauge(
        "homing_claim_state",
        "What a page says of a component, or of all of itself (component \"\"): exactly one state is 1.",
        shown.iter().flat_map(|(name, it)| {
            let components = it.told.components.iter().map(|(name, state)| (name.as_str(), *state));
            components.chain([("", it.told.whole)]).flat_map(move |(component, told)| {
                ClaimState::VALUES.iter().map(move |state| {
                    let labels =
                        [("page", *name), ("component", component), ("state", state.name())];
                    ((&it.labels.own, labels), *state == told)
                })
            })
        }),
    );
    page.gauge(
        "homing_claim_component_unreadable",
        "Whether a page that can be read says nothing of a component that can: it is not on its list, or by a word that is not known.",
        shown.iter().flat_map(|(name, it)| {
            let components = it.told.unreadable.iter();
            components.map(move |(component, is)| {
                ((&it.labels.own, [("page", *name), ("component", component.as_str())]), *is)
            })
        }),
    );
    page.gauge(
        "homing_claim_incidents",
        "Incidents that a page says are open, by their impact.",
        shown.iter().flat_map(|(name, it)| {
            it.told.incidents.iter().flatten().map(move |(impact, count)| {
                ((&it.labels.own, [("page", *name), ("impact", impact.name())]), *count as f64)
            })
        }),
    );
    page.gauge(
        "homing_claim_region_trouble",
        "Whether a page says that a component of this region is in trouble.",
        shown.iter().flat_map(|(name, it)| {
            let regions = it.told.regions.iter();
            regions.map(move |(region, is)| {
                ((&it.labels.own, [("page", *name), ("region", region.as_str())]), *is)
            })
        }),
    );
    page.info(
        "homing_claim_targets_info",
        "The endpoints that a component, or all of a page, is about, and the region if it is of one alone.",
        shown.iter().flat_map(|(name, it)| {
            let components = it.labels.components.iter();
            let components =
                components.map(|(name, it)| (name.as_str(), it.region.as_deref(), &it.targets));
            components.chain([("", None, &it.labels.whole)]).flat_map(move |(component, region, targets)| {
                targets.iter().map(move |endpoint| {
                    let team = Some(endpoint.team.as_str()).filter(|team| !team.is_empty());
                    let more = [("team", team), ("region", region)];
                    let more = more.into_iter().filter_map(|(name, value)| Some((name, value?)));
                    let labels = [("page", *name), ("component", component)];
                    let labels = labels.into_iter().chain([("target", endpoint.target.as_str())]);
                    (&it.labels.own, labels.chain(more).collect::<Vec<_>>())
                })
            })
        }),
    );
    page.gauge(
        "homing_claim_updated_timestamp_seconds",
        "When a page was written, by its own word.",
        shown
            .iter()
            .filter_map(|(name, it)| Some(((&it.labels.own, [("page", *name)]), it.updated?))),
    );
    page.gauge(
        "homing_claim_last_ok_timestamp_seconds",
        "When a page was read last.",
        shown
            .iter()
            .filter_map(|(name, it)| Some(((&it.labels.own, [("page", *name)]), it.last_ok?))),
    );
    page.counter(
        "homing_claim_fetches_total",
        "Requests for a page, by what came of them.",
        fetches.iter().zip(&shown).flat_map(|(fetches, (name, it))| {
            fetches.iter().map(move |(result, count)| {
                ((&it.labels.own, [("page", *name), ("result", result.name())]), *count)
            })
        }),
    );
}
