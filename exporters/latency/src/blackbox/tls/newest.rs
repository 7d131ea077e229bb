//! What was made of the files of a section, as they were when they were last looked at (I/O).
//!
//! They are looked at beside the thread that measures, and by one at a time: a disk that hangs holds up no probe of a
//! target, and fills no pool of threads.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use exporter_kit::off_the_thread;
use tokio::sync::OwnedMutexGuard;
use tokio::time::{Instant, timeout_at};

use super::{Loaded, Settings};
use crate::blackbox::ask::Ask;

/// For targets they are looked at so often. What a scraper asks for is answered by them as they are then.
const EACH: Duration = Duration::from_secs(1);

/// It follows from the files, and makes no section another.
#[derive(Clone, Debug, Default)]
pub(super) struct Newest(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// What was found last; nothing before they were looked at.
    found: Mutex<Option<Result<Loaded, String>>>,
    /// Held by who looks; when that was last.
    looking: Arc<tokio::sync::Mutex<Option<Instant>>>,
}

impl PartialEq for Newest {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Newest {
    /// What is made of the files of this section for such a probe.
    pub(super) async fn of(&self, settings: &Settings, ask: &Ask<'_>) -> anyhow::Result<Loaded> {
        if ask.is_of_target {
            if let Ok(looking) = Arc::clone(&self.0.looking).try_lock_owned()
                && looking.is_none_or(|last| last.elapsed() >= EACH)
            {
                tokio::spawn(self.clone().look(settings.clone(), looking));
            }
            return self.known(settings);
        }
        let look = async {
            let looking = Arc::clone(&self.0.looking).lock_owned().await;
            // A task of its own: what hangs is not begun again by the next probe.
            tokio::spawn(self.clone().look(settings.clone(), looking)).await
        };
        let looked = timeout_at(ask.last_moment(), look).await;
        looked.context("the files cannot be read in time")?.context("looking at the files")?;
        self.known(settings)
    }

    /// What was found last, or when the config was read.
    fn known(&self, settings: &Settings) -> anyhow::Result<Loaded> {
        match &*self.found() {
            Some(found) => found.clone().map_err(|error| anyhow!(error)),
            None => settings.loaded.clone().context("the files were not read"),
        }
    }

    /// Looks at the files, and reads them again where one has changed.
    async fn look(self, settings: Settings, mut looking: OwnedMutexGuard<Option<Instant>>) {
        let found =
            off_the_thread(move || settings.current().map_err(|error| format!("{error:#}")));
        let found = found.await;
        *self.found() = Some(found);
        *looking = Some(Instant::now());
    }

    fn found(&self) -> MutexGuard<'_, Option<Result<Loaded, String>>> {
        self.0.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was made of them last, where that went well.
    pub(super) fn loaded(&self) -> Option<Loaded> {
        self.found().as_ref().and_then(|found| found.as_ref().ok().cloned())
    }

    /// Has the next probe look at them.
    #[cfg(test)]
    pub(super) async fn hold(&self) -> OwnedMutexGuard<Option<Instant>> {
        Arc::clone(&self.0.looking).lock_owned().await
    }
}
