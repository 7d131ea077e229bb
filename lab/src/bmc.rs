//! A simulated BMC: Debian's `ipmi_sim` as an HP `DL320e` Gen8 with iLO 4, and its values from files.
//!
//! Values are only ever written by the lab, into the files that the simulator polls; no IPMI
//! command changes one, and the one account there is has the USER privilege.

pub mod dl320e;
pub mod files;
pub mod known;
pub mod replay;
pub mod sdr;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::SocketAddrV4;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

pub use self::dl320e::Sensor;
use crate::thermal::{Machine, Values};

/// The account of every simulated BMC.
pub const USER: &str = "monitor";

/// The name of the sensor that the incident is about.
pub const HD_MAX: &str = "05-HD Max";

/// Starts a process: in a namespace, say. The thread that it runs on must live as long as the
/// process when the spawner ties the two together (`PR_SET_PDEATHSIG`).
pub type Spawn = Box<dyn Fn(&mut Command) -> io::Result<Child> + Send + Sync>;

/// What a BMC is made of.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its name, as in `srv-phantom`: unique, letters, digits and hyphens.
    pub name: String,
    /// Where it listens, UDP.
    pub listen: SocketAddrV4,
    /// A directory of its own; made when it is not there.
    pub folder: PathBuf,
    /// The password of [`USER`]; at most 16 characters without quotes or spaces.
    pub password: String,
}

/// A running simulated BMC. It is killed when it is dropped.
pub struct Bmc {
    options: Options,
    spawn: Spawn,
    child: Option<Child>,
    /// The raw bytes in the files, so that a value that stays is not written again and again.
    written: Mutex<HashMap<Sensor, u8>>,
}

impl Bmc {
    /// Writes the simulator's files and starts it, with the values of an idle machine. Returns when
    /// it listens.
    pub async fn start(options: Options, spawn: Spawn) -> anyhow::Result<Self> {
        let mut bmc = Self { options, spawn, child: None, written: Mutex::default() };
        let named = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if bmc.name().is_empty() || !bmc.name().bytes().all(named) {
            bail!("a BMC's name has letters, digits and hyphens, not {:?}", bmc.name());
        }
        let values = bmc.values();
        // The password stands in the files.
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&values)
            .with_context(|| format!("make the BMC's directory {}", values.display()))?;
        bmc.show(&Machine::new().values())?;
        bmc.write_password()?;
        bmc.launch(&[]).await?;
        Ok(bmc)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.options.name
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddrV4 {
        self.options.listen
    }

    /// The file that holds the password of [`USER`], readable by its owner alone.
    pub fn password_file(&self) -> PathBuf {
        self.options.folder.join("password")
    }

    /// Sets what a sensor shows, in its own unit. The simulator takes it over within 0.1 s.
    pub fn set(&self, sensor: Sensor, value: f64) -> io::Result<()> {
        let raw = sensor.raw(value);
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.get(&sensor) == Some(&raw) {
            return Ok(());
        }
        let path = self.values().join(sensor.number().to_string());
        let new = path.with_extension("new");
        fs::write(&new, format!("{raw}\n"))?;
        // A reader sees the old file or the new one, never half a number.
        fs::rename(&new, &path)?;
        written.insert(sensor, raw);
        Ok(())
    }

    /// Sets all sensors to what a machine's parts have.
    pub fn show(&self, values: &Values) -> io::Result<()> {
        shown(values).into_iter().try_for_each(|(sensor, value)| self.set(sensor, value))
    }

    /// A reset of the BMC, after which it has all of its sensors but those named: its sessions are
    /// gone, its inventory is new. With no names, the next boot of the system: everything is back.
    pub async fn restart_without(&mut self, names: &[&str]) -> anyhow::Result<()> {
        self.stop()?;
        self.launch(names).await
    }

    /// Fails when the simulator has ended although nobody stopped it.
    pub fn must_run(&mut self) -> anyhow::Result<()> {
        let Some(child) = &mut self.child else { return Ok(()) };
        let Some(status) = child.try_wait()? else { return Ok(()) };
        self.child = None;
        let log = fs::read_to_string(self.options.folder.join("log")).unwrap_or_default();
        bail!("ipmi_sim of {} ended with {status}: {}", self.options.name, log.trim());
    }

