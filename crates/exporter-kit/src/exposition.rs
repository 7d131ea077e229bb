//! What a scraper gets: protobuf or OpenMetrics when it asks for it, the classic text when not.
//!
//! A page of ten thousand targets is 150 MB of text. It is written on a thread of its own while it
//! is read, so that it never exists whole, and packed there, so that nothing else waits for it.

mod accept;
mod chunks;
mod packer;
mod slots;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tokio::time::Instant;
use tower_http::compression::Predicate;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType};
use tracing::{debug, warn};

use self::accept::Encoding;
use self::packer::Unwritten;
use self::slots::Slots;
use crate::page::Selection;
use crate::registry::Registry;
use crate::web::{Connection, Placed};

static SLOTS: Slots = Slots::new();

/// How long a request waits for its page to be begun, unless the scraper says how long it waits itself:
/// then half of that. Scrapers wait for 10 s if they are not told otherwise.
const WAIT: Duration = Duration::from_secs(5);

/// A page has to be read in that time, unless the scraper says how long it waits itself.
const DEADLINE: Duration = Duration::from_secs(60);

/// No page may take longer, whatever the scraper says.
const LONGEST_DEADLINE: Duration = Duration::from_secs(300);

/// Renders a registry in the format that the request's `Accept` header names, packed if its
/// `Accept-Encoding` allows. For the kit's `/metrics` and for an exporter's own pages of metrics.
///
/// The page is written while it is read. When that fails, the answer is an error as long as none of
/// the page was sent; after that the body breaks off, so that no part of a page looks like a whole.
/// (By HTTP/1.0, which ends a body with the connection, only the end of OpenMetrics or of gzip tells.)
/// Likewise for a reader that takes nothing for 30 s, or has not read the page within a minute or the
/// time that Prometheus says it waits: it is given up. When too many pages are asked for, the one that
/// nobody reads gives way, and who finds no place within 5 s, or half the time that Prometheus says it
/// waits, is answered 503.
pub async fn respond(request: &HeaderMap, registry: Arc<Registry>) -> Response {
    respond_with(request, registry, Selection::Everything).await
}

/// The same for a part of the page.
pub(crate) async fn respond_with(
    request: &HeaderMap,
    registry: Arc<Registry>,
    selection: Selection,
) -> Response {
    let (format, kind) = accept::format(request);
    let encoding = accept::encoding(request);
    let Some(slot) = SLOTS.take(Connection::present(), wait(request)).await else { return busy() };
    let (mut chunks, mut body) = chunks::channel(slot, Instant::now() + patience(request));
    tokio::task::spawn_blocking(move || {
        chunks.take_permit();
        tell(packer::write(&registry, &selection, format, encoding, chunks));
    });
    if !body.begins().await {
        let message = "rendering the metrics failed\n";
        return (StatusCode::INTERNAL_SERVER_ERROR, message).into_response();
    }
    let vary = "accept, accept-encoding";
    let mut response =
        ([(header::CONTENT_TYPE, kind.as_str()), (header::VARY, vary)], Body::new(body))
            .into_response();
    response.extensions_mut().insert(Placed);
    if encoding == Encoding::Gzip {
        let gzip = header::HeaderValue::from_static("gzip");
        response.headers_mut().insert(header::CONTENT_ENCODING, gzip);
    }
    response
}

/// How long the request may wait until its page is begun.
fn wait(request: &HeaderMap) -> Duration {
    told(request).map_or(WAIT, |told| (told / 2).min(LONGEST_DEADLINE))
}

/// How long the scraper waits, and a little more, so that it is the one that gives up.
fn patience(request: &HeaderMap) -> Duration {
    let patience = told(request).map(|told| told.saturating_add(Duration::from_secs(1)));
    patience.unwrap_or(DEADLINE).min(LONGEST_DEADLINE)
}

/// How long the scraper says that it waits.
fn told(request: &HeaderMap) -> Option<Duration> {
    let told = request.get("x-prometheus-scrape-timeout-seconds")?;
    Duration::try_from_secs_f64(told.to_str().ok()?.parse().ok()?).ok()
}

fn busy() -> Response {
    let message = "too many pages are being written\n";
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "5")], message).into_response()
}

/// What may be compressed after it was answered: anything but metrics, which come as their reader
/// wants them and would be compressed on the thread that everything runs on.
pub(crate) fn may_be_compressed() -> impl Predicate {
    DefaultPredicate::new()
        .and(NotForContentType::const_new("application/openmetrics-text"))
        .and(NotForContentType::const_new("application/vnd.google.protobuf"))
        .and(NotForContentType::const_new("text/plain"))
}

fn tell(written: Result<(), Unwritten>) {
    match written {
        Ok(()) => {}
        Err(Unwritten::Stalled) => warn!("a reader of the metrics stopped reading: given up"),
        Err(Unwritten::Gone) => debug!("a reader of the metrics went away"),
    }
}

#[cfg(test)]
mod tests;
