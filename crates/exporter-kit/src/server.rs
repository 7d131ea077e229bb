//! What is served: `/`, `/metrics`, `/sd`, `/-/healthy`, `/-/ready`, `/-/reload`; a drain with a limit.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tower_http::compression::CompressionLayer;
use tracing::{info, warn};

use crate::aside::{Glance, glance, render_page};
use crate::flags::Flags;
use crate::http_sd::Front;
use crate::landing::{Asked, Landing};
use crate::page::Selection;
use crate::registry::Registry;
use crate::reload::Reloads;
use crate::rows::{json_rows, text_lines};
use crate::state::State;
use crate::web::Query;
use crate::web_config::Current;
use crate::{Exporter, exposition, http_sd, in_force, landing, web};

/// How long requests in flight, and then the exporter's own farewells, may take at exit.
const DRAIN: Duration = Duration::from_secs(5);

pub(crate) struct App<E: Exporter> {
    exporter: Arc<E>,
    in_force: in_force::Shared<E>,
    /// Shared with the pages that are being written.
    registry: Arc<Registry>,
    reloads: Reloads,
    config_file: PathBuf,
    telemetry_path: String,
    landing: Landing,
    list: http_sd::List,
    /// How many targets had no round yet, of how many.
    pending: Arc<Glance<(usize, usize)>>,
    guard: web::Guard,
    /// Where scrapers reach it, if they are to be told another way than the one they came.
    external: Option<Front>,
    /// Where everything that measures runs: what a reload starts belongs there.
    measuring: Handle,
}

impl<E: Exporter> App<E> {
    pub(crate) fn new(
        exporter: Arc<E>,
        in_force: in_force::Shared<E>,
        registry: Registry,
        reloads: Reloads,
        flags: &Flags,
        measuring: Handle,
    ) -> Self {
        Self {
            exporter,
            in_force,
            registry: Arc::new(registry),
            reloads,
            config_file: flags.config_file().to_owned(),
            telemetry_path: flags.telemetry_path.clone(),
            landing: Landing::default(),
            list: http_sd::List::default(),
            pending: Arc::default(),
            guard: flags.guard(),
            external: flags.front.clone(),
            measuring,
        }
    }

    /// Validates, then swaps; a config that is not good changes nothing. Neither the thread that
    /// measures nor the one that serves waits for it.
    async fn reload(&self) -> Result<(), String> {
        let in_force = Arc::clone(&self.in_force);
        self.reloads.ask(in_force, &self.config_file, self.measuring.clone()).await
    }
}

/// Completes on SIGTERM or SIGINT. The signals are caught from the call on.
pub(crate) fn stopped() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("catching SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("catching SIGINT")?;
    Ok(async move {
        let signal = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        info!(signal, "stopping");
    })
}

/// Serves until `stopped`, then lets requests in flight end and the exporter say farewell.
pub(crate) async fn serve<E: Exporter>(
    listeners: Vec<TcpListener>,
    app: App<E>,
    web_config: Option<Current>,
    hangups: Signal,
    stopped: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let app = Arc::new(app);
    let reloader = tokio::spawn(reload_on_sighup(Arc::clone(&app), hangups));
    for listener in &listeners {
        info!(address = %listener.local_addr()?, "listening");
    }
    let (stop, stopping) = watch::channel(false);
    let router = router(&app, web_config.clone());
    let service = web::Service { router, config: web_config, stopping };
    let served = tokio::spawn(web::serve(listeners, service));

    stopped.await;
    let _ = stop.send(true);
    reloader.abort();
    if tokio::time::timeout(DRAIN, served).await.is_err() {
        warn!("some requests did not end in time and were cut");
    }
    let exporter = Arc::clone(&app.exporter);
    let farewells = app.measuring.spawn(async move { exporter.stop().await });
    if tokio::time::timeout(DRAIN, farewells).await.is_err() {
        warn!("not every session could be closed in time");
    }
    info!("stopped");
    Ok(())
}

