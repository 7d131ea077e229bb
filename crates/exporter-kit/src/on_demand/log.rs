//! What happens during one measurement, for whoever asks for it with `debug=true`, or looks when it is over.

use std::collections::VecDeque;
use std::fmt::{self, Display, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// So much is kept of a log that somebody waits for: enough for any one measurement, and not for one that runs wild.
const MOST_BYTES: usize = 64 * 1024;
/// So much of one that nobody has asked for.
pub(super) const MOST_UNASKED: usize = 16 * 1024;

/// So much is said of most measurements.
const USUAL_BYTES: usize = 1024;

/// A log of one measurement. Clones write into the same one. It must not be told a secret.
#[derive(Clone, Debug)]
pub struct Log {
    start: Instant,
    /// None where nobody will read it.
    kept: Option<Arc<Kept>>,
}

#[derive(Debug)]
struct Kept {
    most: usize,
    lines: Mutex<Lines>,
    has_failed: AtomicBool,
}

/// The first lines, which fill one half, and the last ones, which say what came of it.
#[derive(Debug, Default)]
struct Lines {
    first: String,
    last: VecDeque<String>,
    left_out: usize,
}

impl Log {
    /// Begins one now; it is kept only where it is wanted.
    pub fn new(wanted: bool) -> Self {
        if wanted { Self::of(MOST_BYTES) } else { Self { start: Instant::now(), kept: None } }
    }

    /// One that nobody has asked for, but who comes later may look at.
    pub(super) fn unasked() -> Self {
        Self::of(MOST_UNASKED)
    }

    fn of(most: usize) -> Self {
        let first = String::with_capacity(USUAL_BYTES);
        let lines = Mutex::new(Lines { first, ..Lines::default() });
        let kept = Kept { most, lines, has_failed: AtomicBool::new(false) };
        Self { start: Instant::now(), kept: Some(Arc::new(kept)) }
    }

    /// Writes a line. What to say is asked for only if somebody may read it.
    pub fn line<T: Display>(&self, say: impl FnOnce() -> T) {
        let Some(kept) = &self.kept else { return };
        let (said, since) = (say(), self.start.elapsed());
        let mut lines = kept.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.add(since, &said, kept.most);
    }

    /// The measurement has failed, which is a result as well.
    pub fn fail(&self) {
        if let Some(kept) = &self.kept {
            kept.has_failed.store(true, Ordering::Relaxed);
        }
    }

    /// Whether it has.
    pub(super) fn has_failed(&self) -> bool {
        self.kept.as_ref().is_some_and(|kept| kept.has_failed.load(Ordering::Relaxed))
    }

    /// All lines so far that are kept.
    pub fn text(&self) -> String {
        let Some(kept) = &self.kept else { return String::new() };
        kept.lines.lock().unwrap_or_else(PoisonError::into_inner).text()
    }
}

impl Lines {
    /// Adds one. A line has a quarter of the room at most, and so have the last ones.
    fn add(&mut self, since: Duration, said: &impl Display, most: usize) {
        let room = most / 4;
        if self.last.is_empty() && self.first.len() < most / 2 {
            return write_line(&mut self.first, since, said, room);
        }
        let mut line = String::new();
        write_line(&mut line, since, said, room);
        self.last.push_back(line);
        while self.last.iter().map(String::len).sum::<usize>() > room {
            self.last.pop_front();
            self.left_out += 1;
        }
    }

    fn text(&self) -> String {
        let left_out = match self.left_out {
            0 => String::new(),
            count => format!("({count} lines are left out)\n"),
        };
        let last = self.last.iter().map(String::as_str);
        [self.first.as_str(), &left_out].into_iter().chain(last).collect()
    }
}

/// Writes a line of so many bytes at most, in place: each measurement writes some, and few are ever read.
fn write_line(text: &mut String, since: Duration, said: &impl Display, most: usize) {
    let (seconds, micros) = (since.as_secs(), since.subsec_micros());
    // A string takes whatever is written to it; one that is full says so, which ends the line.
    let room = most.saturating_sub(64);
    let mut line = Line { text, room };
    let _ = write!(line, "{seconds:3}.{micros:06} s  {said}");
    text.push('\n');
}

/// Writes what may be shown, up to so many bytes.
struct Line<'a> {
    text: &'a mut String,
    room: usize,
}

impl fmt::Write for Line<'_> {
    fn write_str(&mut self, said: &str) -> fmt::Result {
        if said.len() <= self.room && !said.contains(char::is_control) {
            self.room -= said.len();
            self.text.push_str(said);
            return Ok(());
        }
        for c in said.chars() {
            let c = if c.is_control() { '\u{fffd}' } else { c };
            let Some(room) = self.room.checked_sub(c.len_utf8()) else {
                self.text.push_str(" ... (cut)");
                return Err(fmt::Error);
            };
            self.room = room;
            self.text.push(c);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_log_the_beginning_and_the_end_are_kept_and_a_line_is_one() {
        let log = Log::unasked();
        log.line(|| "the first\nand \u{7}\u{85} no second");
        for number in 0..10_000 {
            log.line(|| format!("step {number}"));
        }
        log.line(|| "\u{e9}\n".repeat(MOST_UNASKED));
        log.line(|| "the probe failed: refused");
        let text = log.text();
        assert!(text.starts_with("  0.0"), "{text}");
        assert!(text.contains(" s  the first\u{fffd}and \u{fffd}\u{fffd} no second\n"), "{text}");
        assert!(text.contains(" lines are left out)\n") && text.contains("\u{e9} ... (cut)\n"));
        assert!(text.ends_with(" s  the probe failed: refused\n"), "{text}");
        assert!(text.len() <= MOST_UNASKED && text.capacity() <= 2 * MOST_UNASKED);
        // None of what was kept at first is lost.
        assert!(text.contains("step 0\n") && text.contains("step 99\n"));
    }

    #[test]
    fn nothing_is_asked_for_that_nobody_may_read() {
        let log = Log::new(false);
        log.line(|| -> String { unreachable!("nobody may read it") });
        log.fail();
        assert_eq!((log.text().as_str(), log.has_failed()), ("", false));
    }
}
