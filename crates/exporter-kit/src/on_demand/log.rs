//! What happens during one measurement, for whoever asks for it with `debug=true`.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

/// So much is kept of a log: enough for any one measurement, and not for one that runs wild.
const MOST_BYTES: usize = 64 * 1024;

/// A log of one measurement. Clones write into the same one. It must not be told a secret.
#[derive(Clone, Debug)]
pub struct Log {
    start: Instant,
    /// None where nobody will read it.
    text: Option<Arc<Mutex<String>>>,
}

impl Log {
    /// Begins one now; it is kept only where it is wanted.
    pub fn new(wanted: bool) -> Self {
        Self { start: Instant::now(), text: wanted.then(Arc::default) }
    }

    /// Writes a line. What to say is asked for only if somebody will read it.
    pub fn line<T: std::fmt::Display>(&self, say: impl FnOnce() -> T) {
        let Some(text) = &self.text else { return };
        let line = say().to_string();
        let mut text = text.lock().unwrap_or_else(PoisonError::into_inner);
        if text.len() + line.len() < MOST_BYTES {
            let seconds = self.start.elapsed().as_secs_f64();
            // A string takes whatever is written to it.
            let _ =
                writeln!(text, "{seconds:10.6} s  {}", line.replace(char::is_control, "\u{fffd}"));
        }
    }

    /// All lines so far.
    pub fn text(&self) -> String {
        let text = self.text.as_ref();
        text.map(|it| it.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap_or_default()
    }
}