    /// Takes its power away: from now on its port is closed.
    pub fn stop(&mut self) -> io::Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        child.kill()?;
        child.wait().map(drop)
    }

    /// Lets it hang: requests are queued, and answered late after [`Bmc::resume`].
    pub fn pause(&self) -> io::Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Ends a [`Bmc::pause`].
    pub fn resume(&self) -> io::Result<()> {
        self.signal(Signal::SIGCONT)
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        let Some(child) = &self.child else { return Err(io::ErrorKind::NotFound.into()) };
        Ok(kill(pid(child)?, signal)?)
    }

    fn values(&self) -> PathBuf {
        self.options.folder.join("values")
    }

    fn write_password(&self) -> anyhow::Result<()> {
        let password = &self.options.password;
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"\\".contains(&byte);
        if !(1..=16).contains(&password.len()) || !password.bytes().all(plain) {
            bail!("a BMC's password has 1 to 16 characters without quotes and spaces");
        }
        let path = self.password_file();
        let mut file = fs::File::options();
        let file = file.create(true).write(true).truncate(true).mode(0o600).open(&path);
        file.and_then(|mut file| io::Write::write_all(&mut file, password.as_bytes()))
            .with_context(|| format!("write the password file {}", path.display()))
    }

    /// Starts the simulator anew.
    async fn launch(&mut self, without: &[&str]) -> anyhow::Result<()> {
        let Options { name, listen, folder, password } = &self.options;
        let values = self.values();
        let values = values.to_str().context("the BMC's directory is not UTF-8")?;
        fs::write(folder.join("lan.conf"), files::lan(name, *listen, USER, password))?;
        fs::write(folder.join("bmc.emu"), files::emulator(values, without))?;
        let mut command = peers::ipmi_sim::command(folder)?;
        let child = (self.spawn)(&mut command).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => anyhow::anyhow!(
                "no ipmi_sim, the BMC simulator: install the Debian package openipmi"
            ),
            _ => anyhow::Error::new(error).context("start ipmi_sim"),
        })?;
        self.child = Some(child);
        self.listening().await
    }

    /// Waits until the simulator has bound its port, which it does last.
    async fn listening(&mut self) -> anyhow::Result<()> {
        let Options { name, listen, .. } = self.options.clone();
        let child = self.child.as_ref().context("the BMC is stopped")?;
        let process = Path::new("/proc").join(child.id().to_string());
        for _ in 0..2_400 {
            match bound(&process, listen) {
                Some(true) => return Ok(()),
                Some(false) => bail!("ipmi_sim of {name}: {listen} is in use"),
                None => {}
            }
            self.must_run()?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("ipmi_sim of {name} does not listen on {listen} after two minutes")
    }
}

impl Drop for Bmc {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::warn!(%error, name = self.options.name, "could not stop a BMC");
        }
    }
}

impl std::fmt::Debug for Bmc {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Options { name, listen, .. } = &self.options;
        f.debug_struct("Bmc").field("name", name).field("listen", listen).finish_non_exhaustive()
    }
}

/// Whether UDP `listen` is bound by the process (true) or by another one (false), or not yet.
fn bound(process: &Path, listen: SocketAddrV4) -> Option<bool> {
    // A process sees the sockets of its own network namespace, and so do we through it.
    let sockets = fs::read_to_string(process.join("net/udp")).ok()?;
    let [a, b, c, d] = listen.ip().octets();
    let local = format!("{:08X}:{:04X}", u32::from_ne_bytes([a, b, c, d]), listen.port());
    let mut lines = sockets.lines().map(|line| line.split_whitespace());
    let inode = lines.find_map(|mut fields| {
        (fields.nth(1)? == local).then(|| fields.nth(7).unwrap_or_default().to_owned())
    })?;
    let socket = PathBuf::from(format!("socket:[{inode}]"));
    let mut files = process.join("fd").read_dir().ok()?.flatten();
    Some(files.any(|file| fs::read_link(file.path()).is_ok_and(|target| target == socket)))
}

fn pid(child: &Child) -> io::Result<Pid> {
    i32::try_from(child.id()).map(Pid::from_raw).map_err(io::Error::other)
}

/// What each sensor shows at these values.
fn shown(values: &Values) -> [(Sensor, f64); Sensor::ALL.len()] {
    [
        (Sensor::Inlet, values.inlet),
        (Sensor::Cpu, values.cpu),
        (Sensor::Dimm1, values.dimm_1),
        (Sensor::Dimm2, values.dimm_2),
        (Sensor::HdMax, values.hd_max),
        (Sensor::Chipset, values.chipset),
        (Sensor::Vr, values.vr),
        (Sensor::Fan1Duty, values.fan_1),
        (Sensor::Fan2Duty, values.fan_2),
        (Sensor::Fan1Rpm, Values::rpm(values.fan_1)),
        (Sensor::Fan2Rpm, Values::rpm(values.fan_2)),
        (Sensor::Power, values.power),
        (Sensor::Current, values.current()),
        (Sensor::Volts12, 12.0),
    ]
}
