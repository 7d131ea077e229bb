//! Pages that measure when they are asked to, as Prometheus asks many exporters of this ecosystem:
//! `?target=...&module=...`.
//!
//! The frame decides what may be measured, for how long and how much at once; an [`Engine`] measures.
//! What comes of it is rendered as every page of metrics is.

mod allow;
mod asked;
mod log;
mod recent;

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use serde::Deserialize;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tracing::debug;

pub use self::allow::{AllowList, Destination};
pub use self::asked::Asked;
pub use self::log::Log;
use self::recent::{Done, Recent};
use crate::aside::render_page;
use crate::config::LONGEST_NAME;
use crate::open_files::{BUDGET, Budget};
use crate::page::{Format, written};
use crate::registry::Registry;
use crate::{config, exposition};

/// What a measurement may take after its deadline to give what it has.
const GRACE: Duration = Duration::from_millis(500);

/// What measures. One exporter's way to answer a question about one target, once.
pub trait Engine: Debug + Send + Sync + 'static {
    /// A question, checked: all that is needed to measure.
    type Plan: Send + 'static;

    /// What the config in force says of on-demand pages.
    fn settings(&self) -> Arc<Settings>;

    /// Makes a plan of a query. Contacts nobody. An error says what is wrong with the query.
    fn plan(&self, asked: &Asked) -> Result<Planned<Self::Plan>, String>;

    /// Measures, until the deadline at the latest; a failure is a result as well, and has metrics.
    ///
    /// Dropped when nobody waits for the answer any more, and shortly after the deadline. It runs
    /// where everything that measures runs.
    fn measure(
        self: Arc<Self>,
        plan: Self::Plan,
        deadline: Instant,
        log: Log,
    ) -> impl Future<Output = Registry> + Send;
}

/// A plan, and what the frame has to know of it.
#[derive(Debug)]
pub struct Planned<P> {
    /// All that the engine needs.
    pub plan: P,
    /// Whom that contacts.
    pub contacts: Contacts,
    /// The longest that its module lets it take.
    pub timeout: Duration,
}

/// Whom a plan contacts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contacts {
    /// A target of the config, as the config has it: always allowed.
    Configured,
    /// Whom the query names: allowed if the config lists it.
    Named(Destination),
}

/// The section `on_demand` of an exporter's config.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "Raw")]
pub struct Settings {
    /// Who may be contacted beside the targets of the config. Nobody, by default.
    pub allow: AllowList,
    /// What is kept of the scraper's timeout for the answer to get there.
    pub timeout_offset: config::Duration,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    allow: AllowList,
    timeout_offset: Option<config::Duration>,
}

/// The longest that an answer can be on its way.
const LONGEST_OFFSET: Duration = Duration::from_secs(60);

impl TryFrom<Raw> for Settings {
    type Error = String;

    fn try_from(raw: Raw) -> Result<Self, String> {
        let Self { allow: _, timeout_offset } = Self::default();
        let timeout_offset = raw.timeout_offset.unwrap_or(timeout_offset);
        timeout_offset
            .within(Duration::from_millis(1), LONGEST_OFFSET)
            .map_err(|error| format!("timeout_offset: {error}"))?;
        Ok(Self { allow: raw.allow, timeout_offset })
    }
}

impl Default for Settings {
    fn default() -> Self {
        let timeout_offset = config::Duration::new(Duration::from_millis(500));
        Self { allow: AllowList::default(), timeout_offset }
    }
}

/// A page of that path by that engine, and one of the last measurements at `recent` below it, which is a page of the
/// exporter's as well. To be called where [`Exporter::routes`](crate::Exporter::routes)
/// is: inside the runtime that measures.
pub fn page<E: Engine>(path: &str, engine: Arc<E>) -> Router {
    let (measuring, running, budget) = (Handle::current(), AtomicUsize::new(0), &BUDGET);
    budget.measures_on_demand();
    let recent = Arc::<Recent>::default();
    let page = Page { engine, measuring, running, budget, recent: Arc::clone(&recent) };
    let below = format!("{path}/recent");
    let last = Router::new().route(&below, get(last)).with_state((recent, below.clone()));
    Router::new().route(path, get(answer::<E>)).with_state(Arc::new(page)).merge(last)
}

#[derive(Debug)]
struct Page<E> {
    engine: Arc<E>,
    measuring: Handle,
    /// How many measurements there are now.
    running: AtomicUsize,
    /// Says how many there may be.
    budget: &'static Budget,
    recent: Arc<Recent>,
}

#[derive(Deserialize)]
struct Which {
    id: Option<u64>,
}

/// The last measurements, or what happened in one of them.
async fn last(
    State((recent, path)): State<(Arc<Recent>, String)>,
    Query(which): Query<Which>,
) -> Response {
    let rendered = render_page(move || match which.id {
        None => Ok(recent.page(&path, SystemTime::now()).into_string()),
        Some(number) => Err(recent.log(number)),
    });
    match rendered.await {
        Ok(page) => Html(page).into_response(),
        Err(Some(log)) => log.into_response(),
        Err(None) => refusal(StatusCode::NOT_FOUND, "it is not kept any more"),
    }
}

