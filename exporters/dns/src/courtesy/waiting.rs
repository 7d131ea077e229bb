//! The zones that wait to ask a resolver of others: where there is not room for all, who asked it longest ago goes
//! first. No I/O, no clock.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use crate::exchange::HostName;

/// For how long it is known when a resolver was asked.
const KNOWN: Duration = Duration::from_secs(86_400);

/// Queries about one zone that belong together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Errand<'a> {
    /// The zone.
    pub(crate) zone: &'a HostName,
    /// How many queries there may be.
    pub(crate) count: u32,
    /// How many more are to be left; none for what cannot wait.
    pub(crate) spare: u32,
    /// For how long it waits, where there is no room: it comes again by then.
    pub(crate) patience: Duration,
}

/// Which zones asked a resolver when, and which wait.
#[derive(Debug, Default)]
pub(super) struct Waiting(HashMap<IpAddr, BTreeMap<HostName, Asker>>);

/// One zone, of one resolver.
#[derive(Clone, Copy, Debug, Default)]
struct Asker {
    asked: Option<Duration>,
    /// Until when it waits.
    waits: Duration,
}

impl Waiting {
    /// How many others wait for a resolver that have asked it longer ago than a zone.
    pub(super) fn ahead(&self, now: Duration, resolver: IpAddr, zone: &HostName) -> u32 {
        let Some(askers) = self.0.get(&resolver) else { return 0 };
        let own = (askers.get(zone).and_then(|asker| asker.asked), zone);
        let is_ahead =
            |(other, asker): &(&HostName, &Asker)| asker.waits > now && (asker.asked, *other) < own;
        u32::try_from(askers.iter().filter(is_ahead).count()).unwrap_or(u32::MAX)
    }

    /// Notes that a zone waits for a resolver.
    pub(super) fn wait(&mut self, now: Duration, resolver: IpAddr, errand: &Errand<'_>) {
        self.asker(now, resolver, errand.zone).waits = now + errand.patience;
    }

    /// Notes that it asks it.
    pub(super) fn ask(&mut self, now: Duration, resolver: IpAddr, zone: &HostName) {
        *self.asker(now, resolver, zone) = Asker { asked: Some(now), waits: Duration::ZERO };
    }

    /// Forgets the resolvers whom nobody asks or waits for any more.
    pub(super) fn forget(&mut self, now: Duration) {
        self.0.retain(|_, askers| {
            askers.retain(|_, asker| is_known(asker, now));
            !askers.is_empty()
        });
    }

    /// Of how many resolvers anything is known.
    #[cfg(test)]
    pub(super) fn resolvers(&self) -> usize {
        self.0.len()
    }

    /// A zone; those that ask no more are forgotten.
    fn asker(&mut self, now: Duration, resolver: IpAddr, zone: &HostName) -> &mut Asker {
        let askers = self.0.entry(resolver).or_default();
        if !askers.contains_key(zone) {
            askers.retain(|_, asker| is_known(asker, now));
        }
        askers.entry(zone.clone()).or_default()
    }
}

/// Whether a zone asks a resolver still, or waits for it.
fn is_known(asker: &Asker, now: Duration) -> bool {
    asker.waits > now || asker.asked.is_some_and(|asked| now <= asked + KNOWN)
}
