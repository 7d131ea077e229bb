//! Resolvers that are known by their names: where these are, looked up again and again beside the sweeps.
//!
//! Where a name has another address, the set is asked anew, as where another resolver is discovered: what is owed to each
//! address, and whether it may be asked at all, is found out by the same code.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use exporter_kit::discovery::{Found, Skipped};
use exporter_kit::off_the_thread;
use tokio::net::lookup_host;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tracing::warn;

use crate::config::Config;
use crate::exchange::HostName;

/// From one look-up of all names to the next: as long as the addresses of well-known resolvers are cached.
const EVERY: Duration = Duration::from_secs(300);
/// For so long an address counts that its name does not have any more: a name that gives its addresses by turns is no
/// reason to ask anew each time.
const KEPT: Duration = Duration::from_secs(3600);
/// Addresses of one name: more than any resolver has.
const MOST: usize = 8;
/// Names that are looked up at a time, each on a thread that waits.
const AT_A_TIME: usize = 8;

/// The names, and what is in force with them.
#[derive(Debug, Default)]
pub(crate) struct Names {
    known: Mutex<Known>,
    /// There are others.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Known {
    /// Where each is, and since when it was not said any more.
    places: BTreeMap<HostName, Places>,
    /// What is in force, if there are names in it.
    in_force: Option<(Config, Vec<Found>)>,
}

/// The addresses of a name, with when each was said last.
#[derive(Clone, Debug, Default, PartialEq)]
struct Places(BTreeMap<IpAddr, Instant>);

impl Places {
    /// Takes what a look-up said; nothing where it failed, which changes nothing.
    fn learn(&mut self, said: Option<&[IpAddr]>, now: Instant) {
        let Some(said) = said else { return };
        let Self(known) = self;
        known.retain(|address, last| said.contains(address) || now.duration_since(*last) < KEPT);
        for address in said.iter().collect::<BTreeSet<_>>() {
            if known.len() < MOST || known.contains_key(address) {
                known.insert(*address, now);
            }
        }
    }

    fn addresses(&self) -> BTreeSet<IpAddr> {
        self.0.keys().copied().collect()
    }
}

impl Names {
    /// Puts a config in force by `keep`, with the addresses that are known.
    pub(crate) fn keep_in_step(
        &self,
        config: &mut Config,
        found: &[Found],
        keep: impl FnOnce(&Config, &[Found]) -> Vec<Skipped>,
    ) -> Vec<Skipped> {
        let mut known = self.lock();
        let wanted = config.host_names(found);
        known.places.retain(|name, _| wanted.contains(name));
        known.tell(config);
        let skipped = keep(config, found);
        known.in_force = (!wanted.is_empty()).then(|| (config.clone(), found.to_vec()));
        if wanted.iter().any(|name| !known.places.contains_key(name)) {
            self.changed.notify_one();
        }
        skipped
    }

    /// Takes what was looked up, and puts what is in force in force with it, where anything is another.
    fn learn(
        &self,
        said: &[(HostName, Option<Vec<IpAddr>>)],
        now: Instant,
        keep: impl FnOnce(&Config, &[Found]) -> Vec<Skipped>,
    ) {
        let mut known = self.lock();
        let Some((mut config, found)) = known.in_force.clone() else { return };
        let wanted = config.host_names(&found);
        let mut is_other = false;
        for (name, said) in said.iter().filter(|(name, _)| wanted.contains(name)) {
            let before = known.places.get(name).map(Places::addresses);
            let places = known.places.entry(name.clone()).or_default();
            places.learn(said.as_deref(), now);
            let after = places.addresses();
            if after.is_empty() && before.as_ref() != Some(&after) {
                warn!(name = name.as_str(), "a resolver's name has no address");
            }
            is_other |= before != Some(after);
        }
        if is_other {
            known.tell(&mut config);
            keep(&config, &found);
            known.in_force = Some((config, found));
        }
    }

