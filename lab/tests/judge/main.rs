//! The judge of worlds: its model of Alertmanager against a real one, its errors, and the worlds.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod model;
mod worlds;

use std::path::{Path, PathBuf};

/// The root of the repository.
fn suite() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}
