//! The metrics of routes: who announces what.

use std::collections::BTreeMap;
use std::sync::Arc;

use exporter_kit::{Collector, LabelEnum as _, Page};

use crate::routes::standing::RouteVerdict;
use crate::routes::state::{Routes, Routing};

/// Origins and upstreams that are shown one by one.
const MOST: usize = 10;

/// Renders what the last tables tell.
#[derive(Debug)]
pub(crate) struct RouteMetrics(pub(crate) Arc<Routing>);

impl Collector for RouteMetrics {
    fn collect(&self, page: &mut Page<'_>) {
        for routes in self.0.wanted_on(page) {
            encode(&routes, page);
        }
    }
}

pub(super) fn encode(routes: &Routes, page: &mut Page<'_>) {
    page.counter(
        "homing_route_records_total",
        "Records of tables of routes, by how they were.",
        routes.records.iter().map(|(it, count)| ([("result", it.name())], count)),
    );
    let Some(latest) = routes.latest() else { return };
    page.gauge("homing_route_files", "Tables that are read.", [((), latest.files as f64)]);
    page.gauge(
        "homing_route_table_timestamp_seconds",
        "The newest time in the tables.",
        [((), f64::from(latest.newest))],
    );
    let prefixes: Vec<(&str, &RouteVerdict)> =
        latest.prefixes.iter().map(|(name, it, _)| (name.as_str(), it)).collect();
    page.gauge(
        "homing_route_visible_ratio",
        "The share of the peers that have a route to all of a prefix.",
        prefixes.iter().filter_map(|(name, it)| Some(([("prefix", *name)], it.visible?))),
    );
    page.gauge(
        "homing_route_more_specifics",
        "Parts of a prefix that are announced by themselves.",
        prefixes.iter().map(|(name, it)| ([("prefix", *name)], it.figures.parts.len() as f64)),
    );
    let origins: Vec<_> =
        prefixes.iter().flat_map(|(name, it)| most(name, &it.figures.origins)).collect();
    page.info(
        "homing_route_origin_info",
        "Who announces a prefix; beyond ten, other.",
        origins.iter().map(|(name, asn, _)| [("prefix", *name), ("origin", asn.as_str())]),
    );
    let upstreams: Vec<_> =
        prefixes.iter().flat_map(|(name, it)| most(name, &it.figures.upstreams)).collect();
    page.gauge(
        "homing_route_upstream_paths",
        "Paths on which the origin is heard from this neighbour; beyond ten, other.",
        upstreams.iter().map(|(name, asn, paths)| {
            ([("prefix", *name), ("upstream", asn.as_str())], *paths as f64)
        }),
    );
    page.gauge(
        "homing_route_unexpected_origins",
        "Who announces a prefix and should not, by two tables in a row.",
        prefixes.iter().map(|(name, it)| ([("prefix", *name)], it.unexpected as f64)),
    );
    page.counter(
        "homing_route_changes_total",
        "How often something of a prefix was another than it should be, by two tables in a row.",
        latest.prefixes.iter().flat_map(|(name, _, counts)| {
            counts.iter().map(move |(kind, count)| {
                ([("prefix", name.as_str()), ("kind", kind.name())], count)
            })
        }),
    );
}

/// The largest, and the rest together.
fn most<'a>(name: &'a str, counts: &BTreeMap<u32, usize>) -> Vec<(&'a str, String, usize)> {
    let mut all: Vec<(u32, usize)> = counts.iter().map(|(asn, count)| (*asn, *count)).collect();
    all.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let rest: usize = all.iter().skip(MOST).map(|(_, count)| count).sum();
    let shown = all.into_iter().take(MOST).map(|(asn, count)| (name, asn.to_string(), count));
    shown.chain((rest > 0).then(|| (name, "other".to_owned(), rest))).collect()
}
