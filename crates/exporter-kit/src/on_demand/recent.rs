//! The measurements of the last while, each with what happened in it, for whoever comes when it is over. No I/O, no
//! clock.
//!
//! The last ones are kept, and of those that failed as many more: what went wrong in the night is not pushed out by what
//! goes well each second.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use maud::{Markup, html};

use crate::config::{LONGEST_NAME, boundary};
use crate::document::document;
use crate::landing::ago;
use crate::on_demand::log::MOST_UNASKED;

/// So many are kept, and so many that failed beside them; as many as `blackbox_exporter` keeps.
const MOST: usize = 100;

/// A measurement that is over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Done {
    /// Who was measured, and by which module of the config.
    pub(super) target: String,
    pub(super) module: String,
    pub(super) has_failed: bool,
    /// How long it took.
    pub(super) took: Duration,
    /// What happened.
    pub(super) log: String,
}

/// Those that are kept.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<All>);

#[derive(Debug, Default)]
struct All {
    /// How many there ever were.
    count: u64,
    last: VecDeque<Entry>,
    /// Those that failed and are not among the last any more.
    failed: VecDeque<Entry>,
}

/// One of them, its number, and when it ended.
type Entry = Arc<(u64, SystemTime, Done)>;

impl Recent {
    /// One has ended at this moment.
    pub(super) fn add(&self, done: Done, at: SystemTime) {
        let Done { target, module, log, has_failed, took } = done;
        let [target, module] = [target, module].map(|it| cut(it, LONGEST_NAME));
        let done = Done { target, module, log: shortened(log, MOST_UNASKED), has_failed, took };
        let mut all = self.all();
        all.count += 1;
        let entry = Arc::new((all.count, at, done));
        all.last.push_front(entry);
        if all.last.len() > MOST
            && let Some(left) = all.last.pop_back()
            && left.2.has_failed
        {
            all.failed.push_front(left);
            all.failed.truncate(MOST);
        }
    }

    /// All of them, the newest first.
    fn entries(&self) -> Vec<Entry> {
        let all = self.all();
        all.last.iter().chain(&all.failed).cloned().collect()
    }

    /// What happened in one, by its number.
    pub(super) fn log(&self, number: u64) -> Option<String> {
        let entries = self.entries();
        let (.., done) = &**entries.iter().find(|entry| entry.0 == number)?;
        Some(format!("{} by {}\n\n{}", done.target, done.module, done.log))
    }

    /// A page of them, which is at `path`, at this moment.
    pub(super) fn page(&self, path: &str, now: SystemTime) -> Markup {
        let body = html! {
            h1 { (path) }
            p { "The last measurements that were asked for, and what happened in each; those that failed are kept longer." }
            table {
                thead { tr { th { "ended" } th { "target" } th { "module" } th { "result" } th { "seconds" } } }
                tbody {
                    @for entry in self.entries() {
                        tr {
                            td { a href=(format!("{path}?id={}", entry.0)) { (ago(entry.1, now)) " ago" } }
                            td { (entry.2.target) }
                            td { (entry.2.module) }
                            td { (if entry.2.has_failed { "failed" } else { "well" }) }
                            td { (format!("{:.3}", entry.2.took.as_secs_f64())) }
                        }
                    }
                }
            }
        };
        document(&html! { (path) }, None, &body)
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The beginning of a text.
fn cut(mut text: String, most: usize) -> String {
    text.truncate(boundary(&text, most));
    text.shrink_to_fit();
    text
}

/// The beginning and the end of a log: why something failed is said last.
fn shortened(text: String, most: usize) -> String {
    const GAP: &str = "\n(some lines are left out)\n";
    let Some(half) = (text.len() > most).then(|| most.saturating_sub(GAP.len() + 4) / 2) else {
        return text;
    };
    let begin = &text[..boundary(&text, half)];
    let end = &text[boundary(&text, text.len() - half)..];
    [begin, GAP, end].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(target: &str, has_failed: bool) -> Done {
        Done { target: target.to_owned(), has_failed, ..Done::default() }
    }

    #[test]
    fn the_last_are_kept_and_those_that_failed_longer_and_never_without_end() {
        let recent = Recent::default();
        for number in 0..50 {
            recent.add(done(&format!("night-{number}"), true), SystemTime::UNIX_EPOCH);
        }
        for number in 0..150 {
            recent.add(done(&format!("day-{number}"), false), SystemTime::UNIX_EPOCH);
        }
        let names: Vec<_> = recent.entries().iter().map(|it| it.2.target.clone()).collect();
        assert_eq!((names.len(), names[0].as_str()), (150, "day-149"));
        assert_eq!((names[99].as_str(), names[100].as_str()), ("day-50", "night-49"));
        for _ in 0..1_000 {
            recent.add(done("storm", true), SystemTime::UNIX_EPOCH);
        }
        assert_eq!(recent.entries().len(), 2 * MOST);
    }

    #[test]
    fn a_page_leads_to_what_happened_and_holds_no_more_than_a_little_of_it() {
        let recent = Recent::default();
        let log = format!("begin{}end", "\u{e9}".repeat(MOST_UNASKED));
        let hostile = Done { log, ..done("<script>", true) };
        recent.add(hostile, SystemTime::UNIX_EPOCH);
        let page = recent.page("/probe/recent", SystemTime::UNIX_EPOCH).into_string();
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script>"), "{page}");
        assert!(page.contains("/probe/recent?id=1") && page.contains("failed"), "{page}");
        let log = recent.log(1).unwrap();
        assert!(log.contains("begin\u{e9}\u{e9}") && log.ends_with("\u{e9}\u{e9}end"));
        assert!(log.len() < MOST_UNASKED + 100);
        assert_eq!(recent.log(2), None);
    }
}
