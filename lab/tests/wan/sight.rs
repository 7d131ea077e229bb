//! How a test looks at the WAN: with fping, with a TLS client, and with /proc.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use anyhow::Context;
use hickory_proto::op::{Message, Query};
use hickory_proto::rr::{Name, RData, RecordType};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use turbulence_lab::netns;
use turbulence_lab::wan::Wan;

/// Whether this process may make namespaces. If it may not, but a user namespace is to be had, the
/// test is run in one instead; else it is left out, with the reason.
pub(crate) fn privileged(test: &str) -> bool {
    if netns::privileged().unwrap() {
        return true;
    }
    let in_user_namespace = || {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--"]);
        command
    };
    if !in_user_namespace().arg("true").status().is_ok_and(|status| status.success()) {
        eprintln!("LEFT OUT {test}: neither root nor a user namespace");
        return false;
    }
    let again = std::env::current_exe().unwrap();
    let run = in_user_namespace()
        .arg(again)
        .args([test, "--exact", "--include-ignored", "--show-output"])
        .output()
        .unwrap();
    let (said, log) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    // A name that no test has is no test that fails.
    let passed = run.status.success() && said.contains("1 passed");
    assert!(passed, "{test} failed in a user namespace:\n{said}\n{log}");
    // A user without privileges is not to be had there, which it says.
    said.lines().filter(|line| line.starts_with("skipped: ")).for_each(|line| eprintln!("{line}"));
    false
}

/// Waits for a state. The limit is only there for a test that will never pass.
pub(crate) fn until(what: &str, mut reached: impl FnMut() -> bool) {
    for _ in 0..600 {
        if reached() {
            return;
        }
        sleep(Duration::from_millis(100));
    }
    panic!("not within a minute: {what}");
}

/// What fping saw, in milliseconds.
#[derive(Debug)]
pub(crate) struct Pings {
    times: Vec<f64>,
    pub(crate) lost: u32,
    pub(crate) duplicates: u32,
}

impl Pings {
    /// fping prints three digits, so 123.6 ms may read as 123.
    pub(crate) const ROUNDING: f64 = 0.6;

    pub(crate) fn min(&self) -> f64 {
        self.times.first().copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn median(&self) -> f64 {
        self.times.get(self.times.len() / 2).copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn max(&self) -> f64 {
        self.times.last().copied().unwrap_or(f64::NAN)
    }
}

/// Pings from a node this many times, that many milliseconds apart.
pub(crate) fn ping(wan: &Wan, from: &str, target: &str, count: u32, apart: u32) -> Pings {
    let (count_text, apart) = (count.to_string(), apart.to_string());
    let output = run(
        wan,
        from,
        "fping",
        // -t: without it, fping gives up on an answer when the next request is due.
        &["-q", "-C", &count_text, "-p", &apart, "-t", "2000", "-B", "1", "-r", "0", target],
    );
    let said = String::from_utf8_lossy(&output.stderr);
    // The last: it says of a duplicate in a line of the same form.
    let line = said.lines().rfind(|line| line.starts_with(target) && line.contains(" : "));
    let Some((_, seen)) = line.and_then(|line| line.split_once(" : ")) else {
        panic!("fping said {said:?}");
    };
    let mut times: Vec<f64> = seen.split(' ').filter_map(|word| word.parse().ok()).collect();
    times.sort_by(f64::total_cmp);
    let lost = count - u32::try_from(times.len()).unwrap();
    let everything = format!("{said}{}", String::from_utf8_lossy(&output.stdout));
    let duplicates = everything.matches("duplicate for").count();
    Pings { times, lost, duplicates: u32::try_from(duplicates).unwrap() }
}

/// The router that answers a ping with this TTL; nothing when the target itself does.
pub(crate) fn trace(wan: &Wan, from: &str, target: &str, ttl: u8) -> Option<String> {
    let ttl = ttl.to_string();
    let output = run(wan, from, "fping", &["-H", &ttl, "-c", "1", "-t", "2000", target]);
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stderr),
        String::from_utf8_lossy(&output.stdout)
    );
    let (_, router) = said.split_once("ICMP Time Exceeded from ")?;
    router.split_whitespace().next().map(str::to_owned)
}

/// Whether a router says that there is no way to the target.
pub(crate) fn unreachable(wan: &Wan, from: &str, target: &str) -> bool {
    let output = run(wan, from, "fping", &["-c", "1", "-t", "2000", target]);
    let said = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&said).contains("ICMP Network Unreachable")
}

/// The numbers on datagrams that one node sent in order to another, as they came.
pub(crate) fn order_of_arrival(wan: &Wan, from: &str, to: &str, count: u8) -> Vec<u8> {
    let target = SocketAddr::new(wan.topology().node(to).unwrap().addresses[0], 9000);
    let receiver = wan.namespace(to).unwrap().run(move || UdpSocket::bind(target).unwrap());
    receiver.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let send = move || {
        let sender = UdpSocket::bind("0.0.0.0:0").unwrap();
        (0..count).for_each(|number| {
            sender.send_to(&[number], target).unwrap();
        });
    };
    wan.namespace(from).unwrap().run(send);
    let mut number = [0];
    let mut next = || receiver.recv(&mut number).map(|_| number[0]).unwrap();
    (0..count).map(|_| next()).collect()
}

