//! What the resolvers said: `/answers` for people, `/api/v1/` for programs; and what zones' own servers did: `/zones`. Sends nothing: whoever asks sees what
//! is configured, and no more.

mod answers;
mod ecs;
mod filter;
mod html;
mod lists;
mod results;
mod said;
mod sweeps;
mod zones;

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use exporter_kit::{Query, body_of_parts, render_page};
use serde::Serialize;
use tokio::time::Instant;

use crate::authority::state::Zones;
use crate::ecs::state::{EcsSets, RunningEcs};
use crate::pages::answers::Page;
use crate::pages::ecs::EcsPage;
use crate::pages::filter::{Filter, Format, OfSets};
use crate::pages::html::Choices;
use crate::pages::lists::Report;
use crate::pages::results::{Rows, Told};
use crate::pages::sweeps::Sweeps;
use crate::state::{Latest, SetState, Sets};

/// What the page of answers is made of.
type Answered = (Arc<Sets>, Arc<EcsSets>);
type TakenEcs = Vec<(Arc<RunningEcs>, crate::ecs::state::Latest)>;

/// The sets at one moment, so that a sweep that ends meanwhile cannot mix in.
type Taken = results::Sets;

/// What is answered to who asks for what there is not.
type Refusal = (StatusCode, String);

/// The pages beside `/metrics`.
pub(crate) fn routes(sets: Arc<Sets>, zones: Arc<Zones>, ecs: Arc<EcsSets>) -> Router {
    let answered = Router::new()
        .route("/answers", get(page))
        .route("/api/v1/answers", get(answers))
        .route("/api/v1/ecs", get(for_subnets))
        .with_state((Arc::clone(&sets), ecs));
    Router::new()
        .route("/api/v1/results", get(results))
        .route("/api/v1/diff", get(diff))
        .route("/api/v1/resolvers/{ip}", get(resolver))
        .route("/api/v1/sweeps", get(sweeps))
        .route("/lists", get(lists))
        .route("/api/v1/lists", get(lists_of_programs))
        .with_state(sets)
        .merge(answered)
        .merge(zones::routes(zones))
}

fn take(sets: &Sets) -> Taken {
    sets.states()
        .into_iter()
        .map(|set| set.state())
        .map(|set| (Arc::clone(&set), set.latest()))
        .collect()
}

/// The answers of the last sweep, in the form that is asked for: for a browser, or as text.
async fn page(
    State((sets, ecs)): State<Answered>,
    Query(filter): Query<Filter>,
    headers: HeaderMap,
) -> Response {
    let accepts = headers.get(header::ACCEPT).and_then(|accepts| accepts.to_str().ok());
    let is_browser = accepts.is_some_and(|accepts| accepts.contains("text/html"));
    let usual = if is_browser { Format::Html } else { Format::Text };
    made(take(&sets), take_ecs(&ecs), filter, usual).await
}

/// A page of long lists takes its time, which is nobody else's.
async fn made(sets: Taken, ecs: TakenEcs, filter: Filter, usual: Format) -> Response {
    render_page(move || shown(&sets, &ecs, &filter, usual)).await
}

/// The answers of the last sweep, for a program.
async fn answers(State((sets, _)): State<Answered>, Query(filter): Query<Filter>) -> Response {
    made(take(&sets), Vec::new(), filter, Format::Json).await
}

/// What servers answer for subnets, for a program.
async fn for_subnets(
    State((_, ecs)): State<Answered>,
    Query(filter): Query<Filter>,
) -> Result<Response, Refusal> {
    let format = for_programs(form(&filter)?.unwrap_or(Format::Json))?;
    let ecs = take_ecs(&ecs);
    Ok(render_page(move || values(&subnets(&ecs, &filter), format)).await)
}

fn take_ecs(ecs: &EcsSets) -> TakenEcs {
    ecs.states().into_iter().map(|ecs| (Arc::clone(&ecs), ecs.latest())).collect()
}

fn subnets(ecs: &TakenEcs, filter: &Filter) -> Vec<EcsPage> {
    ecs.iter().flat_map(|(ecs, latest)| EcsPage::all(ecs, latest, filter)).collect()
}

