//! What happens during one measurement, for whoever asks for it with `debug=true`, or looks when it is over.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

/// So much is kept of a log: enough for any one measurement, and not for one that runs wild.
const MOST_BYTES: usize = 64 * 1024;

/// A log of one measurement. Clones write into the same one. It must not be told a secret.
#[derive(Clone, Debug)]
pub struct Log {
    start: Instant,
    /// None where nobody will read it.
    kept: Option<Arc<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    text: Mutex<String>,
    has_failed: AtomicBool,
}

impl Log {
    /// Begins one now; it is kept only where it is wanted.
    pub fn new(wanted: bool) -> Self {
        Self { start: Instant::now(), kept: wanted.then(Arc::default) }
    }

    /// Writes a line. What to say is asked for only if somebody will read it.
    pub fn line<T: std::fmt::Display>(&self, say: impl FnOnce() -> T) {
        let Some(kept) = &self.kept else { return };
        let line = say().to_string();
        let mut text = kept.text.lock().unwrap_or_else(PoisonError::into_inner);
        if text.len() + line.len() < MOST_BYTES {
            let seconds = self.start.elapsed().as_secs_f64();
            // A string takes whatever is written to it.
            let _ =
                writeln!(text, "{seconds:10.6} s  {}", line.replace(char::is_control, "\u{fffd}"));
        }
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

    /// All lines so far.
    pub fn text(&self) -> String {
        let kept = self.kept.as_ref();
        let text = kept.map(|it| it.text.lock().unwrap_or_else(PoisonError::into_inner).clone());
        text.unwrap_or_default()
    }
}
