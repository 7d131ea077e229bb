//! What a scraper gets: protobuf or OpenMetrics when it asks for it, the classic text when not.
//!
//! A page of ten thousand targets is 150 MB of text. It is written on a thread of its own while it
//! is read, so that it never exists whole, and packed there, so that nothing else waits for it.

mod accept;
mod chunks;
mod classic;
mod packer;

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tokio::sync::Semaphore;
use tower_http::compression::Predicate;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType};
use tracing::{debug, error, warn};

use self::accept::Encoding;
use self::packer::Unwritten;
use crate::registry::Registry;

/// Pages that are written at once; further requests wait for their turn. Room for a pair of
/// Prometheus servers and for someone who looks, and a bound on threads and memory.
static TURNS: Semaphore = Semaphore::const_new(4);

/// Renders a registry in the format that the request's `Accept` header names, packed if its
/// `Accept-Encoding` allows. For the kit's `/metrics` and for an exporter's own pages of metrics.
///
/// The page is written while it is read. When that fails, the answer is an error as long as none of
/// the page was sent; after that the body breaks off, so that no part of a page looks like a whole.
/// (By HTTP/1.0, which ends a body with the connection, only the end of OpenMetrics or of gzip tells.)
/// Likewise for a reader that takes nothing for 30 s, which is given up.
pub async fn respond(request: &HeaderMap, registry: Arc<Registry>) -> Response {
    let (format, kind) = accept::format(request, registry.texts().is_none());
    let encoding = accept::encoding(request);
    let turn = TURNS.acquire().await.expect("nobody closes this semaphore");
    let (chunks, mut body) = chunks::channel();
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        tell(packer::write(&registry, format, encoding, chunks));
    });
    if !body.begins().await {
        let message = "rendering the metrics failed\n";
        return (StatusCode::INTERNAL_SERVER_ERROR, message).into_response();
    }
    let vary = "accept, accept-encoding";
    let mut response =
        ([(header::CONTENT_TYPE, kind.as_str()), (header::VARY, vary)], Body::new(body))
            .into_response();
    if encoding == Encoding::Gzip {
        let gzip = header::HeaderValue::from_static("gzip");
        response.headers_mut().insert(header::CONTENT_ENCODING, gzip);
    }
    response
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
        Err(Unwritten::Collector) => error!("rendering the metrics failed"),
        Err(Unwritten::Stalled) => warn!("a reader of the metrics stopped reading: given up"),
        Err(Unwritten::Gone) => debug!("a reader of the metrics went away"),
    }
}

#[cfg(test)]
mod tests;