/// What the kernel calls a socket, as in `/proc/PID/fd`.
pub(crate) fn name_of(socket: &impl AsRawFd) -> String {
    let link = fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).unwrap();
    link.into_os_string().into_string().unwrap()
}

pub(crate) fn run(wan: &Wan, from: &str, program: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = wan.namespace(from).unwrap().spawn(command);
    let child = child.unwrap_or_else(|error| panic!("{error:#} (Debian package: {program})"));
    child.wait_with_output().unwrap()
}

/// What a service answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) node: String,
}

/// Gets `https://host/` from a node: asks the node's resolver, connects, verifies, reads.
pub(crate) fn fetch(wan: &Wan, from: &str, host: &str, ca: &Path) -> anyhow::Result<Answer> {
    let ca = CertificateDer::from_pem_file(ca)?;
    let host = host.to_owned();
    wan.namespace(from)?.run(move || {
        let stream = TcpStream::connect((resolve(&host)?, 443))?;
        let mut roots = RootCertStore::empty();
        roots.add(ca)?;
        let provider = rustls::crypto::ring::default_provider().into();
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let session = ClientConnection::new(Arc::new(config), host.clone().try_into()?)?;
        let mut stream = StreamOwned::new(session, stream);
        write!(stream, "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let status = answer.split(' ').nth(1).context("no status")?.parse()?;
        let node = answer.lines().find_map(|line| line.strip_prefix("x-served-by: "));
        Ok(Answer { status, node: node.context("no x-served-by")?.to_owned() })
    })
}

fn resolve(host: &str) -> anyhow::Result<IpAddr> {
    let mut question = Message::query();
    question.add_query(Query::query(Name::from_ascii(format!("{host}."))?, RecordType::A));
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect("127.0.0.1:53")?;
    socket.send(&question.to_vec()?)?;
    let mut answer = [0; 512];
    let length = socket.recv(&mut answer)?;
    let answer = Message::from_vec(&answer[..length])?;
    answer
        .answers
        .iter()
        .find_map(|record| if let RData::A(a) = record.data { Some(a.0.into()) } else { None })
        .with_context(|| format!("{host} has no address"))
}

/// A child that would stay for an hour, in a node's namespace.
pub(crate) fn sleeper(wan: &Wan, node: &str) -> Child {
    let mut command = Command::new("sleep");
    command.arg("3600").stdin(Stdio::null());
    wan.namespace(node).unwrap().spawn(command).unwrap()
}

/// A process of this same test program, with a WAN, to be killed.
pub(crate) struct Victim {
    process: Child,
    namespaces: Vec<String>,
    child: String,
}

impl Victim {
    /// Starts the test of this name as a process of its own, and waits for its report.
    pub(crate) fn start(test: &str) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args([test, "--exact", "--ignored", "--nocapture"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut namespaces, mut child) = (Vec::new(), String::new());
        for line in BufReader::new(process.stdout.take().unwrap()).lines() {
            match line.unwrap().split_once(' ') {
                Some(("NAMESPACE", id)) => namespaces.push(format!("net:[{id}]")),
                Some(("CHILD", id)) => id.clone_into(&mut child),
                Some(("READY", _)) => break,
                _ => {}
            }
        }
        assert!(!namespaces.is_empty(), "the victim did not come up");
        Self { process, namespaces, child }
    }

    /// What the victim says of itself.
    pub(crate) fn report(wan: &Wan, child: u32) {
        let mut out = std::io::stdout().lock();
        // After the test harness's own words, which end without a line feed.
        writeln!(out).unwrap();
        for node in &wan.topology().nodes {
            writeln!(out, "NAMESPACE {}", wan.namespace(&node.name).unwrap().id()).unwrap();
        }
        writeln!(out, "CHILD {child}\nREADY now").unwrap();
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Every thread in one of its namespaces, and its child.
    pub(crate) fn traces(&self) -> Vec<String> {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let threads = processes
            .filter_map(|process| fs::read_dir(process.path().join("task")).ok())
            .flat_map(|tasks| tasks.flatten().map(|task| task.path()));
        let inside = threads.filter(|thread| {
            let namespace = fs::read_link(thread.join("ns/net")).unwrap_or_default();
            self.namespaces.iter().any(|one| namespace.as_os_str() == one.as_str())
        });
        let mut traces: Vec<_> =
            inside.map(|thread| format!("thread {}", thread.display())).collect();
        // A zombie is gone: it only waits for init to read its status.
        let alive = fs::read_to_string(format!("/proc/{}/stat", self.child))
            .is_ok_and(|stat| stat.contains("(sleep)") && !stat.contains(") Z "));
        if alive {
            traces.push(format!("child {}", self.child));
        }
        traces
    }
}
