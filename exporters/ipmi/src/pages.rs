//! `/ipmi?target=` shows one target's metrics, `/events?target=` the newest entries of its event log;
//! `/-/accept-inventory?target=` adopts its sensors.
//!
//! The first knows the configured targets, and beside them whom the config allows a scraper to name: an
//! exporter that contacts whatever an HTTP client names would hand its credentials to strangers. The others
//! know whom the first has polled, and begin to poll nobody.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use exporter_kit::on_demand::{self, Asked, Contacts, Engine, Log, Planned, Settings};
use exporter_kit::{Query, Registry, TargetId, off_the_thread};
use serde::Deserialize;
use tokio::time::Instant;

use crate::journal::{Entry, Summary};
use crate::on_demand::heard;
use crate::state::{BmcState, Targets};
use crate::{IpmiExporter, metrics};

type All = Arc<IpmiExporter>;

/// The module of a query that names none.
const MODULE: &str = "default";
/// So many targets are named to whom names none: a fleet's list is at `/sd`.
const MOST_NAMED: usize = 20;

/// A page is rendered at this moment at the latest, for a scraper that does not say how long it waits.
const LONGEST_ANSWER: std::time::Duration = std::time::Duration::from_secs(60);

pub(crate) fn routes(exporter: &Arc<IpmiExporter>) -> Router {
    Router::new()
        .route("/events", get(events))
        .route("/-/accept-inventory", post(accept_inventory))
        .with_state(Arc::clone(exporter))
        .merge(on_demand::page("/ipmi", Arc::new(Requests(Arc::clone(exporter)))))
}

/// Whose page it is.
#[derive(Debug)]
enum Plan {
    /// A target that is polled anyway.
    Target(Arc<BmcState>),
    /// A host that the query names.
    OnDemand(TargetId),
}

/// What answers for one target.
#[derive(Debug)]
struct Requests(Arc<IpmiExporter>);

impl Engine for Requests {
    type Plan = Plan;

    fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.0.on_demand_modules().settings)
    }

    fn plan(&self, asked: &Asked) -> Result<Planned<Plan>, String> {
        let target = asked.target().ok_or("target: is missing")?;
        let module = asked.module();
        let found = find(&self.0.targets, target, asked.parameter("site"));
        let is_its_own =
            |state: &Arc<BmcState>| module.is_none_or(|it| it == state.labels().module_name);
        let timeout = LONGEST_ANSWER;
        match found.as_slice() {
            [state] if is_its_own(state) => {
                let plan = Plan::Target(Arc::clone(state));
                Ok(Planned { plan, contacts: Contacts::Configured, timeout })
            }
            [_, _, ..] => Err(format!(
                "more than one site has that target: say which by `site`; allowed: {}",
                names(&found)
            )),
            // By another module than its own it is a host like any other.
            _ => {
                let module = module.unwrap_or(MODULE);
                let (bmc, destination) = self.0.on_demand_modules().bmc(target, module)?;
                let id = TargetId {
                    name: bmc.work.name.clone(),
                    module: module.to_owned(),
                    ..TargetId::default()
                };
                let plan = Plan::OnDemand(id);
                Ok(Planned { plan, contacts: Contacts::Named(destination), timeout })
            }
        }
    }

    async fn measure(self: Arc<Self>, plan: Plan, deadline: Instant, log: Log) -> Registry {
        let state = match plan {
            Plan::Target(state) => state,
            Plan::OnDemand(id) => {
                // To take in a new one may take a moment.
                let exporter = Arc::clone(&self.0);
                let ask = move || {
                    let still = || exporter.on_demand_modules().still(&id.name, &id.module);
                    exporter.on_demand.ask(&id, still)
                };
                let Some(state) = off_the_thread(ask).await else {
                    log.line(|| {
                        "it is not allowed any more: a config was read meanwhile".to_owned()
                    });
                    log.fail();
                    return Registry::default();
                };
                log.line(|| {
                    format!("{} is polled each {:?}", state.bmc.address, state.bmc.module.interval)
                });
                heard(&state, deadline).await;
                state
            }
        };
        let polled = state.polled();
        log.line(|| format!("{} polls so far", polled.counts.polls));
        if polled.snapshot.is_none() {
            log.line(|| "the last poll told nothing, or there was none yet");
            log.fail();
        }
        metrics::page(state)
    }
}

#[derive(Debug, Deserialize)]
struct Wanted {
    target: Option<String>,
    /// Tells targets of one name apart.
    site: Option<String>,
    /// Tells apart what is known of one BMC by several modules.
    module: Option<String>,
}