fn shown(sets: &Taken, ecs: &TakenEcs, filter: &Filter, usual: Format) -> Response {
    let subnets = subnets(ecs, filter);
    let format = match checked(sets, filter, usual) {
        // A question may be one on behalf of subnets alone.
        Err((StatusCode::NOT_FOUND, _)) if !subnets.is_empty() => {
            filter.format().ok().flatten().unwrap_or(usual)
        }
        Ok(format) => format,
        Err(refusal) => return refusal.into_response(),
    };
    let mut pages = Vec::new();
    for (set, latest) in sets {
        for (number, asked) in set.plan.questions.iter().enumerate() {
            if filter.matches(&set.plan, asked) {
                pages.extend(Page::new(set, latest, number, filter));
            }
        }
    }
    match format {
        Format::Html => {
            let now = Instant::now();
            let all: Vec<_> =
                sets.iter().map(|(set, latest)| Sweeps::new(set, latest, now)).collect();
            Html(html::page(&pages, &subnets, &all, filter, &choices(sets)).into_string())
                .into_response()
        }
        Format::Json | Format::Ndjson => values(&pages, format),
        Format::Text => {
            let mut text = String::new();
            for page in &pages {
                page.write(&mut text);
            }
            for page in &subnets {
                page.write(&mut text);
            }
            text.into_response()
        }
    }
}

/// What each resolver said, row by row.
async fn results(State(sets): State<Arc<Sets>>, Query(filter): Query<Filter>) -> Response {
    rows(take(&sets), filter, Told::Results, None)
}

/// What each resolver says otherwise than in the sweep before.
async fn diff(State(sets): State<Arc<Sets>>, Query(filter): Query<Filter>) -> Response {
    if let Err(refusal) = form(&filter) {
        return refusal.into_response();
    }
    let sets = take(&sets);
    let is_asked = |(set, _): &&(Arc<SetState>, Latest)| {
        set.plan.questions.iter().any(|asked| filter.matches(&set.plan, asked))
    };
    let mut asked = sets.iter().filter(is_asked).peekable();
    if asked.peek().is_some() && !asked.any(|(_, latest)| sweeps::is_comparable(latest)) {
        let message = "There is no sweep before the last one to compare it with: the program has just started, \
                       or too many different answers came.\n";
        return (StatusCode::CONFLICT, message).into_response();
    }
    rows(sets, filter, Told::Differences, None)
}

/// The rows of all resolvers, or only of one.
fn rows(sets: Taken, filter: Filter, told: Told, only: Option<IpAddr>) -> Response {
    match checked(&sets, &filter, Format::Json).and_then(for_programs) {
        Ok(format) => stream_of(Rows::new(sets, filter, told, format, only), format),
        Err(refusal) => refusal.into_response(),
    }
}

/// All that one resolver said.
async fn resolver(
    State(sets): State<Arc<Sets>>,
    Path(ip): Path<String>,
    Query(filter): Query<Filter>,
) -> Response {
    let Ok(ip) = ip.parse::<IpAddr>() else {
        let message = "resolver: must be an IP address, as in /api/v1/resolvers/192.0.2.53\n";
        return (StatusCode::BAD_REQUEST, message).into_response();
    };
    let sets = take(&sets);
    let is_there = |list: &crate::resolvers::ResolverList| {
        list.resolvers.iter().any(|resolver| resolver.address == ip)
    };
    if !sets.iter().any(|(set, _)| is_there(&set.plan.set.list)) {
        return (StatusCode::NOT_FOUND, "No set has this resolver.\n").into_response();
    }
    rows(sets, filter, Told::Results, Some(ip))
}

/// The sweeps of each set.
async fn sweeps(
    State(sets): State<Arc<Sets>>,
    Query(asked): Query<OfSets>,
) -> Result<Response, Refusal> {
    let (sets, format) = of_sets(&sets, &asked)?;
    let format = for_programs(format.unwrap_or(Format::Json))?;
    let shown = render_page(move || {
        let now = Instant::now();
        let all: Vec<_> = sets.iter().map(|(set, latest)| Sweeps::new(set, latest, now)).collect();
        values(&all, format)
    });
    Ok(shown.await)
}

/// What each list is worth, for a browser.
async fn lists(
    State(sets): State<Arc<Sets>>,
    Query(asked): Query<OfSets>,
) -> Result<Response, Refusal> {
    reported(&sets, &asked, Format::Html).await
}

/// The same for a program.
async fn lists_of_programs(
    State(sets): State<Arc<Sets>>,
    Query(asked): Query<OfSets>,
) -> Result<Response, Refusal> {
    reported(&sets, &asked, Format::Json).await
}

