//! The metrics of routes: who announces what.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use exporter_kit::{Collector, LabelEnum as _, Page};
use ipnet::IpNet;
use tokio::time::Instant;

use crate::config::EVALUATION;
use crate::outcome::TableState;
use crate::routes::state::{Latest, Prefix, Routes, Routing};
use crate::state::{Evaluations, Snapshot};
use crate::world::Endpoint;

/// Origins and upstreams that are shown one by one.
const MOST: usize = 10;
/// Endpoints of one prefix that are shown.
const MOST_ENDPOINTS: usize = 100;

/// Renders what the last tables tell.
#[derive(Debug)]
pub(crate) struct RouteMetrics {
    pub(crate) routing: Arc<Routing>,
    /// By which it is known whose addresses are within a prefix.
    pub(crate) evaluations: Arc<Evaluations>,
}

impl Collector for RouteMetrics {
    fn collect(&self, page: &mut Page<'_>) {
        for routes in self.routing.wanted_on(page) {
            let evaluation = self.evaluations.state(&EVALUATION.to_owned());
            let snapshot = evaluation.and_then(|it| it.standing(Instant::now()));
            encode(&routes, snapshot.as_deref(), page);
        }
    }
}

pub(super) fn encode(routes: &Routes, snapshot: Option<&Snapshot>, page: &mut Page<'_>) {
    page.counter(
        "homing_route_records_total",
        "Records of tables of routes, by how they were.",
        routes.records.iter().map(|(it, count)| ([("result", it.name())], count)),
    );
    let Some(latest) = routes.latest() else { return };
    tables(&latest, page);
    prefixes(&latest.prefixes, page);
    unexpected(&latest.prefixes, page);
    endpoints(&latest.prefixes, snapshot, page);
}

fn tables(latest: &Latest, page: &mut Page<'_>) {
    page.gauge(
        "homing_route_tables",
        "How the newest table of each pattern of files is; what is not read says nothing new.",
        latest.states.iter().map(|(it, count)| ([("state", TableState::name(it))], count as f64)),
    );
    page.gauge(
        "homing_route_files",
        "Tables by which prefixes are judged: the last good one of each pattern of files, unless it is too old.",
        [((), latest.files as f64)],
    );
    page.gauge(
        "homing_route_table_timestamp_seconds",
        "When the oldest of the last good tables was written.",
        latest.oldest.iter().map(|at| ((), *at as f64)),
    );
}

fn prefixes(prefixes: &[Prefix], page: &mut Page<'_>) {
    let all: Vec<_> = prefixes.iter().map(|it| (it.of.to_string(), it)).collect();
    let each = || all.iter().map(|(name, it)| (name.as_str(), &it.verdict));
    // Before the first table is read nothing is known but what was told.
    let read = || each().filter(|(_, it)| it.figures.peers > 0);
    page.gauge(
        "homing_route_visible_ratio",
        "The share of the peers that have a route to a prefix; a route to more than it counts where its origin may announce the prefix, or did before.",
        each().filter_map(|(name, it)| Some(([("prefix", name)], it.visible?))),
    );
    page.gauge(
        "homing_route_more_specifics",
        "Parts of a prefix that are announced by themselves.",
        read().map(|(name, it)| ([("prefix", name)], it.figures.parts.len() as f64)),
    );
    page.gauge(
        "homing_route_parts_left_out",
        "Routes to parts of a prefix beyond the first thousand parts, which are not told apart; who announces them is looked at.",
        read().map(|(name, it)| ([("prefix", name)], it.figures.left_out as f64)),
    );
    let origins: Vec<_> = each().flat_map(|(name, it)| most(name, &it.figures.origins)).collect();
    page.info(
        "homing_route_origin_info",
        "Who announces a prefix; beyond ten, other.",
        origins.iter().map(|(name, asn, _)| [("prefix", *name), ("origin", asn.as_str())]),
    );
    let upstreams: Vec<_> =
        each().flat_map(|(name, it)| most(name, &it.figures.upstreams)).collect();
    page.gauge(
        "homing_route_upstream_paths",
        "Peers by which the origin is heard from this neighbour; beyond ten, other.",
        upstreams.iter().map(|(name, asn, paths)| {
            ([("prefix", *name), ("upstream", asn.as_str())], *paths as f64)
        }),
    );
    page.gauge(
        "homing_route_unexpected_origins",
        "Who announces a prefix or a part of it and should not, by two tables in a row; absent while a router has one table only, and nothing is known of before.",
        each().filter_map(|(name, it)| Some(([("prefix", name)], it.unexpected? as f64))),
    );
    page.counter(
        "homing_route_changes_total",
        "How often something of a prefix was another than it should be, by two tables in a row.",
        all.iter().flat_map(|(name, it)| {
            it.counts.iter().map(move |(kind, count)| {
                ([("prefix", name.as_str()), ("kind", kind.name())], count)
            })
        }),
    );
}

fn unexpected(prefixes: &[Prefix], page: &mut Page<'_>) {
    let told: Vec<_> = prefixes
        .iter()
        .flat_map(|prefix| prefix.verdict.told.iter().map(move |it| (prefix.of, it)))
        .map(|(of, it)| {
            let asn = it.asn.map(|asn| asn.to_string()).unwrap_or_default();
            (of.to_string(), it.kind.name(), it.announced.to_string(), asn)
        })
        .collect();
    page.info(
        "homing_route_unexpected_info",
        "What of a prefix is another than it should be now, by two tables in a row: what is announced, and by whom or through whom; the first ten of each kind.",
        told.iter().map(|(prefix, kind, announced, asn)| {
            [
                ("prefix", prefix.as_str()),
                ("kind", kind),
                ("announced", announced),
                ("asn", asn.as_str()),
            ]
        }),
    );
}

/// Whose traffic goes where a prefix is announced.
fn endpoints(prefixes: &[Prefix], snapshot: Option<&Snapshot>, page: &mut Page<'_>) {
    let within: Vec<(String, &Endpoint)> = prefixes
        .iter()
        .flat_map(|prefix| {
            let endpoints = snapshot.into_iter().flat_map(|it| endpoints_in(prefix.of, it));
            endpoints.take(MOST_ENDPOINTS).map(|it| (prefix.of.to_string(), it))
        })
        .collect();
    page.info(
        "homing_route_endpoints_info",
        "Endpoints with an address within a prefix; the first hundred.",
        within.iter().map(|(prefix, endpoint)| {
            let team = (!endpoint.team.is_empty()).then_some(("team", endpoint.team.as_str()));
            let of = [("prefix", prefix.as_str()), ("target", endpoint.target.as_str())];
            of.into_iter().chain(team).collect::<Vec<_>>()
        }),
    );
}

fn endpoints_in(prefix: IpNet, snapshot: &Snapshot) -> BTreeSet<&Endpoint> {
    let targets = snapshot.verdict.targets.iter();
    let within = targets.filter(|(_, it)| it.addresses.iter().any(|it| prefix.contains(&it.ip)));
    within.map(|(endpoint, _)| endpoint).collect()
}

/// The largest, and the rest together.
fn most<'a>(name: &'a str, counts: &BTreeMap<u32, usize>) -> Vec<(&'a str, String, usize)> {
    let mut all: Vec<(u32, usize)> = counts.iter().map(|(asn, count)| (*asn, *count)).collect();
    all.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let rest: usize = all.iter().skip(MOST).map(|(_, count)| count).sum();
    let shown = all.into_iter().take(MOST).map(|(asn, count)| (name, asn.to_string(), count));
    shown.chain((rest > 0).then(|| (name, "other".to_owned(), rest))).collect()
}
