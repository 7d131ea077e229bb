//! What every answer has: headers that bind a browser's hands, and an error page where there is none.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{Html, IntoResponse as _, Response};
use maud::html;

use super::connection::Connection;
use super::guard::Guard;
use super::{hosts, readers};
use crate::document::document;
use crate::web_config::{Answer, Current};

/// No script, nothing from elsewhere, in nobody's frame; forms come back here.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; \
    base-uri 'none'; frame-ancestors 'none'";

/// The same routes; what changes something is refused to whom the guard refuses it, and everything to
/// whom the web config does not know.
pub(crate) fn hardened(router: Router, guard: Guard, config: Option<Current>) -> Router {
    let guard = Arc::new(guard);
    let refuse = from_fn(move |request: Request, next: Next| {
        let refusal = guard.refusal(request.method(), request.uri(), request.headers());
        async move {
            match refusal {
                None => next.run(request).await,
                Some(reason) => page(StatusCode::FORBIDDEN, request.headers(), &reason),
            }
        }
    });
    router
        .fallback(|headers: HeaderMap| async move {
            page(StatusCode::NOT_FOUND, &headers, "There is no such page.")
        })
        .method_not_allowed_fallback(|method: Method, headers: HeaderMap| async move {
            let message = format!("The page does not take {method}.");
            page(StatusCode::METHOD_NOT_ALLOWED, &headers, &message)
        })
        .layer(from_fn(async |request: Request, next: Next| {
            readers::counted(next.run(request).await).await
        }))
        .layer(refuse)
        .layer(from_fn(|request: Request, next: Next| async move {
            match hosts::fault(request.version(), request.headers()) {
                None => next.run(request).await,
                Some(fault) => page(StatusCode::BAD_REQUEST, request.headers(), fault),
            }
        }))
        .layer(from_fn(move |request: Request, next: Next| {
            let config = config.as_ref().map(|config| Arc::clone(&config.borrow()));
            async move {
                let headers = request.headers();
                let answer = match &config {
                    None => Some(Answer::Welcome),
                    Some(config) if config.admits() => {
                        let client = Connection::present().map(|it| it.client());
                        Some(config.users.ask(headers, client).await)
                    }
                    Some(_) => None,
                };
                let mut response = match answer {
                    Some(Answer::Welcome) => next.run(request).await,
                    Some(Answer::Unknown) => unknown(headers),
                    Some(Answer::Busy) => busy(headers),
                    None => {
                        let message = "More requests come than the web config's rate_limit admits.";
                        page(StatusCode::TOO_MANY_REQUESTS, headers, message)
                    }
                };
                for (name, value) in config.iter().flat_map(|config| &config.headers) {
                    response.headers_mut().insert(name, value.clone());
                }
                bind(response.headers_mut());
                response
            }
        }))
}

fn bind(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

fn unknown(headers: &HeaderMap) -> Response {
    let mut response =
        page(StatusCode::UNAUTHORIZED, headers, "A name and its password are needed.");
    let ask = HeaderValue::from_static("Basic realm=\"exporter\", charset=\"UTF-8\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, ask);
    response
}

fn busy(headers: &HeaderMap) -> Response {
    let message = "Too many passwords are being checked.";
    let mut response = page(StatusCode::SERVICE_UNAVAILABLE, headers, message);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

/// A page that says what is wrong: HTML for who reads HTML, a line of text for others.
fn page(status: StatusCode, headers: &HeaderMap, message: &str) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    if !accept.is_some_and(|accept| accept.contains("text/html")) {
        return (status, format!("{message}\n")).into_response();
    }
    let title = html! { (status) };
    let body = html! {
        h1 { (status) }
        p { (message) }
        p { a href="/" { "What there is" } }
    };
    let page = document(&title, None, &body);
    (status, Html(page.into_string())).into_response()
}
