//! Thousands of test BMCs in one process: one socket, the address a datagram was sent to picks the BMC.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::{Outgoing, TestBmc};
use crate::datagrams::{Path, Socket};

/// The longest datagram that is looked at; IPMI messages are much shorter.
const DATAGRAM: usize = 2_048;

/// Running BMCs. They stop when this is dropped.
#[derive(Debug)]
pub struct Fleet {
    port: u16,
    bmcs: Arc<Mutex<HashMap<Ipv4Addr, TestBmc>>>,
    stop: Arc<Notify>,
    thread: Option<JoinHandle<()>>,
}

/// A reply that waits for its time; ordered by it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    at: Instant,
    path: Path,
    what: Outgoing,
}

impl Fleet {
    /// Starts BMCs, each at its own address (127.0.0.0/8 needs no set-up), all at one port; 0 takes
    /// a free one.
    pub fn start(
        port: u16,
        bmcs: impl IntoIterator<Item = (Ipv4Addr, TestBmc)>,
    ) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))?;
        let port = socket.local_addr()?.port();
        let bmcs = Arc::new(Mutex::new(bmcs.into_iter().collect()));
        let stop = Arc::new(Notify::new());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let socket = {
            let _entered = runtime.enter();
            Socket::new(socket)?
        };
        let thread = {
            let (bmcs, stop) = (Arc::clone(&bmcs), Arc::clone(&stop));
            std::thread::Builder::new().name("test-bmcs".into()).spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = serve(socket, &bmcs) => {}
                        () = stop.notified() => {}
                    }
                });
            })?
        };
        Ok(Self { port, bmcs, stop, thread: Some(thread) })
    }

    /// The port of all of them.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Looks at a BMC or changes it; none when there is none at that address.
    pub fn with<T>(&self, address: Ipv4Addr, look: impl FnOnce(&mut TestBmc) -> T) -> Option<T> {
        lock(&self.bmcs).get_mut(&address).map(look)
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers for ever.
async fn serve(mut socket: Socket, bmcs: &Mutex<HashMap<Ipv4Addr, TestBmc>>) {
    let start = Instant::now();
    let mut waiting = BinaryHeap::new();
    loop {
        let next = waiting.peek().map(|Reverse(Waiting { at, .. })| *at);
        let due = next.unwrap_or_else(|| Instant::now() + Duration::from_secs(3_600));
        tokio::select! {
            ready = socket.readable() => if let Err(error) = ready {
                tracing::error!(%error, "the test BMCs' socket failed");
                return;
            },
            () = sleep_until(due) => {}
        }
        receive(&mut socket, bmcs, start, &mut waiting);
        send_due(&socket, bmcs, &mut waiting);
    }
}

/// Takes what has arrived; answers go out at once or wait.
fn receive(
    socket: &mut Socket,
    bmcs: &Mutex<HashMap<Ipv4Addr, TestBmc>>,
    start: Instant,
    waiting: &mut BinaryHeap<Reverse<Waiting>>,
) {
    let mut buffer = [0; DATAGRAM];
    let mut bmcs = lock(bmcs);
    // As many as a lock may be held for; the rest keeps the socket readable.
    for _ in 0..256 {
        let (length, path) = match socket.receive(&mut buffer) {
            Ok(Some(received)) => received,
            Ok(None) => return,
            Err(error) => {
                tracing::debug!(%error, "a datagram could not be received");
                continue;
            }
        };
        let Some(bmc) = bmcs.get_mut(&path.to) else { continue };
        let now = Instant::now();
        for (delay, what) in bmc.datagram(SocketAddr::V4(path.from), &buffer[..length], now - start)
        {
            if delay.is_zero() {
                send(socket, path, bmc, what);
            } else {
                waiting.push(Reverse(Waiting { at: now + delay, path, what }));
            }
        }
    }
}

fn send_due(
    socket: &Socket,
    bmcs: &Mutex<HashMap<Ipv4Addr, TestBmc>>,
    waiting: &mut BinaryHeap<Reverse<Waiting>>,
) {
    let now = Instant::now();
    while waiting.peek().is_some_and(|Reverse(first)| first.at <= now) {
        if let Some(Reverse(Waiting { path, what, .. })) = waiting.pop()
            && let Some(bmc) = lock(bmcs).get_mut(&path.to)
        {
            send(socket, path, bmc, what);
        }
    }
}

/// A reply that cannot be sent is lost, as on a network.
fn send(socket: &Socket, path: Path, bmc: &mut TestBmc, what: Outgoing) {
    let Some(bytes) = bmc.send(what) else { return };
    if let Err(error) = socket.reply(path, &bytes) {
        tracing::debug!(%error, "a reply could not be sent");
    }
}