/// A long list takes its time, which is nobody else's.
async fn reported(sets: &Sets, asked: &OfSets, usual: Format) -> Result<Response, Refusal> {
    let (sets, format) = of_sets(sets, asked)?;
    let format = format.unwrap_or(usual);
    if format == Format::Text {
        return Err(refused("format: must be html, json or ndjson here\n"));
    }
    let shown = render_page(move || {
        let reports: Vec<_> = sets.iter().map(|(set, latest)| Report::new(set, latest)).collect();
        match format {
            Format::Html => Html(lists::page(&reports).into_string()).into_response(),
            _ => values(&reports, format),
        }
    });
    Ok(shown.await)
}

/// The sets that are asked for, and in which form, if that is said; else what to answer.
fn of_sets(sets: &Sets, asked: &OfSets) -> Result<(Taken, Option<Format>), Refusal> {
    let format = asked.format().map_err(refused)?;
    let (asked_for, others): (Taken, Taken) =
        take(sets).into_iter().partition(|(set, _)| asked.admits(&set.plan.set.name));
    if asked_for.is_empty() && asked.names_one() {
        let line = |(set, _): &(Arc<SetState>, Latest)| format!("?set={}\n", set.plan.set.name);
        let all: String = others.iter().map(line).collect();
        let message = format!("No such set is configured. There are:\n{all}");
        return Err((StatusCode::NOT_FOUND, message));
    }
    Ok((asked_for, format))
}

fn refused(why: impl Into<String>) -> Refusal {
    (StatusCode::BAD_REQUEST, why.into())
}

/// The form that a filter asks for, if any, where all of it can be; else what to answer.
fn form(filter: &Filter) -> Result<Option<Format>, Refusal> {
    filter.class().and_then(|_| filter.format()).map_err(refused)
}

/// A form that is for programs; else what to answer.
fn for_programs(format: Format) -> Result<Format, Refusal> {
    let is_for_programs = matches!(format, Format::Json | Format::Ndjson);
    is_for_programs
        .then_some(format)
        .ok_or_else(|| refused("format: must be json or ndjson here\n"))
}

/// The form that is asked for, if all of the filter can be and a question is; else what to answer.
fn checked(sets: &Taken, filter: &Filter, usual: Format) -> Result<Format, Refusal> {
    let format = form(filter)?.unwrap_or(usual);
    let mut questions =
        sets.iter().flat_map(|(set, _)| set.plan.questions.iter().map(move |asked| (set, asked)));
    if questions.clone().any(|(set, asked)| filter.matches(&set.plan, asked)) {
        return Ok(format);
    }
    let line = |(set, asked): (&Arc<SetState>, &crate::config::Asked)| {
        format!("?name={}&type={}&set={}\n", asked.name, asked.kind.as_str(), set.plan.set.name)
    };
    let known: String = questions.by_ref().map(line).collect();
    let message = format!("No such question is configured. There are:\n{known}");
    Err((StatusCode::NOT_FOUND, message))
}

fn choices(sets: &Taken) -> Choices<'_> {
    let questions = || sets.iter().flat_map(|(set, _)| &set.plan.questions);
    let mut choices = Choices {
        names: questions().map(|asked| asked.name.as_str()).collect(),
        types: questions().map(|asked| asked.kind.as_str()).collect(),
        sets: sets.iter().map(|(set, _)| set.plan.set.name.as_str()).collect(),
    };
    choices.names.sort_unstable();
    choices.names.dedup();
    choices.types.sort_unstable();
    choices.types.dedup();
    choices
}

/// A page that is made while it is read.
fn stream_of(rows: Rows, format: Format) -> Response {
    let kind = if format == Format::Ndjson { NDJSON } else { "application/json" };
    ([(header::CONTENT_TYPE, kind)], body_of_parts(rows)).into_response()
}

/// Values for a program: in one, or one a line.
fn values(values: &[impl Serialize], format: Format) -> Response {
    if format != Format::Ndjson {
        return Json(values).into_response();
    }
    let lines = values.iter().filter_map(|value| serde_json::to_string(value).ok());
    let text: String = lines.map(|line| line + "\n").collect();
    ([(header::CONTENT_TYPE, NDJSON)], text).into_response()
}

/// The media type of a value a line.
const NDJSON: &str = "application/x-ndjson";
