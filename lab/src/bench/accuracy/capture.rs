//! tcpdump on the prober's device: when each echo left and when its answer came, by the kernel's stamps.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::debian_sid::run;
use crate::netns::Namespace;
use crate::process::{Program, find};

/// It says that it listens within a fraction of this.
const START_LIMIT: Duration = Duration::from_secs(30);

/// One echo with its answer, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Echo {
    pub(super) host: Ipv4Addr,
    pub(super) sent: f64,
    pub(super) answered: f64,
}

impl Echo {
    /// In seconds.
    pub(super) fn round_trip(&self) -> f64 {
        self.answered - self.sent
    }
}

/// A running tcpdump.
pub(super) struct Capture {
    program: Program,
    file: PathBuf,
}

impl Capture {
    /// Starts it, and waits until it captures.
    pub(super) async fn start(namespace: &Namespace, folder: &Path) -> anyhow::Result<Self> {
        let file = folder.join("echoes.pcap");
        let mut command = Command::new(find("tcpdump", "tcpdump")?);
        command.args(["-n", "-i", "wan0", "-U", "-B", "16384", "-Z", "root"]);
        command.args(["--time-stamp-precision=nano", "-w"]).arg(&file).arg("icmp");
        let mut program = Program::start("tcpdump", folder, command, |it| namespace.spawn(it))?;
        let deadline = tokio::time::Instant::now() + START_LIMIT;
        while !program.last_words().contains("listening on") {
            program.must_run()?;
            ensure!(tokio::time::Instant::now() < deadline, "tcpdump does not begin");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(Self { program, file })
    }

    /// Ends it, and reads what it saw, in order of sending.
    pub(super) fn end(mut self) -> anyhow::Result<Vec<Echo>> {
        let pid = Pid::from_raw(i32::try_from(self.program.id())?);
        kill(pid, Signal::SIGTERM).context("ending tcpdump")?;
        // It writes what it has before it ends.
        while self.program.must_run().is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
        let mut command = Command::new(find("tcpdump", "tcpdump")?);
        command.args(["-n", "-tt", "--time-stamp-precision=nano", "-r"]).arg(&self.file);
        let [printed, _] = run(&mut command)?;
        Ok(echoes(&printed))
    }
}

/// Pairs requests with replies by host, identifier and sequence.
fn echoes(printed: &str) -> Vec<Echo> {
    let mut waiting: HashMap<(Ipv4Addr, &str), f64> = HashMap::new();
    let mut found = Vec::new();
    for line in printed.lines() {
        let Some((stamp, rest)) = line.split_once(" IP ") else { continue };
        let Some((ends, what)) = rest.split_once(": ICMP echo ") else { continue };
        let Some((from, to)) = ends.split_once(" > ") else { continue };
        let (Ok(stamp), Some((kind, numbers))) = (stamp.parse::<f64>(), what.split_once(", "))
        else {
            continue;
        };
        let host = if kind == "request" { to } else { from };
        let Ok(host) = host.parse::<Ipv4Addr>() else { continue };
        let numbers = numbers.split(", length").next().unwrap_or_default();
        if kind == "request" {
            waiting.insert((host, numbers), stamp);
        } else if let Some(sent) = waiting.remove(&(host, numbers)) {
            found.push(Echo { host, sent, answered: stamp });
        }
    }
    found.sort_by(|one, other| one.sent.total_cmp(&other.sent));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_belongs_to_the_request_of_its_numbers() {
        let printed = "\
1700000000.100000000 IP 10.0.0.1 > 10.1.0.5: ICMP echo request, id 7, seq 1, length 24
1700000000.110000000 IP 10.0.0.1 > 10.1.0.5: ICMP echo request, id 7, seq 2, length 24
1700000000.120250000 IP 10.1.0.5 > 10.0.0.1: ICMP echo reply, id 7, seq 1, length 24
1700000000.130500000 IP 10.1.0.6 > 10.0.0.1: ICMP echo reply, id 7, seq 2, length 24
";
        let found = echoes(printed);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].host, Ipv4Addr::new(10, 1, 0, 5));
        assert!((found[0].round_trip() - 0.020_25).abs() < 1e-6);
    }
}
