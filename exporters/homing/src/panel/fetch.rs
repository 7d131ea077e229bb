//! The results of one measurement, asked for ever: politely, and believed as little as strangers are.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use exporter_kit::{CountsBy, LabelEnum as _, Rounds, off_the_thread};
use tokio::time::Instant;
use tracing::warn;

use super::globalping::Results;
use super::probes::Probe;
use super::state::{Latest, Panel};
use super::{Reply, atlas, judge, list};
use crate::clock::since_epoch;
use crate::config::PanelWork;
use crate::etag::{Came, Document};
use crate::outcome::{Fetch, Unused};

/// Bytes of one answer.
const LARGEST: u64 = 16 << 20;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// What is kept from one request to the next.
#[derive(Default)]
pub(super) struct Known {
    pub(super) replies: Vec<Reply>,
    unused: CountsBy<Unused>,
    /// The list of probes, and when its file was written.
    pub(super) probes: Arc<BTreeMap<u64, Probe>>,
    stamp: Option<SystemTime>,
}

impl Known {
    /// What measurements found whose probes say themselves where they are.
    pub(super) fn of<'a>(results: impl Iterator<Item = &'a Results>) -> Self {
        let mut known = Self::default();
        let mut probes = BTreeMap::new();
        for of in results {
            known.replies.extend(of.replies.iter().cloned());
            known.unused.add_all(&of.unused);
            probes.extend(&of.probes);
        }
        known.probes = Arc::new(probes);
        known
    }
}

/// Asks at the measurement's interval.
pub(crate) async fn run(panel: Arc<Panel>, work: PanelWork, probes_file: String, rounds: Rounds) {
    let mut rounds = rounds.every(work.interval, &format!("homing/panel/{}", panel.name));
    let mut document = Document::new(work.settings.clone(), &work.folder, LARGEST, PATIENCE);
    let mut known = Known::default();
    let mut not_before = Instant::now();
    loop {
        rounds.next().await;
        let now = since_epoch().as_secs();
        if Instant::now() < not_before {
            known = grow_old(&panel, known, now, work.max_age).await;
            continue;
        }
        let came = document.ask(move |body| {
            let unused = CountsBy::default();
            atlas::read(body, now, &unused).map(|replies| (replies, unused))
        });
        let result = match came.await {
            Came::Read((replies, unused)) => {
                (known.replies, known.unused) = (replies, unused);
                Fetch::Ok
            }
            Came::Same => Fetch::NotModified,
            Came::Later(pause) => {
                not_before = Instant::now() + pause;
                Fetch::Later
            }
            Came::Nothing(result) => result,
        };
        panel.fetches.inc(result);
        if !matches!(result, Fetch::Ok | Fetch::NotModified) {
            panel.health.down(result.name());
            known = grow_old(&panel, known, now, work.max_age).await;
            continue;
        }
        known = load(known, &work.folder.join(&probes_file)).await;
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

/// While nothing new can be had, what is told is held against the clock all the same: a result that is too old says nothing.
pub(super) async fn grow_old(panel: &Panel, known: Known, now: u64, max_age: Duration) -> Known {
    let (latest, known) = tell(known, now, max_age).await;
    panel.amend(latest);
    known
}

/// Judges what is known, off the thread that measures.
pub(super) async fn tell(known: Known, now: u64, max_age: Duration) -> (Latest, Known) {
    let judged = off_the_thread(move || {
        let unused = known.unused.clone();
        let unused_now = CountsBy::default();
        unused_now.add_all(&unused);
        let oldest = now.saturating_sub(max_age.as_secs());
        let told = judge::judge(&known.replies, &known.probes, oldest, &unused_now);
        (Latest { told, unused: unused_now }, known)
    });
    judged.await
}

/// Reads the list of probes, if its file is another one. A list that cannot be read leaves the one before in force.
async fn load(mut known: Known, path: &Path) -> Known {
    let (path, before) = (path.to_owned(), known.stamp);
    let read = off_the_thread(move || {
        let written = std::fs::metadata(&path).and_then(|it| it.modified()).ok();
        if written.is_some() && written == before {
            return None;
        }
        Some((list::read(&path), written))
    });
    match read.await {
        Some((Ok(probes), written)) => {
            (known.probes, known.stamp) = (Arc::new(probes), written);
        }
        Some((Err(error), _)) => warn!("the list of probes cannot be read: {error:#}"),
        None => {}
    }
    known
}
