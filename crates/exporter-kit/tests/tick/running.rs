//! The example `tick`, running, and what its page of metrics says.

use std::process::Command;

use peers::{Program, example};

/// It, telling all that it does.
pub(crate) fn tick() -> Command {
    let mut tick = example("tick");
    tick.args(["--log.level", "debug"]);
    tick
}

/// Starts it with files, their paths and texts, beside the config.
pub(crate) fn start(files: &[(&str, &str)], config: &str) -> Program {
    Program::start_beside(tick(), files, config)
}

/// Scrapes until the page is as wanted.
#[track_caller]
pub(crate) fn wait_for(tick: &Program, wanted: impl Fn(&str) -> bool) -> String {
    tick.wait_until("what was wanted", |page| wanted(&page.text)).text
}