fn router<E: Exporter>(app: &Arc<App<E>>, web_config: Option<Current>) -> Router {
    let tls = web_config.clone();
    let list = move |app, uri, query, headers| {
        let tls = tls.as_ref().is_some_and(|config| config.borrow().tls.is_some());
        std::future::ready(list::<E>(app, &uri, query, &headers, tls))
    };
    let own = {
        let _there = app.measuring.enter();
        app.exporter.routes()
    };
    let router = Router::new()
        .route("/", get(landing))
        .route(&app.telemetry_path, get(metrics))
        .route("/sd", get(list))
        .route("/-/healthy", get(|| async { "Healthy\n" }))
        .route("/-/ready", get(ready))
        .route("/-/discovery", get(discovery))
        .route("/-/reload", post(reload).put(reload))
        .route("/-/style.css", get(landing::style))
        .with_state(Arc::clone(app))
        .merge(own);
    web::hardened(router, app.guard.clone(), web_config)
        .layer(CompressionLayer::new().compress_when(exposition::may_be_compressed()))
}

async fn landing<E: Exporter>(
    Shared(app): Shared<Arc<App<E>>>,
    Query(asked): Query<Asked>,
) -> Response {
    let page =
        render_page(move || app.landing.page(&*app.exporter, &app.telemetry_path, &asked)).await;
    Html(page).into_response()
}

async fn metrics<E: Exporter>(
    Shared(app): Shared<Arc<App<E>>>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Response {
    let selection = match Selection::asked(query) {
        Ok(selection) => selection,
        Err(message) => return (StatusCode::BAD_REQUEST, format!("{message}\n")).into_response(),
    };
    if !selection.names().all(|name| app.exporter.has_target(name)) {
        let message = "no target of this exporter has that name; /sd lists those that there are\n";
        return (StatusCode::NOT_FOUND, message).into_response();
    }
    exposition::respond_with(&headers, Arc::clone(&app.registry), selection).await
}

/// The exporter's own targets, for Prometheus to scrape a target or a share of them at a time.
fn list<E: Exporter>(
    Shared(app): Shared<Arc<App<E>>>,
    uri: &Uri,
    Query(query): Query<Vec<(String, String)>>,
    headers: &HeaderMap,
    tls: bool,
) -> Response {
    let front = match &app.external {
        Some(front) => Ok(front.clone()),
        None => Front::of(uri, headers, tls).map_err(str::to_owned),
    };
    match front.and_then(|front| Ok((front, http_sd::shards(&query)?))) {
        Ok((front, shards)) => {
            let of = Arc::clone(&app);
            let targets = move || of.list.of(of.exporter.health());
            json_rows(front.entries(&app.telemetry_path, targets, shards))
        }
        Err(message) => (StatusCode::BAD_REQUEST, format!("{message}\n")).into_response(),
    }
}

async fn discovery<E: Exporter>(Shared(app): Shared<Arc<App<E>>>) -> Response {
    text_lines(app.reloads.discovery.page())
}

async fn ready<E: Exporter>(Shared(app): Shared<Arc<App<E>>>) -> Response {
    let exporter = Arc::clone(&app.exporter);
    let looked = glance(&app.pending, move || {
        let targets = exporter.health();
        let pending = targets.iter().filter(|target| target.state() == State::Pending).count();
        (pending, targets.len())
    });
    let Some((pending, all)) = looked.await else {
        let message = "looking at the targets failed\n";
        return (StatusCode::INTERNAL_SERVER_ERROR, message).into_response();
    };
    let mut missing = Vec::new();
    if pending > 0 {
        missing.push(format!("{pending} of {all} targets had no round yet"));
    }
    // What they list would be pending.
    let awaited = app.reloads.discovery.awaited();
    if awaited > 0 {
        missing.push(format!("{awaited} lists of targets were never read (/-/discovery)"));
    }
    if missing.is_empty() {
        return "Ready\n".into_response();
    }
    let message = format!("Not ready: {}\n", missing.join("; "));
    (StatusCode::SERVICE_UNAVAILABLE, message).into_response()
}

async fn reload<E: Exporter>(Shared(app): Shared<Arc<App<E>>>) -> Response {
    match app.reload().await {
        Ok(()) => "Reloaded\n".into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

async fn reload_on_sighup<E: Exporter>(app: Arc<App<E>>, mut hangups: Signal) {
    while hangups.recv().await.is_some() {
        // Already logged, and counted; there is nobody to answer.
        let _ = app.reload().await;
    }
}
