//! The tasks that ask for lists by HTTP, each by itself, so that one that hangs holds up no other.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet, spawn_blocking};
use tokio::time::sleep;
use zeroize::Zeroizing;

use super::client::Asker;
use super::settings::HttpSd;
use super::{Found, groups};

/// The answers that nobody has taken yet; who asks waits until there is room.
const WAITING: usize = 4;

/// What one source answered, by its number.
pub(super) type Answer = (u64, anyhow::Result<Vec<Found>>);

/// The tasks, in step with the config.
#[derive(Debug)]
pub(super) struct Pulls {
    running: Vec<Pull>,
    last: u64,
    /// Ends them all when it is dropped.
    tasks: JoinSet<()>,
    sender: mpsc::Sender<Answer>,
    folder: Arc<Path>,
}

#[derive(Debug)]
struct Pull {
    id: u64,
    settings: HttpSd,
    task: AbortHandle,
}

impl Pulls {
    /// None yet, and where their answers come out.
    pub(super) fn new(folder: Arc<Path>) -> (Self, mpsc::Receiver<Answer>) {
        let (sender, receiver) = mpsc::channel(WAITING);
        (Self { running: Vec::new(), last: 0, tasks: JoinSet::new(), sender, folder }, receiver)
    }

    /// Stops what the config no longer names and starts what is new. The same URL with other settings
    /// is the same source: its list stays in force until the next answer.
    pub(super) fn keep_in_step(&mut self, wanted: &[HttpSd]) {
        // Those that ended, which is none unless it was stopped.
        while self.tasks.try_join_next().is_some() {}
        let mut before = std::mem::take(&mut self.running);
        for settings in wanted {
            let same = before.iter().position(|it| it.settings == *settings);
            if let Some(same) = same {
                self.running.push(before.swap_remove(same));
                continue;
            }
            let alike = before
                .iter()
                .position(|it| it.settings.url == settings.url && !wanted.contains(&it.settings));
            let id = match alike {
                Some(alike) => {
                    let alike = before.swap_remove(alike);
                    alike.task.abort();
                    alike.id
                }
                None => self.last + 1,
            };
            self.last = self.last.max(id);
            let task = pull(id, settings.clone(), Arc::clone(&self.folder), self.sender.clone());
            let (settings, task) = (settings.clone(), self.tasks.spawn(task));
            self.running.push(Pull { id, settings, task });
        }
        for gone in before {
            gone.task.abort();
        }
    }

    /// The numbers and the names of what is asked.
    pub(super) fn sources(&self) -> Vec<(u64, String)> {
        self.running.iter().map(|it| (it.id, it.settings.url.shown())).collect()
    }
}

/// Asks for ever.
async fn pull(id: u64, settings: HttpSd, folder: Arc<Path>, answers: mpsc::Sender<Answer>) {
    let settings = Arc::new(settings);
    loop {
        let answer = once(&settings, &folder).await;
        if answers.send((id, answer)).await.is_err() {
            return;
        }
        sleep(settings.refresh_interval).await;
    }
}

async fn once(settings: &Arc<HttpSd>, folder: &Arc<Path>) -> anyhow::Result<Vec<Found>> {
    let name = settings.url.shown();
    let text = text(settings, folder).await.with_context(|| name.clone())?;
    // A large list takes its time.
    spawn_blocking(move || groups::parse(&text, true, &name)).await?
}

async fn text(settings: &Arc<HttpSd>, folder: &Arc<Path>) -> anyhow::Result<Zeroizing<String>> {
    // Files that it names may have changed: they are read each time.
    let (settings, folder) = (Arc::clone(settings), Arc::clone(folder));
    spawn_blocking(move || Asker::load(settings, &folder)).await??.ask().await
}
