//! A real Alertmanager which runs the shipped configuration and notifies the lab's sink.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::process::{Launcher, Program, find};

/// Where the shipped configuration sends its notifications.
const SHIPPED_RECEIVER: &str = "127.0.0.1:9778";

/// A running Alertmanager.
#[derive(Debug)]
pub struct Alertmanager {
    program: Program,
    address: SocketAddr,
}

impl Alertmanager {
    /// Starts an Alertmanager on `address` with the shipped files, which `sink` is to receive from.
    pub async fn start(
        launcher: &Launcher,
        suite: &Path,
        folder: &Path,
        address: SocketAddr,
        sink: SocketAddr,
    ) -> anyhow::Result<Self> {
        lay_out(suite, folder, sink)?;
        let program = find("prometheus-alertmanager", "prometheus-alertmanager")?;
        let mut command = Command::new(program);
        command
            .arg(format!("--config.file={}", folder.join("alertmanager.yml").display()))
            .arg(format!("--storage.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg(format!("--web.external-url=http://{address}/"))
            // One copy has no peers to gossip with.
            .arg("--cluster.listen-address=")
            .arg("--log.level=warn");
        let mut program =
            Program::start("alertmanager", folder, command, |command| launcher.spawn(command))?;
        program.until_it_answers(&format!("http://{address}/-/ready")).await?;
        Ok(Self { program, address })
    }

    /// The address of its page, as `http://host:port`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Says what went wrong when it has ended.
    pub fn must_run(&mut self) -> anyhow::Result<()> {
        self.program.must_run()
    }
}

/// The shipped files as they are, but for the address of the receiver.
fn lay_out(suite: &Path, folder: &Path, sink: SocketAddr) -> anyhow::Result<()> {
    let alerts = suite.join("alerts");
    let templates = folder.join("templates");
    fs::create_dir_all(&templates)?;
    let shipped = alerts.join("alertmanager.yml");
    let config =
        fs::read_to_string(&shipped).with_context(|| format!("reading {}", shipped.display()))?;
    ensure!(
        config.contains(SHIPPED_RECEIVER),
        "{} does not notify {SHIPPED_RECEIVER}",
        shipped.display()
    );
    let config = config.replace(SHIPPED_RECEIVER, &sink.to_string());
    fs::write(folder.join("alertmanager.yml"), config)?;
    for entry in fs::read_dir(alerts.join("templates")).context("reading alerts/templates")? {
        let entry = entry?;
        fs::copy(entry.path(), templates.join(entry.file_name()))?;
    }
    Ok(())
}
