//! The results of one measurement, asked for ever: politely, and believed as little as strangers are.

use std::collections::BTreeMap;
use std::io::{BufReader, Read as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use exporter_kit::discovery::HttpClient;
use exporter_kit::{CountsBy, LabelEnum as _, Rounds};
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::probes::{self, Probe};
use super::state::{Latest, Panel};
use super::{Reply, atlas, judge};
use crate::config::PanelWork;
use crate::failure::Failure;
use crate::outcome::{Fetch, Unused};

/// Bytes of one answer, and of the list of probes.
const LARGEST: u64 = 16 << 20;
const LARGEST_LIST: u64 = 64 << 20;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Who says that it is asked too often is left alone for as long as it says, within these.
const PAUSE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(3_600));

/// What came of asking once.
enum Came {
    /// Results, what of them was left out, and what to ask with whether they are still the same.
    Read(Vec<Reply>, CountsBy<Unused>, Option<HeaderValue>),
    Same,
    /// It is asked too often.
    Later(Duration),
    Nothing(Fetch),
}

/// What is kept from one request to the next.
#[derive(Default)]
struct Known {
    replies: Vec<Reply>,
    unused: CountsBy<Unused>,
    tag: Option<HeaderValue>,
    /// The list of probes, and when its file was written.
    probes: Arc<BTreeMap<u64, Probe>>,
    stamp: Option<SystemTime>,
}

/// Asks at the measurement's interval.
pub(crate) async fn run(panel: Arc<Panel>, work: PanelWork, rounds: Rounds) {
    let mut rounds = rounds.every(work.interval, &format!("homing/panel/{}", panel.name));
    let mut known = Known::default();
    let mut not_before = Instant::now();
    loop {
        rounds.next().await;
        if Instant::now() < not_before {
            continue;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let result = match ask(&work, known.tag.clone(), now).await {
            Came::Read(replies, unused, tag) => {
                (known.replies, known.unused, known.tag) = (replies, unused, tag);
                Fetch::Ok
            }
            Came::Same => Fetch::NotModified,
            Came::Later(pause) => {
                not_before = Instant::now() + pause;
                Fetch::HttpStatus
            }
            Came::Nothing(result) => result,
        };
        panel.fetches.inc(result);
        if !matches!(result, Fetch::Ok | Fetch::NotModified) {
            panel.health.down(result.name());
            continue;
        }
        known = load(known, &work).await;
        let (latest, after) = tell(known, now, work.max_age).await;
        known = after;
        panel.publish(latest, Instant::now());
        if known.probes.is_empty() {
            panel.health.down("no_probes");
        } else {
            panel.health.up();
        }
    }
}

/// Judges what is known, off the thread that measures.
async fn tell(known: Known, now: u64, max_age: Duration) -> (Latest, Known) {
    let judged = spawn_blocking(move || {
        let unused = known.unused.clone();
        let unused_now = CountsBy::default();
        unused_now.add_all(&unused);
        let oldest = now.saturating_sub(max_age.as_secs());
        let told = judge::judge(&known.replies, &known.probes, oldest, &unused_now);
        (Latest { told, unused: unused_now }, known)
    });
    judged.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

/// Reads the list of probes, if its file is another one. A list that cannot be read leaves the one before in force.
async fn load(mut known: Known, work: &PanelWork) -> Known {
    let (path, before) = (work.folder.join(&work.probes_file), known.stamp);
    let read = spawn_blocking(move || {
        let written = std::fs::metadata(&path).and_then(|it| it.modified()).ok();
        if written.is_some() && written == before {
            return None;
        }
        Some((read_probes(&path), written))
    });
    let read = read.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    match read {
        Some((Ok(probes), written)) => {
            (known.probes, known.stamp) = (Arc::new(probes), written);
        }
        Some((Err(error), _)) => warn!("the list of probes cannot be read: {error:#}"),
        None => {}
    }
    known
}

fn read_probes(path: &Path) -> anyhow::Result<BTreeMap<u64, Probe>> {
    let file = exporter_kit::open_file(path)?;
    Ok(probes::read(BufReader::new(file.take(LARGEST_LIST)))?)
}

async fn ask(work: &PanelWork, tag: Option<HeaderValue>, now: u64) -> Came {
    let (settings, folder) = (work.settings.clone(), Arc::clone(&work.folder));
    let client = spawn_blocking(move || HttpClient::new(settings, &folder)).await;
    let Ok(Ok(client)) = client else { return Came::Nothing(Fetch::Unreachable) };
    let mut headers = HeaderMap::new();
    if let Some(tag) = tag {
        headers.insert(header::IF_NONE_MATCH, tag);
    }
    let answer = match client.fetch(&headers, LARGEST, PATIENCE).await {
        Ok(answer) => answer,
        Err(error) => {
            debug!("a measurement could not be had: {error:#}");
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
        StatusCode::TOO_MANY_REQUESTS => return Came::Later(pause(answer.headers())),
        status if status.is_redirection() => return Came::Nothing(Fetch::Moved),
        _ => return Came::Nothing(Fetch::HttpStatus),
    }
    let tag = answer.headers().get(header::ETAG).cloned();
    let body = answer.into_body();
    let read = spawn_blocking(move || {
        let unused = CountsBy::default();
        atlas::read(&body, now, &unused).map(|replies| (replies, unused))
    });
    match read.await {
        Ok(Ok((replies, unused))) => Came::Read(replies, unused, tag),
        Ok(Err(result)) => Came::Nothing(result),
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// How long it wants to be left alone.
fn pause(headers: &HeaderMap) -> Duration {
    let seconds = headers.get(header::RETRY_AFTER).and_then(|it| it.to_str().ok()?.parse().ok());
    seconds.map_or(PAUSE.0, Duration::from_secs).clamp(PAUSE.0, PAUSE.1)
}