async fn answer<E: Engine>(
    State(page): State<Arc<Page<E>>>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Response {
    let asked = Asked::new(query);
    let settings = page.engine.settings();
    let told = headers.get("x-prometheus-scrape-timeout-seconds");
    let told = told.map(|told| told.to_str().unwrap_or_default());
    let offset = settings.timeout_offset.get();
    let planned = page.engine.plan(&asked).and_then(|planned| {
        let time = asked::time(told, offset, planned.timeout)?;
        Ok((planned, time))
    });
    let (planned, time) = match planned {
        Ok(planned) => planned,
        Err(message) => return refusal(StatusCode::BAD_REQUEST, &message),
    };
    if let Contacts::Named(destination) = &planned.contacts
        && !settings.allow.allows(destination)
    {
        debug!(%destination, "an on-demand page was asked for what the config does not allow");
        let message = not_allowed(&destination.to_string());
        return refusal(StatusCode::FORBIDDEN, &message);
    }
    let Some(_one) = One::of(&page.running, page.budget.left().on_demand) else {
        let mut busy = refusal(StatusCode::SERVICE_UNAVAILABLE, "too much is being measured");
        busy.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("5"));
        return busy;
    };

    let log = if asked.debug() { Log::new(true) } else { Log::unasked() };
    let target = match &planned.contacts {
        // Not as it was asked for: that may hold a password.
        Contacts::Named(destination) => destination.to_string(),
        Contacts::Configured => asked.target().unwrap_or_default().to_owned(),
    };
    let module = asked.module().unwrap_or_default().to_owned();
    let begun = Instant::now();
    let mut measuring =
        Measuring { recent: &page.recent, target, module, begun, log: log.clone(), is_over: false };
    let deadline = begun + time;
    let mut running = JoinSet::new();
    let measure = Arc::clone(&page.engine).measure(planned.plan, deadline, log.clone());
    running.spawn_on(measure, &page.measuring);
    let measured = timeout_at(deadline + GRACE, running.join_next()).await;
    measuring.ends(matches!(measured, Ok(Some(Ok(_)))));
    let registry = match measured {
        Ok(Some(Ok(registry))) => registry,
        Ok(_) => return refusal(StatusCode::INTERNAL_SERVER_ERROR, "the measurement broke off"),
        Err(_) => return refusal(StatusCode::GATEWAY_TIMEOUT, "the measurement took too long"),
    };
    if asked.debug() {
        return debug_page(&log, time, &registry).into_response();
    }
    exposition::respond(&headers, Arc::new(registry)).await
}

/// A measurement, to be kept when it is over: also if whoever asked for it hangs up before, for it is the one that took
/// too long.
#[derive(Debug)]
struct Measuring<'a> {
    recent: &'a Recent,
    target: String,
    module: String,
    begun: Instant,
    log: Log,
    is_over: bool,
}

impl Measuring<'_> {
    fn ends(&mut self, has_result: bool) {
        self.is_over = true;
        let [target, module] = [&mut self.target, &mut self.module].map(std::mem::take);
        let (took, log) = (self.begun.elapsed(), self.log.text());
        let has_failed = self.log.has_failed() || !has_result;
        self.recent.add(Done { target, module, has_failed, took, log }, SystemTime::now());
    }
}

impl Drop for Measuring<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.log.line(|| "who asked for it hung up");
            self.ends(false);
        }
    }
}

/// A place of one that runs.
#[derive(Debug)]
struct One<'a>(&'a AtomicUsize);

impl<'a> One<'a> {
    /// One more, if there is room for it beside what is measured all the time.
    fn of(running: &'a AtomicUsize, most: usize) -> Option<Self> {
        let more = |running| (running < most).then_some(running + 1);
        running.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Self(running))
    }
}

impl Drop for One<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The destination is a stranger's word: it is shown, and offered for a config, if it can be one.
fn not_allowed(destination: &str) -> String {
    let fits = |c: char| c.is_alphanumeric() || "-._:[]%/".contains(c);
    let may_be_one =
        (1..=LONGEST_NAME).contains(&destination.len()) && destination.chars().all(fits);
    if !may_be_one {
        return "the target is not allowed: who is named here is contacted if the config lists him in \
                `on_demand.allow`"
            .to_owned();
    }
    format!(
        "{destination} is not allowed: who is named here is contacted if the config lists him, as in \
         `on_demand: {{allow: ['{destination}']}}`"
    )
}

/// For people: what happened, and what a scraper would have got.
fn debug_page(log: &Log, time: Duration, registry: &Registry) -> String {
    let metrics = written(Format::Classic, |page| registry.collect(page));
    let metrics = String::from_utf8_lossy(&metrics);
    let time = time.as_secs_f64();
    format!("It had {time} s.\n\nLog:\n{}\nMetrics:\n{metrics}", log.text())
}

fn refusal(status: StatusCode, message: &str) -> Response {
    (status, format!("{message}\n")).into_response()
}

#[cfg(test)]
mod tests;
