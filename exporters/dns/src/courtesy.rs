//! What is owed to the people whose resolvers are asked, over all sets and reloads: how often each of them, its
//! network and its system are asked, and what is remembered of them.

mod habits;
mod ledger;

pub(crate) use habits::{Habits, Impression, Turn};
pub(crate) use ledger::{
    Ledger, MAX_PER_AND_HOUR, MAX_PER_NETWORK, MAX_PER_SYSTEM, MAX_RATE, Stranger, Want,
};

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::resolvers::{Resolver, ResolverList};
use crate::special;

/// Nobody waits longer for anything but room in an hour.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// Who was swept, and until when they are to be left alone.
type Swept = (Arc<ResolverList>, Instant);

/// The manners of one exporter.
#[derive(Clone, Debug)]
pub(crate) struct Courtesy(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Times in the ledger are counted from here.
    began: Instant,
    ledger: Mutex<Ledger>,
    habits: Mutex<Habits>,
    /// The sweeps of strangers that have just been made: a reload that starts a set anew does not ask them
    /// again before they may be asked.
    swept: Mutex<Vec<Swept>>,
    /// Until when each server is to be left alone that was asked on behalf of subnets: as of sweeps.
    servers: Mutex<HashMap<IpAddr, Instant>>,
}

impl Default for Courtesy {
    fn default() -> Self {
        Self(Arc::new(Shared {
            began: Instant::now(),
            ledger: Mutex::default(),
            habits: Mutex::default(),
            swept: Mutex::default(),
            servers: Mutex::default(),
        }))
    }
}

impl Courtesy {
    /// Writes down that a resolver is asked now, if it may be; else says after which time it may. Whoever is on
    /// this machine or in this network is asked as the config says.
    pub(crate) fn ask(&self, resolver: &Resolver, want: Want) -> Result<(), Duration> {
        if special::is_special(resolver.address) {
            return Ok(());
        }
        let now = self.0.began.elapsed();
        let stranger = Stranger { address: resolver.address, system: resolver.asn };
        lock(&self.0.ledger).ask(now, stranger, want).map_err(|at| at.saturating_sub(now))
    }

    /// Waits until a resolver may be asked something besides, and writes it down; false where its hour has no room.
    pub(crate) async fn besides(&self, resolver: &Resolver) -> bool {
        while let Err(wait) = self.ask(resolver, Want::Besides) {
            if wait > LONGEST_WAIT {
                return false;
            }
            sleep(wait).await;
        }
        true
    }

    /// What is remembered of resolvers.
    pub(crate) fn habits(&self) -> MutexGuard<'_, Habits> {
        lock(&self.0.habits)
    }

    /// A sweep of this list begins, which uses up what strangers in it may be asked for so long.
    pub(crate) fn swept(&self, list: &Arc<ResolverList>, pause: Option<Duration>) {
        let Some(pause) = pause else { return };
        let now = Instant::now();
        let mut swept = lock(&self.0.swept);
        swept.retain(|(_, until)| *until > now);
        swept.push((Arc::clone(list), now + pause));
    }

    /// A sweep over subnets begins, which uses up what their server may be asked for so long.
    pub(crate) fn server_swept(&self, server: IpAddr, pause: Duration) {
        let now = Instant::now();
        let mut servers = lock(&self.0.servers);
        servers.retain(|_, until| *until > now);
        if is_stranger(server) {
            let until = servers.entry(server).or_insert(now);
            *until = (*until).max(now + pause);
        }
    }

    /// When a sweep over subnets that is new may begin: when its server may be asked again.
    pub(crate) fn server_earliest(&self, server: IpAddr) -> Instant {
        let now = Instant::now();
        lock(&self.0.servers).get(&server).copied().map_or(now, |until| until.max(now))
    }

    /// When a set that is new may be swept for the first time: when all of its resolvers that are
    /// strangers may be asked again.
    pub(crate) fn earliest(&self, list: &ResolverList) -> Instant {
        let now = Instant::now();
        // Not while the list is gone through.
        let swept = lock(&self.0.swept).clone();
        let pauses = swept
            .iter()
            .filter(|(other, until)| *until > now && list.shares_a_stranger_with(other));
        pauses.map(|(_, until)| *until).max().unwrap_or(now)
    }
}

/// Whether an address is somebody's whom politeness is owed.
pub(crate) fn is_stranger(address: IpAddr) -> bool {
    !special::is_special(address)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_asked_besides_waits_for_its_second_and_not_for_its_hour() {
        let stranger = Resolver { address: [9, 9, 9, 9].into(), country: 0, network: 0, asn: 0 };
        let (courtesy, began) = (Courtesy::default(), Instant::now());
        for _ in 0..20 {
            assert!(courtesy.besides(&stranger).await);
        }
        assert!(began.elapsed() >= Duration::from_secs(19), "{:?}", began.elapsed());
        assert!(!courtesy.besides(&stranger).await);
        let own = Resolver { address: [127, 0, 0, 1].into(), ..stranger };
        for _ in 0..100 {
            assert!(courtesy.besides(&own).await);
        }
        assert!(began.elapsed() < Duration::from_secs(21));
    }
}
