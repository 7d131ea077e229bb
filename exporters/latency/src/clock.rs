//! The time, for the code that does I/O.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::header::{self, HeaderMap};
use tokio::time::Instant;

use crate::standing::Moment;

/// Counts from the program's start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    /// Starts now.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// The present moment.
    pub(crate) fn now(self) -> Moment {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment { monotonic: self.monotonic(), unix_seconds: since_epoch.as_secs_f64() }
    }

    /// The present moment on the clock that never goes back.
    pub(crate) fn monotonic(self) -> Duration {
        self.0.elapsed()
    }
}

/// Seconds by which the wall clock is ahead of an answer's `Date`. That of a cache is of when it was first
/// given, so an answer with an `Age` says nothing.
pub(crate) fn ahead_of(headers: &HeaderMap) -> Option<i64> {
    if headers.contains_key(header::AGE) {
        return None;
    }
    let date = httpdate::parse_http_date(headers.get(header::DATE)?.to_str().ok()?).ok()?;
    let seconds =
        |time: SystemTime| i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok();
    Some(seconds(SystemTime::now())? - seconds(date)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_held_against_the_date_of_an_answer() {
        let at = |seconds: u64| {
            httpdate::fmt_http_date(SystemTime::now() - Duration::from_secs(seconds))
        };
        let mut headers = HeaderMap::new();
        assert_eq!(ahead_of(&headers), None);
        headers.insert(header::DATE, at(600).parse().unwrap());
        assert!(ahead_of(&headers).is_some_and(|ahead| (600..=602).contains(&ahead)));
        headers.insert(header::AGE, "600".parse().unwrap());
        assert_eq!(ahead_of(&headers), None, "a cache gave it");
        headers.clear();
        headers.insert(header::DATE, "yesterday".parse().unwrap());
        assert_eq!(ahead_of(&headers), None);
    }
}
