//! Whose turn it is to ask a resolver of others about a zone: where there is not room for all, who asked it longest ago
//! goes first. No I/O, no clock.

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
    /// How many more are to be left; none for what cannot wait for its turn.
    pub(crate) spare: u32,
    /// For how long it waits, where there is no room: it comes again by then.
    pub(crate) patience: Duration,
}

/// Who asked when, and who waits.
#[derive(Debug, Default)]
pub(super) struct Turns(HashMap<IpAddr, BTreeMap<HostName, Turn>>);

#[derive(Clone, Copy, Debug, Default)]
struct Turn {
    asked: Option<Duration>,
    /// Until when it waits.
    waits: Duration,
}

impl Turns {
    /// How many others wait for a resolver that have asked it longer ago than a zone.
    pub(super) fn ahead(&self, now: Duration, resolver: IpAddr, zone: &HostName) -> u32 {
        let Some(turns) = self.0.get(&resolver) else { return 0 };
        let own = (turns.get(zone).and_then(|turn| turn.asked), zone);
        let is_ahead =
            |(other, turn): &(&HostName, &Turn)| turn.waits > now && (turn.asked, *other) < own;
        u32::try_from(turns.iter().filter(is_ahead).count()).unwrap_or(u32::MAX)
    }

    /// Notes that a zone waits for a resolver.
    pub(super) fn wait(&mut self, now: Duration, resolver: IpAddr, errand: &Errand<'_>) {
        self.turn(now, resolver, errand.zone).waits = now + errand.patience;
    }

    /// Notes that it asks it.
    pub(super) fn ask(&mut self, now: Duration, resolver: IpAddr, zone: &HostName) {
        *self.turn(now, resolver, zone) = Turn { asked: Some(now), waits: Duration::ZERO };
    }

    /// Forgets the resolvers whom nobody asks or waits for any more.
    pub(super) fn forget(&mut self, now: Duration) {
        self.0.retain(|_, turns| {
            turns.retain(|_, turn| is_known(turn, now));
            !turns.is_empty()
        });
    }

    /// Of how many resolvers anything is known.
    #[cfg(test)]
    pub(super) fn resolvers(&self) -> usize {
        self.0.len()
    }

    /// The turn of a zone; those of zones that are asked about no more are forgotten.
    fn turn(&mut self, now: Duration, resolver: IpAddr, zone: &HostName) -> &mut Turn {
        let turns = self.0.entry(resolver).or_default();
        if !turns.contains_key(zone) {
            turns.retain(|_, turn| is_known(turn, now));
        }
        turns.entry(zone.clone()).or_default()
    }
}

/// Whether a zone asks a resolver still, or waits for it.
fn is_known(turn: &Turn, now: Duration) -> bool {
    turn.waits > now || turn.asked.is_some_and(|asked| now <= asked + KNOWN)
}
