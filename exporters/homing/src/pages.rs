//! What is told, for people and for programs: `/homing`; and where things can be, as a picture: `/map.svg`.
//! Asks nobody.

mod html;
mod json;
mod map;

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use exporter_kit::render_page;
use serde::Deserialize;
use tokio::time::Instant;

use crate::claims::state::Pages;
use crate::config::{EVALUATION, ROUTES};
use crate::panel::state::Panels;
use crate::routes::state::Routing;
use crate::state::{Evaluations, Snapshot};
use crate::world::Endpoint;

/// What the pages are made of.
#[derive(Clone, Debug)]
struct Sources {
    evaluations: Arc<Evaluations>,
    pages: Arc<Pages>,
    routing: Arc<Routing>,
    panels: Arc<Panels>,
}

/// What of it is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    target: Option<String>,
    team: Option<String>,
    /// `html` or `json`.
    format: Option<String>,
}

impl Asked {
    fn takes(&self, endpoint: &Endpoint) -> bool {
        self.target.as_ref().is_none_or(|it| *it == endpoint.target)
            && self.team.as_ref().is_none_or(|it| *it == endpoint.team)
    }
}

/// The pages beside `/metrics`.
pub(crate) fn routes(
    evaluations: Arc<Evaluations>,
    pages: Arc<Pages>,
    routing: Arc<Routing>,
    panels: Arc<Panels>,
) -> Router {
    Router::new()
        .route("/homing", get(homing))
        .route("/map.svg", get(picture))
        .with_state(Sources { evaluations, pages, routing, panels })
}

/// The last evaluation, as long as it stands.
fn standing(evaluations: &Evaluations) -> Option<Arc<Snapshot>> {
    evaluations.state(&EVALUATION.to_owned())?.standing(Instant::now())
}

/// What is told of every endpoint, with the evidence.
async fn homing(State(sources): State<Sources>, Query(asked): Query<Asked>) -> Response {
    let format = asked.format.clone();
    if !matches!(format.as_deref(), None | Some("html" | "json")) {
        return (StatusCode::BAD_REQUEST, "format: must be html or json\n").into_response();
    }
    let snapshot = standing(&sources.evaluations);
    if let (Some(target), Some(snapshot)) = (&asked.target, &snapshot)
        && !snapshot.verdict.targets.keys().any(|endpoint| asked.takes(endpoint))
    {
        tracing::debug!(target_name = target, "asked for what is not measured");
        return (StatusCode::NOT_FOUND, "No vantage measures such a target.\n").into_response();
    }
    render_page(move || {
        let now = Instant::now();
        let claims: Vec<_> = sources
            .pages
            .states()
            .iter()
            .map(|page| (page.name.clone(), page.shown(now)))
            .collect();
        let routes = sources.routing.state(&ROUTES.to_owned()).and_then(|it| it.latest());
        let takes = |endpoint: &Endpoint| asked.takes(endpoint);
        let age = snapshot.as_ref().map(|it| now.saturating_duration_since(it.at).as_secs_f64());
        let mut told = json::Told::new(snapshot.as_deref(), &claims, routes.as_deref(), age, takes);
        for panel in sources.panels.states() {
            let labels = panel.labels();
            let latest = panel.standing(now).filter(|_| labels.endpoints.iter().any(takes));
            let verdict = snapshot.as_ref().map(|it| &it.verdict);
            let told_panel = latest
                .map(|it| json::ToldPanel::new(&panel.name, &labels.endpoints, &it.told, verdict));
            told.panels.extend(told_panel);
        }
        if format.as_deref() == Some("json") {
            Json(told).into_response()
        } else {
            Html(html::page(&told).into_string()).into_response()
        }
    })
    .await
}

/// Where the addresses of one endpoint can be.
async fn picture(State(sources): State<Sources>, Query(asked): Query<Asked>) -> Response {
    if asked.target.is_none() {
        let message = "target: must be given, as in /map.svg?target=api\n";
        return (StatusCode::BAD_REQUEST, message).into_response();
    }
    let Some(snapshot) = standing(&sources.evaluations) else {
        return (StatusCode::SERVICE_UNAVAILABLE, "Nothing is judged at the moment.\n")
            .into_response();
    };
    let made = render_page(move || {
        let targets = &snapshot.verdict.targets;
        let found = targets.iter().find(|(endpoint, _)| asked.takes(endpoint));
        found.map(|(endpoint, verdict)| map::draw(&snapshot.world, &endpoint.target, verdict))
    });
    match made.await {
        Some(picture) => ([(header::CONTENT_TYPE, "image/svg+xml")], picture).into_response(),
        None => (StatusCode::NOT_FOUND, "No vantage measures such a target.\n").into_response(),
    }
}
