//! The page of zones: `/zones`, as text and as JSON.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use exporter_kit::{Query, json_rows, render_page};
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
    let pages = zones.states().into_iter().map(|zone| Page::new(&zone));
    match form.format.as_deref() {
        None | Some("text") => {}
        Some("json") => return json_rows(pages),
        Some(_) => {
            return (StatusCode::BAD_REQUEST, "format: must be json or text\n").into_response();
        }
    }
    render_page(move || {
        let mut text = String::new();
        for page in pages {
            page.write(&mut text);
        }
        text.into_response()
    })
    .await
}
