//! How discovery goes: its metrics, and the page that shows what was left out and why.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;
use tracing::warn;

use super::Skipped;
use crate::page::{Collector, Page};

/// So many targets that were left out are shown and logged.
const MOST_SHOWN: usize = 100;

/// So long after the start a list that never came is waited for no more: what the others list is measured, and
/// whoever asks only those that are ready would lose all of it.
const FIRST_LISTS: Duration = Duration::from_secs(120);

/// Shared by the task that discovers and the pages.
#[derive(Clone, Debug, Default)]
pub(crate) struct Status(Arc<Mutex<Shown>>);

#[derive(Debug, Default)]
struct Shown {
    measured: usize,
    left_out: usize,
    /// By mechanism, those that were used.
    failures: BTreeMap<&'static str, u64>,
    /// Seconds since the epoch; `None` until a list was read.
    last_success: Option<f64>,
    sources: Arc<[Source]>,
    /// Whose first lists are waited for.
    first: First,
    skipped: Arc<[String]>,
}

/// A source: its name, how many targets it lists, and why that is not the newest.
type Source = (String, usize, Option<String>);

/// The first lists, which are waited for once: what a reload names makes nobody unready.
#[derive(Clone, Copy, Debug, Default)]
enum First {
    /// So many sources gave none yet, and are waited for until then.
    Awaited(usize, Instant),
    #[default]
    Known,
}

impl First {
    fn of(awaited: usize, until: Instant) -> Self {
        if awaited == 0 { Self::Known } else { Self::Awaited(awaited, until) }
    }
}

impl Status {
    fn lock(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that a list could not be had, by this mechanism.
    pub(super) fn failed(&self, mechanism: &'static str) {
        *self.lock().failures.entry(mechanism).or_default() += 1;
    }

    /// Records that a list was read.
    pub(super) fn succeeded(&self, mechanism: &'static str) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut shown = self.lock();
        shown.last_success = Some(now.as_secs_f64());
        shown.failures.entry(mechanism).or_default();
    }

    /// Records the sources as they are now, and how many of them gave no list yet.
    pub(super) fn sources(&self, sources: Vec<Source>, awaited: usize) {
        let mut shown = self.lock();
        shown.sources = sources.into();
        if let First::Awaited(_, until) = shown.first {
            shown.first = First::of(awaited, until);
        }
    }

    /// Records that the program starts with so many sources, at which nobody has looked.
    pub(crate) fn await_first(&self, count: usize) {
        self.lock().first = First::of(count, Instant::now() + FIRST_LISTS);
    }

    /// How many of the sources that there were at the start gave no list yet, so that nobody knows their
    /// targets.
    pub(crate) fn awaited(&self) -> usize {
        match self.lock().first {
            First::Awaited(count, until) if Instant::now() < until => count,
            _ => 0,
        }
    }

    /// Records what was put in force and what was left out; logs what was not left out before.
    pub(super) fn applied(&self, found: usize, skipped: &[Skipped], too_many: usize) {
        let mut lines = lines(skipped);
        if too_many > 0 {
            lines.push(format!("{too_many} targets are too many"));
        }
        let mut shown = self.lock();
        shown.measured = found.saturating_sub(skipped.len());
        shown.left_out = skipped.len() + too_many;
        for line in lines.iter().filter(|line| !shown.skipped.contains(line)) {
            warn!("a discovered target is left out: {line}");
        }
        shown.skipped = lines.into();
    }

    /// The page, line by line: each source, and each target that was left out.
    pub(crate) fn page(&self) -> impl Iterator<Item = String> + Send + 'static {
        let (sources, skipped, counts) = {
            let shown = self.lock();
            let counts =
                [format!("Measured: {}", shown.measured), format!("Left out: {}", shown.left_out)];
            (Arc::clone(&shown.sources), Arc::clone(&shown.skipped), counts)
        };
        let sources = (0..sources.len()).map(move |number| {
            let (source, targets, error) = &sources[number];
            let mut text = format!("  {source}: {targets} targets");
            for line in error.iter().flat_map(|error| error.lines()) {
                // Writing into a string cannot fail.
                let _ = write!(text, "\n    broken, the last good list stays in force: {line}");
            }
            text
        });
        let skipped = (0..skipped.len()).map(move |number| format!("  {}", skipped[number]));
        ["Sources:".to_owned()].into_iter().chain(sources).chain(counts).chain(skipped)
    }
}

