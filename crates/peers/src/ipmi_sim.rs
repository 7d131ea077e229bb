//! Debian's `ipmi_sim`, a BMC, on a loopback address of its own.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};

use tempfile::TempDir;

use crate::port::free_port;

/// The account that may read, and no more.
pub const USER: &str = "monitor";
/// Its password.
pub const PASSWORD: &str = "s3cretpass";
/// The account that may do anything.
pub const ADMIN: &str = "admin";
/// Its password.
pub const ADMIN_PASSWORD: &str = "adminpass";

/// A running simulator, of a machine that is on. It is killed when this is dropped.
#[derive(Debug)]
pub struct IpmiSim {
    child: Child,
    address: SocketAddr,
    folder: TempDir,
}

impl IpmiSim {
    /// Starts one with these commands for its emulator, which may name files of its folder.
    pub fn start(commands: impl FnOnce(&Path) -> String) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let address = SocketAddr::from((host_of_its_own(), free_port()));
        // Asked as `SCRIPT ADDRESS get NAME`, it says that the machine is on.
        fs::write(folder.path().join("chassis"), "echo $3:1\n").expect("a script");
        fs::write(folder.path().join("lan.conf"), lan(address, folder.path())).expect("a config");
        let commands = commands(folder.path());
        let child = spawn(folder.path(), &commands);
        Self { child, address, folder }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it has said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder().join("log")).unwrap_or_default()
    }

    /// Ends it: its port is closed.
    pub fn kill(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// As after the reset of a BMC: a new process, no sessions, an inventory of its own.
    pub fn start_again(&mut self, commands: &str) {
        self.kill();
        self.child = spawn(self.folder.path(), commands);
    }

    /// `STOP` and `CONT`: a BMC that hangs, and then answers what was asked meanwhile.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.expect("the program kill").success(), "ipmi_sim had ended by itself");
    }
}

impl Drop for IpmiSim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(folder: &Path, commands: &str) -> Child {
    fs::write(folder.join("bmc.emu"), commands).expect("a file of commands");
    let mut command = command(folder).expect("a folder of its own");
    command.spawn().expect("ipmi_sim comes with Debian's package `openipmi`")
}

/// What starts a simulator with the files `lan.conf` and `bmc.emu` of a folder, where it writes the file
/// `log`, and with an empty memory of earlier inventories.
pub fn command(folder: &Path) -> io::Result<Command> {
    let state = folder.join("state");
    match fs::remove_dir_all(&state) {
        // There is none the first time.
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => fs::create_dir(&state)?,
    }
    let log = fs::File::create(folder.join("log"))?;
    let mut command = Command::new("ipmi_sim");
    command.arg("-c").arg(folder.join("lan.conf")).arg("-f").arg(folder.join("bmc.emu"));
    command.arg("-s").arg(&state).arg("-n");
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    Ok(command)
}

/// Another loopback address for each simulator of each test run, so that no two meet.
fn host_of_its_own() -> Ipv4Addr {
    static STARTED: AtomicU8 = AtomicU8::new(0);
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    let number = STARTED.fetch_add(1, Ordering::Relaxed);
    Ipv4Addr::new(127, 64 + number.wrapping_add(high.wrapping_mul(32)) % 128, middle, low)
}

fn lan(address: SocketAddr, folder: &Path) -> String {
    let (ip, port) = (address.ip(), address.port());
    let chassis = folder.join("chassis").display().to_string();
    let levels = ["callback", "user", "operator", "admin"]
        .map(|level| format!("  allowed_auths_{level} none md2 md5 straight\n"))
        .concat();
    format!(
        "name \"bmc\"\nstartlan 1\n  addr {ip} {port}\n  priv_limit admin\n{levels}  \
         guid a123456789abcdefa123456789abcdef\nendlan\n\
         chassis_control \"/bin/sh {chassis} 0x20\"\n\
         user 1 false \"\" \"test\" user 10 none md2 md5 straight\n\
         user 2 true \"{USER}\" \"{PASSWORD}\" user 10 none md2 md5 straight\n\
         user 3 true \"{ADMIN}\" \"{ADMIN_PASSWORD}\" admin 10 none md2 md5 straight\n"
    )
}
