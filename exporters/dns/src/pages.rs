//! The pages of answers and of zones: `/answers` and `/zones`, as text and as JSON.

mod answers;

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;

use crate::authority::page::Page as ZonePage;
use crate::authority::state::Zones;
use crate::pages::answers::{Filter, Page};
use crate::state::Sets;

/// The pages beside `/metrics`.
pub(crate) fn routes(sets: Arc<Sets>, zones: Arc<Zones>) -> Router {
    let answers = Router::new().route("/answers", get(answers)).with_state(sets);
    answers.merge(Router::new().route("/zones", get(zones_page)).with_state(zones))
}

/// How the page of zones is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    /// `json` or `text`.
    format: Option<String>,
}

/// The last round over each zone's servers. Sends nothing.
async fn zones_page(State(zones): State<Arc<Zones>>, Query(form): Query<Form>) -> Response {
    let pages: Vec<_> = zones.states().iter().map(|zone| ZonePage::new(zone)).collect();
    if form.format.as_deref() == Some("json") {
        return Json(pages).into_response();
    }
    let mut text = String::new();
    for page in &pages {
        page.write(&mut text);
    }
    text.into_response()
}

/// The answers of the last sweep. Sends nothing: whoever asks sees what is configured, and no more.
async fn answers(State(sets): State<Arc<Sets>>, Query(filter): Query<Filter>) -> Response {
    let sets: Vec<_> =
        sets.states().into_iter().map(|set| set.state()).map(|set| (set.latest(), set)).collect();
    let mut pages = Vec::new();
    for (latest, set) in &sets {
        for (number, asked) in set.plan.questions.iter().enumerate() {
            if filter.matches(&set.plan, asked) {
                let verdict = latest.snapshot.as_ref().map(|snapshot| &snapshot.verdicts[number]);
                pages.push(Page::new(&set.plan, asked, verdict, latest.completed));
            }
        }
    }
    if pages.is_empty() {
        let questions = sets.iter().flat_map(|(_, set)| {
            set.plan.questions.iter().map(|asked| {
                format!(
                    "?name={}&type={}&set={}\n",
                    asked.name,
                    asked.kind.as_str(),
                    set.plan.set.name
                )
            })
        });
        let known: String = questions.collect();
        return (
            StatusCode::NOT_FOUND,
            format!("No such question is configured. There are:\n{known}"),
        )
            .into_response();
    }
    if filter.wants_json() {
        return Json(pages).into_response();
    }
    let mut text = String::new();
    for page in &pages {
        page.write(&mut text);
    }
    text.into_response()
}
