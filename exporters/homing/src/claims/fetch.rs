//! One page, asked for ever: politely, and with no more trust than a stranger's page deserves.

use std::io::Read as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use exporter_kit::discovery::HttpClient;
use exporter_kit::{LabelEnum as _, Rounds};
use flate2::read::MultiGzDecoder;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tracing::debug;

use super::state::Page;
use super::{Format, Said};
use crate::config::PageWork;
use crate::failure::Failure;
use crate::outcome::Fetch;

/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What came of asking once.
enum Came {
    /// A page, and what to ask with whether it is still the same.
    Read(Said, Option<HeaderValue>),
    Same,
    Nothing(Fetch),
}

/// Asks at the page's interval.
pub(crate) async fn run(page: Arc<Page>, work: PageWork, rounds: Rounds) {
    let mut rounds = rounds.every(work.interval, &format!("homing/{}", page.name));
    let mut known: Option<HeaderValue> = None;
    loop {
        rounds.next().await;
        let came = ask(&work, known.clone()).await;
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let result = match came {
            Came::Read(said, tag) => {
                page.read(said, Instant::now(), unix);
                known = tag;
                Fetch::Ok
            }
            Came::Same if page.is_the_same(Instant::now(), unix) => Fetch::NotModified,
            Came::Same => {
                known = None;
                Fetch::HttpStatus
            }
            Came::Nothing(result) => result,
        };
        page.counts.fetches.inc(result);
        match result {
            Fetch::Ok | Fetch::NotModified => page.health.up(),
            // Who is only not reached for a while may have said nothing new.
            Fetch::Timeout | Fetch::Unreachable => page.health.down(result.name()),
            _ => {
                page.is_unreadable();
                known = None;
                page.health.down(result.name());
            }
        }
    }
}

async fn ask(work: &PageWork, known: Option<HeaderValue>) -> Came {
    let (settings, folder) = (work.settings.clone(), Arc::clone(&work.folder));
    let client = spawn_blocking(move || HttpClient::new(settings, &folder)).await;
    let Ok(Ok(client)) = client else { return Came::Nothing(Fetch::Unreachable) };
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    if let Some(tag) = known {
        headers.insert(header::IF_NONE_MATCH, tag);
    }
    let answer = match client.fetch(&headers, work.format.largest(), PATIENCE).await {
        Ok(answer) => answer,
        Err(error) => {
            debug!("a page could not be had: {error:#}");
            return Came::Nothing(match Failure::of(&error) {
                Failure::Timeout => Fetch::Timeout,
                Failure::TooLarge => Fetch::TooLarge,
                Failure::Tls => Fetch::Tls,
                Failure::Unreachable => Fetch::Unreachable,
            });
        }
    };
    match answer.status() {
        StatusCode::OK => {}
        StatusCode::NOT_MODIFIED => return Came::Same,
        status if status.is_redirection() => return Came::Nothing(Fetch::Moved),
        _ => return Came::Nothing(Fetch::HttpStatus),
    }
    let tag = answer.headers().get(header::ETAG).cloned();
    let encoding = answer.headers().get(header::CONTENT_ENCODING).cloned();
    let (body, format) = (answer.into_body(), work.format);
    let read = spawn_blocking(move || {
        let encoding = encoding.as_ref().map(HeaderValue::as_bytes);
        read(&body, encoding, format)
    });
    match read.await {
        Ok(Ok(said)) => Came::Read(said, tag),
        Ok(Err(result)) => Came::Nothing(result),
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Reads a page as it came.
fn read(body: &[u8], encoding: Option<&[u8]>, format: Format) -> Result<Said, Fetch> {
    let mut unpacked = Vec::new();
    let body = match encoding {
        None | Some(b"identity") => body,
        Some(b"gzip") => {
            let mut packed = MultiGzDecoder::new(body).take(format.largest() + 1);
            packed.read_to_end(&mut unpacked).map_err(|_| Fetch::NotJson)?;
            if unpacked.len() as u64 > format.largest() {
                return Err(Fetch::TooLarge);
            }
            &unpacked
        }
        Some(_) => return Err(Fetch::NotJson),
    };
    // A page for people, where one for programs was: it has moved.
    if body.trim_ascii_start().starts_with(b"<") {
        return Err(Fetch::Moved);
    }
    format.parse(body)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(text).unwrap();
        gzip.finish().unwrap()
    }

    #[test]
    fn what_is_no_page_has_its_name() {
        let deep = "[".repeat(200_000);
        let bomb = gzip(&vec![b' '; 4 << 20]);
        for (body, encoding, wanted) in [
            (&b"  <!doctype html>"[..], None, Fetch::Moved),
            (b"", None, Fetch::NotJson),
            (deep.as_bytes(), None, Fetch::NotJson),
            (b"{}", None, Fetch::Schema),
            (b"[1, 2]", None, Fetch::Schema),
            (b"null", None, Fetch::Schema),
            (&bomb, Some(&b"gzip"[..]), Fetch::TooLarge),
            (b"no gzip", Some(b"gzip"), Fetch::NotJson),
            (b"{}", Some(b"br"), Fetch::NotJson),
        ] {
            assert_eq!(read(body, encoding, Format::StatuspageV2), Err(wanted), "{wanted:?}");
        }
        // A history is longer.
        let mut history = br#"[{"id":"a","begin":"2025-01-01T00:00:00Z"}"#.to_vec();
        history.resize(4 << 20, b' ');
        history.push(b']');
        assert!(read(&history, None, Format::GoogleCloud).is_ok());
        assert!(read(&gzip(&history), Some(b"gzip"), Format::GoogleCloud).is_ok());
        assert_eq!(read(b"[", None, Format::GoogleCloud), Err(Fetch::NotJson));
        assert_eq!(read(b"{}", None, Format::GoogleCloud), Err(Fetch::Schema));
        let good = br#"{"status":{"indicator":"none"},"components":[]}"#;
        assert!(read(&gzip(good), Some(b"gzip"), Format::StatuspageV2).is_ok());
    }
}
