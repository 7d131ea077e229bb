//! The task that looks for changes of the lists, and hands what is discovered to the exporter.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::error;

use super::pull::Pulls;
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
    mut settings: watch::Receiver<Discovery>,
    status: Status,
) {
    let folder: Arc<Path> = config_file.parent().unwrap_or_else(|| Path::new(".")).into();
    let mut sources = Sources::default();
    let (mut pulls, mut answers) = Pulls::new(Arc::clone(&folder));
    let mut answered = Vec::new();
    let mut reloaded = true;
    loop {
        let discovery = settings.borrow_and_update().clone();
        pulls.keep_in_step(&discovery.http);
        let asked = pulls.sources();
        if !(discovery.files.is_empty() && asked.is_empty() && sources.is_empty()) {
            let (mut held, status) = (std::mem::take(&mut sources), status.clone());
            let (folder, mut in_force) =
                (Arc::clone(&folder), Arc::clone(&in_force).lock_owned().await);
            let (measuring, answered) = (measuring.clone(), std::mem::take(&mut answered));
            let done = spawn_blocking(move || {
                let _there = measuring.enter();
                let of_files = held.refresh(&discovery, &folder, &status);
                let of_urls = held.answered(&asked, answered, &status);
                status.sources(held.lines(), held.awaited());
                if of_files || of_urls || reloaded {
                    let (found, too_many) = held.targets();
                    let count = found.len();
                    status.applied(count, &in_force.discovered(found), too_many);
                }
                held
            });
            match done.await {
                Ok(held) => sources = held,
                Err(error) => error!("discovery: {error}"),
            }
        }
        tokio::select! {
            changed = settings.changed() => match changed {
                Ok(()) => reloaded = true,
                // Nobody can reload any more: the program ends.
                Err(_) => return,
            },
            // There is always one who can send: `pulls` is held.
            Some(answer) = answers.recv() => {
                reloaded = false;
                answered.push(answer);
            }
            () = sleep(LOOK) => reloaded = false,
        }
    }
}
