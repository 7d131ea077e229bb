//! A document that somebody else serves, asked for politely: with its `ETag`, within limits, and left alone when that is wanted.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use exporter_kit::discovery::{HttpClient, HttpSd};
use exporter_kit::off_the_thread;
use flate2::read::MultiGzDecoder;
use tracing::debug;

use crate::failure::Failure;
use crate::outcome::Fetch;

/// Who wants to be asked later is left alone for as long as it says, within these.
pub(crate) const PAUSE: (Duration, Duration) =
    (Duration::from_secs(60), Duration::from_secs(86_400));
/// And who is not there for so long: what says that may be a proxy before it, which knows no better.
pub(crate) const AWAY: Duration = Duration::from_secs(3_600);

/// What came of asking once.
#[derive(Debug)]
pub(crate) enum Came<T> {
    /// Another one than before, as it was read.
    Read(T),
    /// The same as before.
    Same,
    /// It is asked too often, or says when it will be there again.
    Later(Duration),
    /// Nothing that can be read.
    Nothing(Fetch),
}

/// Where it is, and what is known of it.
#[derive(Debug)]
pub(crate) struct Document {
    settings: HttpSd,
    folder: Arc<Path>,
    /// Bytes that it may have, also unpacked.
    largest: u64,
    /// How long an answer may take.
    patience: Duration,
    /// What to ask with whether it is still the one that was read last.
    tag: Option<HeaderValue>,
}

impl Document {
    /// Files that the settings name are taken from `folder`.
    pub(crate) fn new(
        settings: HttpSd,
        folder: &Arc<Path>,
        largest: u64,
        patience: Duration,
    ) -> Self {
        Self { settings, folder: Arc::clone(folder), largest, patience, tag: None }
    }

    /// The next answer is read, also when it is the same.
    pub(crate) fn forget(&mut self) {
        self.tag = None;
    }

    /// Asks once; what comes is unpacked and read off the thread that measures.
    pub(crate) async fn ask<T: Send + 'static>(
        &mut self,
        read: impl FnOnce(&[u8]) -> Result<T, Fetch> + Send + 'static,
    ) -> Came<T> {
        // Files that the settings name may have changed.
        let (settings, folder) = (self.settings.clone(), Arc::clone(&self.folder));
        let client = off_the_thread(move || HttpClient::new(settings, &folder)).await;
        let Ok(client) = client else { return Came::Nothing(Fetch::Unreachable) };
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        if let Some(tag) = &self.tag {
            headers.insert(header::IF_NONE_MATCH, tag.clone());
        }
        let answer = match client.fetch(&headers, self.largest, self.patience).await {
            Ok(answer) => answer,
            Err(error) => {
                debug!("a document could not be had: {error:#}");
                return Came::Nothing(Failure::of(&error).fetch());
            }
        };
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED => return Came::Same,
            StatusCode::TOO_MANY_REQUESTS => {
                return Came::Later(pause(answer.headers(), SystemTime::now()));
            }
            StatusCode::SERVICE_UNAVAILABLE
                if answer.headers().contains_key(header::RETRY_AFTER) =>
            {
                return Came::Later(pause(answer.headers(), SystemTime::now()).min(AWAY));
            }
            status if status.is_redirection() => return Came::Nothing(Fetch::Moved),
            _ => return Came::Nothing(Fetch::HttpStatus),
        }
        let tag = answer.headers().get(header::ETAG).cloned();
        let encoding = answer.headers().get(header::CONTENT_ENCODING).cloned();
        let (body, largest) = (answer.into_body(), self.largest);
        let read = off_the_thread(move || {
            unpacked(&body, encoding.as_ref().map(HeaderValue::as_bytes), largest, read)
        });
        match read.await {
            Ok(read) => {
                self.tag = tag;
                Came::Read(read)
            }
            Err(result) => Came::Nothing(result),
        }
    }
}

/// How long it wants to be left alone: so many seconds, or until a moment (RFC 9110, 10.2.3), by its own clock where it
/// says what that shows.
pub(crate) fn pause(headers: &HeaderMap, now: SystemTime) -> Duration {
    let said = |name| headers.get(name).and_then(|it| it.to_str().ok());
    let moment = |date| jiff::fmt::rfc2822::parse(date).ok().map(|it| it.timestamp().into());
    let now: SystemTime = said(header::DATE).and_then(moment).unwrap_or(now);
    let until = |date| moment(date)?.duration_since(now).ok();
    let pause = said(header::RETRY_AFTER)
        .and_then(|it| it.parse().ok().map(Duration::from_secs).or_else(|| until(it)));
    pause.unwrap_or(PAUSE.0).clamp(PAUSE.0, PAUSE.1)
}

/// Reads a body as it came.
fn unpacked<T>(
    body: &[u8],
    encoding: Option<&[u8]>,
    largest: u64,
    read: impl FnOnce(&[u8]) -> Result<T, Fetch>,
) -> Result<T, Fetch> {
    match encoding {
        None | Some(b"identity") => read(body),
        Some(b"gzip") => {
            let mut unpacked = Vec::new();
            let mut packed = MultiGzDecoder::new(body).take(largest + 1);
            packed.read_to_end(&mut unpacked).map_err(|_| Fetch::NotJson)?;
            if unpacked.len() as u64 > largest {
                return Err(Fetch::TooLarge);
            }
            read(&unpacked)
        }
        Some(_) => Err(Fetch::NotJson),
    }
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
    fn a_body_is_unpacked_within_its_limit_and_no_other_packing_is_known() {
        let read =
            |body: &[u8], encoding| unpacked(body, encoding, 1 << 20, |it| Ok(it.len() as u64));
        let bomb = gzip(&vec![b' '; 4 << 20]);
        for (body, encoding, wanted) in [
            (&b"12345"[..], None, Ok(5)),
            (b"12345", Some(&b"identity"[..]), Ok(5)),
            (&gzip(b"1234567"), Some(b"gzip"), Ok(7)),
            (&gzip(&vec![b' '; 1 << 20]), Some(b"gzip"), Ok(1 << 20)),
            (&bomb, Some(b"gzip"), Err(Fetch::TooLarge)),
            (&bomb[..bomb.len() - 5], Some(b"gzip"), Err(Fetch::TooLarge)),
            (b"no gzip", Some(b"gzip"), Err(Fetch::NotJson)),
            (b"{}", Some(b"br"), Err(Fetch::NotJson)),
        ] {
            assert_eq!(read(body, encoding), wanted);
        }
    }

    #[test]
    fn who_wants_to_be_left_alone_is_for_a_day_at_most() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_445_412_480);
        let pause = |text: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            if let Some(text) = text {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static(text));
            }
            pause(&headers, now).as_secs()
        };
        assert_eq!([None, Some("1"), Some("Wed, 21 Oct")].map(pause), [60; 3]);
        assert_eq!([Some("5400"), Some("999999999999")].map(pause), [5_400, 86_400]);
        let dates = ["Wed, 21 Oct 2015 07:27:00 GMT", "Wed, 21 Oct 2015 09:28:00 GMT"];
        assert_eq!(dates.map(|it| pause(Some(it))), [60, 7_200], "it was 07:28");
        // By its own clock: ours began in 1970.
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static(dates[1]));
        let before = HeaderValue::from_static("Wed, 21 Oct 2015 09:18:00 GMT");
        headers.insert(header::DATE, before);
        assert_eq!(super::pause(&headers, SystemTime::UNIX_EPOCH).as_secs(), 600);
    }
}
