//! A router that collects routes, and two carriers that announce them, in a network namespace of the test's own.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::Instant;

/// The carriers, as they were in 2018.
pub(crate) const SEABONE: u32 = 6762;
pub(crate) const CW: u32 = 1273;

/// How long a session may take to come up on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

const BIRD: &str = "
router id 192.0.2.1;
protocol device {}
template bgp carrier {
  local 127.0.0.1 as 64500;
  multihop;
  passive;
  strict bind;
  ipv4 { import all; export none; };
}
protocol bgp seabone from carrier { neighbor 127.0.0.2 as 6762; }
protocol bgp cw from carrier { neighbor 127.0.0.3 as 1273; }
";

const GOBGP: &str = "
[global.config]
  as = ASN
  router-id = '198.51.100.LAST'
  local-address-list = ['127.0.0.LAST']
[[neighbors]]
  [neighbors.config]
    neighbor-address = '127.0.0.1'
    peer-as = 64500
  [neighbors.transport.config]
    local-address = '127.0.0.LAST'
  [neighbors.ebgp-multihop.config]
    enabled = true
    multihop-ttl = 5
  [neighbors.timers.config]
    connect-retry = 5
";

/// A daemon in the foreground, which is killed with the test.
struct Daemon(Child);

impl Daemon {
    fn start(program: &str, arguments: &[&str]) -> Self {
        // Where Debian has routers.
        let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
        // A test that is killed drops nothing.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", program])
            .args(arguments)
            .env("PATH", path)
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}; see lab/setup.sh"));
        Self(child)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The router that hears both carriers and writes its table.
pub(crate) struct Collector {
    folder: TempDir,
    carriers: [Carrier; 2],
    _daemons: Vec<Daemon>,
}

/// A carrier, by the last octet of its address.
#[derive(Clone, Copy)]
pub(crate) struct Carrier(u8);

impl Collector {
    /// Starts all three, and waits until they speak with one another.
    pub(crate) fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let file = |name: &str| folder.path().join(name).display().to_string();
        fs::write(file("bird.conf"), BIRD).unwrap();
        let (config, socket, pid) = (file("bird.conf"), file("bird.ctl"), file("bird.pid"));
        let bird = ["-f", "-c", &config, "-s", &socket, "-P", &pid];
        let mut daemons = vec![Daemon::start("bird", &bird)];
        for (last, asn) in [("2", SEABONE), ("3", CW)] {
            let config = file(&format!("gobgp.{last}.toml"));
            fs::write(&config, GOBGP.replace("ASN", &asn.to_string()).replace("LAST", last))
                .unwrap();
            let api = format!("127.0.0.{last}:50051");
            let gobgp = ["-f", &config, "--api-hosts", &api, "--pprof-disable"];
            daemons.push(Daemon::start("gobgpd", &gobgp));
        }
        let collector = Self { folder, carriers: [Carrier(2), Carrier(3)], _daemons: daemons };
        collector.wait("two sessions", || {
            collector.ask("show protocols").matches("Established").count() == 2
        });
        collector
    }

    /// The two carriers.
    pub(crate) fn carriers(&self) -> [Carrier; 2] {
        self.carriers
    }

    /// Has its table written into a file, which does not end within a record.
    pub(crate) fn write(&self, file: &Path) {
        let _ = fs::remove_file(file);
        self.ask(&format!("mrt dump table \"master4\" to \"{}\"", file.display()));
        self.wait("a whole table", || fs::read(file).is_ok_and(|table| is_whole(&table)));
    }

    /// Waits until it has so many routes.
    pub(crate) fn wait_for_routes(&self, count: usize) {
        self.wait(&format!("{count} routes"), || {
            self.ask("show route all").matches("BGP.as_path").count() == count
        });
    }

    /// Waits until what it says of its routes has a line that ends so, or begins so.
    pub(crate) fn wait_for(&self, words: &str) {
        self.wait(words, || {
            let said = self.ask("show route all");
            said.lines()
                .any(|line| line.ends_with(&format!(": {words}")) || line.starts_with(words))
        });
    }

    fn ask(&self, question: &str) -> String {
        let socket = self.folder.path().join("bird.ctl");
        let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
        let mut birdc = Command::new("birdc");
        birdc.arg("-s").arg(socket).arg(question).env("PATH", path);
        String::from_utf8(birdc.output().unwrap().stdout).unwrap()
    }

    #[track_caller]
    fn wait(&self, what: &str, holds: impl Fn() -> bool) {
        let begun = Instant::now();
        while !holds() {
            assert!(begun.elapsed() < PATIENCE, "never: {what}\n{}", self.ask("show route all"));
            sleep(Duration::from_millis(50));
        }
    }
}

/// Whether the records are as long as they say, and there is one behind that of the peers.
fn is_whole(table: &[u8]) -> bool {
    let (mut start, mut records) = (0, 0);
    while let Some(length) = table.get(start + 8..start + 12) {
        start += 12 + u32::from_be_bytes(length.try_into().unwrap()) as usize;
        records += 1;
    }
    start == table.len() && records > 1
}

impl Carrier {
    /// Tells the collector of a prefix; the path behind the carrier's own number, as one writes it.
    pub(crate) fn announce(self, prefix: &str, path: &str) {
        self.tell(&["add", prefix, "aspath", path, "origin", "igp"]);
    }

    /// Takes a prefix back.
    pub(crate) fn withdraw(self, prefix: &str) {
        self.tell(&["del", prefix]);
    }

    #[track_caller]
    fn tell(self, what: &[&str]) {
        let address = format!("127.0.0.{}", self.0);
        let mut command = Command::new("gobgp");
        command.args(["-u", &address, "global", "rib"]).args(what);
        let status = command.stdout(Stdio::null()).status().unwrap();
        assert!(status.success(), "{what:?}");
    }
}
