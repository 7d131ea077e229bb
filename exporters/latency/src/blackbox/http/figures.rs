//! Figures that stand in the head of an answer. No I/O, no clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::body::Body;
use hyper::header::{self, HeaderMap};
use hyper::{Method, Response, Version};

/// A version in the peer's words, and as a number.
pub(super) fn version(version: Version) -> (&'static str, f64) {
    match version {
        Version::HTTP_09 => ("HTTP/0.9", 0.9),
        Version::HTTP_10 => ("HTTP/1.0", 1.0),
        Version::HTTP_2 => ("HTTP/2.0", 2.0),
        Version::HTTP_3 => ("HTTP/3.0", 3.0),
        _ => ("HTTP/1.1", 1.1),
    }
}

/// The length that an answer names; -1 where it names none, 0 where there can be no body.
pub(super) fn content_length(response: &Response<impl Body>, method: &Method) -> i64 {
    let headers = response.headers();
    if *method != Method::HEAD {
        if matches!(response.status().as_u16(), 100..200 | 204 | 304) {
            return 0;
        }
        if response.version() == Version::HTTP_2
            && response.body().is_end_stream()
            && !headers.contains_key(header::CONTENT_LENGTH)
        {
            return 0;
        }
    }
    if headers.contains_key(header::TRANSFER_ENCODING) && response.version() != Version::HTTP_2 {
        let last = headers.get_all(header::TRANSFER_ENCODING).iter().next_back();
        if last.is_some_and(|it| it.as_bytes().to_ascii_lowercase().ends_with(b"chunked")) {
            return -1;
        }
    }
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    length.and_then(|text| text.trim().parse().ok()).unwrap_or(-1)
}

/// When what was given changed, in seconds since the epoch.
pub(super) fn last_modified(headers: &HeaderMap) -> Option<i64> {
    let text = headers.get(header::LAST_MODIFIED)?.to_str().ok()?;
    let time: SystemTime = httpdate::parse_http_date(text).ok()?;
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_secs()).ok()
}
