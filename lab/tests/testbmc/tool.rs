//! Runs the tools, and our own client, against one BMC at 127.0.0.1.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;

use ipmi_lan::{Credentials, Options, Password, Session, SessionError};
use turbulence_lab::testbmc::fleet::Fleet;
use turbulence_lab::testbmc::{Machine, Quirks, TestBmc, server};

/// The BMC's address.
pub(crate) const BMC: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// What a tool said.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) ok: bool,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A BMC and how to log in to it.
pub(crate) struct Bmc {
    fleet: Fleet,
    pub(crate) user: &'static str,
    pub(crate) password: &'static str,
    pub(crate) level: &'static str,
    folder: tempfile::TempDir,
}

impl Bmc {
    /// Starts it.
    pub(crate) fn start(machine: Machine, quirks: Quirks) -> Self {
        let bmc = TestBmc::new(Arc::new(machine), quirks, 1);
        Self {
            fleet: Fleet::start(0, [(BMC, bmc)]).unwrap(),
            user: "monitor",
            password: "s3cretpass",
            level: "USER",
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// The rack server without faults.
    pub(crate) fn healthy() -> Self {
        Self::start(server::rack_server(), Quirks::default())
    }

    /// The port of the BMC.
    pub(crate) fn port(&self) -> u16 {
        self.fleet.port()
    }

    /// A session of our own client.
    pub(crate) async fn session(&self, options: &Options) -> Session {
        self.log_in(options).await.unwrap()
    }

    /// The same, for who has so little patience that a busy machine's log-in may fail.
    pub(crate) async fn log_in(&self, options: &Options) -> Result<Session, SessionError> {
        let address = SocketAddr::from((BMC, self.port()));
        let password = Password::new(self.password).unwrap();
        let credentials = Credentials { user: self.user.into(), password, k_g: None };
        Session::open(address, &credentials, options).await
    }

    /// Looks at the BMC or changes it.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut TestBmc) -> T) -> T {
        self.fleet.with(BMC, look).unwrap()
    }

    /// `ipmitool -I lanplus ...`, in suite 3 unless `arguments` begin with another `-C`.
    pub(crate) fn ipmitool(&self, arguments: &[&str]) -> Output {
        let mut tool = Command::new("ipmitool");
        tool.args(["-I", "lanplus", "-H", "127.0.0.1", "-p", &self.fleet.port().to_string()]);
        tool.args(["-U", self.user, "-P", self.password, "-L", self.level]);
        if arguments.first() != Some(&"-C") {
            tool.args(["-C", "3"]);
        }
        run(tool.args(arguments))
    }

    /// What `ipmitool` prints when all goes well.
    pub(crate) fn read(&self, arguments: &[&str]) -> String {
        let output = self.ipmitool(arguments);
        assert!(output.ok, "ipmitool {arguments:?}: {output:?}");
        output.out
    }

    /// A tool of `FreeIPMI`, which takes the port with the host.
    pub(crate) fn freeipmi(&self, tool: &str, arguments: &[&str]) -> Output {
        let host = format!("127.0.0.1:{}", self.fleet.port());
        let mut command = Command::new(tool);
        command.args(["-D", "LAN_2_0", "-h", &host, "-u", self.user, "-p", self.password]);
        command.args(["-l", self.level]).env("HOME", self.folder.path());
        // Without it, the cache of sensor records of another test's BMC would be found.
        if tool != "ipmi-dcmi" {
            command.arg("--sdr-cache-directory").arg(self.folder.path());
        }
        run(command.args(arguments))
    }

    /// `ipmi-sensors` when all goes well: lines of comma-separated fields.
    pub(crate) fn sensors(&self, arguments: &[&str]) -> String {
        let all = ["--comma-separated-output", "--quiet-cache", "--no-header-output"];
        let output = self.freeipmi("ipmi-sensors", &[&all, arguments].concat());
        assert!(output.ok, "ipmi-sensors {arguments:?}: {output:?}");
        output.out
    }
}

fn run(command: &mut Command) -> Output {
    let output = command.output().expect("ipmitool and freeipmi-tools are installed");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Output { ok: output.status.success(), out: text(&output.stdout), err: text(&output.stderr) }
}

/// The fields of the line that begins with `name`, at each `separator`.
pub(crate) fn fields<'a>(text: &'a str, name: &str, separator: char) -> Vec<&'a str> {
    let line = text.lines().find(|line| line.split(separator).any(|field| field.trim() == name));
    let line = line.unwrap_or_else(|| panic!("no {name:?} in\n{text}"));
    line.split(separator).map(str::trim).collect()
}
