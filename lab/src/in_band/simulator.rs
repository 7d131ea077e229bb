//! `ipmi_sim` as the BMC of a virtual machine: it speaks QEMU's protocol on a TCP port of loopback, and no LAN.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::sleep;

use super::guest;
use super::sensors::{self, Phase, Sensor};
use crate::ports;
use crate::process::{Launcher, find};

/// The running simulator. It is killed when it is dropped.
#[derive(Debug)]
pub struct Simulator {
    child: Child,
    address: SocketAddr,
    folder: PathBuf,
    sensors: Vec<Sensor>,
}

impl Simulator {
    /// Starts it with these sensors, and the values they have at first. Returns when it listens.
    pub async fn start(
        launcher: &Launcher,
        folder: &Path,
        sensors: Vec<Sensor>,
    ) -> anyhow::Result<Self> {
        let [lan, commands, values, state, log] =
            ["lan.conf", "bmc.emu", "values", "state", "ipmi_sim.log"]
                .map(|name| folder.join(name));
        let address = ports::address(None);
        for place in [&values, &state] {
            fs::create_dir_all(place).with_context(|| format!("making {}", place.display()))?;
        }
        show(&values, &sensors, Phase::Before)?;
        fs::write(&lan, sensors::serial(address))?;
        fs::write(&commands, sensors::emulator(&sensors, &values.display().to_string()))?;
        let log = File::create(&log)?;
        let mut command = Command::new(find("ipmi_sim", "openipmi")?);
        command.arg("-c").arg(lan).arg("-f").arg(commands).arg("-s").arg(state).arg("-n");
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = launcher.spawn(command)?;
        let mut simulator = Self { child, address, folder: folder.to_owned(), sensors };
        while !is_listening(address)? {
            simulator.must_run()?;
            sleep(Duration::from_millis(50)).await;
        }
        Ok(simulator)
    }

    /// The options that give a QEMU machine this BMC, behind a KCS interface.
    pub fn devices(&self) -> anyhow::Result<Vec<String>> {
        let (host, port) = (self.address.ip(), self.address.port());
        let chardev = format!("socket,id=bmc,host={host},port={port},{}", guest::reconnect()?);
        let bmc = ["-chardev", &chardev, "-device", "ipmi-bmc-extern,id=bmc0,chardev=bmc"];
        let interface = ["-device", "isa-ipmi-kcs,bmc=bmc0"];
        Ok(bmc.into_iter().chain(interface).map(str::to_owned).collect())
    }

    /// Lets every sensor have its other value. The simulator takes them over within 0.1 s, unless it
    /// is paused.
    pub fn show(&self, phase: Phase) -> anyhow::Result<()> {
        show(&self.folder.join("values"), &self.sensors, phase)
    }

    /// Fails when the simulator has ended.
    pub fn must_run(&mut self) -> anyhow::Result<()> {
        let Some(status) = self.child.try_wait()? else { return Ok(()) };
        let log = fs::read_to_string(self.folder.join("ipmi_sim.log")).unwrap_or_default();
        bail!("ipmi_sim ended with {status}: {}", log.trim());
    }

    /// Lets it hang: requests are queued, and answered after [`Simulator::resume`].
    pub fn pause(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Ends a [`Simulator::pause`].
    pub fn resume(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGCONT)
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.child.id())?);
        kill(pid, signal).with_context(|| format!("sending {signal} to ipmi_sim"))
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // Errors mean that it has ended already; SIGKILL also ends a paused process.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn show(values: &Path, sensors: &[Sensor], phase: Phase) -> anyhow::Result<()> {
    for sensor in sensors {
        let path = values.join(sensor.id());
        let new = values.join("new");
        fs::write(&new, format!("{}\n", sensor.raw(phase)))?;
        // A reader sees the old file or the new one, never half a number.
        fs::rename(&new, &path).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

/// Whether an IPv4 TCP port is listened on. Connecting would do as well, but the simulator takes the
/// first connection for the machine's.
fn is_listening(address: SocketAddr) -> anyhow::Result<bool> {
    let SocketAddr::V4(address) = address else { return Ok(false) };
    let [a, b, c, d] = address.ip().octets();
    let local = format!("{:08X}:{:04X}", u32::from_ne_bytes([a, b, c, d]), address.port());
    let sockets = fs::read_to_string("/proc/net/tcp").context("reading /proc/net/tcp")?;
    let mut lines = sockets.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    // 0A: listening.
    Ok(lines.any(|fields| fields.get(1) == Some(&&*local) && fields.get(3) == Some(&"0A")))
}
