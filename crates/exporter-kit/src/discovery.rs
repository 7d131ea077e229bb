//! Discovery: targets that others list, beside those of the config, in Prometheus' own formats.
//!
//! | file | noun |
//! |---|---|
//! | `settings` | `file_sd_configs` and `http_sd_configs`, as a config says them |
//! | `found` | one discovered target, and what an exporter makes of it |
//! | `groups` | the format of the lists |
//! | `files` | the lists in files |
//! | `pull`, `client`, `fault` | the lists at URLs: when they are asked for, how, and why there is no answer |
//! | `check` | whether the files that the sources name can be read |
//! | `sources` | the last good list of each source |
//! | `watch` | the task that looks for changes |
//!
//! A list that cannot be had leaves the last one in force, and a target that is wrong is left out:
//! both are counted, logged and shown at `/-/discovery`, and neither is ever fatal.

mod check;
mod client;
mod fault;
mod files;
mod found;
mod groups;
mod pull;
mod settings;
mod sources;
mod status;
mod watch;

pub use client::HttpClient;
pub use fault::HttpFault;
pub use found::{Found, Parts, Skipped};
pub use settings::{Discovery, FileSd, HttpSd};

pub(crate) use status::Status;
pub(crate) use watch::watch;