async fn accept_inventory(State(exporter): State<All>, Query(wanted): Query<Wanted>) -> Response {
    let state = match the_one(&exporter, &wanted) {
        Ok(state) => state,
        Err(refusal) => return refusal.into_response(),
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

/// The newest entries of a target's event log, the newest first: a line each.
async fn events(State(exporter): State<All>, Query(wanted): Query<Wanted>) -> Response {
    let state = match the_one(&exporter, &wanted) {
        Ok(state) => state,
        Err(refusal) => return refusal.into_response(),
    };
    let polled = state.polled();
    let Some(events) = polled.slow.events() else {
        let message = "Its event log was not read: the module's collectors lack sel-events, or the last \
                       poll failed\n";
        return (StatusCode::NOT_FOUND, message).into_response();
    };
    let line = |entry: &Arc<Entry>| {
        let state = entry.severity.map_or(3, |severity| severity as usize);
        let time = entry.time.map_or_else(|| "-".to_owned(), |time| time.to_string());
        format!(
            "{:<6} {time:<12} {:<9} {:<18} {:<20} {}\n",
            entry.id,
            Summary::STATES[state],
            entry.sensor,
            entry.sensor_type,
            entry.event
        )
    };
    let head = format!(
        "{:<6} {:<12} {:<9} {:<18} {:<20} {}\n",
        "entry", "seconds", "state", "sensor", "type", "event"
    );
    let lines: String = events.newest.iter().rev().map(line).collect();
    (head + &lines).into_response()
}

/// The one target, or BMC that is polled on demand, that is wanted, else what to answer.
fn the_one(exporter: &All, wanted: &Wanted) -> Result<Arc<BmcState>, (StatusCode, String)> {
    let targets = &exporter.targets;
    let Some(target) = &wanted.target else {
        let allowed = names(&targets.states());
        let message = format!("the parameter `target` is missing; allowed: {allowed}\n");
        return Err((StatusCode::BAD_REQUEST, message));
    };
    let module = wanted.module.as_deref();
    let mut found = find(targets, target, wanted.site.as_deref());
    found.retain(|it| module.is_none_or(|module| module == it.labels().module_name));
    if let [_, _, ..] = found.as_slice() {
        let allowed = names(&found);
        let message = format!(
            "more than one site has that target: say which by `site`; allowed: {allowed}\n"
        );
        return Err((StatusCode::MULTIPLE_CHOICES, message));
    }
    if let Some(state) = found.pop() {
        return Ok(state);
    }
    // Those are at no site.
    let on_demand = || exporter.on_demand.polled(target, module);
    let mut found = if wanted.site.is_none() { on_demand() } else { Vec::new() };
    match (found.pop(), found.is_empty()) {
        (Some(state), true) => Ok(state),
        (None, _) => {
            let allowed = names(&targets.states());
            let message = format!(
                "no such target; allowed: {allowed}; and hosts that `/ipmi?target=` was asked for within ten \
                 minutes\n"
            );
            Err((StatusCode::NOT_FOUND, message))
        }
        (Some(last), false) => {
            found.push(last);
            let modules: Vec<_> = found.iter().map(|it| it.labels().module_name.clone()).collect();
            let allowed = modules.join(", ");
            let message = format!(
                "that host is polled by more than one module: say which by `module`; allowed: {allowed}\n"
            );
            Err((StatusCode::MULTIPLE_CHOICES, message))
        }
    }
}

/// The targets of that name, or one of that address as the config writes it.
fn find(targets: &Targets, target: &str, site: Option<&str>) -> Vec<Arc<BmcState>> {
    let states = targets.states();
    let is_there = |state: &&Arc<BmcState>| site.is_none_or(|site| site == site_of(state));
    let there = || states.iter().filter(is_there);
    let found: Vec<_> = there().filter(|state| state.bmc.name == target).cloned().collect();
    if found.is_empty() {
        // One BMC may have two names: it is the same whichever is shown.
        return there().find(|state| state.bmc.address.is(target)).cloned().into_iter().collect();
    }
    found
}

fn site_of(state: &BmcState) -> String {
    state.labels().site.clone().unwrap_or_default()
}

fn names(states: &[Arc<BmcState>]) -> String {
    let name = |state: &Arc<BmcState>| match site_of(state) {
        site if site.is_empty() => state.bmc.name.clone(),
        site => format!("{} (site {site})", state.bmc.name),
    };
    let more = states.len().saturating_sub(MOST_NAMED);
    let more = (more > 0).then(|| format!("and {more} more"));
    let named = states.iter().take(MOST_NAMED).map(name);
    named.chain(more).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::source::Source;

    #[test]
    fn a_few_of_a_fleet_are_named_and_how_many_more_there_are() {
        let named = |targets: usize| {
            let each =
                (0..targets).map(|number| format!("  - {{name: t{number:05}, address: b}}\n"));
            let each: String = each.collect();
            let text = format!("modules: {{default: {{user: u, pass: p}}}}\ntargets:\n{each}");
            let config: Config = exporter_kit::parse(&text, "ipmi.yml").unwrap();
            let states = config.wanted(&[]).0.into_values().map(|wanted| {
                let source = Source::of(&wanted.work);
                Arc::new(BmcState::new(wanted.work, wanted.labels, source, None, Vec::new().into()))
            });
            names(&states.collect::<Vec<_>>())
        };
        assert_eq!(named(2), "t00000, t00001");
        assert!(named(MOST_NAMED).ends_with(", t00019"), "{}", named(MOST_NAMED));
        let all = named(1_000);
        assert!(all.ends_with(", t00019, and 980 more") && all.len() < 300, "{all}");
    }
}
