//! A change of the answer that makes its way through the caches. No I/O, no clock.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::consensus::{self, Consensus, Kind};
use super::figures::{is_above, is_at_least};
use super::key::Detail;
use super::reference::Reference;

/// Share of the votes at which a change begins to be one, goes on, is done, and was none.
const BEGINS: f64 = 0.15;
const GOES_ON: f64 = 0.05;
pub(super) const DONE: f64 = 0.95;
const NONE: f64 = 0.02;
/// A new address has so many of the votes, and had less than [`NONE`] before.
const NEW: f64 = 0.05;
const NEW_NETWORKS: f64 = 3.0;
/// With fewer networks a change cannot be told from chance.
pub(super) const NETWORKS: usize = 20;
/// Below this share a change can be stuck.
const NEARLY: f64 = 0.9;
/// What a change must gain from sweep to sweep, and of what is missing.
const GAIN: f64 = 0.02;
const GAIN_OF_REST: f64 = 0.1;
/// A fall by less is noise.
const FALL: f64 = 0.05;
/// Sweeps that are remembered.
const HISTORY: usize = 50;
/// Addresses that are remembered.
const ADDRESSES: usize = 64;
/// For how long an end is foreseen, seconds.
const FORESEEN: f64 = 2.0 * 86_400.0;
/// A change is forgotten so long after its TTL, seconds.
const FORGOTTEN: u64 = 86_400;

/// A change that is going on.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Migration {
    /// What was agreed upon before.
    pub(super) old: Vec<IpAddr>,
    /// What comes up.
    pub(super) new: Vec<IpAddr>,
    /// When it was seen first.
    since: u64,
    /// The share that has moved, sweep by sweep.
    history: History,
}

/// The share that has moved, and when.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(transparent)]
pub(super) struct History(Vec<(u64, f64)>);

/// How far a change has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Progress {
    /// The share that has moved.
    pub(crate) share: f64,
    /// Whether it has never fallen.
    pub(crate) is_monotone: bool,
    /// Seconds until all has moved at the pace so far; absent while it does not move.
    pub(crate) remaining: Option<f64>,
}

impl History {
    /// Adds a sweep.
    pub(super) fn add(&mut self, now: u64, share: f64) {
        self.0.retain(|(at, _)| *at < now);
        self.0.push((now, share));
        if self.0.len() > HISTORY {
            self.0.remove(0);
        }
    }

    /// The latest share.
    pub(super) fn share(&self) -> f64 {
        self.0.last().map_or(0.0, |(_, share)| *share)
    }

    /// How far it has come.
    pub(super) fn progress(&self) -> Progress {
        let steps = self.0.windows(2);
        let is_monotone = steps.clone().all(|pair| is_at_least(pair[1].1, pair[0].1 - FALL));
        let share = self.share();
        let remaining = self.0.first().zip(self.0.last()).and_then(|(first, last)| {
            let pace = (last.1 - first.1) / last.0.saturating_sub(first.0).max(1) as f64;
            let remaining = (1.0 - share) / pace;
            (pace > 0.0 && remaining <= FORESEEN).then_some(remaining)
        });
        Progress { share, is_monotone, remaining }
    }

    fn gained(&self) -> Option<f64> {
        let [.., before, last] = &self.0[..] else { return None };
        Some(last.1 - before.1)
    }
}

impl Migration {
    /// How far it has come.
    pub(super) fn progress(&self) -> Progress {
        self.history.progress()
    }

    /// Whether it has stopped half way, and its TTL is over.
    pub(super) fn is_stuck(&self, now: u64, ttl: u32) -> bool {
        let share = self.history.share();
        now.saturating_sub(self.since) > u64::from(ttl)
            && share < NEARLY
            && self.history.gained().is_some_and(|gained| {
                let least = GAIN.max(GAIN_OF_REST * (1.0 - (share - gained)));
                !is_at_least(gained, least)
            })
    }

    /// Whether it is too old to be one.
    pub(super) fn is_forgotten(&self, now: u64, ttl: u32) -> bool {
        now.saturating_sub(self.since) > FORGOTTEN + u64::from(ttl)
    }

    /// Whether an answer is one of before or one that comes up.
    pub(super) fn has(&self, answer: &[IpAddr]) -> bool {
        answer.iter().all(|address| self.old.contains(address) || self.new.contains(address))
    }
}

/// Follows a change, or sees that one begins. `share` gives the share of the votes for answers that are
/// made of some addresses alone.
pub(super) fn follow(
    going_on: Option<Migration>,
    reference: Option<&Reference>,
    consensus: &Consensus<'_>,
    networks: usize,
    now: u64,
    share: impl Fn(&[IpAddr]) -> f64,
) -> Option<Migration> {
    let reference = reference.filter(|it| it.kind == Kind::Dominant);
    let level = &consensus.level;
    let old = reference.and_then(|it| it.addresses.as_ref()).filter(|old| !old.is_empty());
    let (Some(reference), Some(old)) = (reference, old) else { return going_on };
    if level.detail != Detail::Address || networks < NETWORKS {
        return going_on;
    }
    let is_new = |key: &usize| {
        let address = consensus::address(level.keys[*key]);
        !old.contains(&address)
            && !reference.seen.contains(&address)
            && is_at_least(level.support(*key), NEW)
            && is_at_least(level.count(*key), NEW_NETWORKS)
            && level.is_even(*key)
    };
    let mut new: Vec<IpAddr> = going_on.iter().flat_map(|it| it.new.clone()).collect();
    new.extend(level.all().filter(is_new).map(|key| consensus::address(level.keys[key])));
    new.sort_unstable();
    new.dedup();
    new.truncate(ADDRESSES);
    let moved = if new.is_empty() { 0.0 } else { share(&new) };
    let least = if going_on.is_some() { GOES_ON } else { BEGINS };
    if !new.is_empty() && is_at_least(moved, least) {
        let (since, mut history) =
            going_on.map_or_else(|| (now, History::default()), |it| (it.since, it.history));
        history.add(now, moved);
        return Some(Migration { old: old.clone(), new, since, history });
    }
    going_on.filter(|_| is_at_least(moved, NONE))
}

/// Whether a share is that of a change that is done.
pub(super) fn is_done(share: f64) -> bool {
    is_at_least(share, DONE) || is_above(share, DONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(shares: &[f64]) -> History {
        let mut history = History::default();
        for (at, share) in (1..).zip(shares) {
            history.add(at * 900, *share);
        }
        history
    }

    #[test]
    fn the_end_is_foreseen_while_the_share_grows() {
        let progress = history(&[0.2, 0.4, 0.6]).progress();
        assert!(progress.is_monotone && (progress.remaining.unwrap() - 1800.0).abs() < 1.0);
        assert_eq!(history(&[0.5, 0.5]).progress().remaining, None);
        assert!(!history(&[0.5, 0.4]).progress().is_monotone);
    }

    #[test]
    fn a_change_that_gains_nothing_after_its_ttl_is_stuck() {
        let migration = |shares: &[f64]| Migration {
            old: Vec::new(),
            new: Vec::new(),
            since: 900,
            history: history(shares),
        };
        assert!(migration(&[0.5, 0.51]).is_stuck(3600, 300));
        assert!(!migration(&[0.5, 0.51]).is_stuck(1000, 300), "its TTL lasts");
        assert!(!migration(&[0.5, 0.6]).is_stuck(3600, 300), "it goes on");
        assert!(!migration(&[0.5]).is_stuck(3600, 300), "nothing to compare with");
        assert!(!migration(&[0.92, 0.92]).is_stuck(3600, 300), "it is nearly done");
    }
}
