//! The page of paths: `/paths` for a browser, `/api/v1/paths` for a program. `?target=` and `?module=` select.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Html;
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;

mod html;
mod view;

use crate::LatencyExporter;
use view::PathView;

pub(super) fn routes(exporter: &Arc<LatencyExporter>) -> Router {
    Router::new()
        .route("/paths", get(page))
        .route("/api/v1/paths", get(paths))
        .with_state(Arc::clone(exporter))
}

/// Which paths are asked for; none of these means all.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Filter {
    target: String,
    module: String,
}

async fn page(
    State(exporter): State<Arc<LatencyExporter>>,
    Query(filter): Query<Filter>,
) -> Html<String> {
    let faults = exporter.sight.tables.get();
    let faults = faults.figures.iter().flat_map(|table| table.faults.iter());
    let now = exporter.clock.now().unix_seconds;
    Html(html::page(&views(&exporter, &filter), &filter, faults, now).into_string())
}

async fn paths(
    State(exporter): State<Arc<LatencyExporter>>,
    Query(filter): Query<Filter>,
) -> Json<Vec<PathView>> {
    Json(views(&exporter, &filter))
}

fn views(exporter: &LatencyExporter, filter: &Filter) -> Vec<PathView> {
    let fits = |wanted: &str, is: &str| wanted.is_empty() || wanted == is;
    let mut views = Vec::new();
    for state in exporter.targets.states() {
        let (Some(paths), labels) = (&state.paths, state.labels()) else { continue };
        if !fits(&filter.target, state.name()) || !fits(&filter.module, &labels.module) {
            continue;
        }
        let ips: Vec<_> = state.standing().addresses().iter().map(|address| address.ip).collect();
        for (slot, ip) in ips.into_iter().enumerate() {
            if let Some(view) = paths.view(slot, ip) {
                views.push(PathView::new(state.name(), &labels, slot, ip, &view));
            }
        }
    }
    views
}
