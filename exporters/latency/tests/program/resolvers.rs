//! Resolvers of every temper, by the machine's own `resolv.conf`: what libc finds by it, the program finds.

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::process::Command;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use peers::exposition::samples;
use peers::{Program, Scrape};

use super::config;
use super::echoes::in_a_namespace;
use super::names::{Names, Temper};
use super::running::{command, failures, of_target};

/// A command that finds this file as `/etc/resolv.conf`.
fn beside(file: &str, program: &str) -> Command {
    let mut command = Command::new("unshare");
    let script = format!("mount --bind {file} /etc/resolv.conf && exec \"$0\" \"$@\"");
    command.args(["-m", "sh", "-c", &script, program]);
    command
}

/// What libc finds: the addresses of a name.
fn of_libc(file: &str, name: &str) -> BTreeSet<IpAddr> {
    let output = beside(file, "getent").args(["ahosts", name]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect()
}

/// What the program probes.
fn of_the_program(metrics: &Scrape) -> BTreeSet<IpAddr> {
    let of_a_slot = |sample: &peers::exposition::Sample<'_>| sample.name == "latency_address_info";
    let addresses = samples(&metrics.text).filter(of_a_slot);
    addresses.map(|sample| sample.label("address").unwrap().parse().unwrap()).collect()
}

#[test]
fn what_libc_finds_by_a_machine_s_resolvers_is_probed() {
    if !in_a_namespace("resolvers::what_libc_finds_by_a_machine_s_resolvers_is_probed") {
        return;
    }
    let tempers = [
        ("127.0.0.1:53", Temper::Well),
        ("127.0.1.2:53", Temper::Says(ResponseCode::ServFail)),
        ("127.0.1.3:53", Temper::Says(ResponseCode::Refused)),
        ("127.0.1.4:53", Temper::Silent),
        ("127.0.1.5:53", Temper::Slow(Duration::from_millis(1_500))),
        ("127.0.1.6:53", Temper::OnlyA),
        ("127.0.1.7:53", Temper::Says(ResponseCode::NXDomain)),
    ];
    // Who lies is believed.
    Names::serve_at("127.0.1.8:53", Temper::Well).set("www.test", &["127.0.2.9"]);
    for (address, temper) in tempers {
        let names = Names::serve_at(address, temper);
        names.set("www.test", &["127.0.2.1", "127.0.2.2", "::1"]);
        names.set("short.below.test", &["127.0.2.3"]);
        names.set("v4.test", &["127.0.2.4"]);
        // Other machines, of the family that the first one lacks.
        names.set("v4.test.below.test", &["::1"]);
        names.set("split.elsewhere.test", &["::1"]);
        names.set("split.below.test", &["127.0.2.5"]);
    }
    let cases = [
        ("nameserver 127.0.0.1", "www.test", true),
        ("", "www.test", true),
        ("nameserver 127.0.1.2\nnameserver 127.0.0.1", "www.test", true),
        ("nameserver 127.0.1.3\nnameserver 127.0.0.1", "www.test", true),
        ("nameserver 127.0.1.4\nnameserver 127.0.0.1", "www.test", true),
        // Where nobody is at home.
        ("nameserver 127.0.1.9\nnameserver 127.0.0.1", "www.test", true),
        ("nameserver 127.0.1.4\nnameserver 127.0.1.5", "www.test", true),
        ("nameserver 127.0.1.5", "www.test", true),
        // Libc waits ten seconds for an address of IPv6, and finds the other one.
        ("nameserver 127.0.1.6", "v4.test", true),
        ("search elsewhere.test below.test\nnameserver 127.0.0.1", "short", true),
        ("search below.test\nnameserver 127.0.0.1", "v4.test", true),
        ("search elsewhere.test below.test\nnameserver 127.0.0.1", "split", true),
        ("nameserver 127.0.1.2\nnameserver 127.0.1.3", "www.test", false),
        ("nameserver 127.0.0.1", "gone.test", false),
        ("nameserver 127.0.1.7\nnameserver 127.0.0.1", "www.test", false),
        ("nameserver 127.0.1.8\nnameserver 127.0.0.1", "www.test", true),
    ];
    // Each takes as long as libc waits for servers that are dead.
    std::thread::scope(|scope| {
        for (text, name, is_there) in cases {
            scope.spawn(move || compare(text, name, is_there));
        }
    });
}

/// Whether the program finds by this file what libc finds, which is something or nothing.
fn compare(text: &str, name: &str, is_there: bool) {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), format!("{text}\n")).unwrap();
    let file = file.path().to_str().unwrap();
    let wanted = of_libc(file, name);
    assert_eq!(!wanted.is_empty(), is_there, "{text}: libc finds {wanted:?}");
    let mut program = beside(file, "env");
    program.arg(command().get_program());
    let program = Program::start(program, &config("", &[("it", "icmp", name)]));
    let metrics = program.wait_until(&format!("{text:?}: {wanted:?}"), |metrics| {
        of_the_program(metrics) == wanted
            && of_target(metrics, "latency_probes_total", "it") >= 20.0
    });
    let names = failures(&metrics, "it");
    let is_unnamed = names.contains_key("dns") || names.contains_key("resolver");
    assert_eq!(is_unnamed, !is_there, "{text}: {names:?}");
    assert!(program.stop().success());
}
