//! A router that says false things of probes, ever so many.

use std::fs::File;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use nix::sched::{CloneFlags, setns};
use socket2::{Domain, Protocol, Socket, Type};

use super::net::Namespace;
use crate::icmp::checksum;

/// It forges as long as this is there.
pub(crate) struct Forger {
    sent: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Forger {
    /// How many messages it has sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Forger {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

/// Forges in the name of a router, about probes of this identifier; `guesses` says whether it also tries all sequence
/// numbers of probes to the target.
pub(crate) fn start(router: &Namespace, identifier: u16, guesses: bool) -> Forger {
    let (sent, stop) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
    let network = File::open(format!("/proc/{}/ns/net", router.pid())).unwrap();
    let (counts, stopped) = (Arc::clone(&sent), Arc::clone(&stop));
    let thread = thread::spawn(move || {
        setns(network, CloneFlags::CLONE_NEWNET).unwrap();
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).unwrap();
        let vantage: SocketAddr = "10.0.1.1:0".parse().unwrap();
        for sequence in (0..=u16::MAX).cycle() {
            if stopped.load(Ordering::Relaxed) {
                return;
            }
            let mut messages = vec![
                // About a probe to somebody else.
                exceeded([10, 9, 0, 8], identifier, sequence, 8),
                // Too short to say which.
                exceeded([10, 9, 0, 9], identifier, sequence, 7),
                // About another program's.
                exceeded([10, 9, 0, 9], identifier ^ 1, sequence, 8),
                reply(identifier, sequence),
            ];
            if guesses {
                messages = vec![exceeded([10, 9, 0, 9], identifier, sequence, 8)];
            }
            for message in messages {
                // A full buffer is no reason to stop.
                let _ = socket.send_to(&message, &vantage.into());
                counts.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    Forger { sent, stop, thread: Some(thread) }
}

fn exceeded(to: [u8; 4], identifier: u16, sequence: u16, quoted: usize) -> Vec<u8> {
    let mut message = vec![11, 0, 0, 0, 0, 0, 0, 0];
    message.extend([0x45, 0, 0, 44, 0, 0, 0, 0, 1, 1, 0, 0, 10, 0, 1, 1]);
    message.extend(to);
    message.extend(&echo(8, identifier, sequence)[..quoted]);
    checked(message)
}

/// The reply of a router that guesses.
fn reply(identifier: u16, sequence: u16) -> Vec<u8> {
    checked(echo(0, identifier, sequence))
}

fn echo(kind: u8, identifier: u16, sequence: u16) -> Vec<u8> {
    let [id_high, id_low] = identifier.to_be_bytes();
    let [high, low] = sequence.to_be_bytes();
    let mut message = vec![kind, 0, 0, 0, id_high, id_low, high, low];
    message.extend([0; 16]);
    message
}

fn checked(mut message: Vec<u8>) -> Vec<u8> {
    let sum = checksum(&message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    message
}
