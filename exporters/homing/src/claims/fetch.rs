//! One page, asked for ever: politely, and with no more trust than a stranger's page deserves.

use std::sync::Arc;
use std::time::Duration;

use exporter_kit::{LabelEnum as _, Rounds};
use tokio::time::Instant;

use super::state::Page;
use super::{Format, Said};
use crate::clock::since_epoch;
use crate::config::PageWork;
use crate::etag::{Came, Document};
use crate::outcome::Fetch;

/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks at the page's interval.
pub(crate) async fn run(page: Arc<Page>, work: PageWork, rounds: Rounds) {
    let mut rounds = rounds.every(work.interval, &format!("homing/{}", page.name));
    let format = work.format;
    let mut document = Document::new(work.settings, &work.folder, format.largest(), PATIENCE);
    let mut not_before = Instant::now();
    loop {
        rounds.next().await;
        if Instant::now() < not_before {
            continue;
        }
        let came = document.ask(move |body| read(body, format)).await;
        let unix = since_epoch().as_secs_f64();
        let result = match came {
            Came::Read(said) => {
                page.read(said, Instant::now(), unix);
                Fetch::Ok
            }
            Came::Same if page.is_the_same(Instant::now(), unix) => Fetch::NotModified,
            Came::Same => {
                document.forget();
                Fetch::HttpStatus
            }
            Came::Later(pause) => {
                not_before = Instant::now() + pause;
                Fetch::Later
            }
            Came::Nothing(result) => result,
        };
        match result {
            Fetch::Ok | Fetch::NotModified => page.health.up(),
            // Who is only not reached for a while, or wants to be left alone, may have said nothing new.
            Fetch::Timeout | Fetch::Unreachable | Fetch::Later => page.health.down(result.name()),
            _ => {
                page.is_unreadable();
                document.forget();
                page.health.down(result.name());
            }
        }
        // Last, so that whoever sees the count sees what came of it.
        page.counts.fetches.inc(result);
    }
}

/// What some programs write before a text of UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Reads a page.
fn read(body: &[u8], format: Format) -> Result<Said, Fetch> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    // A page for people, where one for programs was: it has moved.
    if body.trim_ascii_start().starts_with(b"<") {
        return Err(Fetch::Moved);
    }
    format.parse(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_page_has_its_name() {
        let deep = "[".repeat(200_000);
        for (body, wanted) in [
            (&b"  <!doctype html>"[..], Fetch::Moved),
            (b"\xEF\xBB\xBF<!doctype html>", Fetch::Moved),
            (b"", Fetch::NotJson),
            (deep.as_bytes(), Fetch::NotJson),
            (b"{}", Fetch::Schema),
            (b"[1, 2]", Fetch::Schema),
            (b"null", Fetch::Schema),
        ] {
            assert_eq!(read(body, Format::StatuspageV2), Err(wanted), "{wanted:?}");
        }
        // A history is longer.
        let mut history = br#"[{"id":"a","begin":"2025-01-01T00:00:00Z"}"#.to_vec();
        history.resize(4 << 20, b' ');
        history.push(b']');
        assert!(read(&history, Format::GoogleCloud).is_ok());
        assert_eq!(read(b"[", Format::GoogleCloud), Err(Fetch::NotJson));
        assert_eq!(read(b"{}", Format::GoogleCloud), Err(Fetch::Schema));
        let good = br#"{"status":{"indicator":"none"},"components":[]}"#;
        assert!(read(good, Format::StatuspageV2).is_ok());
        assert!(read(&[BYTE_ORDER_MARK, good].concat(), Format::StatuspageV2).is_ok());
    }
}
