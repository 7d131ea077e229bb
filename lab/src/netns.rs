//! An anonymous network namespace: a thread that lives in it, and everything bound through it.
//!
//! A network namespace belongs to a thread, and ends with the last thread, child or socket in it.
//! So nothing has to be cleaned up: there is no name under `/var/run/netns` that two copies of the
//! lab could fight over, and after SIGKILL nothing is left.

pub(crate) mod kernel;
mod privilege;
pub(crate) mod rtnetlink;

use std::any::Any;
use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::{Child, Command};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use anyhow::Context;
use nix::sched::{CloneFlags, unshare};

pub use self::privilege::{Privilege, acquire, privileged};
use self::rtnetlink::Rtnetlink;

type Job = Box<dyn FnOnce() + Send>;

/// A network namespace with its loopback device up. It ends when this is dropped, and with it the
/// children that were started in it; sockets bound in it keep it alive for as long as they live.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    id: u64,
    // Taken only on drop, which is what ends the thread.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Namespace {
    /// Makes a namespace. The name is for messages and thread lists; the kernel never hears of it.
    pub fn new(name: &str) -> anyhow::Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let (ready, made) = mpsc::sync_channel(1);
        let thread = thread::Builder::new().name(format!("ns-{name}")).spawn(move || {
            let entered = enter();
            let usable = entered.is_ok();
            if ready.send(entered).is_ok() && usable {
                for job in queue {
                    job();
                }
            }
        })?;
        let id = made
            .recv()
            .context("the namespace's thread ended early")?
            .with_context(|| format!("network namespace {name}"))?;
        Ok(Self { name: name.to_owned(), id, jobs: Some(jobs), thread: Some(thread) })
    }

    /// The name it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The inode by which the kernel knows it, as in `/proc/PID/ns/net`.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Runs a closure on the namespace's thread and waits for it. A panic in it is passed on.
    pub fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (answer, answered) = mpsc::sync_channel::<Result<T, Box<dyn Any + Send>>>(1);
        let job = move || {
            let _ = answer.send(catch_unwind(AssertUnwindSafe(job)));
        };
        let jobs = self.jobs.as_ref().expect("taken only on drop");
        jobs.send(Box::new(job)).expect("the thread ends only on drop");
        match answered.recv().expect("the job always answers") {
            Ok(answer) => answer,
            Err(panic) => resume_unwind(panic),
        }
    }

    /// Starts a child in the namespace. It is killed when the namespace is dropped or this process
    /// ends, even by SIGKILL.
    pub fn spawn(&self, mut command: Command) -> anyhow::Result<Child> {
        kernel::die_with_thread(&mut command);
        let program = command.get_program().display().to_string();
        self.run(move || command.spawn())
            .with_context(|| format!("cannot start {program} in namespace {}", self.name))
    }

    /// Starts a child in the namespace which serves on a socket of another one: it finds the
    /// listener as descriptor 3 and `LISTEN_FDS=1` (`LISTEN_PID` is absent: the pid is not known
    /// before the fork). It is how a program that lives in here is scraped from out there.
    pub fn spawn_with_listener(
        &self,
        mut command: Command,
        listener: TcpListener,
    ) -> anyhow::Result<Child> {
        command.env("LISTEN_FDS", "1").env_remove("LISTEN_PID").env_remove("LISTEN_FDNAMES");
        kernel::hand_over(&mut command, listener);
        self.spawn(command)
    }

    /// A TCP listener in the namespace, non-blocking, for use by any runtime outside.
    pub fn tcp_listener(&self, address: SocketAddr) -> anyhow::Result<TcpListener> {
        let bind = move || -> io::Result<TcpListener> {
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        };
        self.run(bind).with_context(|| format!("TCP {address} in namespace {}", self.name))
    }

    /// A UDP socket in the namespace, non-blocking, for use by any runtime outside.
    pub fn udp_socket(&self, address: SocketAddr) -> anyhow::Result<UdpSocket> {
        let bind = move || -> io::Result<UdpSocket> {
            let socket = UdpSocket::bind(address)?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        };
        self.run(bind).with_context(|| format!("UDP {address} in namespace {}", self.name))
    }

    /// Makes every address of a prefix the namespace's own (Linux calls it `AnyIP`).
    pub fn own_prefix(&self, network: std::net::IpAddr, length: u8) -> anyhow::Result<()> {
        self.run(move || Rtnetlink::open()?.add_local_prefix(network, length))
            .with_context(|| format!("{network}/{length} in namespace {}", self.name))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Moves the calling thread into a new namespace and makes that usable; gives its inode.
fn enter() -> anyhow::Result<u64> {
    unshare(CloneFlags::CLONE_NEWNET)
        .context("unshare(CLONE_NEWNET): needs root or a user namespace, see netns::acquire")?;
    Rtnetlink::open()?.loopback_up().context("loopback device")?;
    set_up().context("sysctl")?;
    // Not /proc/self: that is the main thread, in another namespace.
    Ok(fs::metadata("/proc/thread-self/ns/net")?.ino())
}

/// The sysctls of the namespace. `/proc/sys/net` shows each thread its own.
fn set_up() -> anyhow::Result<()> {
    // Unprivileged ICMP sockets for everybody; in a user namespace only group 0 is mapped.
    sysctl("ipv4/ping_group_range", "0 2147483647")
        .or_else(|_| sysctl("ipv4/ping_group_range", "0 0"))?;
    // A target under test must not be told apart from one that limits its answers.
    sysctl("ipv4/icmp_ratelimit", "0")?;
    sysctl("ipv6/icmp/ratelimit", "0")?;
    for scope in ["all", "default"] {
        sysctl(&format!("ipv4/conf/{scope}/rp_filter"), "0")?;
    }
    // There is no router to discover, and solicitations would only be counted as unroutable.
    sysctl("ipv6/conf/default/accept_ra", "0")?;
    sysctl("ipv6/conf/default/router_solicitations", "0")
}

fn sysctl(key: &str, value: &str) -> anyhow::Result<()> {
    let path = format!("/proc/sys/net/{key}");
    match fs::write(&path, value) {
        // A kernel without IPv6, or without that knob, has nothing to be told.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result.context(path),
    }
}
