//! The web config in force, and the watch over its files.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tracing::{info, warn};

use super::WebConfig;

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(1);

/// The web config in force.
pub(crate) type Current = watch::Receiver<Arc<WebConfig>>;

/// What tells one state of a file from another; none while it is not there.
type Stamp = Option<(u64, u64, u64, i64, i64)>;

/// The config of that file, which is read again whenever it or a file that it names has changed. To
/// be called inside the runtime.
pub(crate) fn follow(path: &Path, config: WebConfig) -> Current {
    let (sender, current) = watch::channel(Arc::new(config));
    tokio::spawn(watch_files(path.to_owned(), sender));
    current
}

async fn watch_files(path: PathBuf, current: watch::Sender<Arc<WebConfig>>) {
    let mut files = current.borrow().files.clone();
    let mut before = stamps(&files).await;
    loop {
        tokio::time::sleep(EVERY).await;
        let now = stamps(&files).await;
        if now == before {
            continue;
        }
        before = now;
        let file = path.clone();
        let loaded = tokio::task::spawn_blocking(move || WebConfig::load(&file)).await;
        match loaded.unwrap_or_else(|error| Err(error.into())) {
            Ok(config) if config.tls.is_some() == current.borrow().tls.is_some() => {
                if config.files != files {
                    files.clone_from(&config.files);
                    before = stamps(&files).await;
                }
                info!("web config read again");
                current.send_replace(Arc::new(config));
            }
            Ok(_) => {
                warn!("web config not read again: TLS is turned on and off by a restart alone");
            }
            Err(error) => {
                warn!("web config not read again, the old one stays in force");
                format!("{error:#}").lines().for_each(|line| warn!("{line}"));
            }
        }
    }
}

/// Beside the thread that serves: a file system may hang.
async fn stamps(files: &[PathBuf]) -> Vec<Stamp> {
    let files = files.to_vec();
    let stamps =
        tokio::task::spawn_blocking(move || files.iter().map(|file| stamp(file)).collect());
    stamps.await.unwrap_or_default()
}

fn stamp(file: &Path) -> Stamp {
    let meta = std::fs::metadata(file).ok()?;
    Some((meta.dev(), meta.ino(), meta.size(), meta.mtime(), meta.mtime_nsec()))
}
