//! The machines: a simulated BMC each, the true temperatures of their drives, and turbulence-ipmi.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::process::Command;
use std::sync::Arc;

use anyhow::Context as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Ground, start_exporter, subfolder};
use crate::bmc::replay::Player;
use crate::bmc::{self, Bmc};
use crate::drives::{self, Drives};
use crate::netns::Namespace;
use crate::ports;
use crate::process::Program;
use crate::prometheus::ScrapeTarget;

/// One machine for each replay, so that they can be played at the same time, and one that is well.
pub const MACHINES: [&str; 6] =
    ["srv-phantom", "srv-cooling", "srv-fan", "srv-load", "srv-lost", "srv-control"];

/// Where they are.
const SITE: &str = "lab";
/// The IPMI port of every BMC; each has an address of its own.
const PORT: u16 = 623;
/// Not a secret: the BMCs live in a namespace that has no way out.
const PASSWORD: &str = "lab-s3cret";

/// The machines and their exporter.
#[derive(Debug)]
pub struct Hardware {
    // Dropped in this order: who asks goes before who answers.
    exporter: Program,
    players: BTreeMap<&'static str, Player>,
    _drives: Vec<drives::Server>,
    _namespace: Arc<Namespace>,
}

impl Hardware {
    pub(crate) async fn start(ground: &Ground) -> anyhow::Result<(Self, Vec<ScrapeTarget>)> {
        let namespace = Arc::new(Namespace::new("hw")?);
        let mut players = BTreeMap::new();
        let mut servers = Vec::new();
        let mut scraped = Vec::new();
        let mut config = String::new();
        let states = subfolder(&ground.folder, "ipmi-state")?;
        for (number, name) in (1..).zip(MACHINES) {
            let options = bmc::Options {
                name: name.to_owned(),
                listen: SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, number), PORT),
                folder: subfolder(&ground.folder, name)?,
                password: PASSWORD.to_owned(),
            };
            let bmc = Bmc::start(options, spawner(&namespace)).await?;
            let address = bmc.address();
            if config.is_empty() {
                let password_file = bmc.password_file();
                writeln!(config, "modules:\n  default:\n    user: {}", bmc::USER)?;
                writeln!(config, "    password_file: {}", password_file.display())?;
                writeln!(config, "state_directory: {}", states.display())?;
                writeln!(config, "targets:")?;
            }
            // The exporter has watched them for hours: what is usual for a fan takes ten minutes to learn.
            let state_file = bmc::known::state_file(name, SITE)?;
            fs::write(states.join(format!("{name}.json")), state_file)?;
            writeln!(
                config,
                "  - {{name: {name}, address: \"{address}\", site: {SITE}, rack: r1}}"
            )?;
            let drives = Drives::default();
            let server = drives.serve(ports::listener_on(ground.listen, None)?)?;
            scraped.push(ScrapeTarget {
                job: "drives",
                address: format!("{}:{}", ground.host, server.address().port()),
                labels: vec![("target", name.to_owned()), ("site", SITE.to_owned())],
            });
            servers.push(server);
            players.insert(name, Player::start(bmc, drives));
        }
        let (exporter, address) =
            start_exporter(ground, &namespace, "turbulence-ipmi", "turbulence-ipmi", &config)
                .await?;
        scraped.push(ScrapeTarget { job: "turbulence-ipmi", address, labels: Vec::new() });
        Ok((Self { exporter, players, _drives: servers, _namespace: namespace }, scraped))
    }

    /// The machine of this name.
    pub fn machine(&self, name: &str) -> anyhow::Result<&Player> {
        self.players.get(name).with_context(|| format!("there is no machine {name}"))
    }

    /// Halts the exporter, which then answers nobody.
    pub(crate) fn halt(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Lets it go on.
    pub(crate) fn go_on(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGCONT)
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let id = Pid::from_raw(i32::try_from(self.exporter.id())?);
        kill(id, signal).context("signalling turbulence-ipmi")
    }

    pub(crate) fn must_run(&mut self) -> anyhow::Result<()> {
        self.exporter.must_run()
    }
}

/// Starts a BMC's simulator in the namespace.
fn spawner(namespace: &Arc<Namespace>) -> bmc::Spawn {
    let namespace = Arc::clone(namespace);
    Box::new(move |command: &mut Command| {
        let command = std::mem::replace(command, Command::new("true"));
        namespace.spawn(command).map_err(|error| match error.downcast::<std::io::Error>() {
            Ok(error) => error,
            Err(error) => std::io::Error::other(error),
        })
    })
}
