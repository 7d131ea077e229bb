//! The names of routers, asked of resolvers beside the traces: none of these waits for one (I/O).

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::cache::{Answer, Cache};
use super::hint;
use crate::clock::Clock;
use crate::resolve;

/// So many are asked for at once.
const AT_ONCE: usize = 2;
/// A resolver has so long for one.
const LIMIT: Duration = Duration::from_secs(2);
/// And all of one path together.
const ALL: Duration = Duration::from_secs(10);

/// The names that are known.
#[derive(Clone, Debug)]
pub(crate) struct Names(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    cache: Mutex<Cache>,
    at_once: Semaphore,
    /// The system's when empty.
    resolvers: RwLock<Vec<SocketAddr>>,
}

impl Names {
    /// None yet.
    pub(crate) fn new(clock: Clock) -> Self {
        Self(Arc::new(Inner {
            clock,
            cache: Mutex::default(),
            at_once: Semaphore::new(AT_ONCE),
            resolvers: RwLock::default(),
        }))
    }

    /// Asks these resolvers from now on.
    pub(crate) fn set_resolvers(&self, resolvers: &[SocketAddr]) {
        *self.0.resolvers.write().unwrap_or_else(PoisonError::into_inner) = resolvers.to_vec();
    }

    /// The name of a router, if it has one that is known.
    pub(crate) fn get(&self, ip: IpAddr) -> Option<String> {
        self.cache().get(ip, self.now()).map(str::to_owned)
    }

    /// Asks for those that are not known.
    pub(crate) async fn look_up(&self, ips: Vec<IpAddr>) {
        let unknown = ips.into_iter().filter(|ip| !self.knows(*ip));
        // What is not answered by then may be the next time.
        let _ = timeout(ALL, join_all(unknown.map(|ip| self.ask(ip)))).await;
    }

    async fn ask(&self, ip: IpAddr) {
        let Ok(_turn) = self.0.at_once.acquire().await else { return };
        // Another path may have asked for it meanwhile.
        if self.knows(ip) {
            return;
        }
        let resolvers = self.0.resolvers.read().unwrap_or_else(PoisonError::into_inner).clone();
        let answer = match timeout(LIMIT, resolve::name_of(ip, &resolvers)).await {
            Ok(Ok(Some((name, ttl)))) => match hint::clean(&name) {
                Some(name) => Answer::Name(name, ttl),
                None => Answer::NoName,
            },
            Ok(Ok(None)) => Answer::NoName,
            Ok(Err(_)) | Err(_) => Answer::Nothing,
        };
        self.cache().put(ip, answer, self.now());
    }

    fn knows(&self, ip: IpAddr) -> bool {
        self.cache().knows(ip, self.now())
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.0.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.0.clock.monotonic()
    }
}
