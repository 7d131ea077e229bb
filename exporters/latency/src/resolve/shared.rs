//! What all lookups share: who waits for whom, so that they do not take all descriptors, and whom nobody hears at the moment.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hickory_resolver::proto::rr::RecordType;
use tokio::time::Instant;

use super::joined::Joined;
use super::queues::Queues;
use super::troubled::Troubled;
use super::{LIMIT, Names};

/// The next server is asked when one has said nothing for so long.
const PATIENCE: Duration = Duration::from_secs(1);
/// One that said nothing is asked after the others for so long.
const BEHIND: Duration = Duration::from_secs(30);
/// Who said nothing for so long is heard again when he answers; as long as a lookup takes, since one that is slow
/// is no silence to the others.
const LONG: Duration = Duration::from_secs(10);
/// More than this are not remembered: there are as many as the configs ever named.
const MOST_SILENT: usize = 64;

/// What is shared.
#[derive(Debug)]
pub(super) struct Shared {
    /// A server is waited for so long before the next one is asked.
    pub(super) patience: Duration,
    /// A lookup ends after so long, whatever happens.
    pub(super) limit: Duration,
    pub(super) queues: Queues,
    pub(super) troubled: Troubled,
    pub(super) once: Joined<Names>,
    silence: Mutex<Silence>,
    reloads: AtomicU64,
}

/// Reasons to ask at once for what has failed, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Occasions {
    /// The config was read anew.
    pub(super) reloads: u64,
    /// A server that said nothing is heard again.
    pub(super) heard_again: u64,
}

/// The servers that say nothing. Of each kind of record apart: some answer A, and drop AAAA for ever.
#[derive(Debug, Default)]
pub(super) struct Silence {
    silent: HashMap<(SocketAddr, RecordType), Silent>,
    heard_again: u64,
}

#[derive(Debug)]
struct Silent {
    since: Instant,
    /// It is asked after the others until then.
    until: Instant,
}

impl Default for Shared {
    fn default() -> Self {
        Self::new(PATIENCE, LIMIT, Queues::default())
    }
}

impl Shared {
    pub(super) fn new(patience: Duration, limit: Duration, queues: Queues) -> Self {
        let (troubled, once, silence) = (Troubled::default(), Joined::default(), Mutex::default());
        Self { patience, limit, queues, troubled, once, silence, reloads: AtomicU64::new(0) }
    }

    pub(super) fn reload(&self) {
        self.reloads.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn occasions(&self) -> Occasions {
        let reloads = self.reloads.load(Ordering::Relaxed);
        Occasions { reloads, heard_again: self.silence().heard_again }
    }

    pub(super) fn silence(&self) -> MutexGuard<'_, Silence> {
        self.silence.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Silence {
    /// Whether this server is asked after the others. One whose time is over is tried by who asks first.
    pub(super) fn is_behind(&mut self, server: SocketAddr, kind: RecordType, now: Instant) -> bool {
        match self.silent.get_mut(&(server, kind)) {
            Some(silent) if silent.until > now => true,
            Some(silent) => {
                silent.until = now + BEHIND;
                false
            }
            None => false,
        }
    }

    /// This server has said nothing for a while.
    pub(super) fn say_nothing(&mut self, server: SocketAddr, kind: RecordType, now: Instant) {
        let key = (server, kind);
        if self.silent.len() >= MOST_SILENT && !self.silent.contains_key(&key) {
            self.silent.clear();
        }
        let until = now + BEHIND;
        self.silent.entry(key).or_insert(Silent { since: now, until }).until = until;
    }

    /// A lookup that began then got an answer of this server, or none that helps. An answer that a lookup itself
    /// has waited for, or another at the same time, is of a slow server, and no occasion to ask for all again;
    /// and who was silent and now fails is not back.
    pub(super) fn hear(
        &mut self,
        server: SocketAddr,
        kind: RecordType,
        began: Instant,
        helps: bool,
    ) {
        let key = (server, kind);
        let was_silent = self.silent.get(&key).is_some_and(|it| it.since + LONG <= began);
        if helps || !was_silent {
            self.silent.remove(&key);
        }
        self.heard_again += u64::from(helps && was_silent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_was_silent_before_a_lookup_began_is_heard_again() {
        let server: SocketAddr = "192.0.2.1:53".parse().unwrap();
        let (a, aaaa) = (RecordType::A, RecordType::AAAA);
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut silence = Silence::default();
        // Its own question, and that of another meanwhile.
        for began in [start, start + second * 3] {
            silence.say_nothing(server, a, start + second * 2);
            silence.hear(server, a, began, true);
            assert_eq!(silence.heard_again, 0);
            assert!(!silence.is_behind(server, a, start + second * 3));
        }
        // It drops one kind for ever.
        for turn in 0..100 {
            let now = start + second * 20 * turn;
            silence.say_nothing(server, aaaa, now);
            silence.hear(server, a, now + second * 15, true);
            assert_eq!(silence.heard_again, 0);
        }
        let later = start + second * 3_000;
        silence.hear(server, aaaa, later, false);
        assert_eq!(silence.heard_again, 0, "it fails");
        silence.hear(server, aaaa, later + second, true);
        assert_eq!(silence.heard_again, 1);
        silence.hear(server, aaaa, later + second * 2, true);
        assert_eq!(silence.heard_again, 1, "it was heard");
    }

    #[test]
    fn who_said_nothing_is_asked_after_the_others_for_a_while() {
        let server: SocketAddr = "192.0.2.1:53".parse().unwrap();
        let (start, kind) = (Instant::now(), RecordType::A);
        let mut silence = Silence::default();
        assert!(!silence.is_behind(server, kind, start));
        silence.say_nothing(server, kind, start);
        assert!(silence.is_behind(server, kind, start));
        assert!(!silence.is_behind(server, kind, start + BEHIND), "it is tried");
        assert!(silence.is_behind(server, kind, start + BEHIND), "by who asks first");
    }
}
