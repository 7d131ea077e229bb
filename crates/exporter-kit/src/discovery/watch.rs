//! The task that looks for changes of the lists, and hands what is discovered to the exporter.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::error;

use super::pull::{Answer, Pulls};
use super::sources::Sources;
use super::{Discovery, Status};
use crate::{Exporter, in_force};

/// How often it is looked whether a file changed.
const LOOK: Duration = Duration::from_secs(2);

/// Keeps the exporter's discovered targets in step, for ever. A message in `settings` means that the
/// config may be another; what is started runs where everything that measures runs.
pub(crate) async fn watch<E: Exporter>(
    in_force: in_force::Shared<E>,
    measuring: Handle,
    config_file: PathBuf,
    settings: watch::Receiver<Discovery>,
    status: Status,
) {
    let folder: Arc<Path> = config_file.parent().unwrap_or_else(|| Path::new(".")).into();
    // Outlives whoever takes lists in, and panics: what they listed is not forgotten with that.
    let sources = Arc::new(Mutex::new(Sources::default()));
    let (mut pulls, answers) = Pulls::new(Arc::clone(&folder));
    let mut news = News { settings, answers, answered: Vec::new(), is_due: true };
    loop {
        let discovery = news.settings();
        pulls.keep_in_step(&discovery.http);
        let asked = pulls.sources();
        if discovery.files.is_empty() && asked.is_empty() && lock(&sources).is_empty() {
            // What the first config named and none of the others does is awaited no more.
            status.sources(Vec::new(), 0);
        } else {
            let (sources, status) = (Arc::clone(&sources), status.clone());
            let (folder, mut in_force) =
                (Arc::clone(&folder), Arc::clone(&in_force).lock_owned().await);
            let (answered, is_due) = (std::mem::take(&mut news.answered), news.is_due);
            let measuring = measuring.clone();
            let done = spawn_blocking(move || {
                let _there = measuring.enter();
                let mut held = lock(&sources);
                // Answers first: nobody has them any more when reading files panics.
                let of_urls = held.answered(&asked, answered, &status);
                let of_files = held.refresh(&discovery, &folder, &status);
                status.sources(held.lines(), held.awaited());
                if of_files || of_urls || is_due {
                    let (found, too_many) = held.targets();
                    let count = found.len();
                    status.applied(count, &in_force.discovered(found), too_many);
                }
            });
            news.is_due = done.await.map_err(|error| error!("discovery: {error}")).is_err();
        }
        if !news.come().await {
            return;
        }
    }
}

/// What is held, also after a panic: each list in it is whole.
fn lock(sources: &Mutex<Sources>) -> MutexGuard<'_, Sources> {
    sources.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the task waits for.
#[derive(Debug)]
struct News {
    settings: watch::Receiver<Discovery>,
    answers: mpsc::Receiver<Answer>,
    /// Those that were not taken in yet.
    answered: Vec<Answer>,
    /// Whether what is discovered has to be put in force though no list changed: the config did, or it
    /// could not be done the last time.
    is_due: bool,
}

impl News {
    /// The config as it is now. A change that nobody waited for is noted all the same: it came while
    /// something else was done, or beside an answer.
    fn settings(&mut self) -> Discovery {
        let settings = self.settings.borrow_and_update();
        self.is_due |= settings.has_changed();
        settings.clone()
    }

    /// Waits for something to do. False when nobody can reload any more: the program ends.
    async fn come(&mut self) -> bool {
        tokio::select! {
            changed = self.settings.changed() => {
                self.is_due = true;
                return changed.is_ok();
            }
            // There is always one who can send: the pulls are held.
            Some(answer) = self.answers.recv() => self.answered.push(answer),
            () = sleep(LOOK) => {}
        }
        true
    }
}

#[cfg(test)]
mod tests;
