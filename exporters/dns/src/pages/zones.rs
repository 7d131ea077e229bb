//! The page of zones: `/zones`, as text and as JSON.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;

use crate::authority::page::Page;
use crate::authority::state::Zones;

pub(crate) fn routes(zones: Arc<Zones>) -> Router {
    Router::new().route("/zones", get(page)).with_state(zones)
}

/// How the page of zones is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    /// `json` or `text`.
    format: Option<String>,
}

/// The last round over each zone's servers. Sends nothing.
async fn page(State(zones): State<Arc<Zones>>, Query(form): Query<Form>) -> Response {
    let pages: Vec<_> = zones.states().iter().map(|zone| Page::new(zone)).collect();
    if form.format.as_deref() == Some("json") {
        return Json(pages).into_response();
    }
    let mut text = String::new();
    for page in &pages {
        page.write(&mut text);
    }
    text.into_response()
}
