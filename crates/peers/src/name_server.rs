//! A real name server, Debian's nsd, unbound, BIND, Knot or dnsmasq, on a free port of loopback.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::port::free_port;
use crate::program::PATIENCE;

/// Between two questions whether it is there.
const AGAIN: Duration = Duration::from_millis(200);

/// A running server. It is killed when this is dropped.
#[derive(Debug)]
pub struct NameServer {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl NameServer {
    /// Starts a program with the config that it shall have in that folder and at that port, beside a
    /// file `zone`; waits until it answers for `api.messenger.example`, a name of that zone.
    pub fn start(program: &str, zone: &str, config: impl Fn(&Path, u16) -> String) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        Self::start_at(program, address, &[("zone", zone)], |folder| config(folder, address.port()))
    }

    /// Debian's nsd on loopback, with one zone, at this address or one of its own; it says that it is the machine
    /// `nsid`.
    pub fn nsd(address: Option<SocketAddr>, nsid: &str, zone: &str, text: &str) -> Self {
        let address =
            address.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, free_port())));
        Self::start_at("/usr/sbin/nsd", address, &[("zone", text)], |folder| {
            let (folder, ip, port) = (folder.display(), address.ip(), address.port());
            format!(
                "server:
  ip-address: {ip}@{port}
  server-count: 1
  username: \"\"
  chroot: \"\"
  pidfile: \"\"
  database: \"\"
  zonesdir: \"{folder}\"
  xfrdfile: \"{folder}/xfrd\"
  zonelistfile: \"{folder}/zone.list\"
  nsid: \"ascii_{nsid}\"
remote-control:
  control-enable: no
zone:
  name: {zone}
  zonefile: zone
"
            )
        })
    }

    /// Debian's unbound at this address or one of its own on loopback, beside these files; `more` goes on in its section
    /// of the server, by the names of the files alone, and may begin others.
    pub fn unbound(address: Option<SocketAddr>, files: &[(&str, &str)], more: &str) -> Self {
        let address =
            address.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, free_port())));
        Self::start_at("/usr/sbin/unbound", address, files, |folder| {
            let (folder, ip, port) = (folder.display(), address.ip(), address.port());
            format!(
                "server:
  interface: {ip}@{port}
  do-daemonize: no
  use-syslog: no
  username: \"\"
  chroot: \"\"
  pidfile: \"\"
  directory: \"{folder}\"
{more}"
            )
        })
    }

    /// The same on loopback, which has a zone of its own and asks nobody; it says that it is the machine `nsid`.
    pub fn unbound_of_zone(nsid: &str, zone: &str, text: &str) -> Self {
        let more = format!(
            "  module-config: \"iterator\"
  nsid: \"ascii_{nsid}\"
auth-zone:
  name: {zone}
  zonefile: zone
  for-downstream: yes
  for-upstream: yes
  fallback-enabled: no
"
        );
        Self::unbound(None, &[("zone", text)], &more)
    }

    /// Another program at an address of its own, beside these files; waits until it replies, be it that it refuses.
    pub fn start_at(
        program: &str,
        address: SocketAddr,
        files: &[(&str, &str)],
        config: impl Fn(&Path) -> String,
    ) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        for (name, text) in files {
            fs::write(folder.path().join(name), text).expect("a file of the server");
        }
        let file = folder.path().join("server.conf");
        fs::write(&file, config(folder.path())).expect("a config file");
        let child = Command::new(program)
            .args([stays(program), if program.ends_with("dnsmasq") { "-C" } else { "-c" }])
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{program} is needed, a Debian package: {error}"));
        let server = Self { child, address, _folder: folder };
        server.wait_until_it_answers(program);
        server
    }

    /// Where it listens, or one of the addresses at which it does.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn wait_until_it_answers(&self, program: &str) {
        let own: IpAddr = if self.address.is_ipv4() {
            Ipv4Addr::LOCALHOST.into()
        } else {
            Ipv6Addr::LOCALHOST.into()
        };
        let socket = UdpSocket::bind((own, 0)).expect("a socket");
        socket.set_read_timeout(Some(AGAIN)).expect("a time limit above zero");
        // Of its own zone, so that it asks nobody else: api.messenger.example, class IN, type A.
        let mut query = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        query.extend_from_slice(b"\x03api\x09messenger\x07example\x00\x00\x01\x00\x01");
        for _ in 0..PATIENCE.as_millis() / AGAIN.as_millis() {
            socket.send_to(&query, self.address()).expect("a question is sent");
            if socket.recv(&mut [0; 512]).is_ok() {
                return;
            }
        }
        panic!("{program} does not answer");
    }
}

/// What keeps a program from going to the background.
fn stays(program: &str) -> &'static str {
    match program.rsplit('/').next() {
        Some("named") => "-f",
        // It stays by itself.
        Some("knotd") => "-v",
        _ => "-d",
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
