//! `/ipmi?target=` shows one target's metrics; `/-/accept-inventory?target=` adopts its sensors.
//!
//! Both know the configured targets alone: an exporter that contacts whatever an HTTP client names
//! would hand its credentials to strangers.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use crate::metrics;
use crate::state::{BmcState, Targets};

type All = Arc<Targets>;

#[derive(Debug, Deserialize)]
struct Asked {
    target: Option<String>,
    /// Tells targets of one name apart.
    site: Option<String>,
    module: Option<String>,
}

pub(crate) fn routes(targets: &All) -> Router {
    Router::new()
        .route("/ipmi", get(ipmi))
        .route("/-/accept-inventory", post(accept_inventory))
        .with_state(Arc::clone(targets))
}

async fn ipmi(
    State(targets): State<All>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    let state = match find(&targets, &asked) {
        Ok(state) => state,
        Err(refusal) => return *refusal,
    };
    let labels = state.labels();
    if let Some(module) = asked.module.filter(|module| *module != labels.module_name) {
        let message = format!(
            "target `{}` is polled with the module `{}`, not with `{module}`\n",
            state.bmc.name, labels.module_name
        );
        return (StatusCode::BAD_REQUEST, message).into_response();
    }
    exporter_kit::respond(&headers, Arc::new(metrics::page(state))).await
}

async fn accept_inventory(State(targets): State<All>, Query(asked): Query<Asked>) -> Response {
    let state = match find(&targets, &asked) {
        Ok(state) => state,
        Err(refusal) => return *refusal,
    };
    match state.accept_inventory().await {
        Ok(Some(gone)) if gone.is_empty() => {
            "Accepted: every sensor of the baseline is there\n".into_response()
        }
        Ok(Some(gone)) => {
            let names: Vec<_> =
                gone.iter().map(|sensor| format!("{} ({})", sensor.name, sensor.id)).collect();
            format!("Accepted: no longer expected: {}\n", names.join(", ")).into_response()
        }
        Ok(None) => {
            let message = "Not accepted: the last poll did not see the whole list of sensors\n";
            (StatusCode::CONFLICT, message).into_response()
        }
        Err(error) => {
            let message = format!("Not accepted: {error:#}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, message).into_response()
        }
    }
}

/// The target of that name, or of that address as the config writes it; else a refusal.
fn find(targets: &All, asked: &Asked) -> Result<Arc<BmcState>, Box<Response>> {
    let states = targets.states();
    let Some(target) = &asked.target else {
        let message = "the parameter `target` is missing";
        return Err(Box::new(refusal(StatusCode::BAD_REQUEST, message, &states)));
    };
    let is_there =
        |state: &&Arc<BmcState>| asked.site.as_deref().is_none_or(|site| site == site_of(state));
    let there = || states.iter().filter(is_there);
    let mut found: Vec<_> = there().filter(|state| state.bmc.name == *target).cloned().collect();
    if found.is_empty() {
        // One BMC may have two names: it is the same whichever is shown.
        found = there().find(|state| state.bmc.address.is(target)).cloned().into_iter().collect();
    }
    match found.as_slice() {
        [state] => Ok(Arc::clone(state)),
        [] => Err(Box::new(refusal(StatusCode::NOT_FOUND, "no such target", &states))),
        several => {
            let message = "more than one site has that target: say which by `site`";
            Err(Box::new(refusal(StatusCode::MULTIPLE_CHOICES, message, several)))
        }
    }
}

fn site_of(state: &BmcState) -> String {
    state.labels().site.clone().unwrap_or_default()
}

fn refusal(status: StatusCode, message: &str, known: &[Arc<BmcState>]) -> Response {
    let name = |state: &Arc<BmcState>| match site_of(state) {
        site if site.is_empty() => state.bmc.name.clone(),
        site => format!("{} (site {site})", state.bmc.name),
    };
    let names: Vec<_> = known.iter().map(name).collect();
    (status, format!("{message}; allowed: {}\n", names.join(", "))).into_response()
}
