//! The `ipmi_exporter` of Debian's sid, running.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use turbulence_lab::debian_sid::Sid;
use turbulence_lab::ports;

const PACKAGE: &str = "prometheus-ipmi-exporter";

/// It runs until this is dropped.
pub(crate) struct Peer {
    child: Child,
    port: u16,
}

impl Peer {
    /// Starts it with this configuration, which it keeps in `folder`.
    pub(crate) fn start(folder: &Path, config: &str) -> Self {
        let root = Sid::read().and_then(|sid| sid.unpack(PACKAGE)).unwrap();
        let file = folder.join("ipmi.yml");
        std::fs::write(&file, config).unwrap();
        let port = ports::address(None).port();
        let mut command = Command::new(root.join("usr/bin").join(PACKAGE));
        command.arg(format!("--config.file={}", file.display())).arg("--log.level=error");
        command.arg(format!("--web.listen-address=127.0.0.1:{port}")).env("HOME", folder);
        let mut peer = Self { child: command.stdout(Stdio::null()).spawn().unwrap(), port };
        while peer.get("/").is_none() {
            assert_eq!(peer.child.try_wait().unwrap(), None, "{PACKAGE} does not run");
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        peer
    }

    /// A page of it; `None` where it gives none.
    pub(crate) fn get(&self, path: &str) -> Option<String> {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let arguments = ["-s", "--fail-with-body", "--max-time", "120", &url];
        let output = Command::new("curl").args(arguments).output().unwrap();
        let page = String::from_utf8(output.stdout).unwrap();
        output.status.success().then_some(page)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
