//! The log: text or JSON lines on stderr.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

use crate::flags::Flags;

pub(crate) fn start(flags: &Flags) -> Result<(), String> {
    let filter = EnvFilter::try_new(&flags.log_level).map_err(|error| error.to_string())?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = if flags.log_format == "json" {
        log.json().flatten_event(true).with_target(false).try_init()
    } else {
        log.with_ansi(io::stderr().is_terminal()).with_target(false).try_init()
    };
    started.map_err(|error| error.to_string())
}
