//! Network namespaces of the test's own, with routers in them.

use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use tokio::time::Instant;

/// [`peers::in_a_namespace`], in which any user may send echoes.
pub(crate) fn in_a_namespace(name: &str) -> bool {
    let is_in = peers::in_a_namespace(name);
    if is_in {
        std::fs::write("/proc/sys/net/ipv4/ping_group_range", "0 65534").unwrap();
    }
    is_in
}

/// Runs a program that must succeed.
pub(crate) fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status().unwrap();
    assert!(status.success(), "{program} {arguments:?}");
}

/// A network namespace, as long as this is there.
pub(crate) struct Namespace(Child);

impl Namespace {
    /// One that forwards, and answers as often as it is asked.
    pub(crate) fn router() -> Self {
        let child = Command::new("unshare").args(["-n", "sleep", "600"]).spawn().unwrap();
        let own = std::fs::read_link("/proc/self/ns/net").unwrap();
        let theirs = format!("/proc/{}/ns/net", child.id());
        let begun = Instant::now();
        while std::fs::read_link(&theirs).is_ok_and(|namespace| namespace == own) {
            assert!(begun.elapsed() < Duration::from_secs(60), "no namespace");
            sleep(Duration::from_millis(5));
        }
        let namespace = Self(child);
        namespace.run(
            "ip link set lo up
             for all in all default; do
               echo 0 > /proc/sys/net/ipv4/conf/$all/rp_filter
               echo 1 > /proc/sys/net/ipv6/conf/$all/forwarding
             done
             echo 1 > /proc/sys/net/ipv4/ip_forward
             echo 0 > /proc/sys/net/ipv4/icmp_ratelimit
             echo 0 > /proc/sys/net/ipv6/icmp/ratelimit",
        );
        namespace
    }

    /// Its process, whose network it is.
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Runs lines of a shell in it, which must succeed.
    #[track_caller]
    pub(crate) fn run(&self, lines: &str) {
        assert!(self.try_run(lines), "{lines}");
    }

    /// Runs lines of a shell in it; whether they succeed.
    pub(crate) fn try_run(&self, lines: &str) -> bool {
        let pid = self.pid().to_string();
        let status = Command::new("nsenter")
            .args(["-t", &pid, "-n", "sh", "-ec", lines])
            .env("PATH", format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap()))
            .stderr(Stdio::inherit())
            .status();
        status.unwrap().success()
    }

    /// Has it say nothing of what it does not forward.
    pub(crate) fn silence(&self) {
        self.run(
            "ip rule add from all iif lo ipproto icmp table 99 pref 5
             ip route add blackhole default table 99
             ip -6 rule add from all iif lo ipproto ipv6-icmp table 99 pref 5
             ip -6 route add blackhole default table 99",
        );
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A link from one namespace (this one where none is named) to another: `10.0.K.1` and `fd00:K::1` on this side,
/// `.2` on the other.
pub(crate) fn veth(from: Option<&Namespace>, to: &Namespace, number: u8) {
    let here = from.map_or_else(std::process::id, Namespace::pid).to_string();
    let there = to.pid().to_string();
    let (near, far) = (format!("n{number}"), format!("f{number}"));
    let line = ["link", "add", "name", &near, "netns", &here, "type", "veth"];
    let peer = ["peer", "name", &far, "netns", &there];
    run("ip", &[&line[..], &peer[..]].concat());
    let lines = |link: &str, last: u8| {
        format!(
            "ip addr add 10.0.{number}.{last}/24 dev {link}
             ip addr add fd00:{number}::{last}/64 dev {link} nodad
             ip link set {link} up"
        )
    };
    match from {
        Some(from) => from.run(&lines(&near, 1)),
        None => run("sh", &["-ec", &lines(&near, 1)]),
    }
    to.run(&lines(&far, 2));
}