    fn wanted(&self) -> BTreeSet<HostName> {
        let known = self.lock();
        let in_force = known.in_force.as_ref();
        in_force.map(|(config, found)| config.host_names(found)).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Tells a config where its names are.
    fn tell(&self, config: &mut Config) {
        let places = self.places.iter();
        config.addresses = places.map(|(name, it)| (name.clone(), it.addresses())).collect();
    }
}

/// Looks the names up for ever.
pub(crate) async fn run<K>(names: Arc<Names>, keep: K)
where
    K: Fn(&Config, &[Found]) -> Vec<Skipped> + Clone + Send + 'static,
{
    loop {
        let said = look_up(names.wanted()).await;
        if !said.is_empty() {
            let (names, keep) = (Arc::clone(&names), keep.clone());
            off_the_thread(move || names.learn(&said, Instant::now(), keep)).await;
        }
        // That it is time is no error.
        let _ = timeout(EVERY, names.changed.notified()).await;
    }
}

/// Looks names up as any program of this machine does.
async fn look_up(names: BTreeSet<HostName>) -> Vec<(HostName, Option<Vec<IpAddr>>)> {
    let (mut names, mut tasks, mut said) = (names.into_iter(), JoinSet::new(), Vec::new());
    loop {
        while tasks.len() < AT_A_TIME
            && let Some(name) = names.next()
        {
            tasks.spawn(async move {
                let found = lookup_host((name.as_str(), 0)).await;
                let found = found.map(|found| found.map(|it| it.ip().to_canonical()).collect());
                (name, found.ok())
            });
        }
        match tasks.join_next().await {
            Some(done) => said.extend(done),
            None => return said,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    const TEXT: &str = "vantage: { name: fra, region: EMEA }
sets: [{ name: own, resolvers: [9.9.9.9, dns.example], interval: 4h }]
questions: [{ name: a.example }]
";

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_name_that_gives_its_addresses_by_turns_has_them_all_and_loses_one_after_an_hour() {
        let (mut places, began) = (Places::default(), Instant::now());
        let of = |places: &Places| {
            places.addresses().into_iter().map(|it| it.to_string()).collect::<Vec<_>>()
        };
        places.learn(Some(&[ip("8.8.8.8")]), began);
        places.learn(Some(&[ip("8.8.4.4")]), began + KEPT / 2);
        assert_eq!(of(&places), ["8.8.4.4", "8.8.8.8"]);
        places.learn(None, began + 9 * KEPT);
        assert_eq!(of(&places), ["8.8.4.4", "8.8.8.8"], "nothing was said");
        places.learn(Some(&[ip("8.8.4.4")]), began + 9 * KEPT);
        assert_eq!(of(&places), ["8.8.4.4"]);
        let many: Vec<IpAddr> = (0..99).map(|last| [11, 0, 0, last].into()).collect();
        places.learn(Some(&many), began + 9 * KEPT);
        assert_eq!(places.addresses().len(), MOST);
        assert!(of(&places).contains(&"8.8.4.4".to_owned()));
    }

    #[test]
    fn what_is_in_force_is_put_in_force_anew_where_a_name_is_elsewhere_and_only_there() {
        let config: Config = exporter_kit::config::parse(TEXT, "test.yml").unwrap();
        let mut config = config.complete(std::path::Path::new(".")).unwrap();
        let (names, kept) = (Names::default(), RefCell::new(Vec::new()));
        let keep = |config: &Config, found: &[Found]| {
            let list = &config.plans(found).0["own"].set.list;
            kept.borrow_mut().push((list.resolvers.len(), list.unresolved));
            Vec::new()
        };
        names.keep_in_step(&mut config, &[], keep);
        assert_eq!(names.wanted().len(), 1);
        let (name, now): (HostName, _) = ("dns.example".parse().unwrap(), Instant::now());
        for said in [None, Some(vec![ip("8.8.8.8")]), Some(vec![ip("8.8.8.8")]), None] {
            names.learn(&[(name.clone(), said)], now, keep);
        }
        names.learn(&[(name, Some(vec![ip("8.8.8.8"), ip("8.8.4.4")]))], now, keep);
        // Nobody before it was looked up, the other where that failed.
        assert_eq!(*kept.borrow(), [(0, 1), (1, 1), (2, 0), (3, 0)]);
        // A reload keeps what is known, and one without names has nothing looked up.
        names.keep_in_step(&mut config, &[], keep);
        assert_eq!(kept.borrow().last(), Some(&(3, 0)));
        let other: Config =
            exporter_kit::config::parse(&TEXT.replace(", dns.example", ""), "test.yml").unwrap();
        let mut other = other.complete(std::path::Path::new(".")).unwrap();
        names.keep_in_step(&mut other, &[], keep);
        assert_eq!((names.wanted().len(), kept.borrow().last()), (0, Some(&(1, 0))));
    }
}
