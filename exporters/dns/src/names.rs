//! Resolvers that are known by their names: where these are, looked up again and again beside the sweeps.
//!
//! Where a name has another address, the next sweep asks that one: whether it may be asked at all is found out by the same
//! code as of one that is discovered, and what is known of the set goes on.
//!
//! * `due`: which name is looked up when; `places`: where each is by what was said; `look_up`: what is said of it;
//!   `told`: what is told of them, once.

mod due;
mod look_up;
mod places;
mod told;

pub(crate) use look_up::look_up;
pub(crate) use told::Told;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use exporter_kit::discovery::{Found, Skipped};
use exporter_kit::off_the_thread;
use tokio::sync::Notify;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep_until};
use tracing::error;

use crate::config::Config;
use crate::exchange::HostName;

use due::Queue;
use places::{Places, Said};

/// Names that are looked up at a time.
const AT_A_TIME: usize = 8;
/// What is said within so long is put in force together: each time all sets are gone through.
const TOGETHER: Duration = Duration::from_secs(1);

/// The names, and what is in force with them.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// Held while anything is put in force: not for the thread that measures.
    in_force: Mutex<InForce>,
    /// Held for a moment only.
    wanted: Mutex<Arc<BTreeSet<HostName>>>,
    /// There are others.
    changed: Notify,
}

#[derive(Debug, Default)]
struct InForce {
    /// Where each is, as far as it was looked up.
    places: BTreeMap<HostName, Places>,
    /// What is in force, if there are names in it.
    with: Option<(Config, Vec<Found>)>,
}

impl Names {
    /// Puts a config in force by `keep`, with the addresses that are known.
    pub(crate) fn keep_in_step(
        &self,
        config: &mut Config,
        found: &[Found],
        keep: impl FnOnce(&Config, &[Found]) -> Vec<Skipped>,
    ) -> Vec<Skipped> {
        let mut in_force = lock(&self.in_force);
        let wanted = Arc::new(config.host_names(found));
        in_force.places.retain(|name, _| wanted.contains(name));
        config.addresses = whereabouts(&in_force.places);
        let skipped = keep(config, found);
        in_force.with = (!wanted.is_empty()).then(|| (config.clone(), found.to_vec()));
        if *lock(&self.wanted) != wanted {
            *lock(&self.wanted) = wanted;
            self.changed.notify_one();
        }
        skipped
    }

    /// Takes what was said of some, and puts what is in force in force with it, where anything is another.
    fn learn(
        &self,
        said: Vec<(HostName, Said)>,
        now: Instant,
        keep: impl FnOnce(&Config, &[Found]) -> Vec<Skipped>,
    ) {
        let mut in_force = lock(&self.in_force);
        let InForce { places, with } = &mut *in_force;
        let Some((config, found)) = with else { return };
        let wanted = Arc::clone(&lock(&self.wanted));
        let mut is_other = false;
        for (name, said) in said.into_iter().filter(|(name, _)| wanted.contains(name)) {
            let known = places.entry(name.clone()).or_default();
            known.learn(said, now);
            is_other |= config.addresses.get(&name) != Some(&known.whereabouts());
        }
        if is_other {
            config.addresses = whereabouts(places);
            keep(config, found);
        }
    }

    fn wanted(&self) -> Arc<BTreeSet<HostName>> {
        Arc::clone(&lock(&self.wanted))
    }
}

fn whereabouts(
    places: &BTreeMap<HostName, Places>,
) -> BTreeMap<HostName, crate::config::Whereabouts> {
    places.iter().map(|(name, it)| (name.clone(), it.whereabouts())).collect()
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks the names up for ever, by `look_up`.
pub(crate) async fn run<K, L, F>(names: Arc<Names>, keep: K, look_up: L)
where
    K: Fn(&Config, &[Found]) -> Vec<Skipped> + Clone + Send + 'static,
    L: Fn(HostName) -> F,
    F: Future<Output = Said> + Send + 'static,
{
    let (mut queue, mut asked) = (Queue::default(), JoinSet::new());
    let (mut said, mut first): (Vec<(HostName, Said)>, Option<Instant>) = (Vec::new(), None);
    loop {
        while asked.len() < AT_A_TIME
            && let Some(name) = queue.next(Instant::now())
        {
            let looking = look_up(name.clone());
            asked.spawn(async move { (name, looking.await) });
        }
        let now = Instant::now();
        let learnt_at = first.map(|first| if asked.is_empty() { now } else { first + TOGETHER });
        if learnt_at.is_some_and(|at| at <= now) {
            let (names, keep, said) = (Arc::clone(&names), keep.clone(), std::mem::take(&mut said));
            let learn = spawn_blocking(move || names.learn(said, now, keep));
            if let Err(error) = learn.await {
                // The next one is told of them once more.
                error!("names of resolvers: {error}");
            }
            first = None;
        }
        let due = (asked.len() < AT_A_TIME).then(|| queue.due()).flatten();
        let wake = [due, learnt_at.filter(|at| *at > now)].into_iter().flatten().min();
        tokio::select! {
            Some(done) = asked.join_next(), if !asked.is_empty() => {
                if let Ok((name, of_it)) = done {
                    queue.looked_up(&name, of_it.lasts(), Instant::now());
                    said.push((name, of_it));
                    first.get_or_insert(Instant::now());
                }
            }
            () = names.changed.notified() => {
                let wanted = names.wanted();
                queue = off_the_thread(move || queue.of(&wanted, Instant::now())).await;
            }
            () = sleep_until(wake.unwrap_or(now)), if wake.is_some() => {}
        }
    }
}

#[cfg(test)]
mod tests;
