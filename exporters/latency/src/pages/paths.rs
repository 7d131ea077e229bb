//! The page of paths: `/paths` for a browser, `/api/v1/paths` for a program. `?target=` and `?module=` select.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::response::{Html, Response};
use axum::routing::get;
use exporter_kit::{json_rows, render_page};
use serde::Deserialize;

mod html;
mod view;

use crate::LatencyExporter;
use crate::config::Labels;
use crate::path::slots::SlotView;
use crate::state::TargetState;
use view::PathView;

pub(super) fn routes(exporter: &Arc<LatencyExporter>) -> Router {
    Router::new()
        .route("/paths", get(page))
        .route("/api/v1/paths", get(paths))
        .with_state(Arc::clone(exporter))
}

/// Which paths are asked for; none of these means all.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Filter {
    target: String,
    module: String,
}

/// The paths for a browser.
async fn page(
    State(exporter): State<Arc<LatencyExporter>>,
    Query(filter): Query<Filter>,
) -> Html<String> {
    render_page(move || {
        let faults = exporter.sight.tables.get();
        let faults = faults.figures.iter().flat_map(|table| table.faults.iter());
        let now = exporter.clock.now().unix_seconds;
        let mut paths = paths_of(exporter.targets.states(), filter.clone());
        let shown: Vec<_> = paths.by_ref().take(html::MOST).map(|it| it.view()).collect();
        Html(html::page(&shown, paths.count(), &filter, faults, now).into_string())
    })
    .await
}

/// The paths for a program.
async fn paths(
    State(exporter): State<Arc<LatencyExporter>>,
    Query(filter): Query<Filter>,
) -> Response {
    json_rows(paths_of(exporter.targets.states(), filter).map(|it| it.view()))
}

/// One path, of which nothing is made yet: those that are only counted cost no more.
struct Path {
    state: Arc<TargetState>,
    labels: Arc<Labels>,
    slot: usize,
    ip: IpAddr,
    known: SlotView,
}

impl Path {
    fn view(&self) -> PathView {
        PathView::new(self.state.name(), &self.labels, self.slot, self.ip, &self.known)
    }
}

/// The paths that are asked for, each as it is when its turn comes.
fn paths_of(
    states: Vec<Arc<TargetState>>,
    filter: Filter,
) -> impl Iterator<Item = Path> + Send + 'static {
    states.into_iter().flat_map(move |state| of_target(&state, &filter))
}

fn of_target(state: &Arc<TargetState>, filter: &Filter) -> Vec<Path> {
    let fits = |wanted: &str, is: &str| wanted.is_empty() || wanted == is;
    let (Some(paths), labels) = (state.paths.as_deref(), state.labels()) else { return Vec::new() };
    if !fits(&filter.target, state.name()) || !fits(&filter.module, &labels.module) {
        return Vec::new();
    }
    let ips: Vec<_> =
        state.standing().addresses().iter().map(|address| (address.slot, address.ip)).collect();
    let of_slot = |(slot, ip)| {
        let known = paths.view(slot, ip)?;
        Some(Path { state: Arc::clone(state), labels: Arc::clone(&labels), slot, ip, known })
    };
    ips.into_iter().filter_map(of_slot).collect()
}
