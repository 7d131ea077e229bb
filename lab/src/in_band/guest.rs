//! A Linux guest in QEMU that obeys lines of shell and has no network.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::time::{sleep, timeout};

use crate::process::{Launcher, Program, find};

/// Booting takes about 5 s on two cores that are emulated by as many.
const BOOT: Duration = Duration::from_secs(180);
/// The longest that one line of shell may take: `ipmitool` on a BMC that does not answer.
const ORDER: Duration = Duration::from_secs(120);

/// Ends what a line printed, and stands before its exit code.
const END: u8 = 4;

/// A running guest. It ends when it is dropped.
#[derive(Debug)]
pub struct Guest {
    qemu: Program,
    console: PathBuf,
    port: BufReader<UnixStream>,
}

/// What a line of shell did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// Its exit code.
    pub code: u8,
    /// What it printed, errors included.
    pub text: String,
}

impl Guest {
    /// Boots `vmlinuz` with an initramfs and the QEMU devices that make its BMC. `folder` takes its
    /// sockets and logs. Returns when it obeys.
    pub async fn boot(
        launcher: &Launcher,
        folder: &Path,
        vmlinuz: &Path,
        initramfs: &[u8],
        bmc: &[String],
    ) -> anyhow::Result<Self> {
        let [archive, socket, console] =
            ["initramfs", "orders", "console"].map(|name| folder.join(name));
        tokio::fs::write(&archive, initramfs).await.context("writing the guest's initramfs")?;
        let mut command = Command::new(find("qemu-system-x86_64", "qemu-system-x86")?);
        // Emulation, not KVM: it needs no privilege, is the same everywhere, and a /dev/kvm that can be
        // opened may still not run a guest.
        command.args(["-accel", "tcg", "-cpu", "max", "-smp", "2", "-m", "512"]);
        command.args(["-nodefaults", "-no-user-config", "-no-reboot"]);
        command.args(["-display", "none", "-nic", "none"]);
        command.arg("-kernel").arg(vmlinuz).arg("-initrd").arg(&archive);
        // A panic restarts the machine at once, and a restart ends QEMU.
        command.args(["-append", "console=ttyS0 panic=-1"]);
        command.arg("-serial").arg(format!("file:{}", plain(&console)?));
        command.arg("-chardev");
        command.arg(format!("socket,id=orders,path={},server=on,wait=off", plain(&socket)?));
        command.args(["-device", "isa-serial,chardev=orders,index=1"]).args(bmc);
        let mut qemu = Program::start("qemu", folder, command, |it| launcher.spawn(it))?;

        let connecting = async {
            loop {
                qemu.must_run()?;
                match UnixStream::connect(&socket).await {
                    Ok(stream) => return anyhow::Ok(stream),
                    Err(_) => sleep(Duration::from_millis(50)).await,
                }
            }
        };
        let stream = timeout(BOOT, connecting).await.context("QEMU makes no socket")??;
        let mut guest = Self { qemu, console, port: BufReader::new(stream) };
        match timeout(BOOT, guest.ready()).await {
            Ok(Ok(())) => Ok(guest),
            Ok(Err(error)) => Err(guest.blame(error)),
            Err(_) => Err(guest.blame(anyhow::anyhow!("not ready after {} s", BOOT.as_secs()))),
        }
    }

    /// Runs a line of shell.
    pub async fn run(&mut self, line: &str) -> anyhow::Result<Done> {
        let done = match timeout(ORDER, self.obey(line)).await {
            Ok(done) => done,
            Err(_) => Err(anyhow::anyhow!("no end of it after {} s", ORDER.as_secs())),
        };
        done.map_err(|error| self.blame(error.context(format!("running in the guest: {line}"))))
    }

    /// Runs a line that must succeed, and gives what it printed.
    pub async fn must(&mut self, line: &str) -> anyhow::Result<String> {
        let Done { code, text } = self.run(line).await?;
        if code != 0 {
            bail!("in the guest, {line} ended with {code}:\n{text}");
        }
        Ok(text)
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        while self.line().await? != [&[END], "ready\n".as_bytes()].concat() {}
        Ok(())
    }

    async fn obey(&mut self, line: &str) -> anyhow::Result<Done> {
        self.port.get_mut().write_all(format!("{line}\n").as_bytes()).await?;
        let mut text = Vec::new();
        loop {
            let line = self.line().await?;
            let Some(code) = line.strip_prefix(&[END]) else {
                text.extend(line);
                continue;
            };
            let code = String::from_utf8_lossy(code).trim().parse()?;
            // The end of the last line is the init script's.
            text.pop();
            return Ok(Done { code, text: String::from_utf8_lossy(&text).into_owned() });
        }
    }

    async fn line(&mut self) -> anyhow::Result<Vec<u8>> {
        let mut line = Vec::new();
        if self.port.read_until(b'\n', &mut line).await? == 0 {
            bail!("the guest has ended");
        }
        Ok(line)
    }

    /// The error, with what the guest and QEMU said last.
    fn blame(&mut self, error: anyhow::Error) -> anyhow::Error {
        let console = std::fs::read(&self.console).unwrap_or_default();
        let console = String::from_utf8_lossy(&console);
        let lines: Vec<_> = console.lines().collect();
        let last = lines[lines.len().saturating_sub(25)..].join("\n");
        let qemu = match self.qemu.must_run() {
            Ok(()) => format!("QEMU runs: {}", self.qemu.last_words()),
            Err(ended) => format!("{ended:#}"),
        };
        error.context(format!("the guest failed; its console's last lines:\n{last}\n{qemu}"))
    }
}

/// The option that lets a socket of QEMU's connect while the machine runs, and again when it is lost. Its
/// name and unit changed in QEMU 9.2. Without it the connection is there before the machine is, and
/// `ipmi-bmc-extern` of QEMU 7.2 crashes on that.
pub fn reconnect() -> anyhow::Result<&'static str> {
    let mut command = Command::new(find("qemu-system-x86_64", "qemu-system-x86")?);
    let output = command.arg("--version").output().context("asking QEMU for its version")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = version(&text).with_context(|| format!("QEMU's version is odd: {text}"))?;
    Ok(if version >= (9, 2) { "reconnect-ms=500" } else { "reconnect=1" })
}

/// Major and minor in "QEMU emulator version 7.2.22 (Debian ...)".
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split_once("version ")?.1.split(|it: char| !it.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// A path as it stands in an option of QEMU's, where a comma would end it.
fn plain(path: &Path) -> anyhow::Result<&str> {
    let text = path.to_str().filter(|text| !text.contains(','));
    text.with_context(|| {
        format!("the folder for temporary files has an odd name: {}", path.display())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qemus_version_is_read() {
        assert_eq!(version("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)\n"), Some((7, 2)));
        assert_eq!(version("QEMU emulator version 10.0.2"), Some((10, 0)));
        assert_eq!(version("something else"), None);
    }
}
