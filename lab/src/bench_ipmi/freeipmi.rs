//! FreeIPMI, whose programs `ipmi_exporter` runs.

use std::process::Command;

use crate::debian_sid::run;
use crate::process;

/// Its version.
pub(super) fn version() -> anyhow::Result<String> {
    let path = process::find("ipmi-sensors", "freeipmi-tools")?;
    let output = run(Command::new(path).arg("--version"))?.concat();
    let words = output.lines().next().and_then(|line| line.split_ascii_whitespace().last());
    Ok(words.unwrap_or("unknown").to_owned())
}
