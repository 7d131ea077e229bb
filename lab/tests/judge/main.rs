//! The judge of worlds: its model of Alertmanager against a real one, its errors, the worlds; what
//! `turbulence-ipmi backtest` says of them as a history; and machines that are well.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod backtest;
mod healthy;
mod model;
mod worlds;

use std::path::{Path, PathBuf};

/// The root of the repository.
fn suite() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}
