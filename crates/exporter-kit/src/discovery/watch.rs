//! The task that looks for changes of the lists, and hands what is discovered to the exporter.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Mutex, watch};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tracing::error;

use super::sources::Sources;
use super::{Discovery, Status};
use crate::Exporter;

/// How often it is looked whether a file changed.
const LOOK: Duration = Duration::from_secs(2);

/// Keeps the exporter's discovered targets in step, for ever. A message in `settings` means that the
/// config may be another; `alone` is held while targets change, so that no reload interleaves;
/// what is started runs where everything that measures runs.
pub(crate) async fn watch<E: Exporter>(
    exporter: Arc<E>,
    measuring: Handle,
    config_file: PathBuf,
    mut settings: watch::Receiver<Discovery>,
    alone: Arc<Mutex<()>>,
    status: Status,
) {
    let folder: Arc<Path> = config_file.parent().unwrap_or_else(|| Path::new(".")).into();
    let mut sources = Sources::default();
    let mut reloaded = true;
    loop {
        let discovery = settings.borrow_and_update().clone();
        if !(discovery.files.is_empty() && sources.is_empty()) {
            let (exporter, folder) = (Arc::clone(&exporter), Arc::clone(&folder));
            let (mut held, status) = (std::mem::take(&mut sources), status.clone());
            let alone = Arc::clone(&alone).lock_owned().await;
            let measuring = measuring.clone();
            let done = spawn_blocking(move || {
                let (_alone, _there) = (alone, measuring.enter());
                let changed = held.refresh(&discovery, &folder, &status);
                status.sources(held.lines());
                if changed || reloaded {
                    let (found, too_many) = held.targets();
                    let count = found.len();
                    status.applied(count, &exporter.discovered(found), too_many);
                }
                held
            });
            match done.await {
                Ok(held) => sources = held,
                Err(error) => error!("discovery: {error}"),
            }
        }
        reloaded = match timeout(LOOK, settings.changed()).await {
            Ok(Ok(())) => true,
            // Nobody can reload any more: the program ends.
            Ok(Err(_)) => return,
            Err(_) => false,
        };
    }
}