impl Collector for Status {
    fn collect(&self, page: &mut Page<'_>) {
        let shown = self.lock();
        // Not there where nothing is discovered.
        let Shown { measured, left_out, failures, last_success, sources, .. } = &*shown;
        if sources.is_empty() {
            return;
        }
        let broken = sources.iter().filter(|(_, _, error)| error.is_some()).count();
        for (name, help, count) in [
            ("turbulence_sd_targets", "Targets that are discovered and measured.", *measured),
            (
                "turbulence_sd_skipped_targets",
                "Targets that are discovered and left out, because they are wrong or not allowed.",
                *left_out,
            ),
            (
                "turbulence_sd_broken_sources",
                "Lists of targets that cannot be read; the last good one stays in force.",
                broken,
            ),
        ] {
            page.gauge(name, help, [((), count)]);
        }
        page.counter(
            "turbulence_sd_refresh_failures_total",
            "Times that a list of targets could not be read, by file or http.",
            failures.iter().map(|(mechanism, count)| ([("mechanism", *mechanism)], *count)),
        );
        page.gauge(
            "turbulence_sd_last_success_timestamp_seconds",
            "When a list of targets was last read with success, as seconds since the epoch.",
            [((), *last_success)],
        );
    }
}

/// A line for each, those that say the same together.
fn lines(skipped: &[Skipped]) -> Vec<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for skipped in skipped {
        *counts.entry(line(skipped)).or_default() += 1;
    }
    let more: usize = counts.values().skip(MOST_SHOWN).sum();
    let shown = counts.into_iter().take(MOST_SHOWN).map(|(line, count)| match count {
        1 => line,
        _ => format!("{line} ({count} targets)"),
    });
    let mut lines: Vec<_> = shown.collect();
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines
}

/// One that was left out; its address only if it cannot hold a password.
fn line(skipped: &Skipped) -> String {
    let Skipped { found, reason } = skipped;
    let fits = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
    let address = &found.address;
    if (1..=100).contains(&address.len()) && address.chars().all(fits) {
        format!("{}: {address}: {reason}", found.source)
    } else {
        format!("{}: {reason}", found.source)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::discovery::Found;

    #[tokio::test(start_paused = true)]
    async fn the_first_lists_are_waited_for_once_and_not_for_ever() {
        let status = Status::default();
        assert_eq!(status.awaited(), 0);
        status.await_first(2);
        status.sources(Vec::new(), 1);
        assert_eq!(status.awaited(), 1);
        status.sources(Vec::new(), 0);
        // A later config names one that never answers.
        status.sources(Vec::new(), 1);
        assert_eq!(status.awaited(), 0);

        let status = Status::default();
        status.await_first(2);
        tokio::time::advance(FIRST_LISTS / 2).await;
        assert_eq!(status.awaited(), 2);
        tokio::time::advance(FIRST_LISTS / 2).await;
        assert_eq!(status.awaited(), 0);
    }

    #[test]
    fn what_is_left_out_for_one_reason_is_one_line() {
        let skipped = |address: &str| {
            let found =
                Found { address: address.to_owned(), labels: Arc::default(), source: "f".into() };
            found.skip("it is wrong")
        };
        let mut all = vec![skipped("a"), skipped("b")];
        all.extend((0..5_000).map(|number| skipped(&format!("s3cret {number}"))));
        assert_eq!(
            lines(&all),
            ["f: a: it is wrong", "f: b: it is wrong", "f: it is wrong (5000 targets)"]
        );
        let many: Vec<_> = (0..5_000).map(|number| skipped(&format!("a{number}"))).collect();
        assert_eq!((lines(&many).len(), lines(&many)[MOST_SHOWN].as_str()), (101, "and 4900 more"));
    }
}
